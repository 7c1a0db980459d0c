"""What only the in-memory broker can show: its relay, which processes come and go through, and faults made to order."""

import ctypes
import signal
import socket
import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError

from clusters import until
from kafka_demo.assignor import Assignor, heartbeat
from kafka_demo.broker import MemoryBroker
from kafka_demo.settings import split_address
from support import LIMIT, Process, run


@pytest.fixture
def broker() -> Iterator[MemoryBroker]:
    broker = MemoryBroker(topics={"jobs": 1, "news": 1})
    yield broker
    broker.close()


def test_a_client_that_is_gone_leaves_no_thread_behind(broker: MemoryBroker) -> None:
    before = threading.active_count()
    for _ in range(20):
        socket.create_connection(split_address(broker.address)).close()
    until(lambda: threading.active_count() <= before, "all threads have ended", 10)


@pytest.mark.parametrize("garbage", [b"\0\0\0\x02\0\x4c", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff", b"\0\0"])
def test_garbage_does_no_harm(broker: MemoryBroker, garbage: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with socket.create_connection(split_address(broker.address)) as connection:
        connection.sendall(garbage)
    until(lambda: threading.active_count() <= before, "its threads have ended", 10)
    assert run("produce", "-q", "-b", broker.address, "-t", "news", "hello").returncode == 0
    assert capfd.readouterr().err == ""


def test_a_leader_that_does_not_know_it_yet_is_waited_for(broker: MemoryBroker) -> None:
    assert run("produce", "-q", "-b", broker.address, "-t", "news", "hello").returncode == 0
    fail_next = broker.library.rd_kafka_mock_push_request_errors_array
    fail_next.argtypes = [ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)]
    list_offsets, errors = 2, [KafkaError.NOT_LEADER_FOR_PARTITION] * 3
    fail_next(broker.cluster, list_offsets, len(errors), (ctypes.c_int * len(errors))(*errors))
    done = run("consume", "-b", broker.address, "-t", "news", "-e")
    assert (done.returncode, done.stdout) == (0, b"hello\n"), done.stderr.decode()


@pytest.mark.parametrize("queue", [[], ["--queue"]])
def test_a_member_whose_broker_is_gone_does_not_claim_that_it_has_left(queue: list[str]) -> None:
    broker = MemoryBroker(topics={"news": 1})
    with Process("consume", "-b", broker.address, "-t", "news", "-g", "g1", *queue) as member:
        member.expect("assigned")
        broker.close()
        member.expect(f"broker {broker.address} is lost")
        member.signal(signal.SIGINT)
        member.expect("^no broker hears this: (share )?group g1 notices after its session timeout$")
        member.end()
    assert not any(line.startswith("left") for line in member.said)


def test_a_member_that_was_assigned_nothing_does_not_wait_for_a_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    joined, asked, over, hear = threading.Event(), threading.Event(), threading.Event(), Assignor.hear

    def hold(assignor: Assignor, request: bytes) -> None:
        """Let the member join, and hold back what it needs to make sense of its assignment, and its goodbye."""
        if joined.is_set():
            asked.set()
            over.wait()
        hear(assignor, request)
        if heartbeat(request):
            joined.set()

    monkeypatch.setattr(Assignor, "hear", hold)
    broker = MemoryBroker(topics={"news": 1})
    with Process("consume", "-b", broker.address, "-t", "news", "-g", "g1", "--queue") as member:
        assert asked.wait(LIMIT)
        member.signal(signal.SIGINT)
        member.expect("^share group g1 had not let this member in yet$")
        assert member.end() == 0
    over.set()
    broker.close()
