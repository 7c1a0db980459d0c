"""Reads a topic, as a member of a group or alone, and commits only what was dealt with.

At least once (https://kafka.apache.org/documentation/#semantics): librdkafka commits in the background,
but only offsets that were stored, and `done()` stores them after the messages were dealt with. By default
it would store each as it hands the message out, and a program that ends just then would lose it.
"""

import time
from collections.abc import Callable
from operator import methodcaller
from typing import Any, Protocol

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from kafka_demo.patience import Call

# https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
DEFAULTS: dict[str, object] = {
    "client.id": "kafka-demo-consumer",
    # The broker shares the partitions out (KIP-848, Kafka 4.0), and only those that move are taken away.
    "group.protocol": "consumer",
    "enable.auto.offset.store": False,
    "auto.commit.interval.ms": 1000,
    "enable.partition.eof": True,
    "allow.auto.create.topics": True,  # as in Java: a consumer may come before the first producer
    # The pause before the next fetch while enough is queued. At its default, 1000 ms, the queue runs dry.
    "fetch.queue.backoff.ms": 10,
    # The in-memory broker answers a fetch only when this time is up; a real one as soon as a message comes.
    "fetch.wait.max.ms": 100,
}
BATCH = 10_000  # messages that are taken at once, at most
ANSWER = 5.0  # seconds to wait for the group's coordinator

_error, _partition = methodcaller("error"), methodcaller("partition")  # which map() calls for a million messages


class Listener(Protocol):
    """Who hears what happens to this member of the group."""

    def assigned(self, partitions: list[int], committed: dict[int, int] | None) -> None:
        """Hear which partitions came, and the offsets that the group has committed there (None: not known)."""

    def revoked(self, partitions: list[int]) -> None:
        """Hear which partitions another member gets."""

    def expelled(self, partitions: list[int]) -> None:
        """Hear which partitions were lost, because the group had not heard from this member for too long."""

    def committed(self, offsets: dict[int, int]) -> None:
        """Hear, for each partition, up to which offset (not included) the group is through."""

    def commit_failed(self, error: KafkaError, partitions: list[int]) -> None:
        """Hear why the group did not take a commit."""


