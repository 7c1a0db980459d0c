"""Reading a topic and writing its messages, in a group or alone; `Reading` is shared with queue.py."""

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from kafka_demo.cli.member import Member, reset
from kafka_demo.cli.session import Session
from kafka_demo.cluster.inspect import group_settings
from kafka_demo.cluster.offsets import Start, resolve
from kafka_demo.consumer import Consumer
from kafka_demo.narration import text
from kafka_demo.narration.problems import Problem
from kafka_demo.records.proof import Proof
from kafka_demo.records.sink import Sink
from kafka_demo.shutdown import TICK, handle_signals, sleep

BATCH = 10_000  # maximum number of messages that are read at once


@dataclass
class Reading:
    """How messages are written and counted, and the reasons to end."""

    session: Session
    sink: Sink
    most: int | None  # messages to read before reading ends
    slow: float  # seconds to spend on each message
    crash_after: int | None  # messages
    exit_at_end: bool
    read: int = 0
    unwritten: int = 0  # messages of the last batch that are not, or not yet, written completely
    proof: Proof = field(default_factory=Proof)

    @property
    def ended(self) -> bool:
        """Whether a signal, the number of messages, or the output ends the reading."""
        return bool(self.read == self.most or self.session.stop or self.sink.failure or self.sink.reader_left)

    def limit(self, at_most: int) -> int:
        """Return how many messages may be taken now, up to `at_most`."""
        limits = [limit - self.read for limit in (self.most, self.crash_after) if limit is not None]
        return 1 if self.slow else min([at_most, *limits])

    def write(self, messages: list[Message], committed: Callable[[], str]) -> list[Message]:
        """Write messages; then pretend to work on them, or crash; returns those written completely."""
        self.unwritten = len(messages)
        written = messages[: self.sink.write(messages)]
        self.unwritten -= len(written)
        self.proof.see(written)
        self.read += len(written)
        if self.read and self.sink.to_file:
            self.session.narrator.progress("read", self.read)
        if written and self.slow:
            sleep(self.slow, self.session.stopped)
        if written and self.read == self.crash_after:
            self.session.narrator.say(f"crashing like kill -9: read {text.count(self.read, 'message')}, {committed()}")
            os.kill(os.getpid(), 9)
        return written

    def run(self, step: Callable[[], None], leaving: str, at_end: Callable[[], bool] = lambda: False) -> Problem | None:
        """Repeat a step until there is a reason to end, and report a signal; returns the problem, if any."""
        trouble = None
        try:
            while not (self.ended or (self.exit_at_end and at_end())):
                step()
        except KafkaException as error:
            trouble = self.session.explain(error.args[0])
        if self.session.stop:
            self.session.narrator.stopping(leaving)
        return trouble

    def leave(self, name: str, close: Callable[[float], bool], *, joined: bool, trouble: bool) -> Problem | None:
        """Close a member, and say whether it left its group; returns a problem if that took too long."""
        stays = f"this member may stay in {name} until the session timeout"
        if not close(5.0 if joined else 1.0) and joined:
            return Problem(f"did not leave {name} cleanly: closing took too long", stays)
        if joined and not trouble:
            static = "a static member does not leave" if self.session.config.get("group.instance.id") else ""
            why = static if self.session.connections.coordinated else "the group coordinator is unreachable"
            self.session.narrator.say(f"{why}: {stays}" if why else f"left {name}")
        return None

    def receipt(self, committed: Mapping[int, int], *notes: str, complete: bool = False) -> None:
        """Say what was read and committed, then `notes`, and what the sample events reveal."""
        self.session.narrator.received(self.read, committed)
        who = "this member" if self.session.group else "this consumer"
        for line in (*notes, *self.proof.lines(who, complete)):
            self.session.narrator.say(line)

    def finish(self, *troubles: Problem | None) -> int:
        """Say what went wrong, if anything; returns the exit status."""
        found = [trouble for trouble in troubles if trouble]
        if self.sink.failure and not self.sink.reader_left:
            found.append(Problem(f"cannot write to standard output: {self.sink.failure.strerror}"))
        for trouble in found:
            self.session.narrator.problem(trouble)
        return 1 if found else 0


