"""Fixtures: an in-memory broker, and Kafka in Docker, from the compose files that users start."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from clusters import ROOT, Composed, compose, one_broker
from kafka_demo.memory.broker import MemoryBroker
from support import Broker, Pipe, environment, new_name

# Tests whose names contain these words run in one worker, because they share brokers; the others are spread.
# Three brokers come first, beside light tests: on a busy machine they would consider each other dead.
TOGETHER = {
    "test_cluster": "cluster",
    "": "",
    "test_status.py::TestDocker": "status",
    "Docker": "docker",
    "workshop/test_guides.py::TestExamples": "guides",
    "test_promises": "promises",
    "test_outages": "outages",
    "acceptance/test_streams": "streams",
    "test_security": "security",
    "test_conduktor": "conduktor",
    "test_old_broker": "old broker",
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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory without KAFKA_ variables; removes what .env sets afterwards."""
    before = dict(os.environ)
    for name in os.environ.keys() - environment().keys():
        del os.environ[name]
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with closing(Pipe()) as pipe:
        yield pipe


@pytest.fixture
def topic() -> str:
    return new_name("topic")


@pytest.fixture
def group() -> str:
    return new_name("group")


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
def docker() -> Iterator[Composed]:
    need_docker()
    with one_broker() as broker:
        yield broker


@pytest.fixture
def project() -> Iterator[str]:
    """Name a Compose project, and remove everything in it afterwards."""
    need_docker()
    name = new_name("kafka-demo-test")
    yield name
    done = compose(ROOT / "tests", name, "-p", name, "down", "-v", "-t", "1")
    assert done.returncode == 0, done.stderr
