"""Measure kafka-demo beside kcat, Kafka's own console tools and a naive loop, on the broker of docker-compose.yml.

Whole processes, each in turn with its peers, since a machine is never quiet; the tables have medians. Needs kcat,
Docker, and `docker compose up -d --wait`. Takes some 15 minutes on a machine that does nothing else:
`.venv/bin/python benchmarks/compare.py`.
"""

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles

BROKER = "localhost:9092"
ROUNDS = 7
STOPS = 50  # SIGINTs for each of the times to exit
RATE, MESSAGES = 1_000, 5_000  # for the latency: messages a second, and how many
HERE = Path(__file__).parent
OURS = f"{Path(sys.executable).parent}/kafka-demo"
NAIVE = f"{sys.executable} {HERE / 'naive.py'}"
JAVA = f"docker compose -f {HERE.parent / 'docker-compose.yml'} exec -T kafka"
TOOL = "/opt/kafka/bin/kafka-console-{}.sh --bootstrap-server kafka:19092"
PRODUCER, CONSUMER = TOOL.format("producer"), TOOL.format("consumer")

# For so many lines of so many bytes: {file} has them, {topic} is there, {full} has them already, {group} is new.
OUT = {
    "kafka-demo": OURS + " produce -q -t {topic} < {file}",
    "kcat": f"kcat -P -b {BROKER} -t {{topic}} -X enable.idempotence=true < {{file}}",
}
BULK: dict[str, dict[str, str]] = {
    "out": OUT
    | {
        "Java": JAVA + f" sh -c '{PRODUCER} --topic {{topic}} < {{copy}}'",
        "naive": NAIVE + f" produce {BROKER} {{topic}} < {{file}}",
    },
    "out, beside the shortest loop": OUT | {"naive": NAIVE + f" shortest {BROKER} {{topic}} < {{file}}"},
    "in, alone": {
        "kafka-demo": OURS + " consume -q -e -t {full}",
        "kcat": f"kcat -C -q -e -b {BROKER} -t {{full}} -o beginning",
    },
    "in, in a group": {
        "kafka-demo": OURS + " consume -q -e -t {full} -g {group}",
        "kcat": f"kcat -q -e -b {BROKER} -X auto.offset.reset=earliest -G {{group}} {{full}}",
        "Java": JAVA + f" {CONSUMER} --topic {{full}} --group {{group}} --from-beginning --max-messages {{lines}}",
        "naive": NAIVE + f" consume {BROKER} {{full}} {{group}} {{lines}}",
    },
}
SINGLE: dict[str, dict[str, str]] = {
    "one message out": {
        "kafka-demo": OURS + " produce -q -t {topic} hello",
        "kcat": f"echo hello | kcat -P -b {BROKER} -t {{topic}} -X enable.idempotence=true",
        "Java": JAVA + f" sh -c 'echo hello | {PRODUCER} --topic {{topic}}'",
        "naive": f"echo hello | {NAIVE} produce {BROKER} {{topic}}",
    },
    "first message in a group": {
        "kafka-demo": OURS + " consume -q -t {full} -g {group} -n 1",
        "kcat": f"kcat -q -c 1 -b {BROKER} -X auto.offset.reset=earliest -G {{group}} {{full}}",
        "Java": JAVA + f" {CONSUMER} --topic {{full}} --group {{group}} --from-beginning --max-messages 1",
        "naive": NAIVE + f" consume {BROKER} {{full}} {{group}} 1",
    },
    "--help": {"kafka-demo": OURS + " --help"},
}
PEERS = ("kcat", "Java", "naive")


def new(what: str) -> str:
    """Make a name that no other run uses."""
    return f"benchmark-{what}-{uuid.uuid4().hex[:8]}"


