"""Where a consumer starts: where its group left off, the beginning, the end, an offset, the last N, or a time."""

import re
import time
from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

from confluent_kafka import OFFSET_INVALID, Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from kafka_demo.shutdown import TICK

REQUEST = 3.0  # seconds to wait for the answer to one request
NO_TIMEOUT = 3600.0  # seconds; a group coordinator that answers after a timeout makes librdkafka abort (its issue 4605)
ELECTION = 5.0  # seconds for a partition's new leader to take over
EARLIEST, LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
_NO_LEADER = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
_RETRIABLE = _NO_LEADER | {KafkaError._DESTROY_BROKER, KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT}
_NUMBERS = re.compile("(?P<offset>[0-9]{1,18})|-(?P<last>[0-9]{1,18})|@(?P<time>[0-9]{1,15})")

Place = tuple[str, int]  # topic and partition
# Where to start: `beginning` or `end` (with 0), or `offset`, `last` or `time` with its number (time: ms since 1970).
Start = tuple[str, int]
Span = tuple[int, int, int]  # of a partition: its first offset, where to start, and its end


def look_up(
    admin: AdminClient, places: Collection[Place], at: OffsetSpec, wait: float = ELECTION, *, every: bool, **more: Any
) -> dict[Place, int]:
    """Look up the offset `at` in each partition; retry for `wait` seconds while a leader does not answer.

    Leaves out a partition without an answer or, if `every`, raises KafkaException. Passes `more` to list_offsets().
    """
    found: dict[Place, int] = {}
    deadline = time.monotonic() + wait
    while wanted := [TopicPartition(*place) for place in places if place not in found]:
        errors = []
        for place, answer in admin.list_offsets(dict.fromkeys(wanted, at), request_timeout=REQUEST, **more).items():
            if failure := answer.exception():
                errors.append(failure.args[0])
            elif answer.result().offset == OFFSET_INVALID:  # its leader did not answer, but others did
                errors.append(KafkaError(KafkaError.REQUEST_TIMED_OUT))
            else:
                found[place.topic, place.partition] = answer.result().offset
        if errors and (time.monotonic() > deadline or not _RETRIABLE.issuperset(error.code() for error in errors)):
            if every:
                raise KafkaException(errors[0])
            break
        time.sleep(TICK if errors else 0)
    return found


def committed_offsets(config: dict[str, Any], group: str, places: Collection[Place]) -> dict[Place, int]:
    """Ask for the offsets that a group has committed; partitions without one are left out. Raises KafkaException.

    Does not use AdminClient, which crashes if the coordinator has moved (librdkafka issue 5040).
    """
    answers = Consumer(config | {"group.id": group}).committed([TopicPartition(*place) for place in places], REQUEST)
    if errors := [answer.error for answer in answers if answer.error]:
        raise KafkaException(errors[0])
    return {(answer.topic, answer.partition): answer.offset for answer in answers if answer.offset >= 0}


def parse(text: str) -> Start:
    """Parse `beginning`, `end`, `N`, `-N` or `@TIME`. Raises ValueError, worded for the user."""
    if text in ("beginning", "end"):
        return text, 0
    if match := _NUMBERS.fullmatch(text):
        return str(match.lastgroup), int(match[match.lastindex or 0])
    if not text.startswith("@"):
        raise ValueError(f"{text!r} is not an offset: write beginning, end, N (that offset), -N (the last N) or @TIME")
    try:
        milliseconds = int(datetime.fromisoformat(text[1:]).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        what_to_write = "write @2026-01-31T09:30 (local time), or @ and milliseconds since 1970 UTC"
        raise ValueError(f"{text!r} is not a time: {what_to_write}") from None
    return "time", max(milliseconds, 0)  # to Kafka, negative ones are special values


def resolve(admin: AdminClient, config: dict[str, Any], places: list[Place], start: Start) -> dict[Place, Span]:
    """Find out where to start in each partition; an offset that is out of range becomes the nearest one.

    May block for about 32 s. Raises KafkaException if the brokers refuse.
    """
    ask = partial(look_up, admin, places, every=True)
    # A consumer reads up to the first open transaction. If it started beyond it, it would not notice the end.
    isolation = IsolationLevel[config.get("isolation.level", "read_committed").strip().upper()]
    readable = ask(LATEST, isolation_level=isolation)
    (kind, number), low, high = start, ask(EARLIEST), ask(LATEST)
    match kind:
        case "end" | "last":  # `end` is the last 0 messages
            offsets = {place: end - number for place, end in readable.items()}
        case "time":  # Kafka answers -1 where no message has that time or a later one
            found = ask(OffsetSpec.for_timestamp(number), isolation_level=isolation)
            offsets = {place: readable[place] if found[place] < 0 else found[place] for place in places}
        case _:  # the beginning is offset 0, or the nearest
            offsets = dict.fromkeys(places, number)
    return {at: (low[at], min(max(offsets[at], low[at]), high[at]), high[at]) for at in places}
