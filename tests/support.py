"""Helpers that run kafka-demo, wait for what it says, and look into a topic."""

import contextlib
import fcntl
import os
import re
import select
import shlex
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from signal import SIGINT
from typing import Any, Self

import pexpect
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

COMMAND = [sys.executable, "-m", "kafka_demo"]
LIMIT = 120.0  # seconds to wait for a line: on a busy machine, a broker may answer late
PATIENCE = ("-X", "delivery.timeout.ms=300000")  # on a busy machine, a broker may start or fail over slowly
NONSENSE = ("-X", "nonsense=1")  # refused last, but before connecting
NO_BROKER = [
    "error: no broker answers at localhost:1: connection refused",
    "hint: start a broker: `docker compose up -d --wait`, or `kafka-demo broker` without Docker",
]
LOGIN = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "PLAIN"}
LOGIN |= {"KAFKA_SASL_USERNAME": "ada", "KAFKA_SASL_PASSWORD": "geheim"}

# Writes a number of lines at a rate per second; catches up if it was held up.
WRITER = """
import sys, threading, time
number, rate, start, pause = int(sys.argv[1]), int(sys.argv[2]), time.monotonic(), threading.Event()
step = max(rate // 60, 1)
for first in range(0, number, step):
    pause.wait(max(start + first / rate - time.monotonic(), 0))
    sys.stdout.buffer.write(b"".join(b"%09d %s\\n" % (n, b"x" * 50) for n in range(first, min(first + step, number))))
    sys.stdout.buffer.flush()
"""


def environment(**more: str) -> dict[str, str]:
    """Make an environment without those of the developer's variables that change what a command does."""
    ours = ("KAFKA_", "COLUMNS", "LINES", "PYTHONDONTWRITEBYTECODE")  # without bytecode, each command starts later
    own = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return own | {"INPUTRC": os.devnull} | more


