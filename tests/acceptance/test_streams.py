"""In pipes and files: data on standard output and nothing else, and an end that tells the truth."""

import ctypes
import errno
import fcntl
import os
import re
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from kafka_demo.broker import MemoryBroker
from support import COMMAND, Broker, Process, environment, new_name, peak_memory, run

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP]


def lines(number: int) -> bytes:
    return b"".join(b"%07d\n" % n for n in range(number))


@pytest.fixture(scope="module")
def full(memory: Broker) -> str:
    """A topic with 100,000 lines in one partition."""
    topic = new_name("topic")
    assert run("produce", *memory.at(topic), "-p", "0", stdin=lines(100_000)).returncode == 0
    return topic


def test_a_reader_that_goes_away_ends_it_quietly(memory: Broker, full: str) -> None:
    command = " ".join([*COMMAND, "consume", *memory.at(full), "| head -1"])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, env=environment(), timeout=30, check=False
    )
    assert done.stdout == b"0000000\n"
    assert done.returncode == 0
    assert re.fullmatch(r"read [\d,]+ messages", done.stderr.decode().splitlines()[-1])


def test_a_reader_that_goes_away_while_no_message_comes_ends_it(memory: Broker) -> None:
    with Process("consume", *memory.at(new_name("topic")), "-g", new_name("group")) as consumer:
        consumer.expect("assigned")
        assert consumer.popen.stdout
        consumer.popen.stdout.close()
        assert consumer.end() == 0


def test_only_what_was_written_whole_is_committed(memory: Broker, full: str) -> None:
    group = ("-g", new_name("group"))
    reader, writer = os.pipe()
    with Process("consume", *memory.at(full), *group, stdout=writer) as consumer:
        os.close(writer)
        consumer.expect("assigned")
        first = os.read(reader, 50_000)  # and no more, so that the pipe is full when the signal comes
        consumer.signal(signal.SIGTERM)
        with os.fdopen(reader, "rb") as rest:
            first += rest.read()
        assert consumer.end() == 0
    second = run("consume", *memory.at(full), *group, "-e", "-q")
    assert first + second.stdout == lines(100_000)
    assert first.endswith(b"\n")


def test_a_full_disk_is_told_and_nothing_is_committed_past_it(memory: Broker, full: str) -> None:
    group = ("-g", new_name("group"))
    with (
        Path("/dev/full").open("wb") as device,
        Process("consume", *memory.at(full), *group, stdout=device.fileno()) as consumer,
    ):
        assert consumer.end() == 1
    assert consumer.said[-1] == f"cannot write to standard output: {os.strerror(errno.ENOSPC)}"
    assert run("consume", *memory.at(full), *group, "-e").stdout == lines(100_000)


@pytest.mark.parametrize("number", SIGNALS)
def test_every_signal_stops_a_producer_after_what_it_read(memory: Broker, number: signal.Signals) -> None:
    topic = new_name("topic")
    with Process("produce", *memory.at(topic)) as producer:
        producer.expect("connected")
        assert producer.popen.stdin
        producer.popen.stdin.write(b"one\ntwo\nhalf")
        producer.popen.stdin.flush()
        with Process("consume", *memory.at(topic), "-n", "2") as consumer:
            assert consumer.end() == 0
        producer.signal(number)
        assert producer.end() == 0
    assert producer.said[-1] == "delivered 2 messages"


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", [("produce",), ("consume",), ("consume", "-g", "g1")])
def test_every_signal_ends_the_wait_for_a_broker(command: tuple[str, ...], number: signal.Signals) -> None:
    with Process(*command, "-b", "localhost:1") as process:
        process.expect("waiting up to 10 s for a broker at localhost:1: connection refused")
        process.signal(number)
        assert process.end(limit=5) == 0
    assert process.said[1].startswith("start one with")
    assert process.said[2].startswith("stopping: ")


def test_a_message_that_could_not_be_sent_makes_status_1() -> None:
    with Process("produce", "-b", "localhost:1", "hello") as process:
        process.expect("waiting")
        process.signal(signal.SIGINT)
        assert process.end(limit=5) == 1


def test_nobody_listens_and_the_wait_ends_by_itself() -> None:
    done = run("produce", "-b", "localhost:1", "-q", "hello")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "no broker answers at localhost:1: connection refused",
        "start one with `docker compose up -d --wait`, or without Docker with `kafka-demo broker`",
    ]


