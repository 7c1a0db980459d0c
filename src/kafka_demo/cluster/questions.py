"""Questions to the brokers whose answers a sentence needs. Each can block for seconds: ask in the background."""

from typing import Any, NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._resource import ResourceType

ANSWER = 3.0  # seconds
PATIENCE = 2.0  # seconds, where somebody waits for the reason
EARLIEST, LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]


class Bounds(NamedTuple):
    """Of one partition: the group's committed offset (None: none yet), the low watermark and the log end offset."""

    committed: int | None
    low: int
    end: int


def bounds(admin: AdminClient, group: str, topic: str, partitions: list[int]) -> dict[int, Bounds]:
    """Ask where a group has got to, by partition. Raises KafkaException."""
    places = [TopicPartition(topic, number) for number in partitions]
    request = [ConsumerGroupTopicPartitions(group, places)]
    committed = admin.list_consumer_group_offsets(request, request_timeout=ANSWER)[group]
    low, end = (admin.list_offsets(dict.fromkeys(places, spec), request_timeout=ANSWER) for spec in (EARLIEST, LATEST))
    offsets = {place.partition: place.offset for place in committed.result().topic_partitions if place.offset >= 0}
    return {
        place.partition: Bounds(offsets.get(place.partition), low[place].result().offset, end[place].result().offset)
        for place in places
    }


def group_settings(admin: AdminClient, group: str) -> dict[str, str] | None:
    """Ask for a group's settings: empty before Kafka 4.0, None if this user may not ask.

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
    """Find out why writes to a topic are not acknowledged, from what the brokers say of it; empty if all is well."""
    admin = AdminClient(config)  # a client of its own: one with dead connections takes longer
    try:
        partitions = admin.list_topics(topic, PATIENCE).topics[topic].partitions
    except KafkaException:
        return "no broker answers"
    if leaderless := sorted(number for number, found in partitions.items() if found.leader < 0):
        return f"partition {leaderless[0]} has no leader"
    in_sync, replicas = min(((len(found.isrs), len(found.replicas)) for found in partitions.values()), default=(0, 0))
    try:
        wanted = int(_settings(admin, ResourceType.TOPIC, topic).get("min.insync.replicas", "1"))
    except KafkaException:
        return ""
    why = f"only {in_sync} of {replicas} replicas in sync, and min.insync.replicas is {wanted}"
    return why if in_sync < wanted else ""


def _settings(admin: AdminClient, kind: ResourceType, name: str) -> dict[str, str]:
    resource = ConfigResource(kind, name)
    entries = admin.describe_configs([resource], request_timeout=ANSWER)[resource].result()
    return {setting: entry.value for setting, entry in entries.items()}
