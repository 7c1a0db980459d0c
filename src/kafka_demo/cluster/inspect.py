"""The state of a cluster as plain data, and answers that narration needs."""

import contextlib
import warnings
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._metadata import TopicMetadata
from confluent_kafka.admin._resource import ResourceType

from kafka_demo.cluster.offsets import EARLIEST, LATEST, NO_TIMEOUT, REQUEST, Place, committed_offsets, look_up

SOON = 2.0  # seconds, while somebody waits for the answer
INTERNAL = "__"  # prefix of the names of Kafka's own topics
OTHER = "share or streams"  # type of a group that librdkafka knows only by its name

Data = dict[str, Any]
Offsets = Mapping[Place, int]


def inspect(admin: AdminClient, config: dict[str, Any], names: Collection[str], *, in_memory: bool) -> Data:
    """Ask for everything, and return {"brokers": […], "topics": […], "groups": […]}.

    Values that brokers do not report are None. With the in-memory broker, groups are those in `names`, without members,
    or None without names. Raises KafkaException if no broker answers, or if this user may not describe a group.
    """
    metadata = admin.list_topics(timeout=REQUEST)
    topics = sorted(metadata.topics.items())
    places = {(name, number): at.leader for name, topic in topics for number, at in topic.partitions.items()}
    listed, others = (set(), set()) if in_memory else _groups(admin)
    known = sorted({*names, *listed} - others)
    # Committed offsets before ends: the other way around, a lag could be negative.
    pool = ThreadPoolExecutor(32)  # by default 6 on two cores, which could all wait for groups without a coordinator
    asked = [pool.submit(committed_offsets, config, name, places) for name in known]
    described = admin.describe_consumer_groups(known, request_timeout=NO_TIMEOUT) if known and not in_memory else {}
    wait([*asked, *described.values()], REQUEST)
    answers = [(name, _answer(described.get(name)), _answer(each)) for name, each in zip(known, asked, strict=True)]
    led = [place for place, leader in places.items() if leader >= 0]
    beginnings, ends = (look_up(admin, led, at, SOON, every=False) for at in (EARLIEST, LATEST))
    groups = [_group(*answer, ends) for answer in answers]
    groups += [_group(name, None, None, ends, OTHER) for name in others]
    return {
        "brokers": [{"id": at.id, "address": f"{at.host}:{at.port}"} for _, at in sorted(metadata.brokers.items())],
        "topics": [{"name": name, "partitions": _partitions(name, found, beginnings, ends)} for name, found in topics],
        "groups": None if in_memory and not names else sorted(groups, key=lambda group: str(group["name"])),
    }


def only(data: Data, topics: Collection[str], groups: Collection[str]) -> Data:
    """Keep `groups`, their topics and `topics`; or `topics` and their groups; with neither, all but internal topics."""
    if not (topics or groups):
        return data | {"topics": [topic for topic in data["topics"] if not topic["name"].startswith(INTERNAL)]}

    def wanted(group: Data) -> bool:
        return group["name"] in groups if groups else group["partitions"] is None or bool(topics_of(group) & {*topics})

    kept = None if data["groups"] is None else list(filter(wanted, data["groups"]))
    found = {topic["name"]: topic for topic in data["topics"]}
    names = {*topics, *(name for group in kept or () if groups for name in topics_of(group))}
    for group in kept or ():
        group["partitions"] = group["partitions"] and [at for at in group["partitions"] if at["topic"] in names]
    return data | {"topics": [found.get(it, {"name": it, "partitions": []}) for it in sorted(names)], "groups": kept}


def topics_of(group: Data) -> set[str]:
    """Return the topics that a group reads."""
    return {place["topic"] for place in group["partitions"] or ()}


def _partitions(name: str, topic: TopicMetadata, beginnings: Offsets, ends: Offsets) -> list[Data]:
    return [
        {
            "partition": number,
            "leader": found.leader if found.leader >= 0 else None,
            "replicas": sorted(found.replicas),
            "in_sync": sorted(found.isrs),
            "beginning": beginnings.get((name, number)),
            "end": ends.get((name, number)),
        }
        for number, found in sorted(topic.partitions.items())
    ]


