"""Kafka 3.9, which many clusters still run: everything works except share groups, with the classic protocol."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters import ROOT, Composed, one_broker
from conftest import need_docker
from support import Process, new_name, run, said

pytestmark = pytest.mark.docker

CLASSIC = "the broker does not support KIP-848 (Kafka 4.0): joining with the classic protocol"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The workshop's broker with an older image."""
    need_docker()
    folder: Path = tmp_path_factory.mktemp("old")
    text = (ROOT / "docker-compose.yml").read_text()
    (folder / "docker-compose.yml").write_text(re.sub(r"image: apache/kafka:.*", "image: apache/kafka:3.9.1", text))
    with one_broker(folder) as broker:
        yield broker


def test_two_members_share_the_partitions_by_the_classic_protocol(old: Composed, topic: str, group: str) -> None:
    sent = [b"%d" % number for number in range(200)]
    old.send(topic, stdin=b"\n".join(sent))
    member = ("consume", *old.at(topic), "-g", group)
    with Process(*member) as first:
        first.expect("^assigned partitions 0, 1, 2, 3$")
        assert sorted([first.line().strip() for _ in sent]) == sorted(sent)
        with Process(*member, "-X", "group.protocol=consumer") as second:
            second.expect(r"^assigned partitions \d, \d$")
            old.send(topic, "--sample", "-n", "400", "--interval", "0")  # enough keys for every partition
            for process in (first, second):
                process.expect("^committed: ")
            shown = run("status", "-b", old.address, "-g", group).stdout.decode()
            assert group in shown
            assert "2 members" in shown
            assert (first.stop(), second.stop()) == (0, 0)
    assert first.said.count(CLASSIC) == second.said.count(CLASSIC) == 1
    assert old.committed(group, topic) == old.ends(topic)


def test_a_queue_ends_at_once_and_says_what_it_needs(old: Composed) -> None:
    done = run("consume", *old.at(new_name("topic")), "-g", new_name("queue"), "--queue", limit=10)
    assert done.returncode == 1
    assert said(done)[-2:] == [
        f"error: the broker at {old.address} does not support share groups (KIP-932)",
        "hint: --queue needs Kafka 4.2 or newer: start it with `docker compose up -d --wait`",
    ]
