"""Reach the brokers, and notice when a connection is lost and when it is back."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata

from kafka_demo.cluster.offsets import LATEST, look_up
from kafka_demo.narration import problems
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import BOLD
from kafka_demo.shutdown import TICK

Explain = Callable[[KafkaError], Problem]

TELL_AFTER = 1.0  # seconds until the user is told what the command is waiting for
WAIT = 10.0  # seconds to wait for a broker
CREATION = 10.0  # seconds for busy brokers to create a topic and its replicas
_PERMANENT = (KafkaError._AUTHENTICATION, KafkaError._SSL)  # unless a broker has already accepted this client
_NOT_YET = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE)


@dataclass
class Connections:
    """State of the connections, which librdkafka reports in `poll()`; a call that fails does not give the reason."""

    explain: Explain  # describes a permanent error
    say: Callable[[str, str], object]  # takes a line about a broker that is lost or back, and a style
    problem: Problem | None = None  # set once retrying is useless
    reason: str = ""  # why the last connection failed
    none_reached: bool = False  # whether a client found all brokers unreachable
    assigned: int = 0  # the number of partitions assigned to this member of a group
    coordinated: bool = True  # false if brokers are lost, among them this group's coordinator
    brokers: set[str] = field(default_factory=set)  # advertised addresses of the brokers to report
    _lost: set[str] = field(default_factory=set)

    def callbacks(self, statistics_ms: int = 0) -> dict[str, Any]:
        """Return settings that make a client report here; statistics (0: none) show which brokers are back."""
        return {"error_cb": self._on_error, "stats_cb": self._on_statistics, "statistics.interval.ms": statistics_ms}

    @property
    def all_lost(self) -> bool:
        """Whether the connections to all known brokers are lost; false while none is known."""
        return bool(self.brokers) and self._lost >= self.brokers

    def _on_error(self, error: KafkaError) -> None:
        self.none_reached |= (all_down := error.code() == KafkaError._ALL_BROKERS_DOWN)
        self.reason = (all_down and self.reason) or problems.reason(error)
        if error.code() in _PERMANENT and not (self.brokers or self.problem):
            self.problem = self.explain(error)
        address = problems.broker_of(error)
        if address in self.brokers - self._lost:
            self._lost.add(address)
            self.coordinated &= not self.all_lost
            self.say(f"cannot reach broker {address}: {self.reason}", BOLD)

    def _on_statistics(self, statistics: str) -> None:
        # https://github.com/confluentinc/librdkafka/blob/master/STATISTICS.md
        try:
            found = json.loads(statistics)
        except ValueError:
            return  # librdkafka does not escape quotes in a client.id
        group = found.get("cgrp", {})
        self.assigned, self.coordinated = group.get("assignment_size", 0), group.get("state") == "up" or not self._lost
        brokers = found["brokers"].values()
        if self.brokers:
            self.brokers |= {broker["nodename"] for broker in brokers if broker["nodeid"] >= 0}
        for address in self._lost & {broker["nodename"] for broker in brokers if broker["state"] == "UP"}:
            self._lost.discard(address)
            self.say(f"reconnected to broker {address}", BOLD)


def reach_brokers(
    admin: AdminClient, address: str, connections: Connections, wait: float, on_waiting: Callable[[Problem], object]
) -> ClusterMetadata:
    """Wait for a broker, and return the metadata of the brokers and of all topics.

    Retries for `wait` seconds. Calls `on_waiting(problem)` once, and raises that problem if it returns
    true. Raises Problem if no broker answers, or if none can be reached at its advertised address.
    """
    began, told = time.monotonic(), False
    while not connections.problem:
        try:
            # In short attempts, since librdkafka gives its reason in poll(), but in longer ones if the broker is slow.
            metadata: ClusterMetadata = admin.list_topics(timeout=min(max(0.25, time.monotonic() - began), 3))
        except KafkaException as error:
            admin.poll(0)
            problem = problems.no_broker(address, connections.reason or problems.reason(error.args[0]))
        else:
            if metadata.brokers:
                _check_advertised(metadata, address)
                return metadata
            problem = Problem(f"{address} answers, but lists no brokers", "it may still be starting: try again")
            time.sleep(TICK)
        waited = time.monotonic() - began
        if waited > wait:
            raise problem
        # Report a reason at once; without one, the broker may just be busy.
        if not (told or connections.problem) and (connections.reason or waited > TELL_AFTER):
            told = True
            if on_waiting(problem):
                raise problem
    raise connections.problem


def reach_topic(
    admin: AdminClient, topic: str, new: bool, explain: Explain, on_waiting: Callable[[], object]
) -> TopicMetadata:
    """Wait up to CREATION seconds until a topic can be used, and return its metadata; this may create the topic.

    Raises Problem if it still does not exist or access is denied, KafkaException if no broker answers.
    """
    began, told = time.monotonic(), False
    while True:
        found: TopicMetadata = admin.list_topics(topic, CREATION).topics[topic]
        waited = time.monotonic() - began
        if found.error and (found.error.code() not in _NOT_YET or waited > CREATION):
            raise explain(found.error)
        ready = not found.error and all(partition.leader >= 0 for partition in found.partitions.values())
        if ready and new:
            # Metadata may name a leader before that broker knows that it leads. It may then refuse a producer's first
            # batch and accept the second, and librdkafka counts both as acknowledged.
            places = [(topic, number) for number in found.partitions]
            ready = len(look_up(admin, places, LATEST, 0, every=False)) == len(places)
        if ready or (not found.error and waited > CREATION):  # the partitions with a leader can be used
            return found
        if not told and waited > TELL_AFTER:
            told = True
            on_waiting()
        time.sleep(TICK / 2)


def _check_advertised(metadata: ClusterMetadata, asked: str) -> None:
    """Raise Problem if no broker can be reached at its advertised address, to which clients connect next."""
    for broker in metadata.brokers.values():
        try:
            socket.create_connection((broker.host, broker.port), 2).close()
        except (UnicodeError, socket.gaierror):  # UnicodeError: not a valid DNS name
            why = "unknown host"
        except OSError as error:
            why = (error.strerror or "timed out").lower()
        else:
            return
        advertised = f"{broker.host}:{broker.port} ({why})"
    what = f"the broker at {asked} advertises an address that cannot be reached: {advertised}"
    raise Problem(what, "set advertised.listeners on the broker to an address that this machine can reach")
