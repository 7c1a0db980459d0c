import re

import pytest

from kafka_demo.glossary import UnknownTermError, explain, first_uses, overview, terms

REQUIRED = (
    "cluster, broker, topic, partition, record, key, header, producer, consumer, offset, commit, lag, consumer group, "
    "group coordinator, assignment, rebalance, heartbeat, replica, leader, follower, in-sync replica, retention, "
    "publish-subscribe, message queue, share group, KRaft, ZooKeeper"
)


def title(word: str) -> str:
    return explain(word).splitlines()[0]


def unwrapped(word: str) -> str:
    return " ".join(explain(word, 1000).split())


def used(line: str) -> list[str]:
    return [name for name, _ in first_uses(line, set())]


def test_has_every_word() -> None:
    assert set(terms()) == set(REQUIRED.split(", "))


@pytest.mark.parametrize("name", list(terms()))
def test_each_word_is_complete(name: str) -> None:
    term = terms()[name]
    assert re.fullmatch(r"[A-Z].{20,158}\.", term.meaning)
    assert 2 <= len(re.findall(r"[.?](?= |$)", term.text)) <= 5
    assert set(term.see) <= set(terms()) - {name}
    assert re.fullmatch(r"KIP-\d+|(Introduction|(Design|Implementation|Operations|Configuration): .+)", term.source)
    assert term.text.count("`") % 2 == 0
    assert title(name) == name


def test_no_word_is_claimed_twice() -> None:
    words = [word.lower() for term in terms().values() for word in (term.name, *term.also)]
    assert sorted(words) == sorted(set(words))


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("Consumer Group", "consumer group"),
        ("consumer-groups", "consumer group"),
        ("consumer_group", "consumer group"),
        ("  GROUP ", "consumer group"),
        ("topics", "topic"),
        ("replicas", "replica"),
        ("messages", "record"),
        ("event", "record"),
        ("member", "consumer"),
        ("ISR", "in-sync replica"),
        ("in sync replicas", "in-sync replica"),
        ("coordinator", "group coordinator"),
        ("assigned", "assignment"),
        ("committed", "commit"),
        ("pub/sub", "publish-subscribe"),
        ("pubsub", "publish-subscribe"),
        ("Publish Subscribe", "publish-subscribe"),
        ("queues", "message queue"),
        ("kraft", "KRaft"),
        ("zoo keeper", "ZooKeeper"),
    ],
)
def test_finds_a_word_however_it_is_spelt(spelt: str, name: str) -> None:
    assert title(spelt) == name


@pytest.mark.parametrize(
    ("spelt", "nearest"),
    [
        ("brokr", "broker"),
        ("ofset", "offset"),
        ("rebalence", "rebalance"),
        ("cordinator", "group coordinator"),
        ("zookeper", "ZooKeeper"),
        ("partion", "partition"),
        ("consumer grup", "consumer group"),
    ],
)
def test_a_misspelt_word_names_the_nearest(spelt: str, nearest: str) -> None:
    with pytest.raises(UnknownTermError, match=spelt) as caught:
        explain(spelt)
    assert caught.value.nearest[0] == nearest


@pytest.mark.parametrize("spelt", ["", "s", "-", "xyzzy", "日本"])
def test_an_unknown_word_has_no_nearest(spelt: str) -> None:
    with pytest.raises(UnknownTermError) as caught:
        explain(spelt)
    assert caught.value.nearest == []


@pytest.mark.parametrize("width", [40, 60, 79, 80, 200])
def test_no_line_is_wider_than_asked(width: int) -> None:
    texts = [overview(width), *(explain(name, width) for name in terms())]
    assert max(len(line) for text in texts for line in text.splitlines()) <= min(width, 80)


def test_a_terminal_without_a_width_gets_lines_all_the_same() -> None:
    assert explain("offset", 0).startswith("offset\n")
    assert overview(0)


def test_a_command_is_not_broken_in_two() -> None:
    assert "`kafka-demo consume --group g1`" in explain("consumer group", 40)
    assert "\xa0" not in explain("consumer group")