def read_in_group(reading: Reading, start: str) -> int:
    """Read as a member of a group, commit what was written, and leave; returns the exit status."""
    session, narrator, group = reading.session, reading.session.narrator, reading.session.group
    partitions = session.connect_to_topic()
    config = _config(reading) | {"group.id": group} | _protocol(session)
    if reading.crash_after:  # then only a rebalance or reset() can commit before the crash
        config["auto.commit.interval.ms"] = 86_400_000
    member = Member(session, config, start, reading.proof)
    narrator.say(f"joining group {group}", text.DIM)

    def step() -> None:
        messages = member.read(reading.limit(BATCH))
        written = reading.write(messages, lambda: f"committed {text.offsets_text(member.committed) or 'nothing'}")
        member.store(written, ends=not reading.unwritten)

    def uncommitted() -> str:
        some = [f"commit not confirmed: {text.offsets_text(member.uncommitted)}"] if member.uncommitted else []
        some += [f"not committed: up to {text.count(reading.unwritten, 'message')}"] if reading.unwritten else []
        return "; ".join(some)

    with handle_signals(session.stop, lambda: text.forced_to_stop(uncommitted())):
        trouble = reading.run(step, f"leaving group {group}", lambda: member.consumer.at_end or member.left_out)
        if reading.exit_at_end and not (reading.unwritten or trouble or reading.ended):
            trouble = member.tell_end(set(partitions), reading.read)
        stayed = reading.leave(f"group {group}", member.close, joined=member.joined, trouble=bool(trouble))
    reading.receipt(member.committed)
    hint = f"messages from the committed offset on will be read again: `kafka-demo status -g {group}` shows it"
    unsettled = Problem(uncommitted(), hint) if member.uncommitted else None
    return reading.finish(trouble, unsettled, stayed)


def read_alone(reading: Reading, partition: int | None, start: Start) -> int:
    """Read partitions without a group, and commit nothing; returns the exit status."""
    session, narrator, topic = reading.session, reading.session.narrator, reading.session.topic
    partitions = session.connect_to_topic(partition)
    if session.in_memory and start[0] == "time":
        raise Problem("the in-memory broker cannot look up offsets by time", "use an offset")
    wanted = [(topic, number) for number in (partitions if partition is None else [partition])]
    found = session.ask(lambda: resolve(session.admin, session.config, wanted, start))
    for (_, number), (_, first, end) in found.items():
        if start[0] == "offset" and start[1] != first:
            narrator.say(f"offset {start[1]} is out of range in partition {number}: starting at offset {first}")
        what = f"{text.range_text(first, end - 1)} so far" if end > first else f"from offset {first}, nothing there yet"
        narrator.say(f"reading partition {number} of {topic}: {what}")

    def step() -> None:
        try:
            reading.write(consumer.read(TICK, reading.limit(BATCH)), lambda: "no group to commit to")
        except KafkaException as error:
            if error.args[0].code() == KafkaError._AUTO_OFFSET_RESET:
                reset(session, consumer.client, error.args[1], starts)
            # Even here librdkafka looks for a group coordinator, which this user may not be authorized to find.
            elif error.args[0].code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                raise

    starts = {number: first for (_, number), (_, first, _) in found.items()}
    consumer = Consumer(_config(reading), topic, starts)
    with handle_signals(session.stop, text.forced_to_stop):
        trouble = reading.run(step, "", lambda: consumer.at_end)
        consumer.close()
    ends = {number: end for (_, number), (*_, end) in found.items() if starts[number] >= 0}  # not of a former topic
    short = {number: end for number, end in consumer.ends.items() if end < ends.get(number, 0)}
    notes = [f"partition {at}: reading ends at offset {end}, where a transaction is open" for at, end in short.items()]
    complete = consumer.at_end and partition is None and not (reading.unwritten or any(starts.values()) or notes)
    reading.receipt({}, *notes, complete=complete)
    return reading.finish(trouble)


def _config(reading: Reading) -> dict[str, Any]:
    """Build a consumer's configuration; properties from -X take precedence."""
    # A broker reports the end of a partition only after this time; the in-memory one delays even messages by it.
    wait = 10 if reading.exit_at_end else 100 if reading.session.in_memory else 500
    # With "earliest", librdkafka skips deleted messages silently; with "latest", it skips the rest, too.
    own = {"fetch.wait.max.ms": wait, "auto.offset.reset": "error"}
    if "session.timeout.ms" not in reading.session.config:  # it must not be longer
        own["max.poll.interval.ms"] = 60_000 + int(reading.slow * 1000)  # how long others wait if it misses a rebalance
    return own | reading.session.connections.callbacks(1000) | reading.session.config


def _protocol(session: Session) -> dict[str, str]:
    """Choose the group protocol: KIP-848, or the classic one if the broker is older than Kafka 4.0."""
    if str(session.config.get("group.protocol")).strip().lower() == "classic":
        return {}
    with contextlib.suppress(Problem):  # no answer: then joining reports the reason
        if not session.in_memory and session.ask(lambda: group_settings(session.admin, session.group)) == {}:
            session.narrator.say("the broker does not support KIP-848 (Kafka 4.0): joining with the classic protocol")
            return {"group.protocol": "classic"}
    return {"group.protocol": "consumer"}
