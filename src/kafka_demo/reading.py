"""`kafka-demo consume`, put together: a consumer, a sink, the proof, the signals and the narration."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from kafka_demo import problems
from kafka_demo.connect import Connections
from kafka_demo.consumer import BATCH, Consumer
from kafka_demo.member import Member
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


def consume(wanted: Wanted, settings: Settings, stop: Stop) -> int:
    """Read it; returns the exit status. Raises KafkaException if librdkafka does not take the settings."""

    def explain(error: KafkaError) -> Problem:
        return problems.of_error(error, settings, wanted.topic, wanted.group)

    member = Member(
        wanted.topic,
        explain,
        group=wanted.group,
        start=wanted.start.kind,
        quiet=wanted.quiet,
        explaining=wanted.explain,
    )
    connections = Connections(settings, wanted.topic, wanted.group, member)
    own = {
        "group.id": wanted.group or "kafka-demo-alone",  # librdkafka wants one even where no group is joined
        "auto.offset.reset": "latest" if wanted.start.kind == "end" else "earliest",
        "enable.auto.commit": bool(wanted.group),
        # A broker tells of an end of a partition when it has waited so long for more to come.
        **({"fetch.wait.max.ms": 10} if wanted.exit_at_end else {}),
    }
    consumer = Consumer(own | connections.config() | settings.to_config(), member, lambda: stop)
    stop.undone = lambda: f": not committed: {offsets_listed(consumer.uncommitted) or 'nothing'}"
    sink = Sink(1, FORMATS[wanted.form], lambda: stop)
    try:
        _begin(wanted, consumer, connections, member, stop)
    except (NoAnswer, Problem, KafkaException) as error:
        return not_begun(error, member, explain, stop)
    read, problem = read_all(_seen(member.proof, _written(wanted, consumer, sink, member, stop)), explain)
    if stop:
        member.stopping(f"leaving group {wanted.group}" if wanted.group else "", stop.typed)
    left = consumer.close()
    if left and wanted.group and not problem:
        member.left(f"group {wanted.group}", not connections.all_lost)
    member.received(read, consumer.committed)
    if member.proof.seen:
        member.say(f"sequence: {member.proof}")
    problem = problem or unwritable(sink) or _undone(wanted, consumer, member, read, left)
    if problem:
        member.problem(problem)
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


def _undone(wanted: Wanted, consumer: Consumer, member: Member, read: int, left: bool) -> Problem | None:
    if wanted.exit_at_end and not read and member.left_out:
        return problems.left_out(wanted.group, wanted.topic)
    if consumer.uncommitted or (wanted.group and not left):
        return problems.not_committed(wanted.group, left, offsets_listed(consumer.uncommitted))
    return None


def _begin(wanted: Wanted, consumer: Consumer, connections: Connections, member: Member, stop: Stop) -> None:
    topic = connections.reach(consumer.client, lambda: stop)
    if wanted.group:
        member.joining()
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
            member.say(f"partition {place.partition} has no offset {wanted.start.number}: this is the nearest")
        member.reading(place.partition, place.start, place.end)
    consumer.read_alone([TopicPartition(wanted.topic, place.partition, place.start) for place in places])


def _written(wanted: Wanted, consumer: Consumer, sink: Sink, member: Member, stop: Stop) -> Iterator[list[Message]]:
    """Write what the consumer reads, and yield it, until there is a reason to end."""
    held: dict[int | None, Message] = {}  # with --crash-after: the last one of each partition, not committed yet
    read = 0
    while not stop:
        limits = [limit - read for limit in (wanted.count, wanted.crash_after) if limit is not None]
        messages = consumer.read(TICK, 1 if wanted.slow else min([BATCH, *limits]))
        member.look(consumer.assigned, messages)
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
                member.say(f"crashing, as kill -9 would: {count(read, 'message')} read, and nothing committed")
                crash()
        ended = wanted.count == read or (wanted.exit_at_end and (consumer.at_end or member.left_out))
        if ended or len(written) < len(messages) or sink.failure or sink.reader_left:
            break
    consumer.done(list(held.values()))


def work(seconds: float, stop: Stop) -> None:
    """Pretend to work so long, or until a signal."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop:
        time.sleep(min(left, TICK))
