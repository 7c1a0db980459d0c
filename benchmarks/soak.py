"""Send ten million sample events through a group whose members leave, crash and join, and count the missing ones.

The output of the members needs 1 GB of disk space. The same seed repeats the same choices. docs/performance.md says how
to run it.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from measure import OURS, topic

MEMBERS = 4
EACH = 3.0  # seconds between two members leaving or crashing


class Member:
    """A member of the group, whose output goes to a file."""

    def __init__(self, folder: Path, number: int, name: str) -> None:
        self.out = folder / f"out-{number}"
        self.log = folder / f"log-{number}"
        with self.out.open("wb") as out, self.log.open("wb") as log:
            command = [OURS, "consume", "-f", "value", "-t", name, "-g", name]
            self.process = subprocess.Popen(command, stdout=out, stderr=log)

    def end(self, how: signal.Signals) -> int:
        """Send the signal `how`; return the peak memory in MiB. Raises RuntimeError if the exit status is wrong."""
        memory = peak(self.process)
        self.process.send_signal(how)
        status = self.process.wait(60)
        if status != (0 if how == signal.SIGINT else -how):
            raise RuntimeError(f"a member ended with {status}:\n{self.log.read_text()[-2000:]}")
        return memory


def peak(process: subprocess.Popen[bytes]) -> int:
    """Return the peak memory of a process so far, in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def numbers(file: Path) -> Iterator[int]:
    """Yield the numbers of the events that a member wrote completely."""
    with file.open("rb") as lines:
        for line in lines:
            if line.endswith(b"}\n"):  # the last line of a killed member may be incomplete
                yield int(line.split(b'"', 4)[3].partition(b"-")[2])


def lag(name: str) -> int | None:
    """Return the total lag of the group; None if it is not known."""
    done = subprocess.run([OURS, "status", "-t", name, "-g", name, "-f", "json"], capture_output=True, check=True)
    found = json.loads(done.stdout)["groups"][0]["partitions"]
    if not found or any(place["end"] is None for place in found):
        return None
    return sum(int(place["end"]) - int(place["committed"] or 0) for place in found)


def churn(
    folder: Path, name: str, number: int, kills: float, choose: random.Random
) -> tuple[Counter[str], dict[str, int]]:
    """Produce and consume `number` events; return how many members joined, left and were killed, and peak memory."""
    went: Counter[str] = Counter(joined=MEMBERS)
    peaks = {"producer": 0, "member": 0}
    members = [Member(folder, n, name) for n in range(MEMBERS)]
    command = [OURS, "produce", "-q", "-t", name, "--sample", "--interval", "0", "-n", str(number)]
    producer = subprocess.Popen(command)
    try:
        while producer.poll() is None or lag(name) != 0:
            time.sleep(EACH)
            how = signal.SIGKILL if choose.random() < kills else signal.SIGINT
            peaks["member"] = max(peaks["member"], members.pop(choose.randrange(MEMBERS)).end(how))
            went["killed" if how == signal.SIGKILL else "left"] += 1
            members.append(Member(folder, went["joined"], name))
            went["joined"] += 1
            if producer.poll() is None:
                peaks["producer"] = peak(producer)
        if producer.returncode:
            raise RuntimeError(f"the producer ended with {producer.returncode}")
        peaks["member"] = max([peaks["member"], *(member.end(signal.SIGINT) for member in members)])
    finally:  # leave nothing running, even after an error
        for process in (producer, *(member.process for member in members)):
            process.kill()
    return went, peaks


def main() -> None:
    """Run the test and print the result; the exit status is 1 if an event is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--kills", type=float, default=0.25, help="fraction of the members that are killed (kill -9)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, topic(8) as name:
        choose = random.Random(given.seed)  # noqa: S311 (not a secret)
        went, peaks = churn(Path(folder), name, given.events, given.kills, choose)
        took = time.monotonic() - began
        seen, read = bytearray(given.events), 0
        for file in Path(folder).glob("out-*"):
            for event in numbers(file):
                seen[event] = 1
                read += 1
    missing = seen.count(0)
    print(
        f"{given.events:,} events in {took:.0f} s; {went['joined']} members joined, {went['left']} left and "
        f"{went['killed']} were killed; {missing:,} missing, {read - given.events + missing:,} read again\n"
        f"peak memory: producer {peaks['producer']} MiB, members {peaks['member']} MiB"
    )
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
