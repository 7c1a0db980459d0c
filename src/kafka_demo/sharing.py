"""`kafka-demo consume --queue`, put together: a share consumer, a sink, the signals and the narration."""

import time
from collections.abc import Iterable, Iterator
from itertools import pairwise

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka.admin import AdminClient

from kafka_demo import errors, problems
from kafka_demo.connect import Connections
from kafka_demo.narrator import ENOUGH, Narrator
from kafka_demo.patience import Call, NoAnswer
from kafka_demo.problems import Explain, Problem
from kafka_demo.reading import Wanted, not_begun, read_all, unwritable, work
from kafka_demo.settings import Settings
from kafka_demo.share import ANSWER, DEFAULTS, Place, ShareConsumer, start_at_beginning
from kafka_demo.sink import FORMATS, Sink
from kafka_demo.stop import TICK, Stop, crash
from kafka_demo.words import count

BATCH = 500  # messages that are taken at once, more or less
LEFT_OUT = 8.0  # seconds without an assignment, until it is told: a first join takes up to 6
SHORTLY = 1.0  # seconds for the goodbye of a member that was assigned nothing
LIMIT = 5  # deliveries: group.share.delivery.attempt.limit, unless a broker says otherwise
EACH = 1.0  # seconds between two lines about what was acknowledged


class _Narrator(Narrator):
    """Tells what happens to a member of a share group."""

    connections: Connections  # which know how many partitions this member has
    _partitions = 0
    _places: tuple[Place, ...] = ()  # acknowledged, and not told yet
    _told_at = _joined_at = float("inf")
    _redelivered = 0

    def joining(self) -> None:
        self._joined_at = self._told_at = time.monotonic()
        self.say(f"joining share group {self._group}, a queue: each message goes to one of its members")
        self.say("(share groups are a preview in the client library; brokers have them since Kafka 4.2)")

    def tick(self) -> None:
        """Say what has changed since the last time: the assignment, and at most once a second what was acknowledged."""
        if (partitions := self.connections.assigned) != self._partitions:
            self._partitions = partitions
            self.say(f"assigned {count(partitions, 'partition')} of {self._topic}, shared with other members")
        elif not partitions and time.monotonic() - self._joined_at > LEFT_OUT:
            self._joined_at = float("inf")
            self.say(f"no partition so far: the coordinator of {self._group} has not let this member in")
            self._hint(errors.NO_QUEUE[1])
        if self._places and time.monotonic() - self._told_at > EACH:
            self.say(f"acknowledged: {places_listed(self._places)}")
            self._places, self._told_at = (), time.monotonic()

    def redelivered(self, messages: Iterable[Message]) -> None:
        """Point out those that were delivered before."""
        for message in messages:
            if (delivery := message.delivery_count() or 1) > 1:
                self._redelivered += 1
                if self._redelivered <= ENOUGH:
                    place = f"partition {message.partition()} offset {message.offset()}"
                    last = "; after so many a group gives it up, by default" if delivery >= LIMIT else ""
                    self.say(f"{place}: delivery {delivery}, since nobody acknowledged it the last time{last}")

    def acknowledged(self, places: list[Place]) -> None:
        self._places += tuple(places)

    def not_acknowledged(self, error: KafkaException, places: list[Place]) -> None:
        problem = self._explain(error.args[0])
        self.problem(Problem(f"not acknowledged: {places_listed(places)}: {problem.what}", problem.todo))

    def taken(self, read: int, acknowledged: int) -> None:
        """Write the receipt."""
        again = f", {self._redelivered:,} of them not for the first time" if self._redelivered else ""
        self.say(f"read {count(read, 'message')}{again}; acknowledged {acknowledged:,}")


def places_listed(places: Iterable[Place]) -> str:
    """Write `partition 0 offsets 3-7, 9; partition 1 offset 4`."""
    words = []
    ordered = sorted(places)
    for partition in sorted({partition for partition, _ in ordered}):
        offsets = [offset for p, offset in ordered if p == partition]
        ends = [(before, after) for before, after in pairwise(offsets) if after > before + 1]
        starts = [offsets[0], *(after for _, after in ends)]
        stops = [*(before for before, _ in ends), offsets[-1]]
        spans = (str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, stops, strict=True))
        words.append(f"partition {partition} offset{'' if len(offsets) == 1 else 's'} {', '.join(spans)}")
    return "; ".join(words)


