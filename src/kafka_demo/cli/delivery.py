"""The delivery of batches of records: sending, narration, and the counts for the receipt."""

import contextlib
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message

from kafka_demo.cli.session import Session
from kafka_demo.cluster.inspect import why_unacknowledged
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import BOLD, count, forced_to_stop
from kafka_demo.producer import Producer
from kafka_demo.records.record import Batch, Record
from kafka_demo.shutdown import TICK, BackgroundCall, Timeout, handle_signals

ASK_AFTER = 2.0  # seconds without an acknowledgement before asking the brokers why
FLUSH = 10.0  # seconds to wait for acknowledgements after a signal


class Delivery:
    """A producer, the narration about it, and the numbers in the receipt."""

    def __init__(self, session: Session, unit: str, partition: int | None, wait: float) -> None:
        """Create the producer; `unit` names an input item. Poll `wait` seconds per batch; 0: report only failures."""
        self._wait = 0.0 if session.narrator.quiet else wait
        own = session.connections.callbacks(1000) | {"delivery.report.only.error": not self._wait}
        self.producer = Producer(session.config | own, session.topic, self._on_delivery)
        self._session, self._unit = session, unit
        self._partition = -1 if partition is None else partition
        self._read = self._invalid = self._acknowledged = 0
        self._since = time.monotonic()  # when the current wait began
        self._question: BackgroundCall[str] | None = None  # why nothing is acknowledged
        self._told_stop, self._why = False, ""

    def invalid(self, number: int, why: str) -> None:
        """Count an invalid line of the input, and give the reason."""
        self._read += 1
        self._invalid += 1
        self._session.narrator.failed(f"{self._unit} {number}", Problem(why))

    def send_all(self, batches: Iterable[Batch]) -> int:
        """Send every batch, wait for the acknowledgements, and write the receipt; returns the exit status."""
        session, producer, trouble = self._session, self.producer, None
        with contextlib.suppress(Problem):
            for _ in range(2):  # after two metadata responses, librdkafka requests its producer id at once
                session.ask(lambda: producer.client.list_topics(session.topic, 1), 1.5)

        def forced() -> None:
            forced_to_stop(f"{count(producer.waiting, 'message')} not acknowledged" if producer.waiting else "")

        with handle_signals(session.stop, forced):
            try:
                for batch in batches:
                    self._read += len(batch.records)
                    self._send(batch)
                    self._narrate()
                    if producer.fatal:
                        break
            except OSError as error:  # what has been read is still sent
                trouble = Problem(f"cannot read standard input: {error.strerror}")
            while producer.waiting and not producer.fatal and not session.stop.older_than(FLUSH):
                producer.flush(TICK)
                self._narrate()
            self._narrate()
            if producer.waiting:
                producer.client.purge()  # each is reported, and counted as given up
                producer.flush(1.0)
        trouble = session.explain(producer.fatal) if producer.fatal else trouble
        acknowledged = producer.acknowledged
        rest = {"invalid": self._invalid, "refused": producer.refused}
        rest |= {"given up": producer.given_up, "not acknowledged": producer.waiting}
        rest["not sent"] = self._read - acknowledged - sum(rest.values())
        session.narrator.sent(self._read, acknowledged, rest)
        if trouble:
            session.narrator.problem(trouble)
        return 0 if acknowledged == self._read and not trouble else 1

    def _send(self, batch: Batch) -> None:
        producer, done = self.producer, self._queue(batch.first, batch.records)
        while done < len(batch.records) and not producer.fatal and not self._session.stop.older_than(FLUSH):
            producer.poll(TICK)  # the queue is full: each delivery report makes room
            self._narrate()
            empty = not producer.waiting  # asked before: an acknowledgement may make room in the meantime
            if not (queued := self._queue(batch.first + done, batch.records[done:])) and empty:
                self._failed(batch.first + done, KafkaError(KafkaError._QUEUE_FULL))  # it does not fit
                queued = 1
            done += queued
        producer.poll(self._wait if batch.records else 0)

    def _queue(self, first: int, records: Sequence[bytes | Record]) -> int:
        """Queue records in order; returns how many were queued or refused before the queue was full."""
        if self._partition < 0 and not self._wait and records and isinstance(records[0], bytes):  # then all are
            values = cast("Sequence[bytes]", records)
            return self.producer.send_many(values, lambda index, error: self._failed(first + index, error))
        for done, record in enumerate(records):
            fields: Record = {"value": record} if isinstance(record, bytes) else record
            report = partial(self._on_delivery, number=first + done) if self._wait else None
            try:
                self.producer.send(**fields, partition=self._partition, on_delivery=report, timeout=0)
            except BufferError:
                return done
            except KafkaException as error:
                if self.producer.fatal:
                    return done
                self._failed(first + done, error.args[0])
        return len(records)

    def _on_delivery(self, error: KafkaError | None, message: Message, number: int | None = None) -> None:
        if error:
            self._failed(number, error)
        else:
            self._session.narrator.delivered(message.partition() or 0, message.offset() or 0, message.key())

    def _failed(self, number: int | None, error: KafkaError) -> None:
        if self.producer.fatal:
            return  # the reason is reported once, at the end
        problem = self._session.explain(error)
        if self._why and error.code() == KafkaError._MSG_TIMED_OUT:
            problem = Problem(f"{problem.what}; {self._why}", problem.hint)
        self._session.narrator.failed(f"{self._unit} {number}" if number else "a message", problem)

    def _narrate(self) -> None:
        """Say once that a signal was received, and once why nothing is acknowledged."""
        session, producer = self._session, self.producer
        waiting, acknowledged = producer.waiting, producer.acknowledged
        if session.stop and not self._told_stop:
            self._told_stop = True
            session.narrator.stopping(f"waiting for {count(waiting, 'acknowledgement')}" if waiting else "")
        if acknowledged and not self._wait:
            session.narrator.progress("delivered", acknowledged)
        if acknowledged > self._acknowledged or not waiting:
            self._acknowledged, self._since, self._question, self._why = acknowledged, time.monotonic(), None, ""
        elif self._question:
            with contextlib.suppress(Timeout):  # no answer yet
                why = self._question.result(0)
                if why not in ("", self._why):
                    session.narrator.say(f"waiting for acknowledgements: {why}", BOLD)
                self._why, self._question, self._since = why, None, time.monotonic()
        elif time.monotonic() - self._since > ASK_AFTER and not session.connections.all_lost:
            self._question = BackgroundCall(lambda: why_unacknowledged(session.config, session.topic))
