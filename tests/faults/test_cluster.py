"""Brokers die, and what was acknowledged is there nevertheless."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters import NODES, Cluster, until
from support import Process, new_name, run

pytestmark = pytest.mark.docker

# Writes so many lines, so many a second; a writer that was held up catches up.
WRITER = """
import sys, threading, time
number, rate, start, pause = int(sys.argv[1]), int(sys.argv[2]), time.monotonic(), threading.Event()
step = max(rate // 60, 1)
for first in range(0, number, step):
    pause.wait(max(start + first / rate - time.monotonic(), 0))
    sys.stdout.buffer.write(b"".join(b"%09d %s\\n" % (n, b"x" * 50) for n in range(first, min(first + step, number))))
    sys.stdout.buffer.flush()
"""


def numbered(number: int) -> list[bytes]:
    return [b"%09d %s" % (n, b"x" * 50) for n in range(number)]


@contextlib.contextmanager
def writing(cluster: Cluster, topic: str, number: int, rate: int) -> Iterator[Process]:
    """Produce to the topic what comes out of a writer that takes its time."""
    command = [sys.executable, "-c", WRITER, str(number), str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        with Process("produce", *cluster.at(topic), stdin=writer.stdout.fileno()) as producer:
            writer.stdout.close()
            yield producer


@pytest.fixture(autouse=True)
def three(cluster: Cluster) -> Iterator[None]:
    """Leave the next test a cluster in which all is well."""
    yield
    cluster.heal()


def test_a_killed_leader_costs_no_line_at_60_000_a_second(cluster: Cluster) -> None:
    topic, number = new_name("topic"), 600_000
    with writing(cluster, topic, number, rate=60_000) as producer:
        producer.expect("connected")
        until(lambda: sum(cluster.ends(topic).values()) > number // 6, "a sixth is written")
        victim = cluster.leader(topic, 0)
        cluster.kill(victim)
        assert producer.popen.poll() is None
        producer.expect(r"broker localhost:\d+ is lost")
        assert producer.end() == 0
    assert producer.said[-1] == "delivered 600,000 messages"
    assert cluster.leader(topic, 0) != victim
    read = run("consume", *cluster.at(topic), "-e").stdout
    assert sorted(read.splitlines()) == numbered(number)


def test_a_group_goes_on_when_its_coordinator_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    topic, group, number, out = new_name("topic"), new_name("group"), 20_000, tmp_path / "out"
    with (
        out.open("wb") as file,
        Process("consume", *cluster.at(topic), "-g", group, stdout=file.fileno()) as consumer,
    ):
        consumer.expect("assigned")
        with writing(cluster, topic, number, rate=2_000) as producer:
            consumer.expect("committed: ")
            victim = cluster.coordinator(group)
            cluster.kill(victim)
            assert producer.end() == 0
        until(lambda: len(set(out.read_bytes().splitlines())) == number, "all is read")
        consumer.signal(signal.SIGINT)
        assert consumer.end() == 0
    assert sorted(set(out.read_bytes().splitlines())) == numbered(number)
    assert cluster.coordinator(group) != victim
    assert cluster.committed(group) == cluster.ends(topic)


def test_with_two_of_three_brokers_down_a_write_fails_and_says_why(cluster: Cluster) -> None:
    topic = new_name("topic")
    assert run("produce", *cluster.at(topic), "before").returncode == 0
    cluster.kill(2, 3)
    until(lambda: cluster.in_sync(topic) == {1}, "the others are out of sync")
    done = run("produce", *cluster.at(topic), "-X", "delivery.timeout.ms=5000", "meanwhile")
    assert done.returncode == 1
    assert b"in sync" in done.stderr, done.stderr.decode()
    assert done.stderr.splitlines()[-1] == b"delivered 0 of 1 message: 1 failed"
    cluster.heal()
    assert run("produce", *cluster.at(topic), "after").returncode == 0
    assert sorted(run("consume", *cluster.at(topic), "-e").stdout.split()) == [b"after", b"before"]


def test_brokers_that_are_restarted_one_after_the_other_cost_nothing(cluster: Cluster) -> None:
    topic = new_name("topic")
    with Process("produce", *cluster.at(topic), "--sample", "--interval", "0.01") as producer:
        producer.expect("delivered to")
        for node in NODES:
            restart(cluster, node)
        producer.signal(signal.SIGINT)
        assert producer.end() == 0
    read = run("consume", *cluster.at(topic), "-e").stderr.decode()
    assert "from 1 producer, 0 lost, 0 duplicated, 0 out of order" in read


def restart(cluster: Cluster, node: int) -> None:
    cluster.stop(node)
    until(lambda: cluster.in_sync() == set(NODES) - {node}, f"broker {node} is out of sync")
    cluster.heal()
