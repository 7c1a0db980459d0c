"""The brokers: one in memory, and Kafka itself in Docker, from the very compose file that users start."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from xdist.scheduler import LoadScopeScheduling

from clusters import Cluster, free_ports, three_brokers, until
from kafka_demo.broker import MemoryBroker
from support import Broker, new_name

ROOT = Path(__file__).parent.parent


# Tests whose names have these words stay together, in one worker, for they share brokers; the rest is shared out.
# The long ones begin, and three brokers come last, alone: on a busy machine they would take each other for dead.
TOGETHER = {
    "test_promises": "promises",
    "test_outages": "outages",
    "workshop/test_guides.py::TestExamples": "guides",
    "acceptance/test_streams": "streams",
    "Docker": "docker",
    "test_security": "security",
    "": "",
    "tests/faults/test_c": "cluster",
    "three_brokers": "cluster",
}


def together(test: str) -> str:
    return next((word for word in TOGETHER if word and word in test), "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: list(TOGETHER).index(together(item.nodeid)))


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER[together(nodeid)] or nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def memory() -> Iterator[Broker]:
    broker = MemoryBroker()
    yield Broker(broker.address)
    broker.close()


def why_no_docker() -> str:
    if not shutil.which("docker"):
        return "Docker is not installed"
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return f"`{' '.join(command)}` fails"
    return ""


def need_docker() -> None:
    if why := why_no_docker():
        if os.environ.get("KAFKA_DEMO_REQUIRE_DOCKER") == "1":
            pytest.fail(f"no Docker, and KAFKA_DEMO_REQUIRE_DOCKER=1: {why}")
        pytest.skip(f"needs Docker: {why}")


@pytest.fixture(scope="session")
def docker() -> Iterator[Broker]:
    need_docker()
    from testcontainers.compose import DockerCompose

    (port,) = free_ports(1)
    with pytest.MonkeyPatch.context() as patch:
        # A project of its own, so that the tests neither use nor stop the broker of a workshop.
        patch.setenv("COMPOSE_PROJECT_NAME", new_name("kafka-demo-test"))
        patch.setenv("KAFKA_PORT", str(port))
        with DockerCompose(ROOT, "docker-compose.yml") as compose:
            broker = Broker(f"localhost:{port}", compose.get_container("kafka").ID or "")
            # The first group of a new broker waits until the topic of the commits is made: for seconds, if it is busy.
            first = Consumer({"bootstrap.servers": broker.address, "group.id": "first"})
            until(lambda: first.committed([TopicPartition("none", 0)], 5), "the broker has a coordinator for groups")
            first.close()
            yield broker


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    need_docker()
    with three_brokers() as cluster:
        yield cluster
