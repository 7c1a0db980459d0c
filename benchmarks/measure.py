"""Helpers for compare.py, growth.py and resources.py: topics, files, checks, and times of whole processes.

A command is a line for bash with placeholders: {file} is a file of lines, {lines} their number, {topic} the topic to
write them to, {full} a topic that already has them, and {group} a new group for each run.
"""

import argparse
import contextlib
import os
import platform
import random
import subprocess
import sys
import uuid
from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter

BROKER = "localhost:9092"
HERE = Path(__file__).parent
OURS = f"{Path(sys.executable).parent}/kafka-demo"
NAIVE = f"{sys.executable} {HERE / 'naive.py'}"
Commands = dict[str, str]

# The same work on both sides: kcat is idempotent, as kafka-demo always is, and both end after the last record.
PRODUCE = {
    "kafka-demo": OURS + " produce -q -t {topic} < {file}",
    "kcat": f"kcat -P -b {BROKER} -t {{topic}} -X enable.idempotence=true < {{file}}",
}
CONSUME = {
    "kafka-demo": OURS + " consume -q -t {full} -g {group} -n {lines}",
    "kcat": f"kcat -q -c {{lines}} -b {BROKER} -X auto.offset.reset=earliest -G {{group}} {{full}}",
}
# Every line is different and the file is sorted, so the order across partitions does not matter.
SAME = "| LC_ALL=C sort | cmp - {file}"
READ_BACK = f"&& kcat -C -q -e -b {BROKER} -o beginning -t {{topic}} {SAME}"


def new(what: str) -> str:
    """Return a name that no other run uses."""
    return f"benchmark-{what}-{uuid.uuid4().hex[:8]}"


def shell(command: str, **names: object) -> float:
    """Run a command in bash, and return the seconds it took. Raises RuntimeError if it fails."""
    line = command.format(**names, group=new("group"))
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}  # let Python cache bytecode, its default
    began = perf_counter()
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    took = perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"exit status {done.returncode}: {line}\n{done.stderr.decode()[-2000:]}")
    return took


@contextlib.contextmanager
def topic(partitions: int = 4) -> Iterator[str]:
    """Create a topic, and delete it when the block ends."""
    name = new("topic")
    shell(f"{OURS} topic create -q {name} --partitions {partitions}")
    try:
        yield name
    finally:
        shell(f"{OURS} topic delete -q {name} --yes")


@contextlib.contextmanager
def full_topic(file: Path, partitions: int = 4) -> Iterator[str]:
    """Create a topic that has the lines of a file, spread evenly over its partitions."""
    with topic(partitions) as name:
        shell(OURS + " produce -q -X sticky.partitioning.linger.ms=0 -t {name} < {file}", name=name, file=file)
        yield name


def write_lines(file: Path, lines: int, length: int) -> Path:
    """Write `lines` different lines of `length` bytes, newline included, in sorted order."""
    with file.open("wb") as out:
        for number in range(lines):
            out.write(b"%0*d\n" % (length - 1, number))
    return file


def measure(commands: Commands, rounds: int, check: str, partitions: int = 4, **names: object) -> dict[str, float]:
    """Run the commands in turn for `rounds` rounds, each in another order; return the median times, in seconds.

    First, each command runs once with `check` appended, a pipeline that fails unless the output is right.
    """
    for command in commands.values():
        with topic(partitions) as fresh:
            shell(f"({command}) {check}", **names, topic=fresh)
    times: dict[str, list[float]] = {name: [] for name in commands}
    with topic(partitions) as target:
        for _ in range(rounds):
            for name, command in random.sample([*commands.items()], len(commands)):
                times[name].append(shell(command, **names, topic=target))
    return {name: median(taken) for name, taken in times.items()}


def arguments(description: str | None, parts: Collection[str], rounds: int, lines: int) -> argparse.Namespace:
    """Parse the command line: parts (default: all), --rounds and --lines, whose defaults are `rounds` and `lines`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; default: all")
    parser.add_argument("--rounds", type=int, default=rounds, help="default: %(default)s")
    parser.add_argument("--lines", type=int, default=lines, help="maximum number of lines; default: %(default)s")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(parts):
        parser.error(f"unknown part {unknown.pop()}: choose from {', '.join(parts)}")
    given.parts = given.parts or list(parts)
    return given


def about(*packages: str) -> str:
    """Describe the machine and the versions, including those of the given Python packages."""
    kcat = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=True).stdout
    librdkafka = kcat.split("librdkafka ")[1].split()[0]
    models = [line.split(": ")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = ", ".join(f"{name} {version(name)}" for name in ("kafka-demo", "confluent-kafka", *packages))
    return (
        f"{found}, Python {platform.python_version()}, "
        f"kcat {kcat.split('Version ')[1].split()[0]} with librdkafka {librdkafka}; "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores {''.join(models[:1])}, {memory:.0f} GiB"
    )