def share(wanted: Wanted, settings: Settings, stop: Stop) -> int:
    """Take from the queue; returns the exit status. Raises KafkaException if librdkafka does not take the settings."""

    def explain(error: KafkaError) -> Problem:
        return problems.of_error(error, settings, wanted.topic, wanted.group, errors.QUEUE)

    narrator = _Narrator(wanted.topic, explain, group=wanted.group, quiet=wanted.quiet, explaining=wanted.explain)
    narrator.connections = connections = Connections(settings, wanted.topic, wanted.group, narrator)
    config = connections.config() | {"statistics.interval.ms": 200} | settings.to_config()
    # One at a time, if they are worked on one at a time: what waits here would be locked for the others.
    most = 1 if wanted.slow or wanted.crash_after else min(BATCH, wanted.count or BATCH)
    own = {"group.id": wanted.group, "max.poll.records": most}
    consumer = ShareConsumer(own | config, narrator)
    stop.undone = lambda: f": {count(len(consumer.unanswered), 'message')} not acknowledged"
    sink = Sink(1, FORMATS[wanted.form], lambda: stop)
    try:
        admin = AdminClient({"client.id": DEFAULTS["client.id"]} | config)  # a share consumer cannot ask for topics
        connections.reach(admin, lambda: stop)
        _begin(wanted.group, admin, narrator, explain, stop)
        consumer.join(wanted.topic)
    except (NoAnswer, Problem, KafkaException) as error:
        return not_begun(error, narrator, explain, stop)
    read, problem = read_all(_written(wanted, consumer, sink, narrator, stop), explain)
    if stop:
        narrator.stopping(f"leaving share group {wanted.group}", stop.typed)
    let_in = bool(read or connections.assigned)
    left = consumer.close(ANSWER if let_in else SHORTLY)
    if left and not problem:
        narrator.left(f"share group {wanted.group}", not connections.all_lost)
    elif not left and not let_in:
        narrator.say(f"share group {wanted.group} had not let this member in yet")
        left = True  # there was nothing to leave
    narrator.taken(read, consumer.acknowledged)
    problem = problem or unwritable(sink)
    if not problem and (consumer.acknowledged < read or not left):
        problem = problems.not_acknowledged(wanted.group, read - consumer.acknowledged, left)
    if problem:
        narrator.problem(problem)
    return 1 if problem else 0


def _begin(group: str, admin: AdminClient, narrator: _Narrator, explain: Explain, stop: Stop) -> None:
    try:
        Call(lambda: start_at_beginning(admin, group)).result(ANSWER, unless=lambda: stop)
    except KafkaException as error:
        narrator.problem(
            Problem(f"if the queue is new, it begins with the next message: {explain(error.args[0]).what}")
        )
    narrator.joining()


def _written(
    wanted: Wanted, consumer: ShareConsumer, sink: Sink, narrator: _Narrator, stop: Stop
) -> Iterator[list[Message]]:
    """Write what the consumer takes, acknowledge it, and yield it, until there is a reason to end."""
    read = 0
    while not stop and not (sink.failure or sink.reader_left) and read != wanted.count:
        messages = consumer.read(TICK)
        narrator.tick()
        while messages and not (stop or sink.failure or consumer.expired) and read != wanted.count:
            limits = [limit - read for limit in (wanted.count, wanted.crash_after) if limit is not None]
            some = messages[: min([1 if wanted.slow else len(messages), *limits])]
            narrator.redelivered(some)
            written = some[: sink.write(some)]
            read += len(written)
            yield written
            if wanted.slow:
                work(wanted.slow, stop)
            if read == wanted.crash_after:
                done = f"{count(read, 'message')} read, {consumer.acknowledged} of them acknowledged"
                narrator.say(f"crashing, as kill -9 would: {done}")
                crash()
            consumer.acknowledge(written)
            narrator.tick()
            messages = messages[len(written) :]
            if len(written) < len(some):
                break
        if messages:
            consumer.release(messages)
