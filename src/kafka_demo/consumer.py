"""A Kafka consumer for one topic that commits only what you have stored. Copy this file into your own service.

    with Consumer({"bootstrap.servers": "localhost:9092", "group.id": "notifications"}, "message-created") as consumer:
        while not stop:
            for message in consumer.read(timeout=0.1):
                notify(message.value())
                consumer.store(message)  # only now may its offset be committed

Delivery is at least once (https://kafka.apache.org/documentation/#semantics): librdkafka commits in the background, but
only stored offsets. By default it stores an offset as soon as it hands the message out, so a crash during processing
may lose the message. This file needs only `pip install confluent-kafka`. On Kafka 4.0 or newer, set
"group.protocol": "consumer" (KIP-848): the broker assigns the partitions, and revokes only those that move.
"""

from collections.abc import Callable, Mapping
from functools import partial
from threading import Thread
from typing import Any, Self, cast

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

# https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
DEFAULTS: dict[str, Any] = {
    "auto.offset.reset": "earliest",  # without a committed offset, start at the beginning and skip nothing
    "enable.auto.offset.store": False,
    "auto.commit.interval.ms": 1000,
    "enable.partition.eof": True,
    "fetch.queue.backoff.ms": 10,  # pause in fetching when the queue is full; with the default, 1000, it may run empty
}

OnPartitions = Callable[[list[int]], object]