@pytest.mark.parametrize("how", ["<&-", "0>/dev/null"])
def test_standard_input_that_cannot_be_read_is_told(memory: Broker, how: str) -> None:
    command = " ".join([*COMMAND, "produce", *memory.at(new_name("topic")), how])
    done = subprocess.run(["bash", "-c", command], capture_output=True, env=environment(), timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "cannot read standard input: Bad file descriptor"


def test_standard_output_that_is_closed_is_told(memory: Broker, full: str) -> None:
    command = " ".join([*COMMAND, "consume", *memory.at(full), ">&-"])
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, env=environment(), timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "cannot write to standard output: Bad file descriptor"


def test_the_broker_dies_in_mid_stream_and_the_receipt_tells_what_was_not_acknowledged() -> None:
    with Process("broker", "--port", "0") as broker:
        address = broker.expect("broker in memory at").split()[4].rstrip(":")
        topic = new_name("topic")
        at = ("-b", address, "-t", topic, "-X", "delivery.timeout.ms=2000")
        with Process("produce", *at) as producer:
            producer.expect("connected")
            assert producer.popen.stdin
            producer.popen.stdin.write(b"one\n")
            producer.popen.stdin.flush()
            assert run("consume", "-b", address, "-t", topic, "-n", "1").stdout == b"one\n"
            broker.popen.kill()
            broker.end()
            producer.popen.stdin.write(b"lost\n" * 2000)  # more than it could ask a broker about one by one
            producer.popen.stdin.close()
            assert producer.end() == 1
    assert producer.said[-1] == "delivered 1 of 2,001 messages: 2,000 failed"
    assert "a message was not delivered: no acknowledgement came in time (delivery.timeout.ms)" in producer.said


def test_no_flood_and_no_log_of_the_library_while_a_broker_is_gone() -> None:
    with Process("broker", "--port", "0") as broker:
        address = broker.expect("broker in memory at").split()[4].rstrip(":")
        with Process("consume", "-b", address, "-g", "g1") as consumer:
            consumer.expect("assigned")
            broker.popen.kill()
            broker.end()
            consumer.expect("broker .* is lost: .*; waiting for it to come back")
            consumer.signal(signal.SIGINT)
            assert consumer.end(limit=10) in (0, 1)
    assert len(consumer.said) < 20
    assert not any(said.startswith("%") for said in consumer.said)


def test_a_broker_that_is_lost_and_back_is_told_and_costs_nothing() -> None:
    def start(port: str) -> tuple[Process, str]:
        broker = Process("broker", "--port", port)
        return broker, broker.expect("broker in memory at").split()[4].rstrip(":")

    first, address = start("0")
    with first, Process("produce", "-b", address) as producer:
        producer.expect("connected")
        first.popen.kill()
        first.end()
        producer.expect(f"broker {address} is lost: .*; waiting for it to come back")
        assert producer.popen.stdin
        producer.popen.stdin.write(b"typed meanwhile\n")
        producer.popen.stdin.flush()
        second, again = start(address.split(":")[1])
        with second:
            assert again == address
            producer.expect(f"broker {address} is back")
            producer.popen.stdin.close()
            assert producer.end() == 0
            assert run("consume", "-b", address, "-e").stdout == b"typed meanwhile\n"
    assert producer.said[-1] == "delivered 1 message"


def test_what_was_deleted_before_the_group_read_it_is_told() -> None:
    broker, topic, group = MemoryBroker(), new_name("topic"), new_name("group")
    at = Broker(broker.address).at(topic)
    for number in range(5):  # one batch each: it deletes whole batches
        assert run("produce", *at, "-p", "0", str(number)).returncode == 0
    assert run("consume", *at, "-g", group, "-n", "1").stdout == b"0\n"
    delete = broker.library.rd_kafka_mock_partition_delete_records
    delete.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64)
    delete(broker.cluster, topic.encode(), 0, 3)
    done = run("consume", *at, "-g", group, "-e")
    broker.close()
    assert done.stdout == b"3\n4\n"
    assert (
        f"partition 0 goes on at offset 3 and not at 1: what was between was deleted before {group} read it (retention)"
    ) in done.stderr.decode().splitlines()


def test_a_time_that_the_broker_in_memory_cannot_look_up_is_told(memory: Broker, full: str) -> None:
    done = run("consume", *memory.at(full), "-e", "-o", "@2020-01-01")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-2:] == [
        "this broker cannot look up a time: it is in memory",
        "give an offset instead",
    ]


def test_words_that_nobody_reads_do_not_keep_it_from_ending(memory: Broker) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"x" * 4096)  # full
    topic = new_name("topic")
    command = [*COMMAND, "consume", *memory.at(topic), "-g", new_name("group")]
    with subprocess.Popen(command, stderr=writer, stdout=subprocess.PIPE, env=environment()) as consumer:
        run("produce", *memory.at(topic), "hello")
        assert consumer.stdout
        assert consumer.stdout.readline() == b"hello\n"
        consumer.send_signal(signal.SIGINT)
        assert consumer.wait(20) == 0
    os.close(reader)
    os.close(writer)


def test_a_member_that_is_left_out_and_to_exit_at_the_end_says_so_and_exits(memory: Broker) -> None:
    topic, group = new_name("topic"), new_name("group")
    run("produce", *memory.at(topic), "hello")
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(Process("consume", *memory.at(topic), "-g", group)).expect("assigned")
        fifth = stack.enter_context(Process("consume", *memory.at(topic), "-g", group, "-e"))
        fifth.expect("no partition so far")
        assert fifth.end() == 1
    assert fifth.said[-2] == f"nothing was read: other members of {group} hold all partitions of {topic}"


def test_memory_does_not_grow_with_the_length_of_a_line(memory: Broker) -> None:
    script = "import sys; w = sys.stdout.buffer.write; [w(bytes(1 << 20)) for _ in range(300)]; w(b'\\nlast\\n')"
    said, peak = peak_memory(script, "produce", *memory.at(new_name("topic")))
    assert said[-1] == "delivered 1 of 2 messages: 1 failed"
    assert peak < 150
