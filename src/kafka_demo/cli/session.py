"""What the parts of a running command share: the connection, requests to the brokers, and narration."""

import contextlib
import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import click
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata

from kafka_demo.cluster.connect import WAIT, Connections, reach_brokers, reach_topic
from kafka_demo.narration import problems
from kafka_demo.narration.narrator import Narrator
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import BOLD, DIM, count, partitions_text
from kafka_demo.shutdown import BackgroundCall, Stop, T, Timeout

ANSWER_TIMEOUT = 35.0  # seconds: offsets.resolve() may take 32


class Session:
    """One command's configuration, admin client and narrator."""

    def __init__(self, config: dict[str, Any], stop: Stop, narrator: Narrator, topic: str, group: str) -> None:
        self.config, self.stop, self.narrator, self.topic, self.group = config, stop, narrator, topic, group
        self.stopped, self.words = stop.__bool__, problems.DELETED  # words: how errors are explained
        self.address: str = config["bootstrap.servers"]
        self.in_memory = False
        self.if_stopped = ""  # what to say if a signal stops the command now; empty if that is not a failure
        self.connections = Connections(self.explain, narrator.say)
        self._replaced: list[AdminClient] = []

    @cached_property
    def admin(self) -> AdminClient:
        """A client for requests only: they would hold up another client's poll(). Raises KafkaException."""
        BackgroundCall(self._replaced.clear)  # closing a client takes seconds if a broker's name does not resolve
        return AdminClient(self.config | self.connections.callbacks())

    def explain(self, error: KafkaError, words: problems.Words | None = None) -> Problem:
        """Explain an error in `words`, by default those of the command."""
        names = {"user": self.config.get("sasl.username"), "instance": self.config.get("group.instance.id")}
        names["address"] = problems.broker_of(error) or self.address
        return problems.explain(error, words or self.words, topic=self.topic, group=self.group, **names)

    def connect(self, seconds: float = WAIT, give_up: Callable[[Problem], bool] | None = None) -> ClusterMetadata:
        """Return the metadata within `seconds`; `give_up(problem)` may end the wait early. Raises as `ask()` does."""
        on_waiting = give_up or self.narrator.waiting_for_broker
        metadata = self.ask(partial(reach_brokers, self.admin, self.address, self.connections, seconds, on_waiting))
        self.in_memory = str(metadata.cluster_id).startswith("mockCluster")  # librdkafka's name for it
        return metadata

    def connect_to_topic(self, partition: int | None = None) -> list[int]:
        """Wait for a broker and the topic, which may be created, and return its partitions. Raises Problem, Timeout."""
        metadata = self.connect()
        self.narrator.say(f"connected to {self.address} ({count(len(metadata.brokers), 'broker')})", DIM)
        self.connections.brokers = {f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()}
        new = self.topic not in metadata.topics
        found = self.reach_topic(new=new).partitions
        if new:
            self.narrator.say(f"topic {self.topic} did not exist and was created")
        if leaderless := [number for number in found if found[number].leader < 0]:
            self.narrator.say(f"still without a leader: {partitions_text(leaderless)}", BOLD)
        if partition is not None and partition not in found:
            what = f"topic {self.topic} has no partition {partition}"
            raise Problem(what, f"it has {count(len(found), 'partition')}, numbered from 0")
        return sorted(found)

    def reach_topic(self, *, new: bool) -> TopicMetadata:
        """Wait until the topic can be used. Raises as `ask()` does."""
        explain = partial(self.explain, words=problems.WORDS)
        wait = partial(self.narrator.say, "waiting up to 10 s for the topic and the leaders of its partitions")
        return self.ask(partial(reach_topic, self.admin, self.topic, new, explain, wait))

    def ask(self, question: Callable[[], T], seconds: float = ANSWER_TIMEOUT) -> T:
        """Return the brokers' answer to a question.

        Raises Problem if there is none within `seconds` or they refuse, Timeout as soon as a signal asks to stop.
        """
        self.connections.reason, self.connections.none_reached = "", False
        try:
            return BackgroundCall(question).result(seconds, self.stopped)
        except Timeout:
            if self.stop:
                raise
            raise self.explain(KafkaError(KafkaError._TIMED_OUT)) from None
        except KafkaException as error:
            self.admin.poll(0)  # librdkafka gives its reason in poll()
            cause = error.args[0]
            if cause.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                self._replaced.append(self.__dict__.pop("admin"))  # it may find no broker again (librdkafka issue 5301)
                if self.connections.none_reached:
                    raise problems.no_broker(self.address, self.connections.reason) from None
                cause = KafkaError(KafkaError._TIMED_OUT)
            raise self.explain(cause) from None

    def try_to_ask(self, question: Callable[[], T]) -> T | None:
        """Return the brokers' answer to a question, or None if a signal arrives, or they refuse or are too slow."""
        with contextlib.suppress(Problem, Timeout):
            return self.ask(question, 3.0)
        return None

    def write(self, line: str) -> None:
        """Write to standard output, in the background: it blocks if nobody reads. Raises Timeout after a signal."""
        BackgroundCall(lambda: click.echo(line)).result(math.inf, self.stopped)
