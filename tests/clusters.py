"""Brokers in Docker, from the very compose files that users start, to be killed, paused, cut off and brought back."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from kafka_demo.probe import spoken_at
from kafka_demo.settings import split_address
from support import Broker, environment, new_name

ROOT = Path(__file__).parent.parent
NODES = (1, 2, 3)
T = TypeVar("T")


def compose(folder: Path, project: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Docker Compose on a project that is none of the developer's."""
    return subprocess.run(
        ["docker", "compose", *arguments],
        cwd=folder,
        env=environment(COMPOSE_PROJECT_NAME=project, **variables),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def until(reached: Callable[[], T], what: str, limit: float = 120) -> T:
    """Wait for a state, looking ten times a second, and return it; brokers that cannot answer just now mean not yet."""
    pause, deadline = threading.Event(), time.monotonic() + limit
    while time.monotonic() < deadline:
        with contextlib.suppress(KafkaException):
            if state := reached():
                return state
        pause.wait(0.1)
    raise AssertionError(f"not within {limit} s: {what}")


def free_ports(number: int) -> list[int]:
    """Find ports that nobody uses, each another one."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [int(server.getsockname()[1]) for server in servers]


@contextlib.contextmanager
def paused(broker: Broker) -> Iterator[None]:
    """Let a broker accept everything and answer nothing."""
    # Not `docker pause`: it fails now and then where a health check begins at the same moment.
    subprocess.run(["docker", "kill", "--signal=STOP", broker.container], check=True, capture_output=True)
    try:
        # On a busy machine it goes on answering for a moment.
        until(lambda: not spoken_at(split_address(broker.address)), "it answers no more")
        yield
    finally:
        subprocess.run(["docker", "kill", "--signal=CONT", broker.container], check=True, capture_output=True)


@dataclass
class Composed(Broker):
    """What a compose file of this project starts, under another name and on other ports, for a test to harm."""

    folder: Path = ROOT
    project: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config: dict[str, str | int | float | bool] = {"bootstrap.servers": self.address, "log_level": 0}
        self.admin = AdminClient(config)
        self.reader = Consumer(config | {"group.id": "none"})

    def compose(self, *arguments: str) -> None:
        done = compose(self.folder, self.project, *arguments, **self.variables)
        assert done.returncode == 0, done.stderr

    def ends(self, topic: str) -> dict[int, int]:
        """Return where each partition ends."""
        places = [TopicPartition(topic, partition) for partition in self.partitions(topic)]
        return {place.partition: self.reader.get_watermark_offsets(place, 5)[1] for place in places}

    def committed(self, group: str) -> dict[int, int]:
        """Return up to where the group has committed each partition."""
        asked = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        return {place.partition: place.offset for place in asked[group].result().topic_partitions}

    def partitions(self, topic: str) -> dict[int, Any]:
        return dict(self.admin.list_topics(topic, 20).topics[topic].partitions)


class Cluster(Composed):
    """Three brokers, which a test may kill: `heal()` brings them back."""

    def kill(self, *nodes: int) -> None:
        """End brokers as a power cut does."""
        self.compose("kill", *(f"kafka-{node}" for node in nodes))

    def stop(self, node: int) -> None:
        """Stop a broker as an update does: it hands its partitions over before it ends."""
        self.compose("stop", f"kafka-{node}")

    def heal(self) -> None:
        """Start the brokers that are down, and wait until every partition has all its replicas in sync."""
        self.compose("up", "-d")
        until(lambda: self.in_sync() == set(NODES), "all replicas in sync")

    def brokers(self) -> set[int]:
        """Return the brokers that every broker knows."""
        clients = [AdminClient({"bootstrap.servers": address}) for address in self.address.split(",")]
        return set.intersection(*(set(client.list_topics(timeout=20).brokers) for client in clients))

    def leader(self, topic: str, partition: int) -> int:
        return int(self.partitions(topic)[partition].leader)

    def in_sync(self, topic: str | None = None) -> set[int]:
        """Return the brokers that have an in-sync replica of each partition of this topic, or of all topics."""
        topics = self.admin.list_topics(topic, 20).topics.values()
        return set.intersection(*(set(place.isrs) for found in topics for place in found.partitions.values()))

    def coordinator(self, group: str) -> int:
        """Return the broker that coordinates the group, once it has loaded what it must know."""

        def find() -> int:
            return int(self.admin.describe_consumer_groups([group])[group].result().coordinator.id)

        return until(find, f"{group} has a coordinator")


@contextlib.contextmanager
def three_brokers() -> Iterator[Cluster]:
    """Start a cluster with a name and ports of its own, and remove it with all that it kept."""
    ports = free_ports(len(NODES))
    variables = {f"KAFKA_PORT_{node}": str(port) for node, port in zip(NODES, ports, strict=True)}
    project = new_name("kafka-demo-test")
    address = ",".join(f"localhost:{port}" for port in ports)
    cluster = Cluster(address, f"{project}-kafka-1-1", ROOT / "cluster", project, variables)
    try:
        cluster.compose("up", "-d", "--wait")
        until(lambda: cluster.brokers() == set(NODES), "every broker knows all of them")
        yield cluster
    finally:
        cluster.compose("down", "-v", "-t", "1")


@contextlib.contextmanager
def one_broker() -> Iterator[Composed]:
    """Start a broker with a name and a port of its own, and remove it with all that it kept."""
    (port,) = free_ports(1)
    project = new_name("kafka-demo-test")
    broker = Composed(f"localhost:{port}", f"{project}-kafka-1", ROOT, project, {"KAFKA_PORT": str(port)})
    try:
        broker.compose("up", "-d", "--wait")
        yield broker
    finally:
        broker.compose("down", "-v", "-t", "1")
