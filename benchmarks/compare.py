"""Compare kafka-demo's throughput with kcat, kafka-python, Kafka's console tools, a naive and a shortest loop.

It times whole processes, in turn with their peers, because no machine is ever idle. docs/performance.md says how to
run it.
"""

import sys
import tempfile
from pathlib import Path

from measure import (
    BROKER,
    CONSUME,
    HERE,
    NAIVE,
    OURS,
    PRODUCE,
    READ_BACK,
    SAME,
    Commands,
    about,
    arguments,
    full_topic,
    measure,
    shell,
    write_lines,
)

KAFKA_PYTHON = f"{sys.executable} {HERE / 'kafka_python.py'}"
COMPOSE = f"docker compose -f {HERE.parent / 'docker-compose.yml'}"
JAVA = COMPOSE + " exec -T -e KAFKA_OPTS= kafka"  # with the JVM's usual compilers, unlike the broker
TOOL = "/opt/kafka/bin/kafka-console-{}.sh --bootstrap-server kafka:19092"
PRODUCER, CONSUMER = TOOL.format("producer"), TOOL.format("consumer")
PEERS = ("kcat", "shortest loop", "naive loop", "kafka-python", "console tools")

PRODUCE_LINES = PRODUCE | {
    "shortest loop": NAIVE + f" shortest-produce {BROKER} {{topic}} < {{file}}",
    "naive loop": NAIVE + f" produce {BROKER} {{topic}} < {{file}}",
    "kafka-python": KAFKA_PYTHON + f" produce {BROKER} {{topic}} < {{file}}",
    "console tools": JAVA + f" sh -c '{PRODUCER} --topic {{topic}} < {{copy}}'",
}
CONSUME_LINES: dict[str, Commands] = {
    "without a group": {
        "kafka-demo": OURS + " consume -q -t {full} -n {lines}",
        "kcat": f"kcat -C -q -c {{lines}} -b {BROKER} -t {{full}} -o beginning",
    },
    "in a group": CONSUME
    | {
        "shortest loop": NAIVE + f" shortest-consume {BROKER} {{full}} {{group}} {{lines}}",
        "naive loop": NAIVE + f" consume {BROKER} {{full}} {{group}} {{lines}}",
        "kafka-python": KAFKA_PYTHON + f" consume {BROKER} {{full}} {{group}} {{lines}}",
        "console tools": JAVA + f" {CONSUMER} --topic {{full}} --group {{group}} --max-messages {{lines}}"
        " --from-beginning",
    },
    "in a group, with `-e` (kcat also waits 0.5 s at the end, its fetch.wait.max.ms)": {
        "kafka-demo": OURS + " consume -q -e -t {full} -g {group}",
        "kcat": f"kcat -q -e -b {BROKER} -X auto.offset.reset=earliest -G {{group}} {{full}}",
    },
}
PRODUCE_ONE = {
    "kafka-demo": OURS + " produce -q -t {topic} hello",
    "kcat": f"echo hello | kcat -P -b {BROKER} -t {{topic}} -X enable.idempotence=true",
    "naive loop": f"echo hello | {NAIVE} produce {BROKER} {{topic}}",
    "kafka-python": f"echo hello | {KAFKA_PYTHON} produce {BROKER} {{topic}}",
    "console tools": JAVA + f" sh -c 'echo hello | {PRODUCER} --topic {{topic}}'",
}
ONE_OF_THEM = "| grep -cxFf - {file} | grep -qx 1"  # any line of the file: each partition has a first message


def row(what: str, times: dict[str, float]) -> None:
    """Print a table row with the times of kafka-demo and its peers, in seconds."""
    ours = times["kafka-demo"]
    cells = [f"{times[peer]:.2f} s ({ours / times[peer]:.2f})" if peer in times else "" for peer in PEERS]
    print(f"| {what} | **{ours:.2f} s** | {' | '.join(cells)} |", flush=True)


def bulk(folder: Path, lines: int, rounds: int) -> None:
    """Print the rows for many lines."""
    for number, length in ((lines, 100), (max(lines // 10, 1), 1_000)):
        file = write_lines(folder / "lines", number, length)
        copy = "/tmp/benchmark-lines"
        shell(f"{COMPOSE} cp {file} kafka:{copy}")
        what = f"{number:,} lines of {length:,} bytes"
        row(f"produce {what}", measure(PRODUCE_LINES, rounds, READ_BACK, file=file, copy=copy))
        with full_topic(file) as full:
            for how, commands in CONSUME_LINES.items():
                row(f"consume {what} {how}", measure(commands, rounds, SAME, file=file, full=full, lines=number))


def single(folder: Path, lines: int, rounds: int) -> None:
    """Print the rows for one message and for `--help`."""
    hello = folder / "hello"
    hello.write_text("hello\n")
    row("produce one message", measure(PRODUCE_ONE, rounds, READ_BACK, file=hello))
    file = write_lines(folder / "lines", lines, 100)
    with full_topic(file) as full:
        times = measure(CONSUME_LINES["in a group"], rounds, ONE_OF_THEM, file=file, full=full, lines=1)
    row("consume the first message in a group", times)
    row("`--help`", measure({"kafka-demo": OURS + " --help"}, rounds, "| grep -q produce"))


PARTS = {"bulk": bulk, "single": single}


def main() -> None:
    """Print the table."""
    given = arguments(__doc__, PARTS, rounds=7, lines=1_000_000)
    print(
        f"{about('kafka-python')}.\n\nMedians of {given.rounds} rounds; in parentheses, kafka-demo's time "
        "divided by the peer's.\n"
    )
    print(f"| | kafka-demo | {' | '.join(PEERS)} |\n|{'---|' * (2 + len(PEERS))}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for part in given.parts:
            PARTS[part](Path(folder), given.lines, given.rounds)


if __name__ == "__main__":
    main()
