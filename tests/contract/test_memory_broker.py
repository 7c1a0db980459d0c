"""What only the in-memory broker can show: its relay, its command, and injected faults."""

import contextlib
import ctypes
import re
import signal
import socket
import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, Message

from clusters import free_ports, until
from kafka_demo.cluster import inspect
from kafka_demo.cluster.offsets import committed_offsets
from kafka_demo.consumer import Consumer
from kafka_demo.memory.broker import MemoryBroker
from kafka_demo.producer import Producer
from support import Process, run

PRODUCE, LIST_OFFSETS, OFFSET_COMMIT = 0, 2, 8  # https://kafka.apache.org/protocol#protocol_api_keys


@pytest.fixture
def broker() -> Iterator[MemoryBroker]:
    broker = MemoryBroker(topics={"news": 1})
    yield broker
    broker.close()


def fail(broker: MemoryBroker, request: int, error: int, times: int) -> None:
    """Make the broker answer the next requests of a kind with an error."""
    push = broker.library.rd_kafka_mock_push_request_errors_array
    push.argtypes = [ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)]
    push(broker.cluster, request, times, (ctypes.c_int * times)(*[error] * times))


def answer_late(broker: MemoryBroker, request: int, error: int, milliseconds: int) -> None:
    """Delay the response to the next request of a kind; unless `error` is set, the request takes effect at once."""
    push = broker.library.rd_kafka_mock_broker_push_request_error_rtts
    push(broker.cluster, 1, request, ctypes.c_size_t(1), error, milliseconds)


def sample(broker: MemoryBroker, *options: str) -> tuple[int, int, tuple[int, ...]]:
    """Send and read 200 sample events: exit status, number delivered, (seen, missing, duplicated, out of order)."""
    at = ("-b", broker.address, "-t", "news")
    sent = run("produce", *at, "-p", "0", "--sample", "-n", "200", "--interval", "0", *options)
    delivered = re.search(rb"^delivered (\d+) (of 200 )?messages", sent.stderr, re.MULTILINE)
    proof = re.search(rb"^this consumer saw .*", run("consume", *at, "-e").stderr, re.MULTILINE)
    assert delivered
    assert proof
    return sent.returncode, int(delivered[1]), tuple(map(int, re.findall(rb"\d+", proof[0])))


def test_a_request_whose_response_is_lost_is_sent_again_and_its_duplicates_are_counted(broker: MemoryBroker) -> None:
    # Unlike Kafka, this broker accepts the same request twice: see test_outages.py.
    answer_late(broker, PRODUCE, KafkaError.NO_ERROR, 60_000)
    short = ("-X", "request.timeout.ms=1000", "-X", "socket.timeout.ms=1000")
    status, delivered, (seen, missing, duplicated, disordered) = sample(broker, *short)
    assert (status, delivered, missing, disordered) == (0, 200, 0, 0)
    assert seen == 200 + duplicated > 200


def test_requests_that_overtake_each_other_are_counted_as_out_of_order(broker: MemoryBroker) -> None:
    answer_late(broker, PRODUCE, KafkaError.NOT_LEADER_FOR_PARTITION, 1000)  # by then, all others have arrived
    each = ("-X", "enable.idempotence=false", "-X", "batch.num.messages=1")
    status, delivered, (seen, missing, duplicated, disordered) = sample(broker, *each)
    assert (status, delivered, seen, missing, duplicated) == (0, 200, 200, 0, 0)
    assert disordered > 0


def test_what_the_broker_refuses_is_missing_for_producer_and_consumer(broker: MemoryBroker) -> None:
    fail(broker, PRODUCE, KafkaError.INVALID_RECORD, 1)
    status, delivered, counts = sample(broker, "-X", "enable.idempotence=false", "-X", "batch.num.messages=10")
    assert delivered < 200
    assert (status, counts) == (1, (delivered, 200 - delivered, 0, 0))


def test_a_consumer_waits_for_a_leader_that_is_not_ready(broker: MemoryBroker) -> None:
    at = ("-b", broker.address, "-t", "news")
    assert run("produce", "-q", *at, "hello").returncode == 0
    fail(broker, LIST_OFFSETS, KafkaError.NOT_LEADER_FOR_PARTITION, 3)
    done = run("consume", *at, "-e")
    assert (done.returncode, done.stdout) == (0, b"hello\n"), done.stderr.decode()


def test_a_refused_commit_is_reported_once_and_the_exit_status_is_1(broker: MemoryBroker) -> None:
    at = ("-b", broker.address, "-t", "news")
    assert run("produce", "-q", *at, "hello").returncode == 0
    with Process("consume", *at, "-g", "g1") as member:
        member.expect("^committed: ")
        fail(broker, OFFSET_COMMIT, KafkaError.GROUP_AUTHORIZATION_FAILED, 1000)  # all that follow
        assert run("produce", "-q", *at, "again").returncode == 0
        member.expect("commit failed: ")
        assert run("produce", "-q", *at, "and again").returncode == 0
        member.signal(signal.SIGINT)
        assert member.end() == 1
    assert sum("commit failed: " in line for line in member.said) == 1
    assert any(re.match(r"read \d+ messages; committed partition 0 at offset 1$", line) for line in member.said)