def run(
    *arguments: str, stdin: bytes = b"", limit: float = LIMIT, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    command, own = [*COMMAND, *arguments], environment(**variables)
    return subprocess.run(command, input=stdin, capture_output=True, timeout=limit, env=own, cwd=cwd, check=False)


def said(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """Return the lines that a command wrote to standard error."""
    return done.stderr.decode().splitlines()


def peak_memory(script: str, *arguments: str) -> tuple[list[str], int]:
    """Run a command on the output of a Python script; return what it said and its peak memory in MiB."""
    # From a small process: a child's peak starts at the memory of the process that forked it.
    launcher = (
        "import resource, subprocess, sys\n"
        "writer = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE)\n"
        "subprocess.run(sys.argv[2:], stdin=writer.stdout, stdout=subprocess.DEVNULL)\n"
        "writer.stdout.close()\n"
        "writer.wait()\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)\n"
    )
    command = [sys.executable, "-c", launcher, script, *COMMAND, *arguments]
    done = subprocess.run(command, capture_output=True, env=environment(), timeout=120, check=True)
    return done.stderr.decode().splitlines(), int(done.stdout)


class Process:
    """A running command, whose standard error is read line by line."""

    def __init__(self, *arguments: str, stdin: int | None = None, stdout: int | None = None) -> None:
        self.popen: Any = subprocess.Popen(  # Any, since its streams are not None
            [*COMMAND, *arguments],
            stdin=subprocess.PIPE if stdin is None else stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        self.said: list[str] = []
        self._lines: Queue[str | None] = Queue()  # None: standard error has ended
        threading.Thread(target=self._listen, daemon=True).start()

    def __repr__(self) -> str:
        """Show the last lines, for assertions that fail."""
        return " | ".join(self.said[-3:])

    def _listen(self) -> None:
        for line in self.popen.stderr:
            self._lines.put(line.decode().rstrip("\n"))
        self._lines.put(None)

    def expect(self, pattern: str, limit: float = LIMIT) -> str:
        """Wait for a line on standard error that matches, and return it."""
        deadline = time.monotonic() + limit
        with contextlib.suppress(Empty):
            while (line := self._lines.get(timeout=max(deadline - time.monotonic(), 0))) is not None:
                self.said.append(line)
                if re.search(pattern, line):
                    return line
            self._lines.put(None)
        raise AssertionError(f"no {pattern!r} in:\n" + "\n".join(self.said))

    def write(self, data: bytes) -> None:
        self.popen.stdin.write(data)
        self.popen.stdin.flush()

    def line(self) -> bytes:
        """Wait for a line of standard output."""
        line: bytes = self.popen.stdout.readline()
        return line

    def rest(self) -> bytes:
        """Return the rest of standard output, up to its end."""
        rest: bytes = self.popen.stdout.read()
        return rest

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def stop(self, number: int = SIGINT, limit: float = 30) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.signal(number)
        return self.end(limit)

    def end(self, limit: float = LIMIT) -> int:
        """Wait for the end, read the rest of standard error, and return the exit status."""
        try:
            status: int = self.popen.wait(limit)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise AssertionError(f"not ended after {limit} s:\n" + "\n".join(self._all())) from None
        self._all()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream:
                stream.close()
        return status

    def _all(self) -> list[str]:
        self.said += iter(lambda: self._lines.get(timeout=LIMIT), None)
        self._lines.put(None)
        return self.said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.end()


def terminal(*arguments: str, into: str = "", **variables: str) -> pexpect.spawn:
    """Run a command in a terminal that is wide enough for every line, with standard output there or in a file."""
    program, *rest = [*COMMAND, *arguments]
    if into:
        program, rest = "sh", ["-c", f"exec {shlex.join([*COMMAND, *arguments])} > {into}"]
    own = environment(**{"TERM": "xterm", "NO_COLOR": "1"} | variables)
    return pexpect.spawn(program, rest, env=own, timeout=LIMIT, dimensions=(24, 250), encoding="utf-8")


def end(child: pexpect.spawn) -> int:
    """Wait for the end of a command in a terminal; return its exit status."""
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus)


def new_name(what: str) -> str:
    """Make a name for a topic or a group that no other test uses."""
    return f"{what}-{uuid.uuid4().hex[:8]}"


@dataclass
class Broker:
    """A broker for tests, and the container it runs in, if any."""

    address: str
    container: str = ""

    def at(self, topic: str) -> tuple[str, ...]:
        """Return the options for a topic of this broker."""
        return ("-b", self.address, "-t", topic)

    def send(self, topic: str, *arguments: str, stdin: bytes = b"") -> list[str]:
        """Produce to a topic, which must succeed; return what was said."""
        done = run("produce", *self.at(topic), *arguments, stdin=stdin)
        assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
        return said(done)

    def read(self, topic: str, *arguments: str) -> bytes:
        """Consume from a topic, and return its messages."""
        done = run("consume", *self.at(topic), *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def tool(self, name: str, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run one of Kafka's own tools in the container, and return its output."""
        command = ["docker", "exec", "-i", self.container, f"/opt/kafka/bin/{name}.sh", *arguments]
        command += ["--bootstrap-server", "kafka:19092"]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def create(self, topic: str, partitions: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.create_topics([NewTopic(topic, partitions)])[topic].result(LIMIT)


def numbered(number: int) -> list[bytes]:
    """Return the lines that `writing` writes."""
    return [b"%09d %s" % (n, b"x" * 50) for n in range(number)]


@contextlib.contextmanager
def writing(broker: Broker, topic: str, number: int, rate: int, *options: str) -> Iterator[Process]:
    """Produce to a topic the lines of a writer with a limited rate."""
    command = [sys.executable, "-c", WRITER, str(number), str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        with Process("produce", *broker.at(topic), *options, stdin=writer.stdout.fileno()) as producer:
            writer.stdout.close()
            yield producer


@contextlib.contextmanager
def streaming(
    broker: Broker, topic: str, group: str, interval: float, commit_ms: int = 1000
) -> Iterator[tuple[Process, Process]]:
    """Run a producer of sample events and a member that reads them; yield both after the first commit."""
    sample = ("--sample", "--interval", str(interval), *PATIENCE)
    rarely = ("-X", f"auto.commit.interval.ms={commit_ms}")
    with (
        Process("consume", *broker.at(topic), "-g", group, *rarely, stdout=subprocess.DEVNULL) as consumer,
        Process("produce", *broker.at(topic), *sample) as producer,
    ):
        producer.expect("^delivered to ")
        consumer.expect("committed: ")
        yield producer, consumer


def counted(proof: str) -> tuple[int, int]:
    """Return how many messages were seen and how many duplicated, from the line about the sequence."""
    found = re.fullmatch(r"this \w+ saw ([\d,]+) events: 0 missing, ([\d,]+) duplicated, 0 out of order", proof)
    assert found, proof
    return int(found[1].replace(",", "")), int(found[2].replace(",", ""))


class Pipe:
    """A small pipe, both ends of which the test holds."""

    CAPACITY = 4096  # bytes

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, self.CAPACITY)
        os.set_blocking(self.reader, False)  # an error instead of waiting forever

    @property
    def full(self) -> bool:
        return not select.select([], [self.writer], [], 0)[1]

    def drain(self) -> bytes:
        """Return what is in the pipe."""
        return os.read(self.reader, self.CAPACITY) if select.select([self.reader], [], [], 0)[0] else b""

    def end(self) -> None:
        """Close the writer's end."""
        if self.writer >= 0:
            os.close(self.writer)
        self.writer = -1

    def close(self) -> None:
        self.end()
        os.close(self.reader)