def _groups(admin: AdminClient) -> tuple[set[str], set[str]]:
    """Return the names of consumer and classic groups, and those of the other groups."""
    listing = admin.list_consumer_groups(request_timeout=REQUEST)
    names: set[str] = set()
    # Only the old request also lists the others: https://github.com/confluentinc/librdkafka/pull/5576
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning), contextlib.suppress(KafkaException):
        found: list[Any] = admin.list_groups(timeout=REQUEST)
        names = {str(group.id) for group in found if not group.protocol_type}
    listed = {group.group_id for group in listing.result().valid}
    return listed, names - listed


def _answer(future: Any) -> Any:
    """Return an answer; None if there is none, as when the coordinator is down. Raises if not authorized."""
    done = future and future.done()
    error = done and future.exception()
    if isinstance(error, KafkaException) and error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        raise error
    return future.result() if done and not error else None


def _group(name: str, described: Any, offsets: Offsets | None, ends: Offsets, type_: str | None = None) -> Data:
    members = described and [_member(member) for member in sorted(described.members, key=lambda m: str(m.member_id))]
    owners = {(at["topic"], at["partition"]): member["id"] for member in members or () for at in member["assignment"]}
    progress = []
    for place in sorted({*owners, *(offsets or ())}):
        offset, end = (offsets or {}).get(place), ends.get(place)
        lag = None if offset is None or end is None else end - offset
        at = {"topic": place[0], "partition": place[1]}
        progress.append(at | {"committed": offset, "end": end, "lag": lag, "member": owners.get(place)})
    # librdkafka does not know the states assigning and reconciling.
    state = described and described.state.name.lower().replace("_", " ").replace("unknown", "rebalancing")
    return {
        "name": name,
        "type": described.type.name.lower() if described else type_,
        "state": state,
        "coordinator": described and described.coordinator and described.coordinator.id,
        "members": members,
        "partitions": None if offsets is None else progress,
    }


def _member(member: Any) -> Data:
    places = sorted((place.topic, place.partition) for place in member.assignment.topic_partitions)
    return {
        "id": member.member_id,
        "client_id": member.client_id,
        "host": member.host.removeprefix("/"),
        "assignment": [{"topic": topic, "partition": partition} for topic, partition in places],
    }


def group_settings(admin: AdminClient, group: str) -> dict[str, Any] | None:
    """Return a group's settings, each a ConfigEntry; {} before Kafka 4.0, and None if this user is not authorized.

    Raises KafkaException. https://kafka.apache.org/documentation/#groupconfigs
    """
    try:
        return _settings(admin, ResourceType.GROUP, group)
    except KafkaException as error:
        code = error.args[0].code()
        if code in (KafkaError.INVALID_REQUEST, KafkaError.UNSUPPORTED_VERSION):
            return {}
        if code in (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
            return None
        raise


def why_unacknowledged(config: dict[str, Any], topic: str) -> str:
    """Find out from the brokers why writes to a topic are not acknowledged; empty if they see no reason."""
    admin = AdminClient(config)  # a new client: one with dead connections would take longer
    try:
        partitions = admin.list_topics(topic, SOON).topics[topic].partitions
    except KafkaException:
        return "no response to a metadata request"
    if leaderless := sorted(number for number, found in partitions.items() if found.leader < 0):
        return f"partition {leaderless[0]} has no leader"
    in_sync, total = min(((len(found.isrs), len(found.replicas)) for found in partitions.values()), default=(0, 0))
    try:
        least = int(_settings(admin, ResourceType.TOPIC, topic)["min.insync.replicas"].value)
    except (KafkaException, KeyError, TypeError):  # no answer, or one without that setting
        return ""
    why = f"only {in_sync} of {total} replicas in sync, and min.insync.replicas is {least}"
    return why if 0 < in_sync < least else ""


def _settings(admin: AdminClient, kind: ResourceType, name: str) -> dict[str, Any]:
    resource = ConfigResource(kind, name)
    return dict(admin.describe_configs([resource], request_timeout=REQUEST)[resource].result())
