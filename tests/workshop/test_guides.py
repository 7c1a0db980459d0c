"""Every example of WORKSHOP.md and README.md, on both brokers: one that drifts fails here."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters import Cluster
from conftest import ROOT
from guide import Block, commands, play, sections
from kafka_demo.broker import MemoryBroker
from support import Broker, environment

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def fresh() -> Iterator[Broker]:
    """Make a broker in memory as the workshop starts it."""
    broker = MemoryBroker(topics={"jobs": 1})
    yield Broker(broker.address)
    broker.close()


def try_out(blocks: list[Block], kind: str, broker: Broker, folder: Path) -> None:
    own = environment(PATH=PATH, KAFKA_BOOTSTRAP_SERVERS=broker.address)
    play(blocks, kind, own, {"localhost:9092": broker.address}, folder)


WITH_CLUSTER = "8. A broker dies"
EXAMPLES = [
    pytest.param(blocks, id=f"{guide}: {name}")
    for guide in ("README.md", "WORKSHOP.md")
    for name, blocks in sections(ROOT / guide).items()
    if name != WITH_CLUSTER
]


@pytest.mark.parametrize("blocks", EXAMPLES)
class TestExamples:
    def test_in_memory(self, blocks: list[Block], fresh: Broker, tmp_path: Path) -> None:
        try_out(blocks, "memory", fresh, tmp_path)

    def test_on_docker(self, blocks: list[Block], docker: Broker, tmp_path: Path) -> None:
        try_out(blocks, "docker", docker, tmp_path)


def test_with_three_brokers(cluster: Cluster) -> None:
    try:
        own = environment(
            PATH=PATH,
            KAFKA_BOOTSTRAP_SERVERS=cluster.address,
            COMPOSE_PROJECT_NAME=cluster.project,
            **cluster.variables,
        )
        names = dict(
            zip(("localhost:9092", "localhost:9094", "localhost:9096"), cluster.address.split(","), strict=True)
        )
        play(sections(ROOT / "WORKSHOP.md")[WITH_CLUSTER], "docker", own, names, ROOT)
    finally:
        cluster.heal()


# What has to be typed outside the examples, and where it is run.
ELSEWHERE = {
    ". .venv/bin/activate": "PATH, above",
    "docker compose up -d --wait": "conftest.docker",
    "docker compose down": "conftest.docker",
    "docker compose down -v": "conftest.docker",
    "docker compose pull": "not here: the images are there",
    "kafka-demo broker": "acceptance/test_streams.py",
    "kafka-demo broker -t jobs --partitions 1": "the fixture fresh, above",
    "docker compose -f cluster/docker-compose.yml up -d --wait": "clusters.three_brokers",
    "docker compose -f cluster/docker-compose.yml down -v": "clusters.three_brokers",
    "export KAFKA_BOOTSTRAP_SERVERS=localhost:9092,localhost:9094,localhost:9096": "test_with_three_brokers",
    "unset KAFKA_BOOTSTRAP_SERVERS": "its opposite",
    "export CDK_ADMIN_PASSWORD='…'": "faults/test_conduktor.py",
    "docker compose -f conduktor/docker-compose.yml up -d --wait": "faults/test_conduktor.py",
    "docker compose -p kafka-demo-conduktor down -v": "faults/test_conduktor.py",
    "python3 -m venv --upgrade-deps .venv && .venv/bin/pip install -q . && .venv/bin/kafka-demo demo": ".ci/run",
    'eval "$(_KAFKA_DEMO_COMPLETE=bash_source kafka-demo)"': "unit/test_cli.py",
}


@pytest.mark.parametrize("guide", ["README.md", "WORKSHOP.md"])
def test_whatever_else_a_guide_says_to_type_is_run_elsewhere(guide: str) -> None:
    assert set(commands(ROOT / guide)) <= ELSEWHERE.keys()
