"""The board: what there is, in lines, and the lines in a window."""

import json
from typing import Any

import pytest

from kafka_demo.board import bar, biggest_lag, draw
from kafka_demo.layout import Line, fit, table
from kafka_demo.snapshot import Broker, Group, Member, Partition, Progress, Snapshot, Topic

BROKERS = (Broker(1, "localhost", 9092),)
TOPIC = Topic("orders", (Partition(0, 1, (1,), (1,), 10, 130), Partition(1, 1, (1,), (1,), 0, 0)))
MEMBER = Member("AbCdEfGhIj", "kafka-demo-consumer", "172.18.0.1", (("orders", 0),))
GROUP = Group("g1", "consumer", "stable", (MEMBER,), (Progress("orders", 0, 100, 130, "AbCdEfGhIj"),))


def snapshot(**changes: Any) -> Snapshot:
    return Snapshot(BROKERS, (TOPIC,), (GROUP,), lists_groups=True, controller=1)._replace(**changes)


def texts(found: Snapshot, full: int = 0) -> list[str]:
    return [line.text for line in draw(found, full)]


def test_a_board() -> None:
    assert texts(snapshot()) == [
        "broker 1  localhost:9092  controller",
        "",
        "topic orders: 2 partitions, 120 messages",
        "  partition  leader  replicas  in sync  messages",
        "          0       1  1         1             120",
        "          1       1  1         1               0",
        "",
        "group g1 (consumer, stable) reads orders: 1 member, lag 30",
        "  partition  committed  end  lag              member",
        "          0        100  130   30  ██████████  AbCdEf (kafka-demo-consumer)",
    ]


def test_messages_without_a_commit_to_count_from_are_pointed_out() -> None:
    more = TOPIC._replace(partitions=(*TOPIC.partitions, Partition(2, 1, (1,), (1,), 0, 5)))
    other = Topic("news", (Partition(0, 1, (1,), (1,), 0, 9),))
    title = texts(snapshot(topics=(more, other)))[-3]
    assert title.endswith("1 member, lag 30, and what is in 1 partition without a commit")


def test_what_is_in_danger_is_said_in_words() -> None:
    partitions = (Partition(0, 2, (1, 2, 3), (2, 3), 0, 7), Partition(1, None, (1,), ()))
    brokers = (Broker(2, "b", 9092), Broker(3, "c", 9092))
    found = draw(snapshot(brokers=brokers, topics=(Topic("orders", partitions),), groups=(), controller=3))
    assert found == [
        Line("broker 1  down", "alarm"),
        Line("broker 2  b:9092"),
        Line("broker 3  c:9092  controller"),
        Line(),
        Line("topic orders: 2 partitions, 7 messages", "title"),
        Line("  partition  leader  replicas  in sync             messages", "dim"),
        Line("          0       2  1,2,3     2,3 (only 2 of 3)          7", "alarm"),
        Line("          1    none  1         none (only 0 of 1)         -", "alarm"),
    ]


def test_a_controller_that_is_no_broker() -> None:
    assert texts(snapshot(controller=9))[:2] == ["broker 1  localhost:9092", "node 9    no broker       controller"]


def test_a_group_that_is_idle_empty_gone_or_rebalancing() -> None:
    idle = Member("kafka-demo-consumer-07a1761c", "kafka-demo-consumer", "h", ())
    groups = (
        Group("idle", "classic", "stable", (idle,), ()),
        Group("empty", "consumer", "empty", (), (Progress("orders", 0, 130, 130),)),
        Group("gone", None, "dead", (), ()),
        Group("new", "consumer", "rebalancing", (MEMBER,), (Progress("orders", 0, None, None, MEMBER.id),)),
    )
    assert texts(snapshot(topics=(), groups=groups))[2:] == [
        "group idle (classic, stable): 1 member, nothing committed",
        "  member 07a176 (kafka-demo-consumer) has no partition",
        "",
        "group empty (consumer, empty) reads orders: no members, lag 0",
        "  partition  committed  end  lag",
        "          0        130  130    0  ░░░░░░░░░░",
        "",
        "group gone: there is no such group",
        "",
        "group new (consumer, rebalancing) reads orders: 1 member, nothing committed",
        "  partition  committed  end  lag    member",
        "          0          -    -    -    AbCdEf (kafka-demo-consumer)",
    ]


