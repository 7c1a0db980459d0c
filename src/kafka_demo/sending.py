"""`kafka-demo produce`, put together: a source, a producer, the signals and the narration."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException

from kafka_demo import errors, problems, sample, source
from kafka_demo.connect import Connections
from kafka_demo.narrator import Narrator
from kafka_demo.patience import NoAnswer
from kafka_demo.problems import Problem
from kafka_demo.producer import Producer
from kafka_demo.record import Batch, Headers, Record, from_line
from kafka_demo.settings import Settings
from kafka_demo.stop import TICK, Stop
from kafka_demo.words import count

DOUBT = 3.0  # seconds without an acknowledgement, until the brokers are asked why
FLUSH = 10.0  # seconds after a signal for the acknowledgements that are still to come


@dataclass(frozen=True)
class Wanted:
    """What to send, and how."""

    topic: str
    messages: tuple[bytes, ...] = ()  # none: the lines of standard input
    sample: bool = False  # made-up events instead
    count: int | None = None
    interval: float = 1.0  # seconds
    json: bool = False
    key: bytes | None = None
    key_separator: bytes | None = None
    headers: Headers = field(default_factory=list)
    partition: int = -1  # -1: the key chooses
    quiet: bool = False
    explain: bool = False  # say what a word of Kafka means, the first time it is used

    @property
    def by_hand(self) -> bool:
        """Whether messages come so slowly that a person can watch where each one lands."""
        return self.interval > 0 if self.sample else bool(self.messages) or os.isatty(0)


def produce(wanted: Wanted, settings: Settings, stop: Stop) -> int:
    """Send it; returns the exit status. Raises KafkaException if librdkafka does not take the settings."""

    def explain(error: KafkaError) -> Problem:
        # librdkafka tries again for as long as too few replicas are in sync, and then only says that time is up.
        if error.code() == KafkaError._MSG_TIMED_OUT and watch.missing:
            return problems.too_few_in_sync(watch.missing)
        return problems.of_error(error, settings, wanted.topic, words=errors.DELETED)

    narrator = Narrator(
        wanted.topic,
        explain,
        quiet=wanted.quiet,
        explaining=wanted.explain,
        unit="argument" if wanted.messages else "message" if wanted.sample else "line",
    )
    connections = Connections(settings, wanted.topic, None, narrator)
    producer = Producer(
        connections.config() | settings.to_config(),
        wanted.topic,
        narrator,
        partition=wanted.partition,
        reports_each=wanted.by_hand and not wanted.quiet,
    )
    stop.undone = lambda: f": {count(producer.receipt.waiting, 'message')} not acknowledged"
    try:
        topic = connections.reach(producer.client, lambda: stop)
        if wanted.partition >= len(topic.partitions):
            raise problems.no_partition(wanted.partition, wanted.topic, len(topic.partitions))
    except NoAnswer:
        narrator.stopping("nothing was sent", stop.typed)
        return 1 if wanted.messages else 0
    except Problem as problem:
        narrator.problem(problem)
        return 1

    watch = _Watch(producer, connections, narrator, stop)
    troubles: list[str] = []

    def batches() -> Iterator[Batch]:
        try:
            yield from _source(wanted, settings, narrator, producer, watch.stopped)
        except OSError as error:
            troubles.append(f"cannot read standard input: {error.strerror}")  # what was read before is still sent

    receipt = producer.send_all(batches(), lambda: watch.stopped() and stop.over(FLUSH))
    narrator.sent(receipt)
    for trouble in troubles:
        narrator.problem(Problem(trouble))
    return 1 if troubles or receipt.delivered < receipt.read else 0


class _Watch:
    """What is looked at some times a second while sending: the signals, and whether anything is acknowledged."""

    def __init__(self, producer: Producer, connections: Connections, narrator: Narrator, stop: Stop) -> None:
        self._producer = producer
        self._connections = connections
        self._narrator = narrator
        self._stop = stop
        self._told = False
        self._delivered = 0
        self._since = time.monotonic()
        self.missing = ""  # which replicas are, while nothing is acknowledged
        self._why = ""  # what was told of it

    def stopped(self) -> bool:
        """Whether a signal asks to stop; tells what there is to tell."""
        receipt = self._producer.receipt
        if self._stop and not self._told:
            self._told = True
            waiting = f"waiting for {count(receipt.waiting, 'acknowledgement')}" if receipt.waiting else ""
            self._narrator.stopping(waiting, self._stop.typed)
        if receipt.delivered > self._delivered or not receipt.waiting:
            self._delivered, self._since = receipt.delivered, time.monotonic()
            self._why = self.missing = ""
        elif time.monotonic() - self._since > DOUBT:
            try:
                why = self.missing = self._connections.out_of_sync()
            except KafkaException:
                self.missing = ""
                why = "" if self._connections.all_lost else "no broker answers"  # what is lost was told
            if why not in ("", self._why):
                self._narrator.say(f"nothing is acknowledged: {why}; it is tried again")
                self._why = why
            self._since = time.monotonic()
        return bool(self._stop)


def _source(
    wanted: Wanted, settings: Settings, narrator: Narrator, producer: Producer, stopped: Callable[[], object]
) -> Iterator[Batch]:
    if wanted.sample:
        run = sample.new_run()
        narrator.say(f"sending sample messages as producer {run}")
        return sample.batches(run, wanted.count, wanted.interval, TICK, stopped)
    if wanted.messages:
        lines: Iterable[list[bytes]] = [list(wanted.messages)]
    else:
        if os.isatty(0):
            narrator.say("type a message and press Enter; Ctrl-D ends")
        lines = source.lines(0, settings.longest_line, TICK, stopped)
    if wanted.json:

        def bad(number: int, why: str) -> None:
            producer.refuse()
            narrator.refused(number, why)

        return source.json_lines(lines, bad)
    return source.text(lines, _parser(wanted))


def _parser(wanted: Wanted) -> Callable[[bytes], Record] | None:
    if wanted.headers:
        return lambda line: {**from_line(line, wanted.key_separator, wanted.key), "headers": wanted.headers}
    if wanted.key_separator or wanted.key is not None:
        return lambda line: from_line(line, wanted.key_separator, wanted.key)
    return None  # the line is the value: nothing to do for each of a million lines