def test_a_setting_that_is_not_listed_is_no_reason(broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "_settings", lambda *_: {})
    assert inspect.why_unacknowledged({"bootstrap.servers": broker.address}, "news") == ""


def test_a_member_whose_broker_is_gone_does_not_claim_to_have_left() -> None:
    broker = MemoryBroker(topics={"news": 1})
    with Process("consume", "-b", broker.address, "-t", "news", "-g", "g1") as member:
        member.expect("^assigned ")
        broker.close()
        member.expect(f"cannot reach broker {broker.address}")
        member.signal(signal.SIGINT)
        member.expect("^the group coordinator is unreachable: this member may stay in group g1 until ")
        member.end()
    assert not any(line.startswith("left") for line in member.said)


def test_waiting_clients_find_a_new_broker_and_a_second_broker_on_its_port_fails() -> None:
    (port,) = map(str, free_ports(1))
    at = ("-b", f"localhost:{port}", "-t", "news")
    with Process("produce", *at, "-p", "0", "hello") as producer, Process("consume", *at, "-n", "1") as consumer:
        for process in (producer, consumer):
            process.expect(f"localhost:{port}: connection refused")
        with Process("broker", "--port", port, "-t", "news", "--partitions", "2") as broker:
            broker.expect(f"^in-memory broker ready at localhost:{port} .topic news, 2 partitions")
            broker.expect("^works with kafkajs, aiokafka, and clients built on librdkafka .kafka-demo, kcat.$")
            assert (producer.end(), consumer.end()) == (0, 0)
            second = run("broker", "--port", port, KAFKA_SECURITY_PROTOCOL="SASL_SSL")  # it connects to nothing
            assert (second.returncode, second.stderr.splitlines()[0]) == (1, f"error: port {port} is in use".encode())
            broker.signal(signal.SIGINT)
            assert broker.end() == 0


def test_a_callback_that_raises_an_exception_costs_no_message(broker: MemoryBroker) -> None:
    read: list[int | None] = []
    config = {"bootstrap.servers": broker.address, "log_level": 0}
    with Producer(config, "news") as producer, contextlib.suppress(ValueError):
        producer.send_many([b"hello"] * 20_000 + [b"x" * 2_000_000], lambda *_: int("none"))
    assert (producer.acknowledged, producer.refused) == (20_000, 1)
    config |= {"group.id": "g1", "group.protocol": "consumer", "auto.commit.interval.ms": 1}
    consumer = Consumer(config, "news", on_commit=lambda *_: int("none"))
    while not consumer.at_end:
        with contextlib.suppress(ValueError):
            for message in consumer.read(0.1, 1):
                consumer.store(message)
                read.append(message.offset())
    consumer.client.close()  # its own close() would call back
    assert read == list(range(20_000))


def test_a_callback_that_raises_an_exception_does_not_hide_the_end_of_a_partition(broker: MemoryBroker) -> None:
    read: list[Message] = []
    config = {"bootstrap.servers": broker.address, "log_level": 0}
    group = {"group.id": "g1", "group.protocol": "consumer", "auto.commit.interval.ms": 100, "fetch.wait.max.ms": 10}
    consumer = Consumer(config | group, "news", on_commit=lambda *_: int("none"))

    def at_end_of(number: int) -> bool:
        with contextlib.suppress(ValueError):
            read.extend(consumer.read(0.1))
        return len(read) == number and consumer.at_end

    with Producer(config, "news") as producer:
        producer.send(b"one")
        until(lambda: at_end_of(1), "the end")
        consumer.store(read[0])
        producer.send(b"two")  # it arrives together with the end and with the result of the commit
        until(lambda: committed_offsets(config, "g1", [("news", 0)]), "it is committed")
    until(lambda: at_end_of(2), "the new end", 10)
    consumer.client.close()


@pytest.mark.parametrize("data", [b"", b"\0\0\0\x02\0\x4c", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff", b"\0\0"])
def test_no_kind_of_connection_leaves_a_thread_behind(
    broker: MemoryBroker, data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    before = threading.active_count()
    for _ in range(5):
        with socket.create_connection(("localhost", int(broker.address.rpartition(":")[2]))) as connection:
            connection.sendall(data)
    until(lambda: threading.active_count() <= before, "its threads have ended", 10)
    assert run("produce", "-q", "-b", broker.address, "-t", "news", "hello").returncode == 0
    assert capfd.readouterr().err == ""