def test_a_group_that_reads_two_topics_has_a_column_for_them() -> None:
    other = Topic("b", (Partition(0, 1, (1,), (1,), 0, 5), Partition(1, None, (1,), ())))
    progress = (Progress("b", 0, 5, 5), Progress("b", 1, 3, None), Progress("orders", 0, 1000, 2000))
    found = snapshot(topics=(TOPIC, other), groups=(Group("g", "consumer", "empty", (), progress),))
    assert texts(found)[-5:] == [
        "group g (consumer, empty): no members, lag 1,000",
        "  topic   partition  committed    end    lag",
        "  b               0          5      5      0  ░░░░░░░░░░",
        "  b               1          3      -      -",
        "  orders          0      1,000  2,000  1,000  ██████████",
    ]


def test_share_groups_stand_together_with_what_cannot_be_told() -> None:
    found = snapshot(topics=(), groups=(Group("q1", "share", None, None, None), Group("q2", "share", None, None, None)))
    assert texts(found)[2:] == [
        "group q1 (share)",
        "group q2 (share)",
        "  how far a share group has come is told by Kafka's kafka-share-groups.sh only",
    ]


def test_a_broker_in_memory_says_what_it_cannot_tell() -> None:
    cannot = "in memory: this broker does not tell which groups there are, nor their members"
    assert texts(snapshot(topics=(), groups=(), lists_groups=False, controller=None)) == [
        "broker 1  localhost:9092",
        "",
        cannot,
        "`kafka-demo status -g NAME` shows how far a group has come",
    ]
    named = (Group("g", None, None, None, (Progress("orders", 0, 100, 130),)),)
    assert texts(snapshot(groups=named, lists_groups=False))[-5:] == [
        "group g reads orders: lag 30",
        "  partition  committed  end  lag",
        "          0        100  130   30  ██████████",
        "",
        cannot,
    ]


def test_control_characters_in_names_are_made_visible() -> None:
    nasty = "a\x1b[2J\n\u202eb"
    member = Member(nasty, nasty, nasty, ())
    found = snapshot(
        topics=(Topic(nasty, ()),),
        groups=(
            Group(nasty, "consumer", "stable", (member,), (Progress(nasty, 0, 1, 2), Progress("x", 0, 1, 2))),
            Group(nasty, "share", None, None, None),
        ),
    )
    for text in texts(found):
        assert text.isprintable()
    assert texts(found)[2] == "topic a\\x1b[2J\\n\\u202eb: there is no such topic"


@pytest.mark.parametrize(
    ("lag", "full", "drawn"),
    [
        (0, 10, "░░░░░░░░░░"),
        (1, 10, "█░░░░░░░░░"),
        (1, 1_000_000, "█░░░░░░░░░"),
        (500, 1000, "█████░░░░░"),
        (501, 1000, "██████░░░░"),
        (1000, 1000, "██████████"),
        (2000, 1000, "██████████"),
        (-5, 10, "░░░░░░░░░░"),
        (None, 10, ""),
    ],
)
def test_bars(lag: int | None, full: int, drawn: str) -> None:
    assert bar(lag, full) == drawn


def test_a_bar_is_full_at_the_biggest_lag_and_a_small_lag_looks_small() -> None:
    assert biggest_lag(snapshot()) == 30
    assert biggest_lag(snapshot(groups=())) == 10
    assert "  30  █████░░░░░  " in texts(snapshot(), full=60)[-1]


def test_a_window_that_is_high_enough_is_left_alone() -> None:
    lines = [Line("a"), Line(), Line("b")]
    assert fit(lines, 80, 3) == lines


