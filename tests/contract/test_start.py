"""Where a member of a group starts, and how long its group waits for it, on the in-memory broker."""

import ctypes
from contextlib import closing

import pytest
from confluent_kafka import Consumer, TopicPartition

from kafka_demo.memory.broker import MemoryBroker
from support import Broker, run


@pytest.mark.parametrize(
    ("committed", "opts", "said", "read"),
    [
        (2, "", "  partition 0: from offset 2, where GROUP left off\n", "234"),
        (2, "-o end", "-o end has no effect where GROUP has committed offsets", "234"),
        (9, "", "  partition 0: offset 9 is beyond the end (5)", "1234"),
        (9, "-o end", "  partition 0: offset 9 is beyond the end (5)", "1234"),
        (0, "", "  partition 0: retention or a deletion has removed offset 0; continuing at 1\n", "1234"),
        (0, "-X group.protocol=classic", "  partition 0: retention or a deletion has removed offset 0; ", "1234"),
        (9, "--crash-after 2", "  partition 0: offset 9 is beyond the end (5)", "12"),
    ],
)
def test_a_member_says_where_it_starts(topic: str, group: str, committed: int, opts: str, said: str, read: str) -> None:
    with closing(MemoryBroker()) as own:
        memory = Broker(own.address)
        memory.send(topic, "-p", "0", "-X", "batch.num.messages=1", *"01234")  # whole batches are deleted
        client = Consumer({"bootstrap.servers": memory.address, "group.id": group})
        client.commit(offsets=[TopicPartition(topic, 0, committed)], asynchronous=False)
        own.library.rd_kafka_mock_partition_delete_records(own.cluster, topic.encode(), 0, ctypes.c_int64(1))
        done = run("consume", *memory.at(topic), "-g", group, "-e", *opts.split())
        (left,) = client.committed([TopicPartition(topic, 0)], 10)
        client.close()
    assert (done.returncode, left.offset) == ((-9, 1) if "crash" in opts else (0, 5))  # where the next member starts
    assert b"".join(done.stdout.split()).decode() == read
    assert said.replace("GROUP", group) in done.stderr.decode()


@pytest.mark.parametrize("arguments", ["", "-g g1"])
def test_a_topic_that_never_existed_is_not_said_to_be_deleted(memory: Broker, arguments: str, topic: str) -> None:
    done = run("consume", *memory.at(topic), *arguments.split(), "-X", "allow.auto.create.topics=false")
    assert done.returncode == 1
    assert f"error: topic {topic} does not exist, and the broker did not create it within 10 s" in done.stderr.decode()


@pytest.mark.parametrize(("opts", "ms"), [("", 60_000), ("--slow 240", 300_000)])
def test_a_group_waits_a_minute_for_a_member_that_has_missed_a_rebalance(
    memory: Broker, topic: str, group: str, opts: str, ms: int
) -> None:
    done = run("consume", *memory.at(topic), "-g", group, "-e", "-X", "debug=conf", *opts.split())
    assert f"max.poll.interval.ms = {ms}\n" in done.stderr.decode()


def test_the_session_timeout_may_be_longer_than_a_minute(memory: Broker, topic: str, group: str) -> None:
    properties = ("-X", "group.protocol=classic", "-X", "session.timeout.ms=120000")
    assert run("consume", *memory.at(topic), "-g", group, "-e", *properties).returncode == 0


@pytest.mark.parametrize(("name", "value"), [("isolation.level", "read_committed"), ("group.protocol", "classic")])
def test_a_space_before_a_value_makes_no_difference(
    memory: Broker, topic: str, group: str, name: str, value: str
) -> None:
    done = run("consume", *memory.at(topic), "-g", group, "-e", "-X", f"{name}= {value}", "-X", "debug=conf")
    assert done.returncode == 0
    assert f"{name} = {value}\n" in done.stderr.decode()
