"""Where a consumer without a group starts: `beginning`, `end`, an offset, the last N, or a time."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition

from kafka_demo.patience import Call
from kafka_demo.problems import Problem
from kafka_demo.stop import TICK

ANSWER = 10.0  # seconds to wait for a broker
SETTLED = 5.0  # seconds in which a new partition's leader knows that it is one
_SOON = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)


@dataclass(frozen=True)
class Start:
    """A place to start at: `beginning`, `end`, `offset`, `last` or `time`, with its number (time: ms since 1970)."""

    kind: str
    number: int = 0

    @property
    def for_groups(self) -> bool:
        """Whether it can also say where a group starts on a partition without a commit."""
        return self.kind in ("beginning", "end")


class Place(NamedTuple):
    """Where one partition is read from, and the offset after its last message."""

    partition: int
    start: int
    end: int


def parse(text: str) -> Start:
    """Read `beginning`, `end`, `N`, `-N` or `@TIMESTAMP`. Raises ValueError, in words for a person."""
    if text in ("beginning", "end"):
        return Start(text)
    if re.fullmatch(r"[0-9]{1,18}", text):
        return Start("offset", int(text))
    if re.fullmatch(r"-[0-9]{1,18}", text):
        return Start("last", int(text[1:]))
    if re.fullmatch(r"@[0-9]{1,15}", text):
        return Start("time", int(text[1:]))
    if text.startswith("@"):
        try:
            milliseconds = int(datetime.fromisoformat(text[1:]).timestamp() * 1000)
            return Start("time", max(milliseconds, 0))  # Kafka's own negative ones mean something else
        except (ValueError, OverflowError, OSError):
            raise ValueError(
                f"{text!r} is no time: write @2026-01-31T09:30, or @ and the milliseconds since 1970"
            ) from None
    raise ValueError(f"{text!r} is no offset: write beginning, end, N (that offset), -N (the last N), or @TIMESTAMP")


def resolve(
    client: confluent_kafka.Consumer,
    topic: str,
    partitions: list[int],
    start: Start,
    stopped: Callable[[], object],
) -> list[Place]:
    """Ask the brokers where to start in each partition.

    An offset beyond what a partition has is moved to its nearest end. Raises KafkaException if the brokers
    refuse, NoAnswer if none answers in time or once `stopped()` is true.
    """

    def ask() -> list[Place]:
        deadline = time.monotonic() + SETTLED
        while True:
            try:
                return _resolve(client, topic, partitions, start)
            except KafkaException as error:
                if error.args[0].code() not in _SOON or time.monotonic() > deadline:
                    raise
                time.sleep(TICK)

    return Call(ask).result(ANSWER, unless=stopped)


def _resolve(client: confluent_kafka.Consumer, topic: str, partitions: list[int], start: Start) -> list[Place]:
    def look_up(moment: int) -> dict[int, int]:
        # Not get_watermark_offsets(): if only one of its two requests fails, it hides that, and low is as high as high.
        wanted = [TopicPartition(topic, partition, moment) for partition in partitions]
        found = client.offsets_for_times(wanted, timeout=ANSWER)
        if refused := next((place.error for place in found if place.error), None):
            raise KafkaException(refused)
        return {place.partition: place.offset for place in found}

    # In this request the numbers for "the beginning" and "the end" stand in the place of a time:
    # https://kafka.apache.org/protocol#The_Messages_ListOffsets
    low, high = look_up(OFFSET_BEGINNING), look_up(OFFSET_END)
    match start.kind:
        case "beginning":
            offsets = low
        case "end":
            offsets = high
        case "last":
            offsets = {partition: end - start.number for partition, end in high.items()}
        case "time":
            found = look_up(start.number)
            if any(found[p] < 0 and low[p] < high[p] for p in partitions) and max(look_up(1).values()) < 0:
                raise Problem("this broker cannot look up a time: it is in memory", "give an offset instead")
            # A partition in which no message is that young is read from its end on.
            offsets = {partition: high[partition] if found[partition] < 0 else found[partition] for partition in found}
        case _:
            offsets = dict.fromkeys(partitions, start.number)
    return [Place(p, min(max(offsets[p], low[p]), high[p]), high[p]) for p in partitions]