def test_empty_lines_go_first_and_then_it_says_how_many_are_missing() -> None:
    lines = [Line("a"), Line(), Line("b"), Line("c"), Line("d")]
    assert fit(lines, 80, 4) == [Line("a"), Line("b"), Line("c"), Line("d")]
    more = "… 2 more lines: choose with -t or -g"
    assert [line.text for line in fit(lines, 80, 3)] == ["a", "b", more]
    assert len(fit(lines, 80, 1)) == 1
    assert len(fit(draw(snapshot()), 60, 8)) == 8


@pytest.mark.parametrize("columns", [2, 10, 40, 60])
def test_lines_are_cut_to_the_width(columns: int) -> None:
    for line in fit(draw(snapshot()), columns, 99):
        assert len(line.text) <= columns
    assert fit([Line("abcdef", "title")], 4, 1) == [Line("abc…", "title")]
    assert fit([Line("abcd")], 4, 1) == [Line("abcd")]


def test_characters_that_take_two_columns() -> None:
    assert [text for _, text in table([("日本", "x"), ("abc", "y")])] == ["日本  x", "abc   y"]
    assert fit([Line("日本語")], 5, 1) == [Line("日本…")]
    assert fit([Line("e\u0301" * 4)], 4, 1) == [Line("e\u0301" * 4)]


def test_colours_only_where_they_are_wanted() -> None:
    assert Line("a", "alarm").painted(colours=True) == "\x1b[31ma\x1b[0m"
    assert Line("a", "alarm").painted(colours=False) == "a"
    assert Line("a").painted(colours=True) == "a"


def test_json() -> None:
    assert json.loads(snapshot().to_json()) == {
        "brokers": [{"id": 1, "address": "localhost:9092"}],
        "controller": 1,
        "topics": [
            {
                "name": "orders",
                "partitions": [
                    {
                        "partition": 0,
                        "leader": 1,
                        "replicas": [1],
                        "in_sync": [1],
                        "beginning": 10,
                        "end": 130,
                        "messages": 120,
                    },
                    {
                        "partition": 1,
                        "leader": 1,
                        "replicas": [1],
                        "in_sync": [1],
                        "beginning": 0,
                        "end": 0,
                        "messages": 0,
                    },
                ],
            }
        ],
        "groups": [
            {
                "name": "g1",
                "type": "consumer",
                "state": "stable",
                "members": [
                    {
                        "id": "AbCdEfGhIj",
                        "client_id": "kafka-demo-consumer",
                        "host": "172.18.0.1",
                        "assignment": [{"topic": "orders", "partition": 0}],
                    }
                ],
                "partitions": [
                    {
                        "topic": "orders",
                        "partition": 0,
                        "committed": 100,
                        "end": 130,
                        "member": "AbCdEfGhIj",
                        "lag": 30,
                    }
                ],
            }
        ],
    }


def test_json_has_null_for_what_cannot_be_told_and_is_one_line() -> None:
    assert json.loads(snapshot(groups=(), lists_groups=False).to_json())["groups"] is None
    assert json.loads(snapshot(groups=()).to_json())["groups"] == []
    named = snapshot(groups=(Group("a\nb", None, None, None, ()),), lists_groups=False).to_json()
    assert json.loads(named)["groups"] == [
        {"name": "a\nb", "type": None, "state": None, "members": None, "partitions": []}
    ]
    assert "\n" not in named
    assert json.loads(snapshot(controller=None).to_json())["controller"] is None


def test_only_some_topics_or_groups() -> None:
    other = Topic("b", (Partition(0, 1, (1,), (1,), 0, 5),))
    queue = Group("q", "share", None, None, None)
    reads_b = Group("g2", "consumer", "empty", (), (Progress("b", 0, 5, 5),))
    found = snapshot(topics=(other, TOPIC), groups=(GROUP, reads_b, queue))
    assert found.only((), ()) == found
    assert found.only(("b",), ()) == found._replace(topics=(other,), groups=(reads_b, queue))
    assert found.only((), ("g1",)) == found._replace(topics=(TOPIC,), groups=(GROUP,))
    assert found.only(("b",), ("g1",)) == found._replace(topics=(other,), groups=(GROUP,))
    assert found.only(("nope",), ()).topics == (Topic("nope", ()),)