@pytest.mark.parametrize("width", [40, 80])
def test_the_overview_has_every_word_and_its_sentence_in_order(width: int) -> None:
    text = " ".join(overview(width).split())
    places = [text.index(f"{term.name} {term.meaning}") for term in terms().values()]
    assert places == sorted(places)
    assert overview(width).startswith("where records are kept\n  cluster ")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("connected to localhost:9092 (1 broker)", ["broker"]),
        ("joining group g1", ["consumer group"]),
        ("assigned partitions 0, 1 of message-created", ["assignment", "partition"]),
        ("g1 committed it last time", ["commit"]),
        ("committed: partition 2 up to offset 18", ["commit", "partition", "offset"]),
        ("rebalance: partitions 2, 3 go to another member", ["rebalance", "partition", "consumer"]),
        ("the group coordinator of g1 is broker 2", ["group coordinator", "broker"]),
        ("a consumer group and a consumer", ["consumer group", "consumer"]),
        ("In-Sync Replicas 1, 2", ["in-sync replica"]),
        ("joining share group q1", ["share group"]),
        ("it is deleted from the topic.", ["topic"]),
        ("stopping: leaving the group's partitions", ["consumer group", "partition"]),
        ("^C stopping", []),
    ],
)
def test_finds_the_words_of_a_line(line: str, names: list[str]) -> None:
    assert used(line) == names


@pytest.mark.parametrize(
    "name",
    ["message-created", "my-topic", "topic.a", "a.topic", "topic_a", "broker:9092", "http://broker/", "ada@broker"],
)
def test_a_name_is_none_of_our_words(name: str) -> None:
    assert used(f"connected to {name}, at last") == []


def test_letters_that_only_look_alike_are_none_of_ours() -> None:
    assert used("topi\u017f topic\u017f part\u0131t\u0131on bro\u212aer") == []


def test_a_word_is_explained_once() -> None:
    known: set[str] = set()
    assert first_uses("partition 0, partitions 1, 2", known) == [("partition", terms()["partition"].meaning)]
    assert known == {"partition"}
    assert first_uses("partition 3 up to offset 4", known) == [("offset", terms()["offset"].meaning)]
    assert first_uses("partition 3 up to offset 4", known) == []


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("group coordinator", "The broker that looks after a group"),
        ("group coordinator", "the broker that leads this partition is the coordinator"),
        ("heartbeat", "a member sends to its group coordinator"),
        ("leader", "The replica of a partition"),
        ("leader", "Each partition has its own leader"),
        ("leader", "comes back as a follower"),
        ("leader", "preferred replica"),
        ("consumer", "a follower nearby (KIP-392)"),
        ("follower", "fetches from the leader"),
        ("in-sync replica", "With acks=all, a record is acknowledged when all in-sync replicas have it"),
        ("in-sync replica", "min.insync.replicas"),
        ("commit", "the offset of the next record to read"),
        ("lag", "the end offset of a partition minus the group's commit"),
        ("retention", "whether anybody has read them or not"),
        ("retention", "compaction"),
        ("assignment", "the group coordinator, a broker, can work it out (KIP-848)"),
        ("assignment", "In the classic protocol one of the members does it"),
        ("partition", "Order is guaranteed within a partition, never between two"),
        ("key", "for as long as that number stays the same"),
        ("key", "murmur2"),
        ("publish-subscribe", "a subscriber is a consumer group"),
        ("message queue", "gone once that one has acknowledged it"),
        ("share group", "the order is not guaranteed"),
        ("share group", "30 seconds by default"),
        ("share group", "5 times by default"),
        ("share group", "since Kafka 4.2"),
        ("KRaft", "Since Kafka 4.0 there is no other way"),
        ("ZooKeeper", "Kafka 4.0 removed it"),
    ],
)
def test_says_what_is_true_of_kafka(name: str, fact: str) -> None:
    assert fact in unwrapped(name)
