"""A Kafka producer for one topic that counts what the brokers acknowledged. Copy this file into your own service.

    with Producer({"bootstrap.servers": "localhost:9092"}, "message-created") as producer:
        producer.send(b'{"text": "hello"}', key=b"ada")
    print(producer.acknowledged, producer.refused, producer.given_up)

`send()` only adds a record to a queue, which librdkafka's threads empty. Whether the record was delivered is known when
its delivery report arrives, during `poll()` or `flush()`. An empty queue does not mean success: failed records leave it
too, so check the counts. This file needs only `pip install confluent-kafka`.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any, Self, cast

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message

# https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
DEFAULTS: dict[str, Any] = {
    # Retries neither duplicate nor reorder records (KIP-98). Idempotence implies acks=all: a record is acknowledged
    # once all in-sync replicas have it. Each guarantee has an exception: after a record times out, later ones get new
    # sequence numbers and may be duplicated; a new topic's leader may refuse one batch and accept the next, and both
    # are reported as acknowledged.
    # https://github.com/confluentinc/librdkafka/blob/master/INTRODUCTION.md#message-timeout-considerations
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # a key goes to the same partition as with the Java client
    "linger.ms": 5,
    "delivery.timeout.ms": 30_000,  # after which librdkafka gives up on a record; the default is 5 minutes
    "topic.metadata.propagation.max.ms": 5_000,
    "queue.buffering.max.kbytes": 64 * 1024,  # of unacknowledged records; 100,000 records are another limit
}
SLICE = 0.1  # seconds that a call into librdkafka may block before signal handlers run
_GIVEN_UP = (KafkaError._MSG_TIMED_OUT, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._DESTROY)

OnDelivery = Callable[[KafkaError | None, Message], object]


class Producer:
    """A producer of records to one topic. Use it from one thread only, and not in a signal handler."""

    def __init__(self, config: dict[str, Any], topic: str, on_delivery: OnDelivery | None = None) -> None:
        """Connect in the background. `config` has librdkafka's properties and overrides DEFAULTS.

        `send()`, `poll()` and `flush()` call `on_delivery(error, message)` for each record that was acknowledged (error
        is None) or failed; with `delivery.report.only.error`, only for those that failed. If it raises an exception,
        other calls that are due may be omitted. Raises KafkaException if the configuration is invalid.
        """
        self.refused = 0  # records never queued, or rejected by a broker or by librdkafka
        self.given_up = 0  # records not acknowledged in time: they may have arrived
        self.fatal: KafkaError | None = None  # why this producer can send nothing more
        self._sent = 0  # queued or refused
        self._settled = 0  # the value of `_sent` when the queue was last empty
        self._topic, self._on_delivery = topic, on_delivery
        self._due: list[Callable[[], object]] = []  # callbacks of reports that have arrived
        self.client = confluent_kafka.Producer(DEFAULTS | config | {"on_delivery": self._report})

    @property
    def waiting(self) -> int:
        """Number of records that are queued, neither acknowledged nor failed."""
        # The length also counts events that have not been served yet, such as statistics.
        return min(len(self.client), self._sent - max(self._settled, self.refused + self.given_up))

    @property
    def acknowledged(self) -> int:
        """Number of acknowledged records: all in-sync replicas have them."""
        return self._sent - self.refused - self.given_up - self.waiting

    def send(
        self,
        value: bytes | None,
        key: bytes | None = None,
        headers: list[tuple[str, bytes | None]] | None = None,
        partition: int = -1,
        on_delivery: OnDelivery | None = None,
        timeout: float = inf,
    ) -> None:
        """Queue a record; partition -1 lets the key choose. While the queue is full, wait for up to `timeout` seconds.

        `on_delivery` replaces the producer's own for this record. Raises BufferError if the queue is still full, and
        KafkaException if the record is refused, for example because it is too large or the producer has a fatal error.
        """
        report = partial(self._report, on_delivery=on_delivery) if on_delivery else self._report
        deadline = time.monotonic() + timeout
        while True:
            try:
                # The stubs do not know that a header may be null.
                self.client.produce(self._topic, value, key, partition, report, headers=headers or [])  # type: ignore[arg-type]
                break
            except BufferError:
                left = deadline - time.monotonic()
                self.poll(max(0, min(left, SLICE)))  # each delivery report makes room
                if left <= 0:
                    raise
            except KafkaException:
                self._sent += 1
                self.refused += 1
                self.poll(0)  # notes a fatal error
                raise
        self._sent += 1
        self.poll(0)

    def send_many(self, values: Sequence[bytes], on_refused: Callable[[int, KafkaError], object]) -> int:
        """Queue plain values in order, faster than `send()`, until the queue is full or the producer has a fatal error.

        Returns how many were queued, or refused and reported to `on_refused(index, error)`; the rest were not tried.
        """
        produce, topic = self.client.produce, self._topic
        done, refused = 0, []
        for value in values:
            try:
                produce(topic, value)  # each further argument costs 0.02 s per million records
            except BufferError:
                break
            except KafkaException as error:
                if error.args[0].code() == KafkaError._FATAL:
                    break
                refused.append((done, error.args[0]))
            done += 1
        self._sent += done
        self.refused += len(refused)
        for index, reason in refused:
            on_refused(index, reason)
        self.poll(0)  # notes a fatal error
        return done

    def poll(self, seconds: float) -> None:
        """Wait up to `seconds` for delivery reports, and pass them to the callbacks."""
        self._serve(self.client.poll, seconds)
        self._call_back()

    def flush(self, timeout: float = inf) -> int:
        """Wait until each record is acknowledged or has failed, or for `timeout` seconds; return `waiting`."""
        deadline = time.monotonic() + timeout
        while (len(self.client) or self._due) and (left := deadline - time.monotonic()) > 0:
            if len(self.client):
                self._serve(self.client.flush, min(left, SLICE))
            else:  # only now: an exception would leave the rest of the queue unsent
                self._call_back()
        self.poll(0)  # with a timeout of 0, too, count the reports that have arrived
        return self.waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def _report(self, error: KafkaError | None, message: Message, on_delivery: OnDelivery | None = None) -> None:
        if error and error.code() in _GIVEN_UP:
            self.given_up += 1
        elif error:
            self.refused += 1
        if callback := on_delivery or self._on_delivery:
            self._due.append(partial(callback, error, message))

    def _call_back(self) -> None:
        # Not within the client's own call: there, a callback that sends a record would abort the process.
        due, self._due = self._due, []
        for callback in due:
            callback()

    def _serve(self, wait: Callable[[float], object], seconds: float) -> None:
        """Let librdkafka call `_report` for up to `seconds`, and note a fatal error."""
        try:
            wait(seconds)
        except KafkaException as error:
            if not error.args[0].fatal():  # a callback in the configuration raised it
                raise
            self.fatal = error.args[0]
        except SystemError as error:  # also a fatal error; the binding loses one report on the way
            self.given_up += 1
            self.fatal = cast("KafkaException", error.__cause__).args[0]
        if not len(self.client):
            self._settled = self._sent
