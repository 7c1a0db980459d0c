"""Brokers in Docker, from the compose files that users start, for tests to kill, pause, cut off and restart."""

import contextlib
import os
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from support import Broker, environment, new_name

ROOT = Path(__file__).parent.parent
NODES = (1, 2, 3)
PASSWORD = "Kd-" + new_name("9")  # of Conduktor Console; new for each run
# Below the ports that systems give to clients (from 32,768 on Linux); each worker has its own.
_PORTS = count(20_000 + 500 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]))
T = TypeVar("T")
C = TypeVar("C", bound="Composed")


def compose(folder: Path, project: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a Docker Compose command on a project that is not the developer's."""
    return subprocess.run(
        ["docker", "compose", *arguments],
        cwd=folder,
        env=environment(COMPOSE_PROJECT_NAME=project, **variables),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def start_console(project: str, network: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start Conduktor Console on the network of some brokers."""
    return compose(ROOT / "conduktor", project, "up", "-d", "--wait", CONDUKTOR_NETWORK=network, **variables)


def assert_console_starts(project: str, network: str) -> None:
    (port,) = free_ports(1)
    done = start_console(project, network, CDK_ADMIN_PASSWORD=PASSWORD, CONDUKTOR_PORT=str(port))
    assert done.returncode == 0, done.stderr
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health/ready", timeout=10) as answer:
        assert answer.status == 200


def until(reached: Callable[[], T], what: str, limit: float = 300) -> T:
    """Poll ten times a second for a true result, and return it; KafkaException means not yet."""
    pause, deadline = threading.Event(), time.monotonic() + limit
    while time.monotonic() < deadline:
        with contextlib.suppress(KafkaException):
            if state := reached():
                return state
        pause.wait(0.1)
    raise AssertionError(f"not within {limit} s: {what}")


def free_ports(number: int) -> list[int]:
    """Find different ports that are free, and that neither a client nor another worker may get before they are used."""
    found: list[int] = []
    while len(found) < number:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port := next(_PORTS))):
            found.append(port)
    return found


def answers(address: str) -> bool:
    """Whether a broker answers within a second."""
    try:
        return bool(AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=1))
    except KafkaException:
        return False


@contextlib.contextmanager
def paused(broker: Broker) -> Iterator[None]:
    """Make a broker accept connections and answer nothing."""
    # Not `docker pause`: it sometimes fails if a health check begins at the same moment.
    subprocess.run(["docker", "kill", "--signal=STOP", broker.container], check=True, capture_output=True)
    try:
        # On a busy machine, it keeps answering for a moment.
        until(lambda: not answers(broker.address), "it no longer answers")
        yield
    finally:
        subprocess.run(["docker", "kill", "--signal=CONT", broker.container], check=True, capture_output=True)


@dataclass
class Composed(Broker):
    """Brokers from one of the compose files, under another name and on other ports, for a test to harm."""

    folder: Path = ROOT
    project: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config: dict[str, Any] = {"bootstrap.servers": self.address, "log_level": 0}
        self.admin = AdminClient(self.config)

    def compose(self, *arguments: str) -> None:
        done = compose(self.folder, self.project, *arguments, **self.variables)
        assert done.returncode == 0, done.stderr

    def ends(self, topic: str) -> dict[int, int]:
        """Return where each partition ends."""
        places = [TopicPartition(topic, partition) for partition in self.partitions(topic)]
        reader = Consumer(self.config | {"group.id": "none"})
        return {place.partition: reader.get_watermark_offsets(place, 5)[1] for place in places}

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return the group's committed offset for each partition."""
        places = [TopicPartition(topic, partition) for partition in self.partitions(topic)]
        member = Consumer(self.config | {"group.id": group})
        return {place.partition: place.offset for place in member.committed(places, 20) if place.offset >= 0}

    def partitions(self, topic: str) -> dict[int, Any]:
        return dict(self.topics(topic)[topic].partitions)

    def topics(self, topic: str | None = None) -> dict[str, Any]:
        # Of a new client: one that has lost all brokers may never find them again (librdkafka issue 5301).
        return dict(AdminClient(self.config).list_topics(topic, 20).topics)


class Cluster(Composed):
    """Three brokers that a test may kill; `heal()` brings them back."""

    def heal(self) -> None:
        """Start the brokers that are down, and wait until all replicas are in sync."""
        self.compose("up", "-d")
        until(lambda: self.in_sync() == set(NODES), "all replicas in sync")

    def leader(self, topic: str, partition: int) -> int:
        return int(self.partitions(topic)[partition].leader)

    def in_sync(self, topic: str | None = None) -> set[int]:
        """Return the brokers that have an in-sync replica of each partition of this topic, or of all topics."""
        places = (place for found in self.topics(topic).values() for place in found.partitions.values())
        return set.intersection(*(set(place.isrs) for place in places))

    def coordinator(self, group: str) -> int:
        """Return the group's coordinator, once it has loaded its state."""
        asked = self.admin.describe_consumer_groups
        return until(lambda: int(asked([group])[group].result().coordinator.id), f"{group} has a coordinator")


@contextlib.contextmanager
def _started(kind: type[C], folder: Path, container: str, *ports: str) -> Iterator[C]:
    """Start a compose file on free ports, set in the variables `ports`, and remove everything afterwards."""
    from testcontainers.compose import DockerCompose  # noqa: PLC0415 (importing it takes half a second)

    project = new_name("kafka-demo-test")  # its own, so that tests neither use nor stop a workshop's broker
    variables = dict(zip(ports, map(str, free_ports(len(ports))), strict=True))
    address = ",".join(f"localhost:{port}" for port in variables.values())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"COMPOSE_PROJECT_NAME": project, **variables}.items():
            patch.setenv(name, value)
        with DockerCompose(folder, "docker-compose.yml"):
            yield kind(address, f"{project}-{container}", folder, project, variables)


@contextlib.contextmanager
def three_brokers() -> Iterator[Cluster]:
    with _started(Cluster, ROOT / "cluster", "kafka-1-1", *(f"KAFKA_PORT_{node}" for node in NODES)) as cluster:
        each = [AdminClient({"bootstrap.servers": address}) for address in cluster.address.split(",")]
        known = [set(NODES)] * len(each)
        until(lambda: [set(one.list_topics(timeout=20).brokers) for one in each] == known, "every broker knows all")
        yield cluster


@contextlib.contextmanager
def one_broker(folder: Path = ROOT) -> Iterator[Composed]:
    with _started(Composed, folder, "kafka-1", "KAFKA_PORT") as broker:
        # A new broker's first group waits until __consumer_offsets exists: for seconds, if the broker is busy.
        first = Consumer({"bootstrap.servers": broker.address, "group.id": "first"})
        until(lambda: first.committed([TopicPartition("none", 0)], 5), "the broker has a coordinator for groups")
        first.close()
        yield broker
