"""Says on stderr what Kafka does, one line an event, in plain words."""

import os
import re
from collections import Counter
from collections.abc import Callable

from confluent_kafka import KafkaError, Message

from kafka_demo import glossary
from kafka_demo.problems import Problem, no_broker
from kafka_demo.producer import Receipt
from kafka_demo.visible import coloured, tell, visible
from kafka_demo.words import count, listed, offsets_listed

DIM, RED, BLUE = "\x1b[2m", "\x1b[31m", "\x1b[34m"
ENOUGH = 10  # lines about failures for one reason; the receipt counts the rest


class Narrator:
    """Tells a person what happens: it listens to the producer, the consumer and the connections."""

    def __init__(
        self,
        topic: str,
        explain: Callable[[KafkaError], Problem],
        *,
        quiet: bool,
        group: str = "",
        start: str = "beginning",
        unit: str = "line",
        explaining: bool = False,
    ) -> None:
        self._topic = topic
        self._group = group
        self._start = start  # where a group starts on a partition without a commit
        self._explain = explain
        self._quiet = quiet
        self._unit = unit  # what the input is made of
        self._colours = coloured(2)
        self._told: Counter[str] = Counter()
        self._explaining = explaining
        self._known: set[str] = set()  # the words that were explained
        self._was_assigned = False
        self._refusal: int | None = None  # why the last commit failed

    def say(self, words: str) -> None:
        """Write a line of narration, unless -q was given."""
        if not self._quiet:
            self._write(words, DIM)

    def problem(self, problem: Problem) -> None:
        """Write what happened and what to do, -q or not; a hint is given once."""
        self._write(problem.what, RED)
        self._hint(problem.todo)

    def stopping(self, words: str, typed: bool) -> None:
        """Say that the signal was heard, beside the ^C that the terminal shows."""
        self.say(f"{' ' if typed and os.isatty(2) else ''}stopping{words and ': '}{words}")

    # --- connections

    def waiting(self, address: str, why: str) -> None:
        self.say(f"waiting up to 10 s for a broker at {address}: {why}")
        if not self._quiet:
            self._hint(no_broker(address, why).todo)

    def connected(self, address: str, brokers: int) -> None:
        self.say(f"connected to {address} ({count(brokers, 'broker')})")

    def topic_missing(self) -> None:
        self.say(f"waiting up to 10 s for topic {self._topic} to be created")

    def lost(self, address: str, why: str) -> None:
        self.say(f"broker {address} is lost: {why}; waiting for it to come back")

    def back(self, address: str) -> None:
        self.say(f"broker {address} is back")

    # --- producer

    def delivered(self, message: Message) -> None:
        key = message.key()
        words = "no key" if key is None else f"key {visible(key)}"
        self.say(f"delivered to {self._topic}: partition {message.partition()}  offset {message.offset()}  {words}")

    def not_delivered(self, error: KafkaError, number: int | None) -> None:
        problem = self._explain(error)
        self.refused(number, problem.what, problem.todo)

    def refused(self, number: int | None, why: str, todo: str = "") -> None:
        """Say that a record was not delivered, and name its line; for one reason only so often."""
        reason = re.sub(r'".*"|\d+', "", why)  # whatever the field or the column is
        self._told[reason] += 1
        if self._told[reason] <= ENOUGH:
            self._write(f"{f'{self._unit} {number}' if number else 'a message'} was not delivered: {why}", RED)
            self._hint(todo)
        elif self._told[reason] == ENOUGH + 1:
            self._write("more were not delivered for the same reason; they are counted below", RED)

    def broken(self, error: KafkaError) -> None:
        self.problem(self._explain(error))

    def sent(self, receipt: Receipt) -> None:
        """Write the receipt of a producer."""
        if receipt.read == receipt.delivered:
            self.say(f"delivered {count(receipt.read, 'message')}")
            return
        rest = ((receipt.failed, "failed"), (receipt.waiting, "not acknowledged"), (receipt.unsent, "unsent"))
        words = ", ".join(f"{number:,} {what}" for number, what in rest if number)
        self._write(f"delivered {receipt.delivered:,} of {count(receipt.read, 'message')}: {words}", RED)

    # --- consumer

    def joining(self) -> None:
        self.say(f"joining group {self._group}")

    def assigned(self, partitions: list[int], committed: dict[int, int] | None) -> None:
        self._was_assigned = True
        self.say(f"assigned {listed(partitions)} of {self._topic}")
        for partition in partitions if committed is not None else ():
            if committed and partition in committed:
                why = f"from offset {committed[partition]}: {self._group} committed it last time"
            else:
                why = f"from the {self._start}: {self._group} has committed nothing here yet"
            self.say(f"  partition {partition} {why}")

    def revoked(self, partitions: list[int]) -> None:
        self.say(f"rebalance: {listed(partitions)} {'goes' if len(partitions) == 1 else 'go'} to another member")

    def expelled(self, partitions: list[int]) -> None:
        self.say(
            f"the group does not count this member in any more, and has taken {listed(partitions)} away: "
            "what is not committed will be read again"
        )

    def committed(self, offsets: dict[int, int]) -> None:
        self._refusal = None
        self.say(f"committed: {offsets_listed(offsets)}")

    def commit_failed(self, error: KafkaError, partitions: list[int]) -> None:
        if error.code() != self._refusal:  # librdkafka tries again each second, and often at once
            self._refusal = error.code()
            self._write(
                f"not committed: {listed(partitions)}: {self._explain(error).what}; it is tried again, or read again",
                RED,
            )

    def skipped(self, partition: int, start: int, offset: int) -> None:
        self._write(
            f"partition {partition} goes on at offset {offset} and not at {start}: what was between was deleted "
            f"before {self._group} read it (retention)",
            RED,
        )

    def idle(self) -> None:
        self.say(
            "no partition so far: the broker has only just started, or other members hold them all. One that died "
            f"keeps its own for some seconds, and of more members than {self._topic} has partitions some wait"
        )

    def still_idle(self) -> None:
        if not self._quiet and not self._was_assigned:
            self._hint(
                "(still none: if nobody else is in the group, the broker may be older than Kafka 4.0: "
                "-X group.protocol=classic)"
            )

    def reading(self, partition: int, start: int, high: int) -> None:
        ahead = f"{count(high - start, 'message')} there" if high > start else "nothing there yet"
        self.say(f"reading partition {partition} of {self._topic} from offset {start}: {ahead}")

    def left(self, group: str, heard: bool) -> None:
        """Say that this member has left, or that nobody could hear it."""
        self.say(f"left {group}" if heard else f"no broker hears this: {group} notices after its session timeout")

    def received(self, read: int, committed: dict[int, int]) -> None:
        """Write the receipt of a consumer."""
        words = (
            f"; committed {offsets_listed(committed)}" if committed else "; committed nothing" if self._group else ""
        )
        self.say(f"read {count(read, 'message')}{words}")

    # ---

    def _hint(self, words: str) -> None:
        if words and not self._told[words]:
            self._told[words] += 1
            self._write(words, "")

    def _write(self, words: str, colour: str) -> None:
        tell(words, colour if self._colours else "")
        self.explain_words(words)

    def explain_words(self, words: str) -> None:
        """With --explain, say what those words of Kafka mean that were not explained yet."""
        if self._explaining:
            # A topic may be called queue, and a group lag: then they are names, and no words of Kafka.
            names = "|".join(re.escape(name) for name in (self._topic, self._group) if name)
            ours = re.sub(rf"(?<![\w-])({names})(?![\w-])", "", words)
            for term, meaning in glossary.first_uses(ours, self._known):
                tell(f"    {term}: {meaning}", BLUE if self._colours else "")
