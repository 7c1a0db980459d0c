"""Whole commands with hostile input: a terminal gets no control characters, and a pipe gets every byte."""

import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from confluent_kafka import Producer

from kafka_demo.memory.broker import MemoryBroker
from support import Broker, Process, end, new_name, run, said, terminal

EVIL = "a\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\u202eb"
SHOWN = r"a\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\u202eb"
OBEYED = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def own() -> Iterator[Broker]:
    """A broker with a topic from another client, whose name only an in-memory broker accepts."""
    broker = MemoryBroker()
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce(EVIL, EVIL)
    producer.produce("message-created", EVIL, EVIL)
    assert producer.flush(10) == 0
    yield Broker(broker.address)
    broker.close()


def test_every_byte_comes_out_of_a_pipe_as_it_went_in(memory: Broker) -> None:
    topic, source = new_name("topic"), random.Random(1)
    alphabet = bytes(set(range(256)) - {ord("\n"), ord("=")})
    keys, values = ([bytes(source.choices(alphabet, k=source.randrange(60))) for _ in range(500)] for _ in "kv")
    lines = [key + b"=" + value for key, value in zip(keys, values, strict=True)]
    header = ("-H", f"{EVIL}=" + os.fsdecode(alphabet[1:]))
    memory.send(topic, "-p", "0", "-K", "=", *header, stdin=b"\n".join(lines))
    read = ("-e", "-p", "0", "-f")
    assert memory.read(topic, *read, "value") == b"".join(value + b"\n" for value in values)
    shown = zip(range(500), keys, values, strict=True)
    assert memory.read(topic, *read, "text") == b"".join(b"partition 0  offset %d  key %s  %s\n" % e for e in shown)
    again, records = new_name("topic"), memory.read(topic, *read, "json")
    memory.send(again, "-p", "0", "-f", "json", stdin=records)
    for one, other in zip(records.splitlines(), memory.read(again, *read, "json").splitlines(), strict=True):
        assert json.loads(other) | {"topic": "", "timestamp": 0} == json.loads(one) | {"topic": "", "timestamp": 0}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("status",), f"topic {SHOWN}: 4 partitions"),
        (("status", "-f", "json"), json.dumps({"name": EVIL})[1:-1].replace("\x7f", r"\u007f")),
        (("status", "-g", EVIL), f"group {SHOWN}"),
        (("consume", "-g", EVIL, "-n", "1"), f"joining group {SHOWN}\r\n"),
        (("consume", "-n", "1", "-f", "value"), f"{SHOWN}\r\n"),
        (("consume", "-n", "1", "-f", "json"), json.dumps({"value": EVIL})[1:-1].replace("\x7f", r"\u007f")),
        (("produce", "-k", EVIL, "hello"), f"  key {SHOWN}\r\n"),
        (("produce", "-f", "json", EVIL, json.dumps({EVIL: 1})), "error: argument 2: unknown field"),
        (("produce", "-t", EVIL, "hello"), f"'{SHOWN}' is not a topic name"),
        (("produce", "-X", f"{EVIL}=1", "hello"), f'No such configuration property: "{SHOWN}"'),
        (("topic", "create", "news", "-c", EVIL), "-c: 'a' is not NAME=VALUE"),
        (("topic", "list"), f"{SHOWN}  4 partitions"),
        (("consume", "-o", f"@{EVIL}"), f"'@{SHOWN}' is not a time"),
        (("explain", EVIL), SHOWN),
        ((EVIL,), f"No such command '{SHOWN}'"),
    ],
)
def test_no_name_and_no_error_controls_the_terminal(own: Broker, command: tuple[str, ...], words: str) -> None:
    child = terminal(*command, KAFKA_BOOTSTRAP_SERVERS=own.address)
    child.expect(pexpect.EOF)
    assert words in child.before
    assert not OBEYED.search(child.before)


