"""Narration on standard error: what Kafka does, one line per event, from plain values."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from textwrap import wrap

from kafka_demo.narration import glossary, text
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import BLUE, BOLD, DIM, RED, count, error, offsets_text, partitions_text, range_text

LONG = 2.0  # seconds after which progress is shown
UPDATE = 0.5  # seconds between updates of the progress
ENOUGH = 10  # lines about messages that failed for the same reason; the receipt counts all


class Narrator:
    """The lines about one topic and group."""

    def __init__(self, topic: str = "", group: str = "", *, quiet: bool = False, explaining: bool = False) -> None:
        """With `quiet`, print only warnings and errors; with `explaining`, explain each term when it first appears."""
        self._topic, self._group = topic, group
        self.quiet, self._explaining = quiet, explaining
        self._began = self._drawn = 0.0  # when the first message was handled, and when progress was last shown
        self._told: Counter[str] = Counter()  # lines about each error and hint, to limit repetition
        self._explained: set[str] = set()

    def say(self, words: str, style: str = "") -> None:
        """Write a line, unless -q was given."""
        if not self.quiet:
            text.tell(words, style)
            self.explain_terms(words)

    def problem(self, problem: Problem) -> None:
        """Write an error, even with -q, and its hint the first time."""
        error(problem.what, self._new(problem.hint))
        self.explain_terms(problem.what)

    def explain_terms(self, words: str) -> None:
        """With --explain, explain the Kafka terms in a text that have not been explained yet."""
        if self._explaining:
            for term, meaning in glossary.first_uses(words, self._explained):
                for line in wrap(f"{term}: {meaning}", 80, initial_indent="    ", subsequent_indent="      "):
                    text.tell(line, BLUE)

    def stopping(self, words: str) -> None:
        """Say that a signal was received, and what happens next."""
        text.start_new_line()
        self.say(f"stopping: {words}" if words else "stopping")

    def waiting_for_broker(self, problem: Problem) -> None:
        self.say(f"{problem.what}; retrying for 10 s")
        if not self.quiet and self._new(problem.hint):
            text.tell(f"hint: {problem.hint}", DIM)

    def delivered(self, partition: int, offset: int, key: bytes | None) -> None:
        words = "no key" if key is None else f"key {text.visible(key)}"
        self.say(f"delivered to {self._topic}: partition {partition}  offset {offset}  {words}")

    def failed(self, item: str, problem: Problem) -> None:
        """Report a failed message, but at most ENOUGH for the same reason; `item` names it: `line 3`, `a message`."""
        reason = re.sub(r'".*"|\d+', "", problem.what)  # ignoring which field or column it is
        self._told[reason] += 1
        if self._told[reason] <= ENOUGH:
            error(f"{item}: {problem.what}", self._new(problem.hint))
        elif self._told[reason] == ENOUGH + 1:
            text.tell("more messages have the same problem; the final count includes them", RED)

    def sent(self, read: int, delivered: int, rest: Mapping[str, int]) -> None:
        """Write the receipt: how many messages were read and acknowledged, and what happened to the rest."""
        if read == delivered:
            self.say(f"delivered {count(read, 'message')}", BOLD)
        else:
            words = ", ".join(f"{number:,} {what}" for what, number in rest.items() if number)
            text.tell(f"delivered {delivered:,} of {count(read, 'message')}: {words}", RED)

    def progress(self, verb: str, number: int) -> None:
        """Once LONG seconds have passed since the first message, show how many are done, and how many per second."""
        now = time.monotonic()
        self._began = self._began or now
        if now - self._began > LONG and now - self._drawn > UPDATE and not self.quiet:
            self._drawn = now
            text.progress(f"{verb} {count(number, 'message')}, {number / (now - self._began):,.0f} a second")

    def out_of_range(self, partition: int, offset: int, low: int, end: int) -> None:
        """Say why reading cannot continue at `offset`; `low` and `end` are the partition's first offset and its end."""
        what, start = f"offset {offset} does not exist", "starting at the beginning"
        if offset < low:
            what, start = f"retention or a deletion has removed {range_text(offset, low - 1)}", f"continuing at {low}"
        elif offset > end:
            what = f"offset {offset} is beyond the end ({end}): the topic may have been created again, or truncated"
        text.tell(f"  partition {partition}: {what}; {start}", RED)

    def lost(self, partitions: list[int]) -> None:
        what = f"no longer a member of group {self._group}: {partitions_text(partitions)} may be reassigned"
        self.say(f"{what}; uncommitted messages will be read again", BOLD)

    def commit_failed(self, partitions: Iterable[int], problem: Problem, *, retried: bool) -> None:
        what = f"commit failed: {partitions_text(partitions)}: {problem.what}"
        text.tell(f"{what}; will retry" if retried else what, RED)

    def received(self, read: int, committed: Mapping[int, int]) -> None:
        receipt = f"; committed {offsets_text(committed) or 'nothing'}" if self._group else ""
        self.say(f"read {count(read, 'message')}{receipt}", BOLD)

    def _new(self, hint: str) -> str:
        """Return a hint the first time, and an empty string afterwards."""
        self._told[hint] += 1
        return hint if self._told[hint] == 1 else ""
