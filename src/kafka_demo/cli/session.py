"""What commands that talk to Kafka share while they run: the connection, questions to the brokers, and narration."""

import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, TypeVar

import click
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata

from kafka_demo.cluster.connect import LONGEST, WAIT, Connections, reach_brokers, reach_topic
from kafka_demo.narration import errors, problems
from kafka_demo.narration.narrator import Narrator
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import DIM, count
from kafka_demo.shutdown import BackgroundCall, Stop, Timeout

T = TypeVar("T")


class Session:
    """One command's configuration, admin client and narrator."""

    def __init__(self, config: dict[str, Any], stop: Stop, narrator: Narrator, topic: str, group: str) -> None:
        self.config = config
        self.stop = stop
        self.narrator = narrator
        self.topic = topic
        self.group = group
        self.address: str = config["bootstrap.servers"]
        self.in_memory = False
        self.undone = ""  # what to say if a signal ends the command now; empty if that is no failure
        self.connections = Connections(self.explain, narrator.lost, narrator.back)

    @cached_property
    def admin(self) -> AdminClient:
        """The client for questions: poll() of another would wait for them. Raises KafkaException for wrong settings."""
        return AdminClient(self.config | self.connections.callbacks())

    def stopped(self) -> bool:
        """Whether a signal asked to stop."""
        return bool(self.stop)

    def explain(self, error: KafkaError, words: errors.Words = errors.DELETED) -> Problem:
        """Say what an error means; `words` are the command's own."""
        names = {"user": self.config.get("sasl.username"), "instance": self.config.get("group.instance.id")}
        return problems.explain(error, words, address=self.address, topic=self.topic, group=self.group, **names)

    def connect(self, seconds: float = WAIT) -> ClusterMetadata:
        """Wait up to `seconds` for a broker, and return what there is. Raises as `ask()` does."""
        told = self.narrator.waiting_for_broker
        reach = partial(reach_brokers, self.admin, self.address, self.connections, seconds, told)
        metadata = self.ask(reach, LONGEST)
        # KRaft brokers name some broker as the controller; the in-memory one names an id that no broker has.
        self.in_memory = metadata.controller_id not in metadata.brokers
        return metadata

    def connect_to_topic(self, partition: int | None = None) -> list[int]:
        """Wait for a broker and for the topic, which it may create, and narrate both; returns the topic's partitions.

        Raises as `ask()` does, and Problem if `partition` is none of them.
        """
        metadata = self.connect()
        self.narrator.say(f"connected to {self.address} ({count(len(metadata.brokers), 'broker')})", DIM)
        self.connections.brokers = {f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()}
        new = self.topic not in metadata.topics
        partitions = sorted(self.reach_topic(new=new).partitions)
        if new:
            self.narrator.say(f"topic {self.topic} did not exist and was created")
        if partition is not None and partition not in partitions:
            raise problems.no_partition(partition, self.topic, len(partitions))
        return partitions

    def reach_topic(self, *, new: bool) -> TopicMetadata:
        """Wait until the topic can be used. Raises as `ask()` does."""
        explain = partial(self.explain, words=errors.WORDS)
        reach = partial(reach_topic, self.admin, self.topic, new, explain, self.narrator.waiting_for_topic)
        return self.ask(reach, LONGEST)

    def ask(self, question: Callable[[], T], seconds: float) -> T:
        """Return the brokers' answer to a question.

        Raises Problem if there is none within `seconds` or they refuse, Timeout as soon as a signal asks to stop.
        """
        self.connections.reason = ""
        try:
            return BackgroundCall(question).result(seconds, self.stopped)
        except Timeout:
            if self.stop:
                raise
            raise problems.no_broker(self.address, "no response") from None
        except KafkaException as error:
            self.admin.poll(0)  # in which librdkafka gives its reason
            if error.args[0].code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                raise problems.no_broker(self.address, self.connections.reason or "no response") from None
            raise self.explain(error.args[0]) from None

    def write(self, line: str) -> None:
        """Write to standard output, in the background, since its reader may not read. Raises Timeout after a signal."""
        BackgroundCall(lambda: click.echo(line)).result(math.inf, self.stopped)
