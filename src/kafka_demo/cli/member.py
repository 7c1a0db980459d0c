"""A member of a consumer group: where it starts, which partitions it gains and loses, and what it commits."""

import time
from functools import partial
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from kafka_demo.cli.session import Session
from kafka_demo.cluster.offsets import NO_TIMEOUT, REQUEST, Span, committed_offsets, resolve
from kafka_demo.consumer import Consumer
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import BOLD, DIM, count, member_text, offsets_text, partitions_text
from kafka_demo.records.proof import Proof
from kafka_demo.shutdown import TICK

IDLE = 4.0  # seconds without a partition before asking the group coordinator why
LEFT_OUT = 12.0  # seconds without a partition before giving up: longer than docker-compose.yml's session timeout
_LOGICAL = {"beginning": confluent_kafka.OFFSET_BEGINNING, "end": confluent_kafka.OFFSET_END}
_REMOVED = (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_MEMBER_EPOCH, KafkaError.ILLEGAL_GENERATION)


class Member:
    """A consumer in a group, and the narration about it."""

    def __init__(self, session: Session, config: dict[str, Any], start: str, proof: Proof) -> None:
        """Join the group; without a committed offset, begin at `start` (-o; if empty, at the beginning)."""
        self.written: dict[int, int] = {}  # by partition: the offset after the last message written
        self.committed: dict[int, int] = {}  # by partition: the offset that this member committed
        self._start, self._start_given = start or "beginning", bool(start)
        self._session, self._proof = session, proof
        self._group_committed: dict[int, int] = {}  # what the group has committed, as far as is known
        self._starts: dict[int, int] = {}  # by partition: where to read if librdkafka knows no offset
        self._since = time.monotonic()  # when this member last had a partition
        self.joined = self._leaving = self._told_idle = False
        self._refusal: int | None = None  # why the last commit failed
        on_partitions = (self._on_assign, self._on_revoke, session.narrator.lost)  # assigned, revoked, lost
        self.consumer = Consumer(config, session.topic, None, *on_partitions, self._on_commit)

    @property
    def left_out(self) -> bool:
        """Whether this member has been without a partition for so long that it is unlikely to get one."""
        return not self.consumer.assigned and time.monotonic() - self._since > LEFT_OUT

    @property
    def uncommitted(self) -> dict[int, int]:
        """By partition, the offset after the last message written, where the group has not committed it."""
        return {at: offset for at, offset in self.written.items() if offset > self._group_committed.get(at, -1)}

    def store(self, written: list[Message], *, ends: bool) -> None:
        """Let the next commit cover `written` and, if `ends` (all that was read is written), the ends of partitions."""
        last = dict(zip(map(Message.partition, written), written, strict=True))  # the last of each partition
        for message in last.values():
            self.written[message.partition() or 0] = (message.offset() or 0) + 1
            self.consumer.store(message)
        if ends:
            self.consumer.store_ends(empty=self._start == "end")

    def read(self, most: int) -> list[Message]:
        """Read up to `most` messages, and say once if this member has had no partition for a while."""
        now = time.monotonic()
        if self.consumer.assigned:
            self._since, self._told_idle = now, False
        elif not self._told_idle and now - self._since > IDLE:
            self._told_idle = True
            self._tell_idle()
        try:
            return self.consumer.read(TICK, most)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._AUTO_OFFSET_RESET:
                raise
            if (number := error.args[1].partition()) in self.consumer.assigned:
                reset(self._session, self.consumer.client, error.args[1], self._starts, self._start)
                if self._starts[number] < 0:  # what was written is from a topic that was deleted
                    self.written.pop(number, None)
            return []

    def close(self, seconds: float) -> bool:
        """Commit and leave the group; returns False if the group coordinator did not answer in time."""
        self._leaving = True
        return self.consumer.close(seconds)

    def tell_end(self, partitions: set[int], read: int) -> Problem | None:
        """With -e, say which partitions were read to the end; returns a problem if none was assigned or read."""
        topic, assigned = self._session.topic, self.consumer.assigned
        if not (assigned or read):
            what = f"nothing was read: no partition of topic {topic} was assigned to this member"
            return Problem(what, "other members may hold all of them: stop a member, or run without -e to wait")
        if (self.consumer.at_end or not assigned) and (rest := partitions - assigned):
            end = f"read to the end of {partitions_text(assigned)}; " if assigned else ""
            self._session.narrator.say(f"{end}not assigned to this member: {partitions_text(rest)}")
        return None

    def _on_assign(self, partitions: list[int]) -> None:
        """Say which partitions are assigned, and at which offset each one starts."""
        if self._leaving:
            return
        self._proof.resume(partitions)
        narrator, group = self._session.narrator, self._session.group
        self._tell_joined()
        narrator.say(f"assigned {partitions_text(partitions)}", BOLD)
        self._starts = {number: start for number, start in self._starts.items() if number not in partitions}
        found = self._session.try_to_ask(partial(self._look_up, partitions)) or {}
        if not (found or self._session.stop):
            narrator.say(f"  where {group} left off is not known yet", DIM)
        for number, (committed, (low, start, end)) in sorted(found.items()):
            if self.written.get(number, 0) > end:  # the offset is from a topic that was deleted
                del self.written[number]
            if committed is None:
                self._starts[number] = start
                self._group_committed.pop(number, None)  # deleted together with the topic
                narrator.say(f"  partition {number}: from the {self._start} ({group} has no committed offset yet)", DIM)
                continue
            self._starts[number] = committed
            self._group_committed[number] = committed if committed <= end else 0
            if low <= committed <= end:  # reset() reports the other cases
                narrator.say(f"  partition {number}: from offset {committed}, where {group} left off", DIM)
        if self._start_given and any(committed is not None for committed, _ in found.values()):
            narrator.say(f"-o {self._start} has no effect where {group} has committed offsets; use another group")
        self._start_given &= not found

    def _look_up(self, partitions: list[int]) -> dict[int, tuple[int | None, Span]]:
        """Ask for each partition's committed offset (None: none yet), and where it starts without one."""
        session, places = self._session, [(self._session.topic, number) for number in partitions]
        session.admin.list_topics(timeout=REQUEST)  # otherwise it does not know partitions that have been added
        offsets = committed_offsets(session.config, session.group, places)
        found = resolve(session.admin, session.config, places, (self._start, 0))
        return {place[1]: (offsets.get(place), found[place]) for place in places}

    def _tell_joined(self) -> None:
        if not self.joined:
            self.joined = True
            member = member_text(str(self.consumer.client.memberid()))
            self._session.narrator.say(f"joined group {self._session.group} as member {member}")

    def _on_revoke(self, partitions: list[int]) -> None:
        if not self._leaving:
            self._session.narrator.say(f"rebalance: {partitions_text(partitions)} revoked", BOLD)

    def _on_commit(self, error: KafkaError | None, offsets: dict[int, int]) -> None:
        """Report commits and, once, why they fail: librdkafka retries every second."""
        if error is None:
            self._refusal = None
            new = dict(offsets.items() - self._group_committed.items())
            self.committed |= new
            self._group_committed |= offsets
            if new:
                self._session.narrator.say(f"committed: {offsets_text(new)}", DIM)
        elif error.code() != self._refusal:
            self._refusal = error.code()
            retried = error.code() not in _REMOVED and not self._leaving
            self._session.narrator.commit_failed(offsets, self._session.explain(error), retried=retried)

    def _tell_idle(self) -> None:
        session, admin, group = self._session, self._session.admin, self._session.group
        found = session.try_to_ask(lambda: admin.list_topics(timeout=REQUEST).topics) or {}
        number = len(found[session.topic].partitions) if session.topic in found else 0
        describe = partial(admin.describe_consumer_groups, [group], request_timeout=NO_TIMEOUT)
        members = session.try_to_ask(lambda: describe()[group].result().members) or []  # [] from the in-memory broker
        topics = {each.member_id: {place.topic for place in each.assignment.topic_partitions} for each in members}
        if self.consumer.client.memberid() in topics:
            self._tell_joined()
        # A member without partitions may wait for this topic, too: the answer does not include subscriptions.
        holds = [session.topic in names for names in topics.values() if not names or session.topic in names]
        words = f": {count(len(holds), 'member')}, {count(number, 'partition')}" if holds and number else ""
        idle = "; idle until another member leaves" if 0 < number <= sum(holds) else ""
        words = ": the brokers no longer list it" if found and not number else words + idle
        session.narrator.say(f"waiting for partitions of topic {session.topic}{words}")


