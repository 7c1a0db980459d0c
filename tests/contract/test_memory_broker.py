"""What only the in-memory broker can show: its relay, which processes come and go through, and faults made to order."""

import ctypes
import re
import signal
import socket
import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError

from clusters import free_ports, until
from kafka_demo.assignor import Assignor, heartbeat
from kafka_demo.broker import MemoryBroker
from kafka_demo.settings import split_address
from support import LIMIT, Process, counted, run

PRODUCE, LIST_OFFSETS, OFFSET_COMMIT = 0, 2, 8  # https://kafka.apache.org/protocol#protocol_api_keys


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


def fail(broker: MemoryBroker, request: int, error: int, times: int) -> None:
    """Have the broker answer the next requests of a kind with an error."""
    push = broker.library.rd_kafka_mock_push_request_errors_array
    push.argtypes = [ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)]
    push(broker.cluster, request, times, (ctypes.c_int * times)(*[error] * times))


def answer_late(broker: MemoryBroker, request: int, error: int, milliseconds: int) -> None:
    """Have the broker keep back its answer to the next request of a kind; without an error, it does as it is asked."""
    push = broker.library.rd_kafka_mock_broker_push_request_error_rtts
    push(ctypes.c_void_p(broker.cluster), 1, request, ctypes.c_size_t(1), error, milliseconds)


def test_a_leader_that_does_not_know_it_yet_is_waited_for(broker: MemoryBroker) -> None:
    assert run("produce", "-q", "-b", broker.address, "-t", "news", "hello").returncode == 0
    fail(broker, LIST_OFFSETS, KafkaError.NOT_LEADER_FOR_PARTITION, 3)
    done = run("consume", "-b", broker.address, "-t", "news", "-e")
    assert (done.returncode, done.stdout) == (0, b"hello\n"), done.stderr.decode()


def sample(broker: MemoryBroker, *options: str) -> tuple[int, str, str]:
    """Send 200 sample messages to one partition; return the status, the receipt and the proof."""
    at = ("-b", broker.address, "-t", "news")
    sent = run("produce", *at, "-p", "0", "--sample", "-n", "200", "--interval", "0", *options)
    read = run("consume", *at, "-e")
    return sent.returncode, sent.stderr.decode().splitlines()[-1], read.stderr.decode().splitlines()[-1]


def test_a_request_whose_reply_is_lost_is_sent_again_and_the_proof_counts_it(broker: MemoryBroker) -> None:
    # This broker takes the same request a second time, which a real one would not: see test_outages.py.
    answer_late(broker, PRODUCE, KafkaError.NO_ERROR, 60_000)
    status, receipt, proof = sample(broker, "-X", "request.timeout.ms=1000", "-X", "socket.timeout.ms=1000")
    assert (status, receipt) == (0, "delivered 200 messages")
    read, twice = counted(proof)
    assert read == 200 + twice > 200


def test_requests_that_overtake_each_other_are_counted(broker: MemoryBroker) -> None:
    answer_late(broker, PRODUCE, KafkaError.NOT_LEADER_FOR_PARTITION, 1000)  # all others are there by then
    each = ("-X", "batch.num.messages=1")
    status, receipt, proof = sample(broker, "-X", "enable.idempotence=false", *each)
    assert (status, receipt) == (0, "delivered 200 messages")
    assert re.search(r": 200 sample messages from 1 producer, 0 lost, 0 duplicated, [1-9]\d* out of order$", proof)


def test_what_the_broker_refused_is_missing_on_both_sides(broker: MemoryBroker) -> None:
    fail(broker, PRODUCE, KafkaError.INVALID_RECORD, 1)
    status, receipt, proof = sample(broker, "-X", "enable.idempotence=false", "-X", "batch.num.messages=10")
    assert status == 1
    failed = re.fullmatch(r"delivered \d+ of 200 messages: (\d+) failed", receipt)
    assert failed
    assert proof.endswith(f" sample messages from 1 producer, {failed[1]} lost, 0 duplicated, 0 out of order")


def test_a_commit_that_is_refused_is_told_once_and_makes_status_1(broker: MemoryBroker) -> None:
    assert run("produce", "-q", "-b", broker.address, "-t", "news", "hello").returncode == 0
    with Process("consume", "-b", broker.address, "-t", "news", "-g", "g1") as member:
        member.expect("^committed: partition 0 up to offset 1$")
        fail(broker, OFFSET_COMMIT, KafkaError.GROUP_AUTHORIZATION_FAILED, 1000)  # all that will come
        assert run("produce", "-q", "-b", broker.address, "-t", "news", "again").returncode == 0
        member.expect("^not committed: partition 0: this client is not authorised for group g1; it is tried again")
        assert run("produce", "-q", "-b", broker.address, "-t", "news", "and again").returncode == 0
        member.signal(signal.SIGINT)
        assert member.end() == 1
    assert sum(line.startswith("not committed") for line in member.said) == 1
    receipt, problem, what_now = member.said[-3:]
    assert receipt.startswith("read ")
    assert receipt.endswith("; committed partition 0 up to offset 1")
    assert problem.startswith(
        "the coordinator of group g1 did not take the last commit: not committed partition 0 up to"
    )
    assert what_now == "the next member to read these partitions gets what is not committed again"


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


def test_a_broker_that_comes_while_a_command_waits_for_it_is_used() -> None:
    (port,) = free_ports(1)
    at = ("-b", f"localhost:{port}", "-t", "news")
    with (
        Process("produce", *at, "-p", "0", "hello") as producer,
        Process("consume", *at, "-g", "g1", "-n", "1") as consumer,
    ):
        for process in (producer, consumer):
            process.expect("^waiting up to 10 s for a broker at ")
        broker = MemoryBroker(port)
        assert producer.end() == 0
        assert consumer.end() == 0
        broker.close()
    assert producer.said[-1] == "delivered 1 message"
    assert consumer.said[-1] == "read 1 message; committed partition 0 up to offset 1"
