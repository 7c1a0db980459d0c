"""Pipes and files: only data on standard output, and a truthful exit status and receipt."""

import errno
import os
import re
import signal
import subprocess
from contextlib import ExitStack

import pytest

from clusters import until
from support import COMMAND, NO_BROKER, Broker, Pipe, Process, environment, new_name, peak_memory, run, said

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP]


def lines(number: int) -> bytes:
    return b"".join(b"%07d\n" % n for n in range(number))


def shell(command: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a bash command line, in which {} stands for kafka-demo with these arguments."""
    bash = ["bash", "-o", "pipefail", "-c", command.format(" ".join([*COMMAND, *arguments]))]
    return subprocess.run(bash, capture_output=True, env=environment(), timeout=30, check=False)


@pytest.fixture(scope="module")
def full(memory: Broker) -> str:
    """A topic with 100,000 lines in one partition."""
    topic = new_name("topic")
    memory.send(topic, "-p", "0", stdin=lines(100_000))
    return topic


def test_consume_ends_quietly_when_its_reader_leaves(memory: Broker, full: str) -> None:
    done = shell("{} | head -1", "consume", *memory.at(full))
    assert (done.returncode, done.stdout) == (0, b"0000000\n")
    assert re.fullmatch(r"read [\d,]+ messages?", said(done)[-1])


def test_consume_ends_when_its_reader_leaves_even_if_no_message_arrives(memory: Broker) -> None:
    with Process("consume", *memory.at(new_name("topic")), "-g", new_name("group")) as consumer:
        consumer.expect("^assigned ")
        consumer.popen.stdout.close()
        assert consumer.end() == 0


def test_only_completely_written_messages_are_committed(memory: Broker, full: str) -> None:
    group = ("-g", new_name("group"))
    with Process("consume", *memory.at(full), *group) as consumer:
        consumer.expect("^assigned ")
        first = consumer.popen.stdout.read(50_000)  # no more, so that the pipe is full when the signal arrives
        consumer.signal(signal.SIGTERM)
        first += consumer.rest()
        assert consumer.end() == 0
    assert first.endswith(b"\n")
    assert first + memory.read(full, *group, "-e") == lines(100_000)


def test_a_full_disk_is_reported_and_nothing_beyond_it_is_committed(memory: Broker, full: str) -> None:
    group = ("-g", new_name("group"))
    done = shell("{} > /dev/full", "consume", *memory.at(full), *group)
    assert done.returncode == 1
    assert said(done)[-1] == f"error: cannot write to standard output: {os.strerror(errno.ENOSPC)}"
    assert memory.read(full, *group, "-e") == lines(100_000)


def test_the_sequence_counts_only_what_was_written(memory: Broker) -> None:
    at = memory.at(new_name("topic"))
    assert run("produce", *at, "--sample", "-n", "3", "--interval", "0").returncode == 0
    assert " saw " not in " ".join(said(shell("{} -n 3 > /dev/full", "consume", *at)))


def test_nothing_is_missing_from_the_sequence_if_the_reader_leaves_in_mid_batch(memory: Broker, topic: str) -> None:
    memory.send(topic, "--sample", "-n", "2000", "--interval", "0", "-X", "batch.num.messages=10")
    pipe, read = Pipe(), 0
    with Process("consume", *memory.at(topic), "-X", "fetch.message.max.bytes=1000", stdout=pipe.writer) as consumer:
        pipe.end()
        consumer.expect("^reading partition 3")
        assert len(memory.read(topic, "-e")) > 100_000  # meanwhile it fetches everything, up to the ends of partitions
        while read < 50_000:
            read += len(pipe.drain())
        os.close(pipe.reader)
        assert consumer.end() == 0
    assert "events: 0 missing, 0 " in consumer.said[-1]


@pytest.mark.parametrize(
    ("command", "line", "what"),
    [
        ("produce", "{} <&-", "read standard input"),
        ("produce", "{} 0>/dev/null", "read standard input"),
        ("consume", "{} >&-", "write to standard output"),
    ],
)
def test_a_closed_stream_is_reported(memory: Broker, full: str, command: str, line: str, what: str) -> None:
    done = shell(line, command, *memory.at(full))
    assert done.returncode == 1
    assert f"error: cannot {what}: Bad file descriptor" in said(done)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_stopped_producer_has_sent_what_it_read(memory: Broker, number: signal.Signals, topic: str) -> None:
    with Process("produce", *memory.at(topic)) as producer:
        producer.write(b"one\ntwo\nhalf")
        assert (sorted(memory.read(topic, "-n", "2").split()), producer.stop(number)) == ([b"one", b"two"], 0)
    assert producer.said[-1] == "delivered 2 messages"


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", ["produce", "consume", "consume -g g1", "produce hello", "status", "topic list"])
def test_every_signal_ends_the_wait_for_a_broker(command: str, number: signal.Signals) -> None:
    with Process(*command.split(), "-b", "localhost:1") as process:
        process.expect("^hint: start a broker: ")
        assert process.stop(number, limit=5) == (command in ("produce hello", "status", "topic list"))
    assert process.said[0] == "no broker answers at localhost:1: connection refused; retrying for 10 s"
    assert [line.startswith("stopping") for line in process.said[2:]] == [True]


def test_without_a_broker_the_wait_ends_by_itself() -> None:
    done = run("produce", "-b", "localhost:1", "-q", "hello")
    assert (done.returncode, said(done)) == (1, NO_BROKER)


def start(port: str = "0") -> tuple[Process, str]:
    """Start a broker that can be killed, and return it with its address."""
    broker = Process("broker", "--port", port)
    return broker, broker.expect("^in-memory broker ready at ").split()[4]


def test_the_broker_dies_in_mid_stream_and_the_receipt_counts_what_was_not_acknowledged() -> None:
    broker, address = start()
    at = ("-b", address, "-t", "news", "-X", "delivery.timeout.ms=2000")
    with broker, Process("produce", *at) as producer:
        producer.write(b"one\n")
        assert run("consume", "-b", address, "-t", "news", "-n", "1").stdout == b"one\n"
        broker.popen.kill()
        broker.end()
        producer.write(b"lost\n" * 2000)  # more than it could ask a broker about one by one
        producer.popen.stdin.close()
        assert producer.end() == 1
    assert producer.said[-1] == "delivered 1 of 2,001 messages: 2,000 given up"
    assert any(one.startswith("error: a message: not acknowledged in time") for one in producer.said)


def test_few_lines_and_no_librdkafka_log_while_a_broker_is_gone() -> None:
    broker, address = start()
    with broker, Process("consume", "-b", address, "-g", "g1") as consumer:
        consumer.expect("^assigned ")
        broker.popen.kill()
        consumer.expect(f"^cannot reach broker {address}: ")
        assert consumer.stop(limit=10) in (0, 1)
    assert len(consumer.said) < 20
    assert not any(line.startswith("%") for line in consumer.said)


def test_a_lost_broker_and_its_return_are_reported_and_no_message_is_lost() -> None:
    first, address = start()
    with first, Process("produce", "-b", address) as producer:
        producer.write(b"typed before\n")
        assert run("consume", "-b", address, "-n", "1").stdout == b"typed before\n"
        first.popen.kill()
        first.end()
        producer.expect(f"^cannot reach broker {address}: ")
        producer.write(b"typed meanwhile\n")
        second, again = start(address.split(":")[1])
        with second:
            assert again == address
            producer.expect(f"^reconnected to broker {address}$")
            producer.popen.stdin.close()
            assert (producer.end(), run("consume", "-b", address, "-e").stdout) == (0, b"typed meanwhile\n")
    assert producer.said[-1] == "delivered 2 messages"


def test_the_in_memory_broker_cannot_look_up_a_time(memory: Broker, full: str) -> None:
    done = run("consume", *memory.at(full), "-e", "-o", "@2020-01-01")
    assert done.returncode == 1
    assert said(done)[-2:] == ["error: the in-memory broker cannot look up offsets by time", "hint: use an offset"]


@pytest.mark.parametrize(
    ("name", "opts", "undone"),
    [
        ("memory", (), r"not committed: up to [\d,]+ messages"),
        pytest.param(
            "docker", ("--queue",), r"not acknowledged: [\d,]+ messages", id="Docker", marks=pytest.mark.docker
        ),
    ],
)
def test_a_second_signal_while_nobody_reads_says_how_many_messages_are_affected(
    request: pytest.FixtureRequest, name: str, opts: tuple[str, ...], undone: str, topic: str, group: str, pipe: Pipe
) -> None:
    broker: Broker = request.getfixturevalue(name)
    broker.send(topic, "-p", "0", stdin=lines(10_000))
    with Process("consume", *broker.at(topic), "-g", group, *opts, stdout=pipe.writer) as member:
        until(lambda: pipe.full, "the pipe is full")
        member.signal(signal.SIGINT)
        assert member.stop(signal.SIGTERM, limit=1) == 128 + signal.SIGTERM
    assert re.fullmatch(f"forced to stop: {undone}", member.said[-1])


def test_unread_narration_does_not_keep_it_from_ending(memory: Broker, topic: str, pipe: Pipe) -> None:
    os.write(pipe.writer, b"x" * Pipe.CAPACITY)
    memory.send(topic, "hello")
    command = [*COMMAND, "consume", *memory.at(topic), "-g", new_name("group")]
    with subprocess.Popen(command, stderr=pipe.writer, stdout=subprocess.PIPE, env=environment()) as consumer:
        assert consumer.stdout
        assert consumer.stdout.readline() == b"hello\n"
        consumer.send_signal(signal.SIGINT)
        assert consumer.wait(20) == 0


def test_with_exit_at_end_a_member_without_partitions_says_so_and_exits(memory: Broker, topic: str, group: str) -> None:
    member = ("consume", *memory.at(topic), "-g", group)
    memory.send(topic, "hello")
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(Process(*member)).expect("^assigned ")
        fifth = run(*member, "-e")
    assert fifth.returncode == 1
    assert f"error: nothing was read: no partition of topic {topic} was assigned to this member" in said(fifth)


def test_memory_use_does_not_grow_with_the_length_of_a_line(memory: Broker) -> None:
    script = "import sys; w = sys.stdout.buffer.write; [w(bytes(1 << 20)) for _ in range(300)]; w(b'\\nlast\\n')"
    told, peak = peak_memory(script, "produce", *memory.at(new_name("topic")))
    assert told[-1] == "delivered 1 of 2 messages: 1 invalid"
    assert told[-2].startswith("error: line 1: longer than ")
    assert peak < 150
