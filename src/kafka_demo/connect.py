"""Reaches the brokers, and notices when one is lost and when it is back."""

import contextlib
import json
import socket
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata

from kafka_demo import problems
from kafka_demo.patience import Call, NoAnswer
from kafka_demo.probe import distrust, spoken_at
from kafka_demo.problems import Problem
from kafka_demo.settings import Settings, split_address
from kafka_demo.stop import TICK

PATIENCE = 1.0  # seconds until it is told that something is waited for
WAIT = 10.0  # seconds to wait for a broker
CREATION = 10.0  # seconds that a topic may take to be created, with all its replicas on brokers that are busy
LONGEST = WAIT + CREATION + 1

# These make it useless to wait for a better answer, as long as no broker has let this client in.
_HOPELESS = (KafkaError._AUTHENTICATION, KafkaError._SSL)
_NOT_THERE_YET = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE)

T = TypeVar("T")


class Client(Protocol):
    """What the clients of confluent-kafka have in common."""

    def poll(self, timeout: float = -1) -> Any:
        """Serve the callbacks for up to so many seconds."""

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """Ask for the brokers and this topic, which creates it where that is allowed; else for all topics."""


class Listener(Protocol):
    """Who hears of the connections."""

    def waiting(self, address: str, why: str) -> None:
        """Hear that no broker answers yet."""

    def connected(self, address: str, brokers: int) -> None:
        """Hear that a broker has answered, and how many there are."""

    def topic_missing(self) -> None:
        """Hear that the topic is not there yet."""

    def lost(self, address: str, why: str) -> None:
        """Hear that the connection to a broker broke."""

    def back(self, address: str) -> None:
        """Hear that it is there again."""