class Consumer:
    """Reads one topic, in one thread."""

    def __init__(self, config: dict[str, Any], listener: Listener, stopped: Callable[[], object]) -> None:
        """Connect in the background; `stopped()` ends the wait for the group's commits.

        `config` is librdkafka's, wins over DEFAULTS, and must have a group.id. Raises KafkaException if it is wrong.
        """
        self.client = confluent_kafka.Consumer(DEFAULTS | {"on_commit": self._on_commit} | config)
        self.committed: dict[int, int] = {}  # partition: the offset after the last message that the group is through
        self._stored: dict[int, int] = {}  # partition: the offset after the last message that was dealt with
        self.assigned: set[int] = set()  # the partitions that this consumer reads
        self._revoked: set[int] = set()  # during one read()
        self._at_end: set[int] = set()
        self._listener = listener
        self._stopped = stopped
        self._alone = False
        self._closing = False

    def join(self, topic: str) -> None:
        """Become a member of the group, which will assign partitions of this topic."""
        self.client.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def read_alone(self, partitions: list[TopicPartition]) -> None:
        """Read these partitions of one topic from their offsets on, without a group, and commit nothing."""
        self._alone = True
        self.assigned = {partition.partition for partition in partitions}
        self.client.assign(partitions)

    @property
    def at_end(self) -> bool:
        """Whether all assigned partitions are read up to where they ended just now."""
        return bool(self.assigned) and self._at_end >= self.assigned

    @property
    def uncommitted(self) -> dict[int, int]:
        """Where messages were dealt with and the group does not know: partition and offset after the last one."""
        return {p: offset for p, offset in self._stored.items() if offset > self.committed.get(p, 0)}

    def read(self, seconds: float, most: int = BATCH) -> list[Message]:
        """Wait up to so many seconds for a message, and return it with those that are already here.

        Raises KafkaException if the brokers refuse to go on.
        """
        self._revoked.clear()
        first = self.client.poll(seconds)
        if first is None:
            return []
        # consume() waits for as many as were asked for; with a timeout of 0 it takes what has arrived.
        batch = [first, *self.client.consume(most - 1, 0)] if most > 1 else [first]
        if gone := self._revoked - self.assigned:  # revoked while the batch was filled: the next owner reads them
            batch = [message for message in batch if message.partition() not in gone]
        messages = [message for message in batch if not message.error()] if any(map(_error, batch)) else batch
        if self._at_end or len(messages) < len(batch):
            self._look_for_ends(batch)
        return messages

    def done(self, messages: list[Message]) -> None:
        """Let the next commit, which comes within a second, go past these messages; alone, do nothing."""
        if self._alone:
            return
        for message in dict(zip(map(_partition, messages), messages, strict=True)).values():  # of each the last
            try:
                self.client.store_offsets(message)
            except KafkaException:
                continue  # it is not ours any more: its new owner reads these messages again
            self._stored[message.partition() or 0] = (message.offset() or 0) + 1

    def close(self) -> bool:
        """Commit what was stored and leave the group; False if the coordinator did not answer in time.

        Without a deadline it takes 45 s while all brokers are down.
        """
        self._closing = True
        return Call(self.client.close).returns(ANSWER)

    def _look_for_ends(self, batch: list[Message]) -> None:
        for message in batch:
            error, partition = message.error(), message.partition()
            if error is None:
                self._at_end.discard(partition or 0)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._at_end.add(partition or 0)
            elif self._alone and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                continue  # librdkafka looks for the coordinator of a group, which who reads alone does not need
            elif error.code() != KafkaError._MAX_POLL_EXCEEDED:  # after which the next poll() joins again
                raise KafkaException(error)

    def _on_assign(self, _client: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return  # the answer to a revocation, if nothing else comes with it
        added = sorted(partition.partition for partition in partitions)
        self.assigned.update(added)
        self._at_end.difference_update(added)
        self._listener.assigned(added, self._ask_committed(partitions))

    def _ask_committed(self, partitions: list[TopicPartition]) -> dict[int, int] | None:
        # Only this thread may use the client while its poll() is running, hence no Call: short tries instead.
        deadline = time.monotonic() + ANSWER
        while time.monotonic() < deadline and not self._stopped():
            try:
                found = self.client.committed(partitions, 0.5)
            except KafkaException as error:
                if error.args[0].code() == KafkaError._TIMED_OUT:
                    continue
                break
            if any(place.error for place in found):
                break
            return {place.partition: place.offset for place in found if place.offset >= 0}
        return None  # librdkafka will ask for itself before it fetches: only the words are missing

    def _on_revoke(self, _client: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        # Nothing to commit here: librdkafka commits the stored offsets of a partition before it gives it up.
        removed = self._remove(partitions)
        if not self._closing:
            self._listener.revoked(removed)

    def _on_lost(self, _client: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        # And here nothing may be committed: the partitions may have another owner already, who reads it all again.
        removed = self._remove(partitions)
        for partition in removed:
            self._stored.pop(partition, None)
        self._listener.expelled(removed)

    def _remove(self, partitions: list[TopicPartition]) -> list[int]:
        removed = sorted(partition.partition for partition in partitions)
        self.assigned.difference_update(removed)
        self._at_end.difference_update(removed)
        self._revoked.update(removed)
        return removed

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        # Without this callback a commit that fails is not told to anybody.
        through = {
            place.partition: place.offset
            for place in partitions
            if not (error or place.error) and place.offset >= 0 and self.committed.get(place.partition) != place.offset
        }
        self.committed |= through
        if through:
            self._listener.committed(through)
        refused = [place for place in partitions if (error or place.error) and place.offset >= 0]
        reason = error or next((place.error for place in refused), None)
        if reason and reason.code() != KafkaError._NO_OFFSET:  # which says that there was nothing to commit
            self._listener.commit_failed(reason, [place.partition for place in refused])
