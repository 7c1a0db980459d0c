"""Every example of WORKSHOP.md and README.md, on both brokers: one that drifts fails here."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from guide import Block, play, sections
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


CLUSTER = ("8.", "10.")  # these are played in tests/faults, where the cluster is
EXAMPLES = [
    pytest.param(blocks, id=f"{guide}: {name}")
    for guide in ("README.md", "WORKSHOP.md")
    for name, blocks in sections(ROOT / guide).items()
    if not name.startswith(CLUSTER)
]


@pytest.mark.parametrize("blocks", EXAMPLES)
class TestExamples:
    def test_in_memory(self, blocks: list[Block], fresh: Broker, tmp_path: Path) -> None:
        try_out(blocks, "memory", fresh, tmp_path)

    def test_on_docker(self, blocks: list[Block], docker: Broker, tmp_path: Path) -> None:
        try_out(blocks, "docker", docker, tmp_path)