class Consumer:
    """A consumer of one topic, in a group or on its own. Use it from one thread only, and not in a signal handler."""

    def __init__(
        self,
        config: dict[str, Any],
        topic: str,
        partitions: Mapping[int, int] | None = None,
        on_assign: OnPartitions | None = None,
        on_revoke: OnPartitions | None = None,
        on_lost: OnPartitions | None = None,
        on_commit: Callable[[KafkaError | None, dict[int, int]], object] | None = None,
    ) -> None:
        """Connect in the background, and join the group named by `group.id`. `config` overrides DEFAULTS.

        A callback in `config`, such as error_cb, must not raise: messages that are being fetched would be lost.
        With `partitions` (number: first offset), read those without a group, and commit nothing. `read()` and
        `close()` run the callbacks, after the event: `on_lost` gets partitions taken away without a chance to commit,
        as after a session timeout; `on_commit` gets an error or None, and the offsets that were to be committed (the
        next to read), by partition. Raises KafkaException if the configuration is invalid.
        """
        if partitions is not None:  # librdkafka requires a group even if none is joined
            config = {"group.id": "none"} | config | {"enable.auto.commit": False}
        self.client = confluent_kafka.Consumer(DEFAULTS | config | {"on_commit": self._committed})
        self._topic, self.assigned = topic, set(partitions or ())
        self.ends: dict[int, int] = {}  # partitions that have been read to the end, and the position there
        self._events: list[tuple[Any, ...]] = []  # callbacks that are due, each with its arguments
        self._batch: list[Message] = []  # messages that have been fetched and not returned yet
        self._failed: list[Message] = []  # messages whose errors the next calls to `read()` raise
        self._on_assign, self._on_commit = on_assign, on_commit
        self._closing: Thread | None = None
        if partitions is None:
            removed, lost = partial(self._removed, on_revoke), partial(self._removed, on_lost)
            self.client.subscribe([topic], on_assign=self._assigned, on_revoke=removed, on_lost=lost)
        else:
            self.client.assign([TopicPartition(topic, number, offset) for number, offset in partitions.items()])

    @property
    def at_end(self) -> bool:
        """Whether every assigned partition has been read to its current end."""
        return bool(self.assigned) and self.ends.keys() >= self.assigned

    def read(self, timeout: float = 1.0, limit: int = 500) -> list[Message]:
        """Wait up to `timeout` seconds for a message; return it and those that have already arrived, up to `limit`.

        Call it again within `max.poll.interval.ms` (5 minutes): otherwise the group gives the partitions to others.
        Raises KafkaException(error, message) for an error, after returning the messages that came with it. Each further
        call raises a fatal error (code _FATAL) again: nothing more can be committed. `on_lost` is not called for it.
        """
        if self._failed:
            failed = self._failed[0]
            if cast("KafkaError", failed.error()).code() != KafkaError._FATAL:
                del self._failed[0]
            raise KafkaException(failed.error(), failed)
        if not self._batch:  # otherwise a callback raised an exception before these messages were returned
            first = self.client.poll(timeout)
            self._batch = [] if first is None else [first]  # not `if first`: a message with an empty value is falsy
            if self._batch and limit > 1:
                # With a timeout, consume() would wait for all of them; with 0, it takes what has arrived.
                self._batch += self.client.consume(limit - 1, 0)
            if self._events or any(map(Message.error, self._batch)):
                self._batch = self._only_messages(self._batch)
            elif self.ends:
                for partition in self.ends.keys() & map(Message.partition, self._batch):  # these go on
                    del self.ends[partition]
        self._call_back()
        batch, self._batch = self._batch, []
        return batch

    def store(self, message: Message) -> None:
        """Let the next commit, within a second, cover this and all earlier messages of its partition, stored or not."""
        self._store(message=message)

    def store_ends(self, *, empty: bool = True) -> None:
        """Store the position of each partition read to its end. Call it only when everything read has been stored.

        That position is past any transaction markers, which are not messages: without it, the lag would not reach 0.
        `empty` includes position 0: without it, a member that starts at the end could skip messages when it restarts.
        """
        ends = [TopicPartition(self._topic, partition, position) for partition, position in self.ends.items()]
        self._store(offsets=[end for end in ends if end.offset or empty])

    def close(self, timeout: float = 5.0) -> bool:
        """Commit what is stored (`on_commit` gets the result) and leave; False if not done within `timeout` seconds.

        Closing may block for minutes while no broker answers, so it runs in a thread. Signal handlers still run.
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
        """Close; only what is stored is committed."""
        self.close()

    def _store(self, **what: Any) -> None:
        try:
            self.client.store_offsets(**what)
        except KafkaException as error:
            # Not an error if the partition was reassigned: the member that now has it reads the message again.
            if error.args[0].code() not in (KafkaError._STATE, KafkaError._UNKNOWN_PARTITION):
                raise

    def _only_messages(self, batch: list[Message]) -> list[Message]:
        """Return the messages of assigned partitions; keep errors for `read()`, and note the ends reached."""
        messages = []
        for message in batch:
            error, partition = message.error(), cast("int", message.partition())  # None if not about a partition
            if error and error.code() != KafkaError._PARTITION_EOF:
                self.ends.pop(partition, None)  # out of range: the topic may have been created again
                if error.code() != KafkaError._MAX_POLL_EXCEEDED:  # after it, the next poll() rejoins the group
                    self._failed.append(message)
            elif partition not in self.assigned:
                continue  # revoked while the batch was being filled
            elif error:
                self.ends[partition] = message.offset() or 0
            else:
                self.ends.pop(partition, None)
                messages.append(message)
        return messages

    def _call_back(self) -> None:
        while self._events:
            callback, *arguments = self._events.pop(0)
            if callback:
                callback(*arguments)

    def _assigned(self, _: object, places: list[TopicPartition]) -> None:
        added = sorted(place.partition for place in places)
        self.assigned.update(added)
        if added:  # a revocation may be followed by an empty assignment
            self._events.append((self._on_assign, added))

    def _removed(self, callback: OnPartitions | None, _: object, places: list[TopicPartition]) -> None:
        removed = sorted(place.partition for place in places)
        self.assigned.difference_update(removed)
        self.ends = {partition: end for partition, end in self.ends.items() if partition in self.assigned}
        if removed:
            self._events.append((callback, removed))

    def _committed(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        # Without this callback, a failed commit would go unnoticed.
        offsets: dict[KafkaError | None, dict[int, int]] = {}
        for place in places:
            if place.offset >= 0:  # otherwise there was nothing to commit
                offsets.setdefault(error or place.error, {})[place.partition] = place.offset
        self._events += [(self._on_commit, reason, committed) for reason, committed in offsets.items()]
