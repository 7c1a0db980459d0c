"""How many sample events, by their headers, are missing, duplicated or out of order."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from confluent_kafka import Message

from kafka_demo.narration.text import count
from kafka_demo.records.record import headers_of


@dataclass
class _Sequence:
    """The events of one key from one producer, which numbers them from 0."""

    partition: int | None
    may_skip: bool  # whether the next number may skip ahead: another member may have read the numbers in between
    highest: int = -1
    missing: list[range] = field(default_factory=list)  # the gaps below `highest`, ascending

    def see(self, seq: int) -> str:
        """Record an event, and return what is wrong with it: nothing, `duplicated` or `out of order`."""
        if seq > self.highest:
            if seq > self.highest + 1 and not self.may_skip:
                self.missing.append(range(self.highest + 1, seq))
            self.may_skip, self.highest = False, seq
            return ""
        # By bisection: with thousands of gaps, searching one by one would take hours.
        index = bisect_right(self.missing, seq, key=attrgetter("start")) - 1
        if index < 0 or seq not in self.missing[index]:
            return "duplicated"
        gap = self.missing[index]
        self.missing[index : index + 1] = filter(None, (range(gap.start, seq), range(seq + 1, gap.stop)))
        return "out of order"


class Proof:
    """Counts of all sample events seen. Memory grows with keys and gaps, not with events."""

    def __init__(self) -> None:
        self.seen = self.duplicated = self.out_of_order = 0
        self._sequences: dict[tuple[bytes, bytes | None], _Sequence] = {}
        self._totals: dict[bytes, int] = {}  # by producer: the number of its events, if they carry it
        self._from_start: dict[int | None, bool] = {}  # by partition: whether all of it was read, from offset 0

    @property
    def missing(self) -> int:
        """How many events are missing before a later event with the same key."""
        return sum(len(gap) for sequence in self._sequences.values() for gap in sequence.missing)

    def see(self, messages: Sequence[Message]) -> None:
        """Count the sample events among messages, which are given in the order in which they were read."""
        for partition in set(map(Message.partition, messages)) - self._from_start.keys():
            self._from_start[partition] = next(it.offset() for it in messages if it.partition() == partition) == 0
        found = headers_of(messages)
        if not any(found):  # skip a million plain messages at once
            return
        for message, headers in zip(messages, found, strict=True):
            fields = dict(headers or ())
            producer, seq, total = fields.get("producer"), _number(fields.get("seq")), _number(fields.get("count"))
            if producer is None or seq is None:
                continue
            self.seen += 1
            if total is not None:
                self._totals[producer] = total
            partition = message.partition()
            # Only a consumer that reads from offset 0 is sure to see the first event of each key.
            new = _Sequence(partition, may_skip=not self._from_start[partition])
            wrong = self._sequences.setdefault((producer, message.key()), new).see(seq)
            self.duplicated += wrong == "duplicated"
            self.out_of_order += wrong == "out of order"

    def resume(self, partitions: Iterable[int]) -> None:
        """Allow a gap in newly assigned partitions: another member may have read them in the meantime."""
        resumed = set(partitions)
        self._from_start |= dict.fromkeys(self._from_start.keys() & resumed, False)
        for sequence in self._sequences.values():
            sequence.may_skip |= sequence.partition in resumed

    def lines(self, who: str, complete: bool = False) -> list[str]:
        """Say what `who` saw; if `complete` (all was read, from offset 0), count what is missing at the end, too."""
        known: Counter[bytes] = Counter()  # by producer: its events that were seen, or are missing before later ones
        for (producer, _), sequence in self._sequences.items():
            known[producer] += sequence.highest + 1
        at_end = sum(max(0, total - known[producer]) for producer, total in self._totals.items()) if complete else 0
        producers = f" from {len(known):,} producers" if len(known) > 1 else ""
        missing = self.missing + at_end
        gaps = f"{missing:,} missing{' or not sent' if at_end else ''}"  # a signal may stop a producer
        wrong = f"{gaps}, {self.duplicated:,} duplicated, {self.out_of_order:,} out of order"
        lines = [f"{who} saw {count(self.seen, 'event')}{producers}: {wrong}"] if self.seen else []
        hint = "the producer's receipt says how many events were acknowledged"
        return [*lines, hint] if missing else lines


def _number(data: bytes | None) -> int | None:
    return int(data) if data and data.isdigit() and not data[18:] else None  # a sample event's is shorter
