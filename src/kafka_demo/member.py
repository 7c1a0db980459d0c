"""What a member of a group notices by itself: that it waits in vain, that messages are gone, where others read on."""

import time
from collections.abc import Collection
from typing import Any

from confluent_kafka import Message

from kafka_demo.narrator import Narrator
from kafka_demo.proof import Proof

IDLE = 4.0  # seconds without any partition, until it is told
LEFT_OUT = 12.0  # and until it is of no use to wait: longer than a workshop's broker waits for a dead member


class Member(Narrator):
    """Tells what happens to a consumer, in a group or alone, and proves what it has read."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what a narrator takes."""
        super().__init__(*arguments, **options)
        self.proof = Proof()
        self._commits: dict[int, int] = {}  # partition: the group's commit, until the first message comes
        self._idle_since = self._waited = 0.0

    @property
    def left_out(self) -> bool:
        """Whether there was no partition for so long that there will hardly be one."""
        return self._waited > LEFT_OUT

    def joining(self) -> None:
        self._idle_since = time.monotonic()
        super().joining()

    def assigned(self, partitions: list[int], committed: dict[int, int] | None) -> None:
        self.proof.resume(partitions)  # other members may have read on there
        for partition in partitions:  # what was known of it before may be long past
            self._commits.pop(partition, None)
        self._commits |= committed or {}
        super().assigned(partitions, committed)

    def look(self, assigned: Collection[int], messages: list[Message]) -> None:
        """Look at the partitions that are assigned, and at the messages that were just read."""
        now = time.monotonic()
        self._idle_since = now if assigned else self._idle_since
        waited = now - self._idle_since
        if self._waited <= IDLE < waited:
            self.idle()
        if self._waited <= LEFT_OUT < waited:
            self.still_idle()
        self._waited = waited
        for message in messages if self._commits else ():
            start = self._commits.pop(message.partition() or 0, None)
            if start is not None and start < (message.offset() or 0):
                self.skipped(message.partition() or 0, start, message.offset() or 0)
