"""Where a consumer starts: where its group left off, the beginning, the end, an offset, the last N, or a time."""

import re
import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from kafka_demo.narration.problems import Problem
from kafka_demo.shutdown import TICK

ANSWER = 10.0  # seconds to wait for a broker
ELECTION = 5.0  # seconds for a new partition's leader to take over
EARLIEST, LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
_RETRIABLE = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
_NUMBERS = {r"([0-9]{1,18})": "offset", r"-([0-9]{1,18})": "last", r"@([0-9]{1,15})": "time"}


# A partition's committed offset in a group (None: none yet), low watermark and log end offset.
Bounds = tuple[int | None, int, int]


@dataclass(frozen=True)
class Start:
    """Where to start: `kind` is beginning, end, offset, last or time, with its `number` (time: ms since 1970)."""

    kind: str
    number: int = 0


def bounds(admin: AdminClient, group: str, topic: str, partitions: list[int]) -> dict[int, Bounds]:
    """Ask for a group's committed offsets, and where each partition begins and ends. Raises KafkaException."""
    places = [TopicPartition(topic, number) for number in partitions]
    request = [confluent_kafka.ConsumerGroupTopicPartitions(group, places)]
    committed = admin.list_consumer_group_offsets(request, request_timeout=ANSWER)[group]
    low, end = (admin.list_offsets(dict.fromkeys(places, spec), request_timeout=ANSWER) for spec in (EARLIEST, LATEST))
    offsets = {place.partition: place.offset for place in committed.result().topic_partitions if place.offset >= 0}
    return {p.partition: (offsets.get(p.partition), low[p].result().offset, end[p].result().offset) for p in places}


def parse(text: str) -> Start:
    """Parse `beginning`, `end`, `N`, `-N` or `@TIME`. Raises ValueError, worded for the user."""
    if text in ("beginning", "end"):
        return Start(text)
    for pattern, kind in _NUMBERS.items():
        if match := re.fullmatch(pattern, text):
            return Start(kind, int(match[1]))
    if not text.startswith("@"):
        raise ValueError(f"{text!r} is not an offset: write beginning, end, N (that offset), -N (the last N) or @TIME")
    try:
        milliseconds = int(datetime.fromisoformat(text[1:]).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        what_to_write = "write @2026-01-31T09:30, or @ and the milliseconds since 1970"
        raise ValueError(f"{text!r} is not a time: {what_to_write}") from None
    return Start("time", max(milliseconds, 0))  # to Kafka, negative ones are special values


def resolve(
    client: confluent_kafka.Consumer, topic: str, partitions: list[int], start: Start
) -> dict[int, tuple[int, int]]:
    """Return where to start in each partition, and where it ends; an offset out of range becomes the nearest one.

    May block for about 10 s, so call it in the background. Raises KafkaException if the brokers refuse, Problem if they
    cannot look up a time.
    """
    look_up = partial(_look_up, client, topic, partitions)
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
                raise Problem("the in-memory broker cannot look up a time", "start at an offset instead")
            # Without a message at or after that time, start at the end.
            offsets = {partition: high[partition] if found[partition] < 0 else found[partition] for partition in found}
        case _:
            offsets = dict.fromkeys(partitions, start.number)
    return {p: (min(max(offsets[p], low[p]), high[p]), high[p]) for p in partitions}


def _look_up(client: confluent_kafka.Consumer, topic: str, partitions: list[int], moment: int) -> dict[int, int]:
    """Ask for the first offset at or after a time, -1 if there is none; wait for a new partition's leader.

    Special times stand for the beginning and the end: https://kafka.apache.org/protocol#The_Messages_ListOffsets
    """
    deadline = time.monotonic() + ELECTION
    while True:
        try:
            # Not get_watermark_offsets(): if one of its two requests fails, it hides that and returns equal watermarks.
            found = client.offsets_for_times([TopicPartition(topic, p, moment) for p in partitions], timeout=ANSWER)
            error = next((place.error for place in found if place.error), None)
        except KafkaException as failure:
            error = failure.args[0]
        if not error:
            return {place.partition: place.offset for place in found}
        if error.code() not in _RETRIABLE or time.monotonic() > deadline:
            raise KafkaException(error)
        time.sleep(TICK)
