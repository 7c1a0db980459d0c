"""Proves, from the headers `producer` and `seq` of sample events, what was lost, duplicated or out of order."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Protocol

from kafka_demo.record import Headers
from kafka_demo.words import count

_LONGEST = 18  # digits of a seq that is taken seriously


@dataclass
class _Sequence:
    """What was seen of the events of one key from one producer, which counts them from 0."""

    partition: int
    may_skip: bool  # the next event may be a later one: reading began, or went on, in the middle
    highest: int = -1
    missing: list[range] = field(default_factory=list)  # ascending; not seen so far, though a later one was

    def see(self, seq: int) -> str:
        """Take note of an event, and say what is wrong with it: nothing, `duplicated` or `out of order`."""
        if seq > self.highest:
            if seq > self.highest + 1 and not self.may_skip:
                self.missing.append(range(self.highest + 1, seq))
            self.may_skip = False
            self.highest = seq
            return ""
        # The only gap that it can be in; with thousands of them, looking at each would take hours.
        index = bisect_right(self.missing, seq, key=attrgetter("start")) - 1
        if index < 0 or seq not in self.missing[index]:
            return "duplicated"
        gap = self.missing[index]
        rest = (range(gap.start, seq), range(seq + 1, gap.stop))
        self.missing[index : index + 1] = [part for part in rest if part]
        return "out of order"


class Event(Protocol):
    """What the proof wants to know of a message besides its headers."""

    def key(self) -> bytes | None:
        """The user that it is about."""

    def partition(self) -> int | None:
        """Where it was read."""

    def offset(self) -> int | None:
        """Where it was read."""


class Proof:
    """Counts over all sample events seen. Its memory grows with the keys and the gaps, not with the events."""

    def __init__(self) -> None:
        self.seen = 0
        self.duplicated = 0
        self.out_of_order = 0
        self._sequences: dict[tuple[bytes, bytes | None], _Sequence] = {}
        self._began: dict[int, int] = {}  # partition: the first offset seen

    @property
    def lost(self) -> int:
        """How many are missing so far before another event of their key."""
        return sum(len(gap) for sequence in self._sequences.values() for gap in sequence.missing)

    @property
    def producers(self) -> int:
        """How many runs of a producer made the events."""
        return len({producer for producer, _ in self._sequences})

    def see_all(self, messages: Iterable[tuple[Event, Headers | None]]) -> None:
        """Take note of messages with their headers."""
        for message, headers in messages:
            if headers:
                self.see(message, headers)

    def see(self, message: Event, headers: Headers) -> None:
        """Take note of a message; one that is no sample event is passed over."""
        partition, found = message.partition() or 0, dict(headers)
        producer, seq = found.get("producer"), found.get("seq")
        if producer is None or seq is None or not seq.isdigit() or len(seq) > _LONGEST:
            return
        self.seen += 1
        # Only who reads a partition from offset 0 sees the first event of each key.
        began = self._began.setdefault(partition, message.offset() or 0)
        sequence = self._sequences.setdefault((producer, message.key()), _Sequence(partition, may_skip=began > 0))
        match sequence.see(int(seq)):
            case "duplicated":
                self.duplicated += 1
            case "out of order":
                self.out_of_order += 1

    def resume(self, partitions: Iterable[int]) -> None:
        """Allow for a jump ahead in these partitions: another member of the group has read them meanwhile."""
        resumed = set(partitions)
        for sequence in self._sequences.values():
            if sequence.partition in resumed:
                sequence.may_skip = True
        for partition in resumed & self._began.keys():
            self._began[partition] = 1  # and a key that is new here may have begun there

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{count(self.seen, 'sample message')} from {count(self.producers, 'producer')}, {self.lost:,} lost, "
            f"{self.duplicated:,} duplicated, {self.out_of_order:,} out of order"
        )
