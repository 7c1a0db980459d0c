"""`consume --queue`: take messages from a share group and acknowledge each one."""

import time

from confluent_kafka import KafkaError, Message
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource

from kafka_demo.cli.reading import Reading
from kafka_demo.cli.session import Session
from kafka_demo.cluster.inspect import group_settings
from kafka_demo.cluster.offsets import REQUEST
from kafka_demo.narration import problems
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import BOLD, DIM, count, forced_to_stop
from kafka_demo.share_consumer import MessageId, ShareConsumer
from kafka_demo.shutdown import TICK, handle_signals

BATCH = 500  # messages that are taken at once, approximately
_START = "share.auto.offset.reset"


class _Queue:
    """A member of a share group, and the narration about it."""

    def __init__(self, reading: Reading, limit: int) -> None:
        """Join the group; `limit` is the maximum number of deliveries of a message, 0 if unknown."""
        session = reading.session
        # One at a time if processing is slow: others would wait here, locked. A broker may still send a whole batch.
        most = 1 if reading.slow or reading.crash_after else min(BATCH, reading.most or BATCH)
        own = {"group.id": session.group, "max.poll.records": most} | session.connections.callbacks(200)
        self.consumer = ShareConsumer(own | session.config, session.topic, self._on_acknowledge)
        self.redelivered = self._partitions = 0
        self.open: set[MessageId] = set()  # messages that were written and not acknowledged
        self._session, self._reading, self._limit = session, reading, limit
        self._told, self._told_at = 0, time.monotonic()  # the total in the last line, and the time of that line

    def step(self) -> None:
        """Take messages, write and acknowledge them, and release the rest when reading ends."""
        consumer, reading = self.consumer, self._reading
        messages = consumer.read(TICK)
        self._narrate()
        while messages and not (reading.ended or consumer.expired):
            some = messages[: reading.limit(len(messages))]
            self._point_out_redelivered(some)
            written = reading.write(some, lambda: f"acknowledged {consumer.acknowledged:,}")
            self.open |= {(message.partition() or 0, message.offset() or 0) for message in written}
            self.redelivered += sum((message.delivery_count() or 1) > 1 for message in written)
            consumer.acknowledge(written)
            self._narrate()
            messages = messages[len(written) :]
        if messages:
            consumer.release(messages)

    def _narrate(self) -> None:
        """Say what is new: the assignment and, at most once a second, how many messages were acknowledged."""
        narrator, partitions = self._session.narrator, self._session.connections.assigned
        acknowledged = self.consumer.acknowledged
        if partitions not in (0, self._partitions):
            narrator.say(f"assigned {count(partitions, 'partition')}, possibly shared with other members", BOLD)
        self._partitions = partitions
        if acknowledged > self._told and time.monotonic() - self._told_at > 1:
            narrator.say(f"acknowledged {count(acknowledged - self._told, 'message')}", DIM)
            self._told, self._told_at = acknowledged, time.monotonic()

    def _point_out_redelivered(self, messages: list[Message]) -> None:
        for message in messages:
            if (delivery := message.delivery_count() or 1) > 1:
                last = ", the last" if self._limit and delivery >= self._limit else ""
                place = f"partition {message.partition()} offset {message.offset()}: delivery {delivery}{last}"
                self._session.narrator.say(f"{place} (redelivered: it was not acknowledged)", BOLD)

    def _on_acknowledge(self, error: KafkaError | None, ids: list[MessageId]) -> None:
        if not error:
            self.open.difference_update(ids)
        else:
            problem = self._session.explain(error)
            what = f"not acknowledged: {count(len(ids), 'message')}: {problem.what}"
            self._session.narrator.problem(Problem(what, problem.hint))


def take(reading: Reading) -> int:
    """Take messages as a member of a share group, acknowledge them, and leave; returns the exit status."""
    session, narrator, group = reading.session, reading.session.narrator, reading.session.group
    session.words = problems.QUEUE
    session.connect_to_topic()
    settings = None if session.in_memory else session.ask(lambda: group_settings(session.admin, group))
    if session.in_memory or (settings is not None and _START not in settings):
        raise session.explain(KafkaError(KafkaError.UNSUPPORTED_VERSION))
    if settings is None or settings[_START].is_default:
        _start_at_beginning(session)
    limit = (settings or {}).get("share.delivery.count.limit")  # not in Kafka 4.2
    queue = _Queue(reading, int(limit.value) if limit else 0)
    narrator.say(f"joining share group {group}: its members share partitions message by message", DIM)

    def unacknowledged() -> str:
        number = len(queue.open) + reading.unwritten
        return f"not acknowledged: {count(number, 'message')}" if number else ""

    with handle_signals(session.stop, lambda: forced_to_stop(unacknowledged())):
        trouble = reading.run(queue.step, f"leaving share group {group}")
        joined = bool(reading.read or session.connections.assigned)
        stayed = reading.leave(f"share group {group}", queue.consumer.close, joined=joined, trouble=bool(trouble))
    again = f", {queue.redelivered:,} redelivered" if queue.redelivered else ""
    narrator.say(f"read {count(reading.read, 'message')}{again}; acknowledged {queue.consumer.acknowledged:,}", BOLD)
    hint = "unacknowledged messages are delivered again, up to the delivery count limit"
    unsettled = Problem(unacknowledged(), hint) if queue.open else None
    return reading.finish(trouble, unsettled, stayed)


def _start_at_beginning(session: Session) -> None:
    """Let a new share group start at the beginning; by default it starts at the end."""
    entry = ConfigEntry(_START, "earliest", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.GROUP, session.group, incremental_configs=[entry])
    try:
        answers = session.admin.incremental_alter_configs([resource], request_timeout=REQUEST)
        session.ask(answers[resource].result)
    except Problem as problem:
        why = f"could not set {_START}: {problem.what}; by default, a new share group starts at the end"
        session.narrator.problem(Problem(why, problem.hint))