class Connections:
    """What librdkafka tells about its connections, from inside poll().

    Its error callback knows within milliseconds why a connection fails. The calls that wait for an
    answer do not: they only say that none came in time.
    """

    def __init__(self, settings: Settings, topic: str, group: str | None, listener: Listener) -> None:
        """Take the names to speak of; without a topic, `reach_brokers` is the one to use."""
        self.problem: Problem | None = None  # set once it is of no use to go on
        self.why = ""  # the reason of the last error
        self.assigned = 0  # how many partitions a member of a group has
        self._settings = settings
        self._names = (topic, group)
        self._listener = listener
        self._brokers: set[str] = set()  # their addresses, as they give them themselves
        self._lost: set[str] = set()

    def config(self) -> dict[str, Any]:
        """Make the part of a configuration that has librdkafka report here."""
        return {"error_cb": self._on_error, "stats_cb": self._on_statistics, "statistics.interval.ms": 1000}

    def reach(self, client: Client, stopped: Callable[[], object]) -> TopicMetadata:
        """Wait for a broker and for the topic, and return what the broker says about the topic.

        Raises Problem if there is no broker or no topic in time, NoAnswer as soon as `stopped()` is true.
        """
        return patiently(lambda: self._find_topic(client, self._find_brokers(client)), LONGEST, stopped)

    def reach_brokers(self, client: Client, stopped: Callable[[], object]) -> ClusterMetadata:
        """Wait for a broker, whatever its topics are. Raises as `reach` does."""
        return patiently(lambda: self._find_brokers(client), LONGEST, stopped)

    @property
    def all_lost(self) -> bool:
        """Whether there is no broker that could hear anything just now."""
        return bool(self._brokers) and self._lost >= self._brokers

    def out_of_sync(self) -> str:
        """Say which replicas of the topic are missing, which can be why nothing is acknowledged; else nothing.

        Asks a broker, for two seconds at most; by a client of its own, since one with dead connections can take longer.
        Raises KafkaException if none answers.
        """
        name = self._names[0]
        topic = AdminClient(self._settings.to_config()).list_topics(name, 2).topics[name]
        partitions = topic.partitions.values()
        number, replicas = min(((len(p.isrs), len(p.replicas)) for p in partitions), default=(0, 0))
        return f"only {number} of {replicas} replicas in sync" if number < replicas else ""

    def _find_brokers(self, client: Client) -> ClusterMetadata:
        metadata = self._ask(client)
        self._check_addresses([(str(broker.host), broker.port) for broker in metadata.brokers.values()])
        self._brokers = {f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()}
        self._listener.connected(self._settings.bootstrap_servers, len(metadata.brokers))
        return metadata

    def _find_topic(self, client: Client, metadata: ClusterMetadata) -> TopicMetadata:
        topic, group = self._names
        began, told = time.monotonic(), False
        while True:
            waited = time.monotonic() - began
            found: TopicMetadata = metadata.topics[topic]
            if not found.error and all(partition.leader >= 0 for partition in found.partitions.values()):
                if isinstance(client, Producer):
                    # librdkafka asks for the id that idempotence needs when it starts, and again after each
                    # answer like this one; else only after half a second, and the first message waits for that.
                    with contextlib.suppress(KafkaException):
                        client.list_topics(topic, 1)
                return found
            hopeless = found.error and found.error.code() not in _NOT_THERE_YET
            if hopeless or waited > CREATION:
                if found.error:
                    raise problems.of_error(found.error, self._settings, topic, group)
                return found  # one partition has no leader, but the others can be used
            if not told and waited > PATIENCE:
                told = True
                self._listener.topic_missing()
            time.sleep(TICK / 2)
            metadata = self._ask(client)

    def _ask(self, client: Client) -> ClusterMetadata:
        """Ask a broker what there is; tries again and again for WAIT seconds."""
        # In short tries, and with poll() between them, in which librdkafka says why there is no answer yet:
        # since confluent-kafka 2.16 a consumer's poll() waits while another thread is in list_topics().
        address, (topic, _) = self._settings.bootstrap_servers, self._names
        began, patience, told = time.monotonic(), 0.25, bool(self._brokers)
        suspected: Problem | None = None
        while not self.problem:
            try:
                return client.list_topics(topic or None, patience)  # type: ignore[no-any-return]
            except KafkaException as error:
                client.poll(0)
                why = self.why or problems.reason(error.args[0])
                if not (self._brokers or self.problem) and why.startswith(problems.HUNG_UP):
                    # Twice, since a broker that starts just now hangs up too, and then answers.
                    self.problem, suspected = suspected, self._find_mismatch()
            waited = time.monotonic() - began
            if waited > WAIT:
                raise problems.no_broker(address, why)
            # A reason is told at once; without one, a broker may just be busy.
            if not (self.problem or told or suspected) and (self.why or waited > PATIENCE):
                told = True
                self._listener.waiting(address, why)
            patience = 1
        raise self.problem

    def _find_mismatch(self) -> Problem | None:
        """Find out whether somebody who hung up expects TLS, or no TLS, or a login; librdkafka cannot tell."""
        config = self._settings.to_config()
        protocol = config["security.protocol"].upper()
        for address in config["bootstrap.servers"].split(","):
            spoken, tls = spoken_at(split_address(address)), protocol.endswith("SSL")
            if spoken and not (protocol.startswith("SASL") and tls == (spoken == "TLS")):
                return problems.mismatch(address, spoken, tls)
        return None

    def _check_addresses(self, brokers: list[tuple[str, int]]) -> None:
        """Raise Problem if no broker can be reached where it says, which is where clients go after the first answer."""
        why = ""
        for host, port in brokers:
            try:
                socket.create_connection((host, port), 5).close()
            except UnicodeError:  # no name that DNS could know
                why = f"{host}:{port}: unknown host"
            except OSError as error:
                why = f"{host}:{port}: {(error.strerror or 'timed out').lower()}"
            else:
                return
        raise problems.wrong_address(self._settings.bootstrap_servers, why)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            return  # what happened was told just before
        self.why = problems.reason(error)
        address = problems.broker_of(error)
        if error.code() in _HOPELESS and not (self._brokers or self.problem):
            if "certificate verify failed" in error.str():
                authority = self._settings.to_config().get("ssl.ca.location", "")
                self.problem = problems.untrusted(address, authority, distrust(split_address(address), authority))
            else:
                self.problem = problems.of_error(error, self._settings, *self._names)
        if address in self._brokers - self._lost:
            self._lost.add(address)
            self._listener.lost(address, self.why)

    def _on_statistics(self, statistics: str) -> None:
        # https://github.com/confluentinc/librdkafka/blob/master/STATISTICS.md
        try:
            found = json.loads(statistics)
        except ValueError:
            return  # librdkafka writes a client.id into it as it is, quotes and all
        self.assigned = found.get("cgrp", {}).get("assignment_size", 0)
        brokers = found["brokers"].values()
        if self._brokers:  # then those that came later are known now, too
            self._brokers |= {broker["nodename"] for broker in brokers if broker["nodeid"] >= 0}
        for address in self._lost & {broker["nodename"] for broker in brokers if broker["state"] == "UP"}:
            self._lost.discard(address)
            self._listener.back(address)


def patiently(call: Callable[[], T], seconds: float, stopped: Callable[[], object]) -> T:
    """Return what a call that waits for brokers returns.

    Raises Problem if it takes longer than so many seconds, NoAnswer as soon as `stopped()` is true, and what it raises.
    """
    try:
        return Call(call).result(seconds, unless=stopped)
    except NoAnswer:
        if stopped():
            raise
        raise problems.no_answer() from None
