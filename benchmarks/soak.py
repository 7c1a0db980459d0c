"""Send ten million sample events through a group whose members come and go all the time, and look for each one.

On the broker of docker-compose.yml: `docker compose up -d --wait`, then `.venv/bin/python benchmarks/soak.py`. Takes
some minutes, and 1 GB of room for what the members write. The seed makes the same choices again.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

OURS = str(Path(sys.executable).parent / "kafka-demo")
MEMBERS = 4
EACH = 3.0  # seconds from one that leaves, or dies, to the next


class Member:
    """A consumer of the group, whose output goes to a file."""

    def __init__(self, folder: Path, number: int, at: list[str]) -> None:
        self.out = folder / f"out-{number}"
        self.log = folder / f"log-{number}"
        with self.out.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen([OURS, "consume", "-f", "value", *at], stdout=out, stderr=log)

    def end(self, how: signal.Signals) -> int:
        """Have it go; returns its peak memory in MiB. Raises RuntimeError if it does not leave as it should."""
        memory = peak(self.process)
        self.process.send_signal(how)
        status = self.process.wait(60)
        if status != (0 if how == signal.SIGINT else -how):
            raise RuntimeError(f"a member ended with {status}:\n{self.log.read_text()[-2000:]}")
        return memory


def peak(process: subprocess.Popen[bytes]) -> int:
    """Return the most memory, in MiB, that a process has had so far."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def numbers(file: Path) -> Iterator[int]:
    """Yield the numbers of the events that a member has written whole."""
    with file.open("rb") as lines:
        for line in lines:
            if line.endswith(b"}\n"):  # a member that was killed may have been in the middle of a line
                yield int(line.split(b'"', 4)[3].partition(b"-")[2])


def lag(topic: str, group: str) -> int | None:
    """Return how many messages the group has not committed yet; None if that cannot be said just now."""
    command = [OURS, "status", "-t", topic, "-g", group, "-f", "json"]
    done = subprocess.run(command, capture_output=True, check=True)
    found = json.loads(done.stdout)["groups"][0]["partitions"] or ()
    if not found or any(place["end"] is None for place in found):
        return None
    return sum(int(place["end"]) - int(place["committed"] or 0) for place in found)


def churn(
    folder: Path, topic: str, number: int, kills: float, choose: random.Random
) -> tuple[Counter[str], dict[str, int]]:
    """Produce so many, and consume them all; returns how many members came and went, and the peaks of memory."""
    group = topic
    at = ["-t", topic, "-g", group]
    went: Counter[str] = Counter(came=MEMBERS)
    peaks = {"producer": 0, "member": 0}
    members = [Member(folder, n, at) for n in range(MEMBERS)]
    command = [OURS, "produce", "-q", "-t", topic, "--sample", "--interval", "0", "-n", str(number)]
    producer = subprocess.Popen(command)
    try:
        while producer.poll() is None or lag(topic, group) != 0:
            time.sleep(EACH)
            how = signal.SIGKILL if choose.random() < kills else signal.SIGINT
            peaks["member"] = max(peaks["member"], members.pop(choose.randrange(MEMBERS)).end(how))
            went["killed" if how == signal.SIGKILL else "left"] += 1
            members.append(Member(folder, went["came"], at))
            went["came"] += 1
            if producer.poll() is None:
                peaks["producer"] = peak(producer)
        if producer.returncode:
            raise RuntimeError(f"the producer ended with {producer.returncode}")
        peaks["member"] = max([peaks["member"], *(member.end(signal.SIGINT) for member in members)])
    finally:  # whatever went wrong, nothing is left running
        for process in (producer, *(member.process for member in members)):
            process.kill()
    return went, peaks


def main() -> None:
    """Run it, and say what was found; the exit status is 1 if an event was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--kills", type=float, default=0.25, help="of those that go, how many are killed (kill -9)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    topic = f"soak-{uuid.uuid4().hex[:8]}"
    subprocess.run([OURS, "topic", "create", topic, "--partitions", "8"], check=True, capture_output=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        went, peaks = churn(Path(name), topic, given.events, given.kills, random.Random(given.seed))  # noqa: S311 (nothing here is a secret)
        took = time.monotonic() - began
        seen, read = bytearray(given.events), 0
        for file in Path(name).glob("out-*"):
            for event in numbers(file):
                seen[event] = 1
                read += 1
    subprocess.run([OURS, "topic", "delete", topic, "--yes"], check=True, capture_output=True)
    lost = seen.count(0)
    print(
        f"{given.events:,} events in {took:.0f} s; {went['came']} members came, {went['left']} left and "
        f"{went['killed']} were killed; {lost:,} lost, {read - given.events + lost:,} read again\n"
        f"peak memory: producer {peaks['producer']} MiB, members {peaks['member']} MiB"
    )
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
