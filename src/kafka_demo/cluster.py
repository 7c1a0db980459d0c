"""Asks the brokers what there is, by the admin client, and returns it as plain data (snapshot.py)."""

import contextlib
import warnings
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ConsumerGroupType,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._group import MemberDescription
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._metadata import TopicMetadata

from kafka_demo.snapshot import Broker, Group, Member, Partition, Place, Progress, Snapshot, Topic

K = TypeVar("K")

ANSWER = 3.0  # seconds that one request may take
LIMIT = 6 * ANSWER  # seconds that `look` takes at most: it asks some six times, and never waits for longer
INTERNAL = "__"  # how the names of topics begin that the brokers keep for themselves
EARLIEST, LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]

_UNSUPPORTED = (KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION)


def look(admin: AdminClient, names: tuple[str, ...] = (), seconds: float = ANSWER) -> Snapshot:
    """Ask for all there is, but internal topics; of the groups with these names also where groups are not listed.

    Raises KafkaException if no broker answers. What a single broker does not answer in so many seconds is left open:
    one that died is asked in vain for some seconds more, until the others know.
    """
    metadata = admin.list_topics(timeout=seconds)
    topics = sorted(metadata.topics.items())
    places = [TopicPartition(name, number) for name, topic in topics for number in topic.partitions]
    listing = admin.list_consumer_groups(request_timeout=seconds)
    all_names = _all_groups(admin, seconds)
    listed = _listed(listing)
    known = sorted({*(listed or ()), *names})
    # Committed offsets before the ends of the partitions: the other way round, a lag could be negative.
    # A broker in memory answers for those partitions only that are named.
    committed = {name: _committed(admin, name, places if listed is None else None, seconds) for name in known}
    described = admin.describe_consumer_groups(known, request_timeout=seconds) if known and listed is not None else {}
    answers = {name: (_answer(described.get(name)), _answer(committed[name])) for name in known}
    first, last = (_offsets(admin, places, spec, seconds) for spec in (EARLIEST, LATEST))
    beginnings, ends = _answers(first), _answers(last)
    groups = {name: _group(name, *found, ends) for name, found in answers.items()}
    if listed is not None:
        groups |= {name: Group(name, "share", None, None, None) for name in all_names - listed}
    return Snapshot(
        tuple(Broker(broker.id, str(broker.host), broker.port) for _, broker in sorted(metadata.brokers.items())),
        tuple(_topic(name, found, beginnings, ends) for name, found in topics if not name.startswith(INTERNAL)),
        tuple(groups[name] for name in sorted(groups)),
        listed is not None,
    )


def look_at_topic(admin: AdminClient, name: str) -> Topic:
    """Ask for one topic, without its offsets. Raises KafkaException if no broker answers."""
    # By a request for all topics: one that names a topic can create it.
    found = admin.list_topics(timeout=ANSWER).topics.get(name)
    return _topic(name, found, {}, {}) if found else Topic(name, ())


def in_memory(admin: AdminClient) -> bool:
    """Whether the broker is one in memory, which only knows the requests of producers and consumers."""
    return _listed(admin.list_consumer_groups(request_timeout=ANSWER)) is None


def _listed(listing: "Future[Any]") -> set[str] | None:
    """Wait for the names of consumer and classic groups; None if the broker knows no such request."""
    found = listing.result(LIMIT)
    unsupported = any(error.code() in _UNSUPPORTED for error in found.errors)
    return None if unsupported else {group.group_id for group in found.valid}


def _all_groups(admin: AdminClient, seconds: float) -> set[str]:
    """Find the names of share groups (and of streams groups) too, which the newer request leaves out."""
    # https://github.com/confluentinc/librdkafka/pull/5576 is to bring one for all types, with states.
    with warnings.catch_warnings(), contextlib.suppress(KafkaException):
        warnings.simplefilter("ignore", DeprecationWarning)
        found: list[Any] = admin.list_groups(timeout=seconds)
        return {str(group.id) for group in found if not group.protocol_type}
    return set()


def _committed(admin: AdminClient, group: str, places: list[TopicPartition] | None, seconds: float) -> "Future[Any]":
    request = ConsumerGroupTopicPartitions(group, places)
    return admin.list_consumer_group_offsets([request], request_timeout=seconds)[group]


def _offsets(
    admin: AdminClient, places: list[TopicPartition], spec: OffsetSpec, seconds: float
) -> Mapping[TopicPartition, "Future[Any]"]:
    return admin.list_offsets(dict.fromkeys(places, spec), request_timeout=seconds) if places else {}


def _answers(futures: Mapping[TopicPartition, "Future[Any]"]) -> dict[Place, int]:
    answers = ((place.topic, place.partition, _answer(future)) for place, future in futures.items())
    # Where a leader does not answer, there is an answer with a negative offset, and no error.
    return {(topic, number): info.offset for topic, number, info in answers if info is not None and info.offset >= 0}


def _answer(future: "Future[Any] | None") -> Any:
    """Wait for an answer; None if there is none, as where a leader or a coordinator is down; raise what forbids it."""
    error = None if future is None else future.exception(LIMIT)
    if isinstance(error, KafkaException) and error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        raise error
    return None if future is None or error else future.result()


def _topic(name: str, topic: TopicMetadata, beginnings: Mapping[Place, int], ends: Mapping[Place, int]) -> Topic:
    partitions = (
        Partition(
            number,
            found.leader if found.leader >= 0 else None,
            tuple(sorted(found.replicas)),
            tuple(sorted(found.isrs)),
            beginnings.get((name, number)),
            ends.get((name, number)),
        )
        for number, found in sorted(topic.partitions.items())
    )
    return Topic(name, tuple(partitions))


def _group(name: str, described: Any, offsets: ConsumerGroupTopicPartitions | None, ends: Mapping[Place, int]) -> Group:
    members = None if described is None else tuple(sorted(map(_member, described.members)))
    owners = {place: member.id for member in members or () for place in member.assignment}
    committed = {(place.topic, place.partition): place.offset for place in (offsets and offsets.topic_partitions) or ()}
    committed = {place: offset for place, offset in committed.items() if offset >= 0}
    progress = tuple(
        Progress(*place, committed.get(place), ends.get(place), owners.get(place))
        for place in sorted({*owners, *committed})
    )
    type_, state = _type_and_state(described)
    return Group(name, type_, state, members, None if offsets is None else progress)


def _member(member: MemberDescription) -> Member:
    assignment = sorted((place.topic, place.partition) for place in member.assignment.topic_partitions)
    return Member(member.member_id, member.client_id, member.host.removeprefix("/"), tuple(assignment))


def _type_and_state(group: Any) -> tuple[str | None, str | None]:
    if group is None or group.type == ConsumerGroupType.UNKNOWN:
        return None, None
    if group.state == ConsumerGroupState.DEAD:
        return None, "dead"
    if group.state == ConsumerGroupState.UNKNOWN:
        # librdkafka has no words for assigning and reconciling, the states that only groups of KIP-848 have.
        return group.type.name.lower(), "rebalancing"
    return group.type.name.lower(), group.state.name.lower().replace("_", " ")
