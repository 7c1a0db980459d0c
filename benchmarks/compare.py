"""Measure kafka-demo beside kcat and Kafka's own console tools, on the broker of docker-compose.yml.

Whole processes, one after the other, each in turn with its peers, since a machine is never quiet; the table
has medians and ratios. Needs kcat, Docker, and `docker compose up -d --wait`. Run it on a machine that does
nothing else: `.venv/bin/python benchmarks/compare.py`.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

BROKER = "localhost:9092"
LINES, LENGTH = 1_000_000, 100
ROUNDS = 7
OURS = f"{Path(sys.executable).parent}/kafka-demo"
JAVA = "docker compose exec -T kafka /opt/kafka/bin/{} --bootstrap-server kafka:19092"

# Of each, ours and then its peers. {input} is a file of lines, {full} a topic that has them, {group} a new one.
MEASURES = {
    f"{LINES:,} lines of {LENGTH} bytes out": {
        "kafka-demo": OURS + " produce -q -t {topic} < {input}",
        "kcat, idempotent": f"kcat -P -b {BROKER} -t {{topic}} -X enable.idempotence=true < {{input}}",
    },
    f"{LINES:,} lines of {LENGTH} bytes in, alone": {
        "kafka-demo": OURS + " consume -q -e -t {full}",
        "kcat": f"kcat -C -q -e -b {BROKER} -t {{full}} -o beginning",
    },
    f"{LINES:,} lines of {LENGTH} bytes in, in a group": {
        "kafka-demo": OURS + " consume -q -e -t {full} -g {group}",
        "kcat": f"kcat -q -e -b {BROKER} -X auto.offset.reset=earliest -G {{group}} {{full}}",
    },
    "one message out": {
        "kafka-demo": OURS + " produce -q -t {topic} hello",
        "Java": "echo hello | " + JAVA.format("kafka-console-producer.sh") + " --topic {topic}",
    },
    "first message in a group": {
        "kafka-demo": OURS + " consume -q -t {full} -g {group} -n 1",
        "Java": JAVA.format("kafka-console-consumer.sh")
        + " --topic {full} --group {group} --from-beginning --max-messages 1 < /dev/null",
    },
    "--help": {"kafka-demo": OURS + " --help"},
}


def seconds(command: str, names: dict[str, str]) -> float:
    """Run a command in a shell, and return how long it took."""
    filled = command.format(**names, group=f"benchmark-{uuid.uuid4().hex[:8]}")
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}  # as on any machine: Python keeps what it compiled
    began = time.perf_counter()
    subprocess.run(
        ["bash", "-o", "pipefail", "-c", filled],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        check=True,
    )
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    run = uuid.uuid4().hex[:8]
    with tempfile.TemporaryDirectory() as folder:
        names = {"input": f"{folder}/lines", "topic": f"benchmark-out-{run}", "full": f"benchmark-in-{run}"}
        Path(names["input"]).write_bytes(b"".join(b"%0*d\n" % (LENGTH, n) for n in range(LINES)))
        subprocess.run(f"{OURS} produce -q -t {names['full']} < {names['input']}", shell=True, check=True)
        print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
        print("| | median of each | ratio |\n|---|---|---|")
        for what, commands in MEASURES.items():
            times: dict[str, list[float]] = {name: [] for name in commands}
            for _ in range(ROUNDS):
                for name, command in commands.items():
                    times[name].append(seconds(command, names))
            medians = {name: statistics.median(values) for name, values in times.items()}
            ours, *peers = medians.values()
            cells = ", ".join(f"{name} {median:.2f} s" for name, median in medians.items())
            print(f"| {what} | {cells} | {', '.join(f'{ours / peer:.2f}' for peer in peers)} |", flush=True)


if __name__ == "__main__":
    main()
