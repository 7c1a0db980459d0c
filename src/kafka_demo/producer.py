"""Sends records to a topic, and counts what the brokers acknowledged.

`produce()` only puts a record into a queue of librdkafka, whose own threads send it. What became of it
is known when its delivery report comes, from inside `poll()` or `flush()`. And `flush()` returning 0
says that the queue is empty, not that everything arrived: what failed leaves the queue too. So count.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message

from kafka_demo.record import Batch, Record

# https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
DEFAULTS: dict[str, object] = {
    "client.id": "kafka-demo-producer",
    # A retry neither duplicates nor reorders (KIP-98), and a record counts as delivered only when all in-sync
    # replicas have it. Two cases are left in which one may be there twice: a leader moves while several requests
    # are under way, https://github.com/confluentinc/librdkafka/issues/4953; and a record was given up, after which
    # those that wait beside it for their acknowledgement are sent as new ones,
    # https://github.com/confluentinc/librdkafka/blob/master/INTRODUCTION.md#message-timeout-considerations.
    "enable.idempotence": True,
    # A key goes to the partition that Java's producer would choose.
    "partitioner": "murmur2_random",
    # Wait 5 ms for company: a person does not notice it, and a file leaves in large batches.
    "linger.ms": 5,
    # Give a record up after 30 s without an acknowledgement. The default is 5 minutes.
    "delivery.timeout.ms": 30_000,
    "topic.metadata.propagation.max.ms": 5_000,
    # How much may wait for an acknowledgement. While it is full, the reader of the input waits.
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 64 * 1024,
}
TICK = 0.1  # seconds that one wait may take, so that a signal is heard


class Listener(Protocol):
    """Who hears what becomes of the records."""

    def delivered(self, message: Message) -> None:
        """Hear where the brokers put it (only from a producer that `reports_each`)."""

    def not_delivered(self, error: KafkaError, number: int | None) -> None:
        """Hear why a record was not delivered, and the number of its line where that is known."""

    def broken(self, error: KafkaError) -> None:
        """Hear why this producer can send nothing any more."""


@dataclass
class Receipt:
    """What became of the records that were read: delivered + failed + waiting + unsent."""

    read: int = 0  # taken from the input
    queued: int = 0  # taken by librdkafka
    refused: int = 0  # not taken by it, or no record at all
    reported: int = 0  # taken by it, and then reported as not delivered
    waiting: int = 0  # taken by it, and not reported yet

    @property
    def delivered(self) -> int:
        """How many the brokers acknowledged."""
        return self.queued - self.reported - self.waiting

    @property
    def failed(self) -> int:
        """How many will not be delivered."""
        return self.refused + self.reported

    @property
    def unsent(self) -> int:
        """How many were read, and not even queued when the producer had to stop."""
        return self.read - self.queued - self.refused


class Producer:
    """A producer for one topic, to be used by one thread."""

    def __init__(
        self,
        config: dict[str, object],
        topic: str,
        listener: Listener,
        *,
        partition: int = -1,
        reports_each: bool = False,
    ) -> None:
        """Connect in the background; partition -1 means that the key chooses.

        `config` is librdkafka's and wins over DEFAULTS. Raises KafkaException if it is wrong.
        """
        # Failures only, unless each is wanted: a million records in two thirds of the time, and no less countable.
        reports = {"on_delivery": partial(self._report, None), "delivery.report.only.error": not reports_each}
        self.client = confluent_kafka.Producer(DEFAULTS | reports | config)
        self._topic = topic
        self._partition = partition
        self._listener = listener
        self._reports_each = reports_each
        self._plain = partition < 0 and not reports_each
        self._receipt = Receipt()
        self._broken = False

    @property
    def receipt(self) -> Receipt:
        """What became of the records so far."""
        queue = len(self.client)  # with events, such as statistics, that have not been served yet
        self._receipt.waiting = min(queue, self._receipt.queued - self._receipt.reported)
        return self._receipt

    def send_all(self, batches: Iterable[Batch], give_up: Callable[[], object]) -> Receipt:
        """Send every batch, and wait until each record is acknowledged or has failed, or until `give_up()`."""
        for batch in batches:
            self._send(batch, give_up)
            if self._broken:
                break
        while len(self.client) and not give_up():
            self._serve(self.client.flush, TICK)  # unlike poll(), flush() does not linger
        if len(self.client):
            self.client.purge()  # what is still waiting fails, and is reported as such
            self._serve(self.client.flush, 10 * TICK)
        return self.receipt

    def refuse(self) -> None:
        """Count a line of the input that is no record."""
        self._receipt.read += 1
        self._receipt.refused += 1

    def _send(self, batch: Batch, give_up: Callable[[], object]) -> None:
        self._receipt.read += len(batch.records)
        left = self._queue(batch)
        self._serve(self.client.poll, TICK if self._reports_each and batch.records else 0)
        while left.records and not self._broken and not give_up():
            self._serve(self.client.poll, TICK)  # the queue is full: each report makes room
            left = self._queue(left)

    def _queue(self, batch: Batch) -> Batch:
        """Queue the records in order, and return those from the first one on that found no room."""
        refused = self._receipt.refused
        produce, topic, plain = self.client.produce, self._topic, self._plain
        for done, record in enumerate(batch.records):
            try:
                if plain and isinstance(record, bytes):
                    produce(topic, record)  # each further argument would cost a million records 0.02 s
                else:
                    self._produce(record, batch.first + done)
            except BufferError:
                break
            except KafkaException as error:
                if error.args[0].code() == KafkaError._FATAL:  # poll() will tell what is fatal
                    break
                self._refused(error.args[0], batch.first + done)
        else:
            done = len(batch.records)
        self._receipt.queued += done - (self._receipt.refused - refused)
        return Batch(batch.first + done, batch.records[done:])

    def _produce(self, record: bytes | Record, number: int) -> None:
        fields: Record = {"value": record} if isinstance(record, bytes) else record
        self.client.produce(
            self._topic,
            **fields,  # type: ignore[arg-type] # a null header is fine, whatever the stub says
            partition=self._partition,
            on_delivery=partial(self._report, number) if self._reports_each else None,
        )

    def _refused(self, error: KafkaError, number: int) -> None:
        self._receipt.refused += 1
        self._listener.not_delivered(error, number)

    def _report(self, number: int | None, error: KafkaError | None, message: Message) -> None:
        if error:
            self._receipt.reported += 1
            self._listener.not_delivered(error, number)
        else:
            self._listener.delivered(message)

    def _serve(self, wait: Callable[[float], object], seconds: float) -> None:
        """Let librdkafka call `_report`, for up to so many seconds."""
        try:
            wait(seconds)
        except KafkaException as error:  # a fatal error: this producer will send nothing any more
            self._break(error.args[0])
        except SystemError as error:  # the same, and the library has swallowed the report of one failed record
            self._receipt.reported += 1
            self._break(cast("KafkaException", error.__cause__).args[0])

    def _break(self, error: KafkaError) -> None:
        self._broken = True
        self._listener.broken(error)
