"""`kafka-demo consume`, put together: a consumer, a sink, the proof, the signals and the narration."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from kafka_demo import problems
from kafka_demo.connect import Connections
from kafka_demo.consumer import BATCH, Consumer
from kafka_demo.narrator import Narrator
from kafka_demo.offsets import Start, resolve
from kafka_demo.patience import NoAnswer
from kafka_demo.problems import Explain, Problem
from kafka_demo.proof import Proof
from kafka_demo.record import headers_of
from kafka_demo.settings import Settings
from kafka_demo.sink import FORMATS, Sink
from kafka_demo.stop import TICK, Stop, crash
from kafka_demo.words import count, offsets_listed


@dataclass(frozen=True)
class Wanted:
    """What to read, and how."""

    topic: str
    group: str = ""  # empty: alone
    start: Start = field(default_factory=lambda: Start("beginning"))
    partition: int | None = None
    count: int | None = None
    exit_at_end: bool = False
    form: str = "text"
    slow: float = 0.0  # seconds of pretended work for each message
    crash_after: int | None = None
    quiet: bool = False
    explain: bool = False  # say what a word of Kafka means, the first time it is used


class _Narrator(Narrator):
    """Lets the proof know where other members of the group may have read on."""

    proof: Proof

    def assigned(self, partitions: list[int], committed: dict[int, int] | None) -> None:
        self.proof.resume(partitions)
        super().assigned(partitions, committed)


def consume(wanted: Wanted, settings: Settings, stop: Stop) -> int:
    """Read it; returns the exit status. Raises KafkaException if librdkafka does not take the settings."""

    def explain(error: KafkaError) -> Problem:
        return problems.of_error(error, settings, wanted.topic, wanted.group)

    narrator = _Narrator(
        wanted.topic,
        explain,
        group=wanted.group,
        start=wanted.start.kind,
        quiet=wanted.quiet,
        explaining=wanted.explain,
    )
    narrator.proof = Proof()
    connections = Connections(settings, wanted.topic, wanted.group, narrator)
    own = {
        "group.id": wanted.group or "kafka-demo-alone",  # librdkafka wants one even where no group is joined
        "auto.offset.reset": "latest" if wanted.start.kind == "end" else "earliest",
        "enable.auto.commit": bool(wanted.group),
        # A broker tells of an end of a partition when it has waited so long for more to come.
        **({"fetch.wait.max.ms": 10} if wanted.exit_at_end else {}),
    }
    consumer = Consumer(own | connections.config() | settings.to_config(), narrator, lambda: stop)
    stop.undone = lambda: f": not committed: {offsets_listed(consumer.uncommitted) or 'nothing'}"
    sink = Sink(1, FORMATS[wanted.form], lambda: stop)
    try:
        _begin(wanted, consumer, connections, narrator, stop)
    except (NoAnswer, Problem, KafkaException) as error:
        return not_begun(error, narrator, explain, stop)
    read, problem = read_all(_seen(narrator.proof, _written(wanted, consumer, sink, narrator, stop)), explain)
    if stop:
        narrator.stopping(f"leaving group {wanted.group}" if wanted.group else "", stop.typed)
    left = consumer.close()
    if left and wanted.group and not problem:
        narrator.left(f"group {wanted.group}", not connections.all_lost)
    narrator.received(read, consumer.committed)
    if narrator.proof.seen:
        narrator.say(f"sequence: {narrator.proof}")
    problem = problem or _undone(wanted, consumer, sink, read, left)
    if problem:
        narrator.problem(problem)
    return 1 if problem else 0


def not_begun(error: Exception, narrator: Narrator, explain: Explain, stop: Stop) -> int:
    """Say why nothing can be read; returns the exit status."""
    if stop:
        narrator.stopping("nothing was read yet", stop.typed)
        return 0
    if isinstance(error, KafkaException):
        error = explain(error.args[0])
    narrator.problem(error if isinstance(error, Problem) else problems.no_answer())
    return 1


def read_all(batches: Iterable[list[Message]], explain: Explain) -> tuple[int, Problem | None]:
    """Take messages for as long as there are any; returns how many there were, and why the brokers refused to go on."""
    read = 0
    try:
        for batch in batches:
            read += len(batch)
    except KafkaException as error:
        return read, explain(error.args[0])
    return read, None


def unwritable(sink: Sink) -> Problem | None:
    """Say why nothing can be written any more, unless whoever read has seen enough."""
    if sink.failure and not sink.reader_left:
        return Problem(f"cannot write to standard output: {sink.failure.strerror}")
    return None


def _seen(proof: Proof, batches: Iterable[list[Message]]) -> Iterator[list[Message]]:
    for batch in batches:
        headers = headers_of(batch)
        if any(headers):
            proof.see_all(zip(batch, headers, strict=True))
        yield batch


def _undone(wanted: Wanted, consumer: Consumer, sink: Sink, read: int, left: bool) -> Problem | None:
    if problem := unwritable(sink):
        return problem
    if wanted.exit_at_end and not read and consumer.left_out:
        return problems.left_out(wanted.group, wanted.topic)
    if consumer.uncommitted or (wanted.group and not left):
        return problems.not_committed(wanted.group, left, offsets_listed(consumer.uncommitted))
    return None


def _begin(wanted: Wanted, consumer: Consumer, connections: Connections, narrator: Narrator, stop: Stop) -> None:
    topic = connections.reach(consumer.client, lambda: stop)
    if wanted.group:
        narrator.joining()
        consumer.join(wanted.topic)
        return
    partitions = sorted(topic.partitions)
    if wanted.partition is not None:
        if wanted.partition not in partitions:
            raise problems.no_partition(wanted.partition, wanted.topic, len(partitions))
        partitions = [wanted.partition]
    places = resolve(consumer.client, wanted.topic, partitions, wanted.start, lambda: stop)
    for place in places:
        if wanted.start.kind == "offset" and wanted.start.number != place.start:
            narrator.say(f"partition {place.partition} has no offset {wanted.start.number}: this is the nearest")
        narrator.reading(place.partition, place.start, place.end)
    consumer.read_alone([TopicPartition(wanted.topic, place.partition, place.start) for place in places])


def _written(wanted: Wanted, consumer: Consumer, sink: Sink, narrator: Narrator, stop: Stop) -> Iterator[list[Message]]:
    """Write what the consumer reads, and yield it, until there is a reason to end."""
    held: dict[int | None, Message] = {}  # with --crash-after: the last one of each partition, not committed yet
    read = 0
    while not stop:
        limits = [limit - read for limit in (wanted.count, wanted.crash_after) if limit is not None]
        messages = consumer.read(TICK, 1 if wanted.slow else min([BATCH, *limits]))
        written = messages[: sink.write(messages)]
        yield written
        read += len(written)
        if written and wanted.slow:
            work(wanted.slow, stop)
        if wanted.crash_after is None:
            consumer.done(written)
        else:
            held |= {message.partition(): message for message in written}
            if read == wanted.crash_after:
                narrator.say(f"crashing, as kill -9 would: {count(read, 'message')} read, and nothing committed")
                crash()
        ended = wanted.count == read or (wanted.exit_at_end and (consumer.at_end or consumer.left_out))
        if ended or len(written) < len(messages) or sink.failure or sink.reader_left:
            break
    consumer.done(list(held.values()))


def work(seconds: float, stop: Stop) -> None:
    """Pretend to work so long, or until a signal."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop:
        time.sleep(min(left, TICK))
