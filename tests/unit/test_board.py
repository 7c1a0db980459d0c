"""The board: the state of a cluster as lines, and these lines in a window."""

import io
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import pytest
from rich.console import Console

from kafka_demo.cli import board
from kafka_demo.cli.board import bar, compare, draw, redrawn, text
from kafka_demo.cluster.inspect import OTHER, Data, only


def make(fields: str) -> Callable[..., Data]:
    """Return a function that makes a dict with these fields; missing values are None."""
    return lambda *values: dict(zip_longest(fields.split(), values))


broker, topic, place = make("id address"), make("name partitions"), make("topic partition")
partition, member = make("partition leader replicas in_sync beginning end"), make("id client_id host assignment")
progress = make("topic partition committed end lag member")
group = make("name type state coordinator members partitions")
TOPIC = topic("orders", (partition(0, 1, (1,), (1,), 10, 130), partition(1, 1, (1,), (1,), 0, 0)))
MEMBER = member("AbCdEfGhIj", "kafka-demo-consumer", "172.18.0.1", (place("orders", 0),))
GROUP = group("g1", "consumer", "stable", 1, (MEMBER,), (progress("orders", 0, 100, 130, 30, MEMBER["id"]),))


def snapshot(**changes: Any) -> Data:
    return {"brokers": (broker(1, "localhost:9092"),), "topics": (TOPIC,), "groups": (GROUP,)} | changes


def lines(found: Data) -> list[str]:
    return text(draw(found)).splitlines()


def colored(found: Data) -> str:
    console = Console(file=io.StringIO(), color_system="standard", force_terminal=True)
    with console.capture() as captured:
        console.print(*draw(found))
    return captured.get()


def test_a_board() -> None:
    assert lines(snapshot()) == [
        "broker 1  localhost:9092",
        "",
        "topic orders: 2 partitions, 120 offsets",
        "  partition  leader  replicas  in sync  beginning  end",
        "          0       1  1         1               10  130",
        "          1       1  1         1                0    0",
        "",
        "group g1 (consumer, stable) reads orders: lag 30, 1 member, coordinator broker 1",
        "  partition  committed  end  lag  █ committed ░ lag  member",
        "          0        100  130   30  ████████████░░░░░  AbCdEf kafka-demo-consumer",
    ]


def test_missing_replicas() -> None:
    partitions = (partition(0, 2, (1, 2, 3), (2, 3), 0, 7), partition(1, None, (1,), ()))
    brokers = (broker(2, "b:9092"), broker(3, "c:9092"))
    assert lines(snapshot(brokers=brokers, topics=(topic("orders", partitions),), groups=())) == [
        "broker 1  down",
        "broker 2  b:9092",
        "broker 3  c:9092",
        "",
        "topic orders: 2 partitions",  # without a leader, the number of messages is unknown
        "  partition  leader  replicas  in sync             beginning  end",
        "          0       2  1,2,3     2,3 (only 2 of 3)           0    7",
        "          1    none  1         none (only 0 of 1)          -    -",
    ]


IDLE = member("worker-1-07a1761c-0000-4000-8000-000000000001", "app", "h", ())
NEW, LATE = progress("orders", 0, None, None, None, MEMBER["id"]), progress("orders", 0, 3)
IDLE_LINE = "  member 07a176 app has no partition"
NEW_LINES = """  partition  committed  end  lag  █ committed ░ lag  member
          0          -    -    -                     AbCdEf kafka-demo-consumer"""
LATE_LINES = """  partition  committed  end  lag  █ committed ░ lag
          0          3    -    -"""


@pytest.mark.parametrize(
    ("facts", "drawn"),
    [
        (("classic", "stable", None, (IDLE,), ()), f" (classic, stable): nothing committed, 1 member\n{IDLE_LINE}"),
        (
            ("classic", "preparing rebalancing", None, (IDLE,), ()),
            " (classic, preparing rebalancing): nothing committed, 1 member",
        ),
        ((None, None, None, (MEMBER,), (NEW,)), f" reads orders: nothing committed, 1 member\n{NEW_LINES}"),
        ((None, None, None, None, (LATE,)), f" reads orders: lag unknown\n{LATE_LINES}"),
        ((None, "dead", None, (), ()), ": not found"),
        ((), ": committed offsets unknown"),
        (("share or streams",), f" (share or streams)\n{board._NO_PROGRESS}"),
    ],
)
def test_groups(facts: tuple[Any, ...], drawn: str) -> None:
    assert lines(snapshot(topics=(), groups=(group("g", *facts),)))[2:] == f"group g{drawn}".splitlines()


