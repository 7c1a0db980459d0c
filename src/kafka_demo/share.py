"""Reads a topic as a member of a share group (KIP-932): a true message queue.

The members share the partitions themselves. Each message goes to one of them, which acknowledges it on its
own; until then it is locked, and comes to another member if this one dies or takes too long.
"""

from collections.abc import Iterable
from typing import Any, Protocol

import confluent_kafka
from confluent_kafka import AcknowledgeType, IllegalStateException, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource

from kafka_demo.patience import Call

DEFAULTS: dict[str, Any] = {
    "client.id": "kafka-demo-consumer",
    # Otherwise asking for the next messages would acknowledge the last ones, done with or not.
    "share.acknowledgement.mode": "explicit",
    # The in-memory broker answers a fetch only when this time is up; a real one as soon as a message comes.
    "fetch.wait.max.ms": 100,
}
ANSWER = 5.0  # seconds to wait for the group's coordinator

Place = tuple[int, int]  # partition and offset


class Listener(Protocol):
    """Who hears what becomes of the acknowledgements."""

    def acknowledged(self, places: list[Place]) -> None:
        """Hear which messages are done with for the whole group."""

    def not_acknowledged(self, error: KafkaException, places: list[Place]) -> None:
        """Hear which ones the broker did not take, and why: they will be delivered again."""


class ShareConsumer:
    """A member of a share group, for one topic, to be used by one thread."""

    def __init__(self, config: dict[str, Any], listener: Listener) -> None:
        """Connect in the background.

        `config` is librdkafka's, wins over DEFAULTS, and must have a group.id. Raises KafkaException if it is wrong.
        """
        try:
            self.client = confluent_kafka.ShareConsumer(DEFAULTS | config)
        except (TypeError, ValueError) as error:  # a property that share consumers do not have
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, str(error))) from None
        self.client.set_acknowledgement_commit_callback(self._on_acknowledged)
        self.acknowledged = 0
        self.unanswered: set[Place] = set()  # acknowledged by us, and the broker has not answered yet
        self.expired = False  # whether messages of the last read() were taken away: it took too long
        self._listener = listener

    def join(self, topic: str) -> None:
        """Become a member of the group."""
        self.client.subscribe([topic])

    def read(self, seconds: float) -> list[Message]:
        """Wait up to so many seconds for messages; each is to be acknowledged or released before the next call.

        A broker hands out whole batches, as their producer sent them, even beyond `max.poll.records`.
        Raises KafkaException if the brokers refuse to go on.
        """
        self.expired = False
        messages = list(self.client.poll(seconds))
        for message in messages:
            if error := message.error():
                raise KafkaException(error)
        return messages

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """Say that these are done with: nobody will get them again."""
        self._settle(messages, AcknowledgeType.ACCEPT)

    def release(self, messages: Iterable[Message]) -> None:
        """Give these back, for any member to take; the broker counts it as a delivery all the same."""
        self._settle(messages, AcknowledgeType.RELEASE)

    def close(self, seconds: float = ANSWER) -> bool:
        """Send what is settled and leave the group; False if that was not over in so many seconds.

        librdkafka 2.16 never comes back from it if the first assignment arrives just then.
        """
        return Call(self.client.close).returns(seconds)

    def _settle(self, messages: Iterable[Message], how: AcknowledgeType) -> None:
        for message in messages:
            place = (message.partition() or 0, message.offset() or 0)
            try:
                self.client.acknowledge(message, how)
            except IllegalStateException:
                self.expired = True
                continue
            if how == AcknowledgeType.ACCEPT:
                self.unanswered.add(place)
        self.client.commit_async()  # on its way now, and not only with the next fetch

    def _on_acknowledged(self, offsets: dict[TopicPartition, set[int]], error: KafkaException | None) -> None:
        for partition, settled in offsets.items():
            places = sorted(self.unanswered & {(partition.partition, offset) for offset in settled})
            self.unanswered.difference_update(places)  # those that were released are not among them
            if places and error:
                self.expired = True
                self._listener.not_acknowledged(error, places)
            elif places:
                self.acknowledged += len(places)
                self._listener.acknowledged(places)


def start_at_beginning(admin: AdminClient, group: str) -> None:
    """Have a new share group begin with the oldest message; by default it would wait for the next one.

    Raises KafkaException if the broker refuses.
    """
    cluster = admin.list_topics(timeout=ANSWER)
    if cluster.controller_id not in cluster.brokers:
        return  # the in-memory broker: it has no controller to ask, and every share group starts there
    entry = ConfigEntry("share.auto.offset.reset", "earliest", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.GROUP, group, incremental_configs=[entry])
    for answer in admin.incremental_alter_configs([resource], request_timeout=ANSWER).values():
        answer.result()