def shell(command: str, **names: object) -> float:
    """Run a command in a shell, and return how many seconds it took."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}  # as on any machine: Python keeps what it compiled
    began = time.perf_counter()
    subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.format(**names, group=new("group"))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        check=True,
    )
    return time.perf_counter() - began


def write_lines(file: Path, lines: int, length: int) -> None:
    """Write so many different lines of so many bytes, newline included."""
    with file.open("wb") as out:
        for number in range(lines):
            out.write(b"%0*d\n" % (length - 1, number))


def row(what: str, commands: dict[str, str], **names: object) -> None:
    """Measure one thing with each of its commands, and print the row of the table."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(shell(command, **names))
    ours = median(times["kafka-demo"])
    cells = [f"{median(times[p]):.2f} s ({ours / median(times[p]):.2f})" if p in times else "" for p in PEERS]
    print(f"| {what} | **{ours:.2f} s** | {' | '.join(cells)} |", flush=True)


def bulk(folder: Path) -> str:
    """Print the rows about many lines; returns a topic that has the first million."""
    topics = []
    for lines, length in ((1_000_000, 100), (100_000, 1_000)):
        file = folder / f"lines-{length}"
        write_lines(file, lines, length)
        copy = f"/tmp/{file.name}"
        subprocess.run([*JAVA.split()[:4], "cp", str(file), f"kafka:{copy}"], check=True, capture_output=True)
        names = {"file": file, "copy": copy, "lines": lines, "topic": new("out"), "full": new("in")}
        shell(OURS + " produce -q -t {topic} hello", topic=names["topic"])
        shell(OURS + " produce -q -t {full} < {file}", **names)
        for how, commands in BULK.items():
            row(f"{lines:,} lines of {length:,} bytes {how}", commands, **names)
        topics.append(str(names["full"]))
    return topics[0]


