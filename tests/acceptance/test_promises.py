"""Promises on Kafka itself: nothing lost, nothing duplicated, and the same bytes as with other clients."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from clusters import until
from support import Broker, Process, new_name, numbered, peak_memory, writing

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def kcat() -> str:
    path = shutil.which("kcat")
    if not path and os.environ.get("KAFKA_DEMO_REQUIRE_DOCKER") == "1":
        pytest.fail("kcat is not installed, and KAFKA_DEMO_REQUIRE_DOCKER=1")
    return path or pytest.skip("needs kcat")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP])
def test_clean_stops_lose_and_repeat_nothing(docker: Broker, number: signal.Signals, topic: str, group: str) -> None:
    sent = b"".join(line + b"\n" for line in numbered(300_000))
    docker.send(topic, stdin=sent)
    read = b""
    for _ in range(3):
        with Process("consume", *docker.at(topic), "-g", group) as consumer:
            read += consumer.popen.stdout.read(len(sent) // 5)
            consumer.signal(number)
            read += consumer.rest()
            assert consumer.end(limit=10) == 0
    assert len(read) < len(sent)  # all three were stopped before the end
    read += docker.read(topic, "-g", group, "-e")
    assert sorted(read.splitlines()) == sent.splitlines()


def test_killing_members_ten_times_loses_nothing(docker: Broker, tmp_path: Path) -> None:
    topic, group, number = new_name("topic"), new_name("group"), 400_000
    missing, outs = set(numbered(number)), [tmp_path / str(part) for part in range(11)]
    with contextlib.ExitStack() as stack:
        producer = stack.enter_context(writing(docker, topic, number, 12_000))
        files = [stack.enter_context(out.open("wb")) for out in outs]
        members = (Process("consume", *docker.at(topic), "-g", group, stdout=file.fileno()) for file in files)
        for two in zip(outs[0:10:2], outs[1:10:2], strict=True):
            pair = [stack.enter_context(next(members)) for _ in two]
            for out, member in zip(two, pair, strict=True):
                member.expect("^assigned ")  # the session timeout passes before the dead members' partitions move
                until(partial(written, out, producer), "some is read")
            for member in pair:
                member.popen.kill()
        assert producer.end() == 0
        for out in outs:  # a line that the kill cut off does not count
            missing -= set(out.read_bytes().splitlines())
        last = stack.enter_context(next(members))
        until(lambda: missing <= set(outs[-1].read_bytes().splitlines()), "the rest is read")
        assert last.stop() == 0


def written(out: Path, producer: Process) -> bool:
    return out.stat().st_size > 100_000 or producer.popen.poll() is not None


@pytest.fixture(scope="module")
def hostile() -> bytes:
    """20,000 lines with every byte except newline: escapes, invalid UTF-8, empty lines."""
    source = random.Random(1)
    alphabet = bytes(set(range(256)) - {ord("\n")})
    return b"".join(bytes(source.choices(alphabet, k=source.randrange(60))) + b"\n" for _ in range(20_000))


def test_hostile_lines_are_the_same_through_kcat_both_ways(docker: Broker, kcat: str, hostile: bytes) -> None:
    ours, theirs = new_name("topic"), new_name("topic")
    docker.send(ours, "-p", "0", stdin=hostile)
    read = [kcat, "-C", "-e", "-q", "-b", docker.address, "-t", ours, "-p", "0"]
    assert subprocess.run(read, capture_output=True, check=True).stdout == hostile
    # Without empty lines: kcat would send each as null, and one file per message would be slow.
    whole = b"".join(line + b"\n" for line in hostile.splitlines(keepends=False) if line)
    subprocess.run([kcat, "-P", "-b", docker.address, "-t", theirs, "-p", "0"], input=whole, check=True)
    assert docker.read(theirs, "-e") == whole


def test_hostile_lines_are_the_same_through_json(docker: Broker, hostile: bytes) -> None:
    first, second = new_name("topic"), new_name("topic")
    docker.send(first, "-K", "=", "-p", "0", stdin=hostile)
    records = docker.read(first, "-e", "-f", "json")
    docker.send(second, "-f", "json", "-p", "0", stdin=records)
    both = (map(json.loads, text.splitlines()) for text in (records, docker.read(second, "-e", "-f", "json")))
    sent, again = ([(record["key"], record["value"]) for record in found] for found in both)
    assert (sent, len(sent)) == (again, 20_000)


def test_keys_go_to_the_same_partitions_as_with_java(docker: Broker) -> None:
    topic, java = new_name("topic"), new_name("topic")
    lines = b"".join(b"key-%d:%d\n" % (n * 7919, n) for n in range(300))
    docker.create(java, 4)
    properties = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
    docker.tool("kafka-console-producer", "--topic", java, *properties, stdin=lines)
    docker.send(topic, "-K", ":", stdin=lines)
    both = (map(json.loads, docker.read(name, "-e", "-f", "json").splitlines()) for name in (topic, java))
    ours, theirs = ({record["key"]: record["partition"] for record in records} for records in both)
    assert (ours, len(ours)) == (theirs, 300)


def test_the_committed_offset_is_the_one_that_kafka_shows(docker: Broker, topic: str, group: str) -> None:
    docker.send(topic, "-p", "3", *"abcde")
    docker.read(topic, "-g", group, "-n", "3")
    shown = docker.tool("kafka-consumer-groups", "--describe", "--group", group).decode()
    rows = [line.split() for line in shown.splitlines() if topic in line]
    assert [row[2:6] for row in rows if row[2] == "3"] == [["3", "3", "5", "2"]]  # partition, committed, end, lag


def test_memory_stays_flat_over_four_million_lines(docker: Broker, topic: str) -> None:
    script = "import sys; [sys.stdout.buffer.write((b'x' * 100 + b'\\n') * 10000) for _ in range(400)]"
    told, peak = peak_memory(script, "produce", *docker.at(topic))
    assert told[-1] == "delivered 4,000,000 messages"
    assert peak < 120  # the lines take 385 MiB
    told, peak = peak_memory("", "consume", *docker.at(topic), "-g", new_name("group"), "-n", "4000000")
    assert told[-1].startswith("read 4,000,000 messages; committed ")
    assert peak < 120
