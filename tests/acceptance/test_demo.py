"""The tour, on an existing broker and on its own, complete and interrupted."""

import os
import signal
import socket
import subprocess

import pexpect
import pytest
from confluent_kafka.admin import AdminClient

from clusters import until
from support import Broker, Process, end, terminal

REVOKED, ASSIGNED = r"consumer 1 │ rebalance: partitions \d, \d revoked", r"consumer 2 │ assigned partitions \d, \d\W"
STEPS = (
    r"consumer 1 │ \$ kafka-demo consume --group g1 -b localhost:\d+ -t demo-\w{6}\r\n",
    r"consumer 1 │ assigned partitions 0, 1, 2, 3\W",
    r"producer   │ \$ kafka-demo produce --sample -n 44 --interval 0.25 -b ",
    r"consumer 1 │ partition \d  offset 0  key \w+  \{",
    rf"(?s){REVOKED}.*{ASSIGNED}|{ASSIGNED}.*{REVOKED}",  # two processes print these lines
    r"consumer 1 │ left group g1",
    r"producer   │ delivered 44 messages",
    r"consumer 2 │ left group g1",
    r"proof: 44 sent, 44 read, 0 missing, 0 duplicated, 0 out of order\r\n",
    r"Your turn: `kafka-demo consume --group g1` in one terminal,\r\nand `kafka-demo produce` in another\.\r\n",
)


def expect_all(child: pexpect.spawn) -> None:
    for step in STEPS:
        child.expect(step, timeout=60)


def processes() -> str:
    return subprocess.run(["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout


def begin(address: str, says: str = "") -> tuple[pexpect.spawn, str]:
    """Start a tour, wait until consumer and producer run, and return it with its topic."""
    child = terminal("demo", "-b", address)
    child.expect_exact(says)
    child.expect(r"-t (demo-\w{6})")
    topic = child.match[1]
    child.expect_exact("producer   │ delivered to")
    assert topic in processes()
    return child, topic


def test_without_a_broker_the_whole_tour_runs_in_memory() -> None:
    other = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_TOPIC": "other", "KAFKA_GROUP": "other"}  # for another broker
    child = terminal("demo", "-b", "localhost:1", **other)
    child.expect_exact("no broker answers at localhost:1: connection refused\r\nUsing an in-memory broker instead.")
    expect_all(child)
    assert end(child) == 0


@pytest.mark.docker
def test_on_kafka_the_whole_tour_runs_and_deletes_its_topic(docker: Broker) -> None:
    child = terminal("demo", "-b", docker.address)
    child.expect(rf"Using the broker at {docker.address}, with a topic of its own: (demo-\w{{6}})\.")
    topic = child.match[1]
    expect_all(child)
    assert end(child) == 0
    assert topic not in AdminClient({"bootstrap.servers": docker.address}).list_topics(timeout=10).topics


@pytest.mark.docker
def test_an_interrupted_tour_deletes_its_topic(docker: Broker) -> None:
    admin = AdminClient({"bootstrap.servers": docker.address})
    child, topic = begin(docker.address)
    assert topic in admin.list_topics(timeout=10).topics
    child.sendintr()
    child.expect_exact("Stopping the demo.")
    assert end(child) == 0
    assert topic not in processes()
    assert topic not in admin.list_topics(timeout=10).topics


def test_an_in_memory_broker_that_answers_is_used_and_ctrl_c_leaves_no_process(memory: Broker) -> None:
    child, topic = begin(memory.address, f"Using the broker at {memory.address}, with a topic of its own: ")
    child.sendintr()
    child.expect_exact("Stopping the demo.")
    assert end(child) == 0
    assert topic not in processes()


def test_a_second_signal_ends_the_tour_and_its_processes_at_once() -> None:
    child, topic = begin("localhost:1")
    pid = next(int(line.split()[0]) for line in processes().splitlines() if topic in line)
    os.kill(pid, signal.SIGSTOP)  # it does not notice the first signal
    child.sendintr()
    child.expect_exact("Stopping the demo.")
    child.sendintr()
    child.expect_exact("forced to stop")
    assert end(child) == 128 + signal.SIGINT
    until(lambda: topic not in processes(), "no process is left", 10)


def test_a_signal_while_the_tour_looks_for_a_broker_ends_it_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        with Process("demo", "-b", f"localhost:{hung.getsockname()[1]}") as tour:
            hung.accept()[0].close()  # the first connection
            connection, _ = hung.accept()  # the client, which gets no response
            tour.signal(signal.SIGINT)
            assert tour.end(limit=3) == 0
        connection.close()


def test_a_process_that_fails_ends_the_tour(memory: Broker) -> None:
    child, topic = begin(memory.address)
    pid = next(int(line.split()[0]) for line in processes().splitlines() if topic in line and "produce" in line)
    os.kill(pid, signal.SIGKILL)
    child.expect_exact("error: the demo cannot continue: producer failed with exit status -9")
    assert end(child) == 1
    assert topic not in processes()
