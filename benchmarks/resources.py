"""Measure more than throughput: kafka-demo's latency, time to stop, memory, and groups of several members.

docs/performance.md says how to run it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

from measure import BROKER, NAIVE, OURS, about, arguments, full_topic, new, topic, write_lines

# For latency: messages per second, how many come first, while the consumer joins, and how many are measured.
RATE, FIRST, MESSAGES = 1_000, 4_000, 5_000
STOPS = 7  # in each round


def row(what: str, found: str, naive: str = "") -> None:
    """Print a table row."""
    print(f"| {what} | **{found}** | {naive} |", flush=True)


def latencies(produce: str, consume: str) -> list[float]:
    """Send messages at a steady rate; return the milliseconds from producer input to consumer output for each."""
    found = []
    with (
        subprocess.Popen(consume.split(), stdout=subprocess.PIPE) as consumer,
        subprocess.Popen(produce.split(), stdin=subprocess.PIPE) as producer,
    ):
        assert consumer.stdout

        def write() -> None:
            assert producer.stdin
            start = time.monotonic()
            for number in range(FIRST + MESSAGES):
                time.sleep(max(start + number / RATE - time.monotonic(), 0))
                producer.stdin.write(b"%d %d\n" % (number, time.monotonic_ns()))
                producer.stdin.flush()
            producer.stdin.close()

        threading.Thread(target=write).start()
        for line in consumer.stdout:
            number, sent = map(int, line.split())
            if number >= FIRST:
                found.append((time.monotonic_ns() - sent) / 1e6)
    if producer.returncode or consumer.returncode:
        raise RuntimeError(f"{produce} ended with {producer.returncode}, {consume} with {consumer.returncode}")
    return found


def latency(_folder: Path, _lines: int, rounds: int) -> None:
    """Print the row for latency, from the producer's input to the consumer's output."""
    number = FIRST + MESSAGES
    found: dict[str, list[float]] = {"kafka-demo": [], "naive": []}
    for _ in range(rounds):
        with topic(1) as name:
            ours = f"{OURS} produce -q -t {name}", f"{OURS} consume -q -t {name} -g {new('group')} -n {number}"
            found["kafka-demo"] += latencies(*ours)
        with topic(1) as name:
            naive = f"{NAIVE} produce {BROKER} {name}", f"{NAIVE} consume {BROKER} {name} {new('group')} {number}"
            found["naive"] += latencies(*naive)
    cells = [f"{median(values):.1f} ms, {quantiles(values, n=100)[98]:.1f} ms" for values in found.values()]
    row(f"latency at {RATE:,} messages a second: p50, p99", *cells)


@contextlib.contextmanager
def started(command: str, line: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command, and wait for a narration line that starts with `line`."""
    with subprocess.Popen(command.split(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr
        if not any(said.startswith(line.encode()) for said in process.stderr):
            raise RuntimeError(f"{command} did not say {line!r}")
        # Read the rest, so that the pipe does not fill up.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield process


def stops(folder: Path, lines: int, rounds: int) -> None:
    """Print the rows for the time from SIGINT to exit, measured STOPS times per round."""
    file = write_lines(folder / "lines", lines, 100)
    with topic() as empty, full_topic(file) as full:
        commands: dict[str, tuple[Callable[[], str], str]] = {
            "idle consumer": (lambda: f"{OURS} consume -t {empty} -g {new('group')}", "assigned"),
            "busy consumer": (lambda: f"{OURS} consume -t {full} -g {new('group')}", "assigned"),
            "producer at 1,000 a second": (
                lambda: f"{OURS} produce -t {empty} --sample --interval 0.001",
                "delivered to",
            ),
        }
        for what, (command, line) in commands.items():
            times = []
            for _ in range(STOPS * rounds):
                with started(command(), line) as process:
                    began = time.perf_counter()
                    process.send_signal(signal.SIGINT)
                    if process.wait(30):
                        raise RuntimeError(f"{what} ended with {process.returncode}")
                    times.append(time.perf_counter() - began)
            p99 = quantiles(times, n=100)[98]
            row(f"from SIGINT to the end, {what}: p50, p99", f"{median(times):.2f} s, {p99:.2f} s")


def peak(command: str, stdin: str = os.devnull) -> int:
    """Run a command, and return its peak memory in MiB."""
    # A small Python process with this one child can read the child's peak.
    launcher = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
    launcher += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    with Path(stdin).open("rb") as file:
        measured = [sys.executable, "-c", launcher, *command.split()]
        return int(subprocess.run(measured, stdin=file, stdout=subprocess.PIPE, check=True).stdout)


def memory(folder: Path, lines: int, _rounds: int) -> None:
    """Print the rows for peak memory, with `lines` and with ten times as many."""
    produced, consumed = [], []
    for number in (lines, 10 * lines):
        file = write_lines(folder / "lines", number, 100)
        with topic() as full:
            produced.append(f"{peak(f'{OURS} produce -q -t {full}', str(file))} MiB")
            command = f"{OURS} consume -q -t {full} -g {new('group')} -n {number}"
            consumed.append(f"{peak(command)} MiB")
    row(f"peak memory, producing {lines:,} and {10 * lines:,} lines", ", ".join(produced))
    row(f"peak memory, consuming {lines:,} and {10 * lines:,} lines in a group", ", ".join(consumed))


def members(folder: Path, lines: int, rounds: int) -> None:
    """Print the row for the time in which groups of one to four members read ten times `lines`."""
    times: list[list[float]] = [[], [], [], []]
    with full_topic(write_lines(folder / "lines", 10 * lines, 100)) as full:
        for _ in range(rounds):
            for number, taken in enumerate(times, 1):
                command = [OURS, "consume", "-q", "-e", "-t", full, "-g", new("group")]
                began = time.perf_counter()
                processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(number)]
                if any(process.wait(120) for process in processes):
                    raise RuntimeError(f"a member of {number} failed")
                taken.append(time.perf_counter() - began)
    found = ", ".join(f"{median(taken):.1f} s" for taken in times)
    row(f"consuming {10 * lines:,} lines by one, two, three and four members", found)


PARTS = {"latency": latency, "stops": stops, "memory": memory, "members": members}


def main() -> None:
    """Print the table."""
    given = arguments(__doc__, PARTS, rounds=7, lines=1_000_000)
    print(
        f"{about()}.\n\nMedians of {given.rounds} rounds.\n\n| | kafka-demo | naive loop |\n|---|---|---|", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        for part in given.parts:
            PARTS[part](Path(folder), given.lines, given.rounds)


if __name__ == "__main__":
    main()
