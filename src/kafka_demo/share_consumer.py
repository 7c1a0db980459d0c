"""A member of a share group (KIP-932), which uses a topic as a queue. Copy this file into your own service.

    with ShareConsumer({"bootstrap.servers": "localhost:9092", "group.id": "mailers"}, "message-created") as consumer:
        while not stop:
            for message in consumer.read(timeout=0.1):
                send_mail(message.value())
                consumer.acknowledge([message])

The members share partitions message by message: each message is locked for one member until that member acknowledges
it. If the lock expires first, the message is delivered again, to any member, by default at most 5 times in all. A new
share group starts at the end of the topic, unless its share.auto.offset.reset is earliest (`kafka-configs.sh --alter
--entity-type groups` sets that). Needs Kafka 4.2+ and confluent-kafka 2.16+, which warns that this is a preview.
"""

from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any, Self

import confluent_kafka
from confluent_kafka import AcknowledgeType, IllegalStateException, KafkaError, KafkaException, Message, TopicPartition

# By default, polling for the next messages acknowledges the previous ones, processed or not.
DEFAULTS: dict[str, Any] = {"share.acknowledgement.mode": "explicit"}

MessageId = tuple[int, int]  # partition and offset
OnAcknowledge = Callable[[KafkaError | None, list[MessageId]], object]


class ShareConsumer:
    """A consumer of one topic in a share group. Use it from one thread only, and not in a signal handler."""

    def __init__(self, config: dict[str, Any], topic: str, on_acknowledge: OnAcknowledge | None = None) -> None:
        """Connect in the background, and join the share group named by `group.id`. `config` overrides DEFAULTS.

        The other methods call `on_acknowledge(error, ids)` with the broker's answer. Without an error, the group
        will not deliver these messages again; with one, it may. Raises KafkaException if `config` is invalid.
        """
        try:
            self.client = confluent_kafka.ShareConsumer(DEFAULTS | config)
        except (TypeError, ValueError) as error:  # a property that share consumers do not have
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, str(error))) from None
        self.acknowledged = 0  # messages whose acknowledgement the broker has confirmed
        self.expired = False  # whether an acknowledgement is known to have failed since the last `read()`
        self._unanswered: set[MessageId] = set()  # acknowledged here, not yet confirmed by the broker
        self._answers: list[tuple[dict[TopicPartition, set[int]], KafkaException | None]] = []
        self._batch: list[Message] = []  # messages not returned yet: a callback raised an exception in `read()`
        self._errors: list[KafkaError] = []  # errors that the next calls to `read()` raise
        self._on_acknowledge = on_acknowledge
        self._closing: Thread | None = None
        self.client.set_acknowledgement_commit_callback(lambda *answer: self._answers.append(answer))
        self.client.subscribe([topic])

    def read(self, timeout: float = 1.0) -> list[Message]:
        """Wait up to `timeout` seconds for messages; acknowledge or release each before the next call.

        A broker hands out whole batches, as the producer sent them, even beyond `max.poll.records`. Raises
        KafkaException if a broker returns an error, after returning the messages that came with it.
        """
        if self._errors:
            raise KafkaException(self._errors.pop(0))
        for message in self.client.poll(timeout) if not self._batch else []:
            if error := message.error():
                self._errors.append(error)
            else:
                self._batch.append(message)
        self._call_back()
        self.expired = False
        batch, self._batch = self._batch, []
        return batch

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """Report these messages as processed: they are not delivered again."""
        self._settle(messages, AcknowledgeType.ACCEPT)

    def release(self, messages: Iterable[Message]) -> None:
        """Release these messages for delivery to any member; this delivery counts toward the delivery count limit."""
        self._settle(messages, AcknowledgeType.RELEASE)

    def close(self, timeout: float = 5.0) -> bool:
        """Send the acknowledgements and leave the group; False if that takes longer than `timeout` seconds.

        In librdkafka 2.16, close() hangs if the first assignment arrives during the call, so it runs in a thread.
        """
        if not self._closing:
            self._closing = Thread(target=self.client.close, daemon=True)
            self._closing.start()
        self._closing.join(timeout)
        in_time = not self._closing.is_alive()
        self._call_back()
        return in_time

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close; messages that were not acknowledged are delivered again, up to the delivery count limit."""
        self.close()

    def _settle(self, messages: Iterable[Message], how: AcknowledgeType) -> None:
        for message in messages:
            try:
                self.client.acknowledge(message, how)
            except IllegalStateException:  # the lock has expired
                self.expired = True
                continue
            if how == AcknowledgeType.ACCEPT:
                self._unanswered.add((message.partition() or 0, message.offset() or 0))
        self.client.commit_async()  # send now, rather than with the next fetch
        self._call_back()

    def _call_back(self) -> None:
        while self._answers:
            offsets, error = self._answers.pop(0)
            settled = {(place.partition, offset) for place in offsets for offset in offsets[place]}
            ids = sorted(settled & self._unanswered)  # the others were released
            self._unanswered.difference_update(ids)
            if ids and error:
                self.expired = True
            elif ids:
                self.acknowledged += len(ids)
            if ids and self._on_acknowledge:
                self._on_acknowledge(error.args[0] if error else None, ids)