def test_a_group_that_reads_two_topics_has_a_topic_column_and_counts_uncommitted_partitions() -> None:
    other = topic("b", (partition(0, 1, (1,), (1,), 0, 5), partition(1, 1, (1,), (1,), 0, 3)))
    both = (progress("b", 0, 5, 5, 0), progress("orders", 0, 1000, 2000, 1000))
    shown = lines(snapshot(topics=(TOPIC, other), groups=(group("g", "consumer", "empty", 1, (), both),)))
    lag = "lag 1,000 (not counting 1 partition without a committed offset)"
    assert shown[-4] == f"group g (consumer, empty): {lag}, no members, coordinator broker 1"
    assert shown[-3:] == [
        "  topic   partition  committed    end    lag  █ committed ░ lag",
        "  b               0          5      5      0  █████████████████",
        "  orders          0      1,000  2,000  1,000  ████████░░░░░░░░░",
    ]


def test_control_characters_in_names_are_made_visible() -> None:
    nasty = "[bold]:boom:a\x1b[2J\n\u202eb"
    both = tuple(progress(name, 0, 1, 2, 1) for name in (nasty, "b"))
    stable = group(nasty, "consumer", "stable", 1, (member(nasty, nasty, nasty, ()),), both)
    shown = lines(snapshot(topics=(topic(nasty, ()),), groups=(stable, group(nasty, OTHER))))
    assert all(line.isprintable() for line in shown)
    assert shown[2] == "topic [bold]:boom:a\\x1b[2J\\n\\u202eb: not found"


BARS = {(0, 10, 10): 0, (0, 9, 10): 2, (5, 5, 10): 17, (0, 999_999, 1_000_000): 1, (0, 500, 999): 9}
BARS |= {(0, 0, 0): 0, (10, 4, 20): 17, (0, 12, 10): 0}  # empty; committed below the beginning; beyond the end


@pytest.mark.parametrize(("offsets", "lag"), BARS.items())
def test_a_bar_goes_from_the_first_offset_to_the_last(offsets: tuple[int, int, int], lag: int) -> None:
    assert bar(*offsets) == "█" * (17 - lag) + "░" * lag


def test_what_has_changed_since_the_last_look() -> None:
    def look(end: int, committed: int | None, owner: str) -> Data:
        places = (progress("orders", 0, committed, end, 0, owner),)
        return snapshot(
            topics=(topic("orders", (partition(0, 1, (1,), (1,), 0, end),)),),
            groups=(group("g1", "consumer", "stable", 1, (), places),),
        )

    first, second = look(0, None, "a"), look(3000, 0, "a")
    compare(second, first, 2.0)
    third = look(3000, 1000, "b")
    compare(third, second, 0.5)
    assert [line.split()[-1] for line in lines(second) if line.startswith("  ")][:2] == ["in/s", "1,500"]
    assert "  partition  committed    end  lag  out/s  █ committed ░ lag" in lines(third)
    assert "          0      1,000  3,000    0  2,000  █████░░░░░░░░░░░░" in lines(third)
    assert ["\x1b[33m" in colored(found) for found in (second, third)] == [False, True]
    assert "\x1b[1mtopic orders" in colored(third)


def test_a_window_that_is_too_small() -> None:
    shown = lines(snapshot())
    few = [*shown[:4], f"… {len(shown) - 4} more lines: filter with -t or -g, or enlarge the window"]
    for columns, rows, expected in ((100, 13, shown), (100, 7, few), (30, 7, [line[:30].rstrip() for line in few])):
        written = "".join(f"\x1b[K{line}\n" for line in expected)
        assert redrawn(draw(snapshot()), columns, rows) == f"\x1b[H{written}\x1b[J"


def test_only_some_topics_or_groups() -> None:
    other, internal = topic("b", TOPIC["partitions"]), topic("__consumer_offsets", TOPIC["partitions"])
    both = group("g2", "consumer", "empty", 1, (), (progress("b", 0, 5, 5, 0), progress("orders", 0, 5, 5, 0)))
    found = snapshot(topics=(internal, other, TOPIC), groups=(GROUP, both, group("q", OTHER)))
    for topics, groups, shown in (
        ((), (), [["b", "orders"], ["g1", "g2", "q"]]),
        (("b",), (), [["b"], ["g2", "q"]]),
        ((), ("g1",), [["orders"], ["g1"]]),
        (("b",), ("g1",), [["b", "orders"], ["g1"]]),
        (("nope", "__consumer_offsets"), (), [["__consumer_offsets", "nope"], ["q"]]),
    ):
        kept = only(found, topics, groups)
        assert [[each["name"] for each in kept[kind]] for kind in ("topics", "groups")] == shown
        assert {at["topic"] for each in kept["groups"] for at in each["partitions"] or ()} <= {*shown[0]}
