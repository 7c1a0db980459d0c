"""Where a member of a group starts, on the in-memory broker."""

import pytest
from confluent_kafka import Consumer, TopicPartition

from support import Broker, new_name, run


@pytest.mark.parametrize(
    ("committed", "options", "said", "read"),
    [
        (2, "", "  partition 0: from offset 2, where GROUP left off\n", "234"),
        (2, "-o end", "-o end has no effect where GROUP has committed offsets", "234"),
        (9, "", "  partition 0: committed offset 9 is beyond the end (5)", "01234"),
        (9, "-o end", "  partition 0: committed offset 9 is beyond the end (5)", "01234"),
    ],
)
def test_a_member_says_where_it_starts(memory: Broker, committed: int, options: str, said: str, read: str) -> None:
    topic, group = new_name("topic"), new_name("group")
    assert run("produce", *memory.at(topic), "-p", "0", *"01234").returncode == 0
    client = Consumer({"bootstrap.servers": memory.address, "group.id": group})
    client.commit(offsets=[TopicPartition(topic, 0, committed)], asynchronous=False)
    client.close()
    done = run("consume", *memory.at(topic), "-g", group, "-e", *options.split())
    assert (done.returncode, b"".join(done.stdout.split()).decode()) == (0, read)
    assert said.replace("GROUP", group) in done.stderr.decode()


@pytest.mark.parametrize("arguments", ["", "-g g1"])
def test_a_topic_that_never_existed_is_not_said_to_be_deleted(memory: Broker, arguments: str, topic: str) -> None:
    done = run("consume", *memory.at(topic), *arguments.split(), "-X", "allow.auto.create.topics=false")
    assert done.returncode == 1
    assert f"error: topic {topic} does not exist, and the broker did not create it within 10 s" in done.stderr.decode()
