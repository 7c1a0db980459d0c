import re

import pytest

from kafka_demo.cli.explain import article, overview
from kafka_demo.narration.glossary import find, first_uses, nearest, terms

REQUIRED = (
    "cluster, broker, topic, partition, record, key, hash partitioning, header, retention, compaction, producer, "
    "acknowledgement, sequence number, idempotent producer, consumer, offset, position, log end offset, low watermark, "
    "publish-subscribe, consumer group, assignment, group coordinator, heartbeat, session timeout, rebalance, "
    "static membership, commit, lag, delivery semantics, exactly-once, transaction, poison message, dead letter topic, "
    "replica, leader, follower, in-sync replica, message queue, share group, KRaft, ZooKeeper"
)


def test_has_every_term_in_learning_order() -> None:
    assert list(terms()) == REQUIRED.split(", ")


@pytest.mark.parametrize("name", terms())
def test_each_term_is_complete(name: str) -> None:
    term = terms()[name]
    assert re.fullmatch(r"[A-Z].{20,158}\.", term.meaning)
    assert 2 <= len(re.findall(r"[.?](?= |$)", term.text)) <= 5
    assert set(term.see) <= terms().keys() - {name}
    assert re.fullmatch(r"KIP-\d+|Introduction|(Design|Implementation|Operations|Configuration): .+", term.source)
    assert (term.text.count("`") % 2, find(name)) == (0, term)


def test_no_word_belongs_to_two_terms() -> None:
    words = [word.lower() for term in terms().values() for word in (term.name, *term.also)]
    assert sorted(words) == sorted(set(words))


SPELLINGS = {
    "consumer group": ("Consumer Group", "consumer-groups", "consumer_group", "  GROUP "),
    "in-sync replica": ("ISR", "in sync replicas"),
    "publish-subscribe": ("pub/sub", "Publish Subscribe"),
    "record": ("messages",),
    "ZooKeeper": ("zoo keeper",),
    "acknowledgement": ("acks",),
    "delivery semantics": ("at least once",),
    "dead letter topic": ("DLQ",),
}


def test_finds_a_term_however_it_is_spelled() -> None:
    for name, spellings in SPELLINGS.items():
        assert [find(spelling) for spelling in spellings] == [terms()[name]] * len(spellings)


MISSPELT = "brokr broker|rebalence rebalance|cordinator group coordinator|zookeper ZooKeeper|partion partition"


def test_only_a_misspelled_term_has_a_nearest_one() -> None:
    for spelling, _, name in (pair.partition(" ") for pair in MISSPELT.split("|")):
        assert (find(spelling), nearest(spelling)) == (None, terms()[name])
    for spelling in ("", "s", "-", "xyzzy", "日本"):
        assert (find(spelling), nearest(spelling)) == (None, None)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_command_is_broken(width: int) -> None:
    texts = [overview(width), *(article(term, width) for term in terms().values())]
    lines = [line for text in texts for line in text.splitlines()]
    assert "\xa0" not in "".join(lines)
    places = [" ".join(overview(width).split()).index(f"{it.name} {it.meaning}") for it in terms().values()]
    assert places == sorted(places)  # every term, in order
    assert max(map(len, lines)) <= min(width, 80)
    assert any("`kafka-demo consume --group g1`" in line for line in lines)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("rebalance: partitions 2, 3 revoked", ["rebalance", "partition"]),
        ("the group coordinator of g1 is broker 2", ["group coordinator", "broker"]),
        ("In-Sync Replicas 1, 2; in the topic.", ["in-sync replica", "topic"]),
        ("joined share group q1; the group's members", ["share group", "consumer group", "consumer"]),
        ("no heartbeat for longer than the session timeout", ["heartbeat", "session timeout"]),
        ("message-created my-topic topic.a a.topic topic_a broker:9092 http://broker/ ada@broker ^C", []),
        ("topi\u017f topic\u017f part\u0131t\u0131on bro\u212aer", []),  # letters that only look alike
    ],
)
def test_finds_the_terms_in_a_line(line: str, names: list[str]) -> None:
    assert first_uses(line, set()) == [(name, terms()[name].meaning) for name in names]