def reset(session: Session, client: Any, message: Message, starts: dict[int, int], start: str = "beginning") -> None:
    """Continue the partition of an error: at the beginning if its offset does not exist, else where reading starts.

    `starts` has these offsets by partition; a partition that is not among them starts at `start`. Where reading starts
    over at the beginning, it gets a negative number: the topic may have been deleted and created again.
    """
    place, offset = TopicPartition(session.topic, number := message.partition() or 0), message.offset()
    read = client.position([place])[0].offset
    if read >= 0 and read != offset:  # something has been read since: the error is of an earlier assignment
        starts[number] = read
    elif offset is not None:
        # Not by `client`: closing it while another thread uses it could crash the process.
        find = partial(resolve, session.admin, session.config, [(session.topic, number)], ("beginning", 0))
        low, _, end = (session.try_to_ask(find) or {}).get((session.topic, number), (offset, offset, offset))
        session.narrator.out_of_range(number, offset, low, end)
        starts[number] = low if offset < low else _LOGICAL["beginning"]
        # Otherwise unassigning would commit the offset that does not exist, and librdkafka commits only higher ones.
        client.store_offsets(offsets=[TopicPartition(session.topic, number, low)])
    place.offset = starts.setdefault(number, _LOGICAL[start])
    try:
        client.incremental_unassign([place])
        client.incremental_assign([place])
    except KafkaException:  # a classic assignor that is not cooperative accepts only whole assignments
        others = client.position([each for each in client.assignment() if each.partition != place.partition])
        for each in others:
            if each.offset < 0:  # nothing has been read since it was assigned
                each.offset = starts.get(each.partition, confluent_kafka.OFFSET_STORED)
            starts[each.partition] = each.offset  # assign() makes librdkafka forget the position
        client.assign([place, *others])