def test_no_name_controls_the_terminal_while_status_is_watched(own: Broker) -> None:
    child = terminal("status", "-b", own.address, "--watch")
    child.expect_exact(f"topic {SHOWN}: 4 partitions")
    child.sendintr()
    child.expect(pexpect.EOF)
    assert not OBEYED.search(re.sub(r"\x1b\[[HJK]", "", child.before))  # ours move the cursor and erase


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("memory", ()),
        ("memory", ("-g", new_name("group"))),
        pytest.param("docker", ("-g", new_name("queue"), "--queue"), id="Docker-queue", marks=pytest.mark.docker),
    ],
)
def test_a_header_whose_name_is_not_utf_8_does_not_end_the_reader(
    request: pytest.FixtureRequest, name: str, member: tuple[str, ...], topic: str
) -> None:
    kcat = shutil.which("kcat") or pytest.skip("needs kcat")
    broker: Broker = request.getfixturevalue(name)
    send = [kcat, "-P", "-b", broker.address, "-t", topic, "-p", "0", "-H", "\udcff\x1b=1", "-k", "\udcff\x1b"]
    subprocess.run(send, input=b"hello\n" * 50, check=True)
    records = [json.loads(line) for line in broker.read(topic, *member, "-f", "json", "-n", "50").splitlines()]
    assert [(one["value"], one["headers"], one["key"]) for one in records] == [("hello", None, {"base64": "/xs="})] * 50


def test_a_topic_whose_name_is_not_utf_8_is_reported() -> None:
    broker = MemoryBroker()
    broker.library.rd_kafka_mock_topic_create(broker.cluster, b"\xff", 1, 1)
    for command in (("status",), ("consume", "-g", "g1"), ("produce", "hello"), ("demo",)):
        done = run(*command, "-b", broker.address)
        assert done.returncode == 1
        assert said(done)[-2].startswith("error: unexpected UnicodeDecodeError: ")
    broker.close()


def test_a_partition_without_a_leader_is_named(topic: str) -> None:
    broker = MemoryBroker(topics={topic: 2})
    broker.library.rd_kafka_mock_partition_set_leader(broker.cluster, topic.encode(), 1, -1)
    done = run("consume", "-b", broker.address, "-t", topic, "-e")
    assert (done.returncode, said(done)[-3]) == (1, "still without a leader: partition 1")
    assert said(done)[-2] == f"error: topic {topic} has a partition without a leader"
    broker.close()


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "a\x1b[2J"])
def test_an_invalid_advertised_address_is_reported(host: str) -> None:
    broker = MemoryBroker()
    broker.library.rd_kafka_mock_broker_set_host_port(broker.cluster, 1, host.encode(), 9092)
    for command in (("produce", "hello"), ("status",)):
        done = run(*command, "-q", "-b", broker.address)
        assert done.returncode == 1
        what, hint = said(done)
        assert what.startswith(f"error: the broker at {broker.address} advertises an address that cannot be reached: ")
        assert "\x1b" not in what
        assert "advertised.listeners" in hint
    broker.close()


def test_a_locale_that_lacks_a_character_causes_no_traceback() -> None:
    done = run("produce", "--help", PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"HOST:PORT,?" in done.stdout


def test_characters_typed_without_readline_are_shown_escaped(memory: Broker, topic: str, tmp_path: Path) -> None:
    child = terminal("produce", *memory.at(topic), "-K", ":", into=f"{tmp_path}/out")
    child.expect_exact("Ctrl-D to finish")
    child.sendline("\x1b[2J\x9b:\x1b]0;owned\x07")
    child.expect_exact(r"  key \x1b[2J\x9b" + "\r\n")
    child.sendeof()
    assert (end(child), memory.read(topic, "-e")) == (0, b"\x1b]0;owned\x07\n")


def test_a_group_with_an_evil_name_is_narrated_harmlessly_to_the_end(memory: Broker) -> None:
    with Process("consume", *memory.at(new_name("topic")), "-g", EVIL, "--explain") as consumer:
        consumer.expect("^assigned ")
        assert consumer.stop() == 0
    assert f"left group {SHOWN}" in consumer.said
    assert not OBEYED.search("\n".join(consumer.said))