def latencies(produce: str, consume: str, topic: str) -> list[float]:
    """Send messages at a steady rate; return how many milliseconds each took from one pipe to the other."""
    consumer = subprocess.Popen(consume.split(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    producer = subprocess.Popen(produce.split(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert producer.stdin
    assert consumer.stdout
    found = []
    warm = RATE  # the first second is for connecting and joining, and does not count

    def write() -> None:
        assert producer.stdin
        start = time.monotonic()
        for number in range(warm + MESSAGES):
            time.sleep(max(start + number / RATE - time.monotonic(), 0))
            producer.stdin.write(b"%d %d\n" % (number, time.monotonic_ns()))
            producer.stdin.flush()
        producer.stdin.close()

    writer = threading.Thread(target=write)
    writer.start()
    for line in consumer.stdout:
        number, sent = map(int, line.split())
        if number >= warm:
            found.append((time.monotonic_ns() - sent) / 1e6)
    writer.join()
    for process in (producer, consumer):
        if process.wait(30):
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}, topic {topic}")
    return found


def latency() -> None:
    """Print the row about the time from one pipe to the other."""
    found: dict[str, list[float]] = {"kafka-demo": [], "naive": []}
    number = RATE + MESSAGES
    for _ in range(ROUNDS):
        topic = new("latency")
        shell(OURS + " topic create {topic} --partitions 1", topic=topic)
        ours = (f"{OURS} produce -q -t {topic}", f"{OURS} consume -q -t {topic} -g {new('group')} -n {number}")
        found["kafka-demo"] += latencies(*ours, topic)
        topic = new("latency")
        shell(OURS + " topic create {topic} --partitions 1", topic=topic)
        naive = (f"{NAIVE} produce {BROKER} {topic}", f"{NAIVE} consume {BROKER} {topic} {new('group')} {number}")
        found["naive"] += latencies(*naive, topic)
    cells = {name: f"{median(values):.1f} ms, {quantiles(values, n=100)[98]:.1f} ms" for name, values in found.items()}
    print(f"| latency at {RATE:,} a second: p50, p99 | **{cells['kafka-demo']}** | | | {cells['naive']} |", flush=True)


@contextlib.contextmanager
def started(command: str, line: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command, and wait for a line of its narration."""
    with subprocess.Popen(command.split(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr
        for said in process.stderr:
            if said.startswith(line.encode()):
                break
        # What it says from here on must not fill the pipe.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield process


def stops(full: str) -> None:
    """Print the rows about the time from SIGINT to the end."""
    empty = new("empty")
    shell(OURS + " topic create {topic}", topic=empty)
    commands: dict[str, tuple[Callable[[], str], str]] = {
        "a consumer that waits": (lambda: f"{OURS} consume -t {empty} -g {new('group')}", "assigned"),
        "a consumer in full stream": (lambda: f"{OURS} consume -t {full} -g {new('group')}", "assigned"),
        "a producer, 1,000 a second": (lambda: f"{OURS} produce -t {empty} --sample --interval 0.001", "delivered to"),
    }
    for what, (command, line) in commands.items():
        times = []
        for _ in range(STOPS):
            with started(command(), line) as process:
                began = time.perf_counter()
                process.send_signal(signal.SIGINT)
                if process.wait(30):
                    raise RuntimeError(f"{what} ended with {process.returncode}")
                times.append(time.perf_counter() - began)
        p99 = quantiles(times, n=100)[98]
        print(f"| SIGINT to the end, {what}: p50, p99 | **{median(times):.2f} s, {p99:.2f} s** | | | |", flush=True)


def peak(command: str, **names: object) -> int:
    """Run a command, and return its peak memory in MiB."""
    # `ulimit` and friends cannot tell; a small Python that has no other child can.
    launcher = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
    launcher += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    measured = [sys.executable, "-c", launcher, *command.format(**names, group=new("group")).split()]
    with Path(str(names.get("file", os.devnull))).open("rb") as stdin:
        return int(subprocess.run(measured, stdin=stdin, stdout=subprocess.PIPE, check=True).stdout)


def memory(folder: Path) -> str:
    """Print the rows about memory; returns a topic that has ten million lines."""
    found: dict[str, list[str]] = {"out": [], "in, in a group": []}
    for lines in (1_000_000, 10_000_000):
        file, topic = folder / "many", new("memory")
        write_lines(file, lines, 100)
        found["out"].append(f"{peak(OURS + ' produce -q -t {topic}', file=file, topic=topic)} MiB")
        group = OURS + " consume -q -e -t {topic} -g {group}"
        found["in, in a group"].append(f"{peak(group, topic=topic)} MiB")
    for how, peaks in found.items():
        print(f"| peak memory, 1M and 10M lines {how} | **{', '.join(peaks)}** | | | |", flush=True)
    return topic


def members(full: str) -> None:
    """Print how long groups of one to four members take."""
    times: dict[int, list[float]] = {number: [] for number in range(1, 5)}
    for _ in range(ROUNDS):
        for number, taken in times.items():
            group = new("group")
            began = time.perf_counter()
            command = [OURS, "consume", "-q", "-e", "-t", full, "-g", group]
            processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(number)]
            if any(process.wait(120) for process in processes):
                raise RuntimeError(f"a member of {number} has failed")
            taken.append(time.perf_counter() - began)
    cells = ", ".join(f"{median(taken):.1f} s" for taken in times.values())
    print(f"| 10M lines in, by one, two, three, four members | **{cells}** | | | |", flush=True)


def about() -> str:
    """Say what was measured, and on what."""
    kcat = (
        subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=True)
        .stdout.split("Version ")[1]
        .split()[0]
    )
    model = next(
        (line.split(": ")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ""
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = (
        f"kafka-demo {version('kafka-demo')}, confluent-kafka {version('confluent-kafka')}",
        f"Python {platform.python_version()}, kcat {kcat}, Kafka 4.3.1",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores {model}".strip() + f", {memory:.0f} GiB",
    )
    return "; ".join(parts)


def main() -> None:
    """Print the table."""
    if not shutil.which("kcat"):
        sys.exit("kcat is not installed")
    print(f"{about()}.\n\nMedians of {ROUNDS} rounds; in brackets, kafka-demo's time divided by the peer's.\n")
    print("| | kafka-demo | kcat | Java's console tools | a naive loop |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        full = bulk(Path(name))
        for what, commands in SINGLE.items():
            row(what, commands, topic=new("out"), full=full)
        latency()
        stops(full)
        members(memory(Path(name)))


if __name__ == "__main__":
    main()
