"""Runs every example of README.md and WORKSHOP.md on every broker it is for (three: faults/test_cluster.py)."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from clusters import ROOT
from guide import Block, play, sections
from kafka_demo.cli import COMMANDS
from kafka_demo.memory.broker import MemoryBroker
from support import Broker

GUIDES = {name: sections(ROOT / name) for name in ("README.md", "WORKSHOP.md")}


def examples(without: set[str]) -> list[object]:
    """Find the sections that have examples, but none for these brokers."""
    return [
        pytest.param(blocks, id=f"{guide}: {name}")
        for guide, found in GUIDES.items()
        for name, blocks in found.items()
        if any(block.language == "console" for block in blocks) and not without & {block.broker for block in blocks}
    ]


@pytest.fixture(scope="module")
def fresh() -> Iterator[Broker]:
    broker = MemoryBroker()
    yield Broker(broker.address)
    broker.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").symlink_to(ROOT / "src")  # the guides copy the clients from here
    return tmp_path


class TestExamples:
    @pytest.mark.parametrize("blocks", examples(without={"docker", "cluster"}))
    def test_in_memory(self, blocks: list[Block], fresh: Broker, folder: Path) -> None:
        play(blocks, fresh, folder)

    @pytest.mark.docker
    @pytest.mark.parametrize("blocks", examples(without={"cluster"}))
    def test_on_docker(self, blocks: list[Block], docker: Broker, folder: Path) -> None:
        play(blocks, docker, folder)


# Other commands in the guides, and where they are run.
ELSEWHERE = {
    ". .venv/bin/activate": "guide.py",
    "docker compose up -d --wait": "conftest.docker",
    "docker compose down": "conftest.docker",
    "docker compose down -v": "conftest.docker",
    "docker compose pull": "not run: the images are there",
    "python examples/messages.py": "acceptance/test_examples.py",
    "python examples/notifications.py": "acceptance/test_examples.py",
    "kafka-demo broker": "acceptance/test_streams.py",
    "docker compose -f cluster/docker-compose.yml up -d --wait": "faults/test_cluster.py",
    "docker compose -f cluster/docker-compose.yml down -v": "faults/test_cluster.py",
    "export KAFKA_BOOTSTRAP_SERVERS=localhost:9092,localhost:9094,localhost:9096": "faults/test_cluster.py",
    "unset KAFKA_BOOTSTRAP_SERVERS": "its opposite",
    "export CDK_ADMIN_PASSWORD='…'": "faults/test_conduktor.py",
    "docker compose -f conduktor/docker-compose.yml up -d --wait": "faults/test_conduktor.py",
    "docker compose -p kafka-demo-conduktor down -v": "faults/test_conduktor.py",
    "python3 -m venv --upgrade-deps .venv && .venv/bin/pip install -q . && .venv/bin/kafka-demo demo": ".ci/run",
}


@pytest.mark.parametrize("guide", GUIDES)
def test_other_commands_in_a_guide_are_run_elsewhere(guide: str) -> None:
    shell = [block for blocks in GUIDES[guide].values() for block in blocks if block.language == "sh"]
    assert {line.partition(" #")[0].rstrip() for block in shell for line in block.lines} <= ELSEWHERE.keys()


SOURCES = [path for path in (ROOT / "src").rglob("*.*") if path.suffix in {".py", ".txt"}]


def test_readme_names_every_file_of_the_program() -> None:
    tree = next(block for block in GUIDES["README.md"]["How the code is laid out"] if block.language == "text")
    named = re.findall(r"(?:─|;) (\w+\.(?:py|txt)) ", "\n".join(tree.lines))
    assert sorted(named) == sorted(path.name for path in SOURCES if path.name != "__init__.py")


def test_the_program_prints_every_message_in_troubleshooting() -> None:
    quoted = re.findall(r"^\| `([^|]+)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    # Python joins adjacent strings; `…` in the guide stands for a placeholder.
    source = re.sub(r'"\s*\n\s*f?"', "", "".join(path.read_text() for path in SOURCES))
    assert quoted
    assert {part.strip() for words in quoted for part in words.split("…") if part.strip() not in source} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_options_md_names_every_option(name: str) -> None:
    documented = set(re.findall(r"(?<![\w-])--?[\w-]+", (ROOT / "docs" / "options.md").read_text()))
    command = getattr(import_module(f"kafka_demo.cli.{name}"), name)
    commands = [*command.commands.values()] if isinstance(command, click.Group) else [command]
    options = [found.opts for each in commands for found in each.params if isinstance(found, click.Option)]
    assert [opts for opts in options if not documented & set(opts)] == []
