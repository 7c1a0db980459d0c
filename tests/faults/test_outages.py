"""One broker is killed, cut off or paused: nothing that was acknowledged is lost, and nothing hangs."""

import contextlib
import json
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from clusters import Composed, paused, until
from support import Process, counted, new_name, run, said, streaming

pytestmark = pytest.mark.docker


@contextlib.contextmanager
def cut_off(docker: Composed) -> Iterator[None]:
    """Disconnect the broker from its network."""
    subprocess.run(["docker", "network", "disconnect", docker.project, docker.container], check=True)
    try:
        yield
    finally:
        connect = ["docker", "network", "connect", "--alias", "kafka", docker.project, docker.container]
        subprocess.run(connect, check=True)


@contextlib.contextmanager
def killed(docker: Composed) -> Iterator[None]:
    """Kill the broker, as a power failure does."""
    docker.compose("kill", "kafka")
    try:
        yield
    finally:
        docker.compose("up", "-d")


@pytest.mark.parametrize("harm", [killed, cut_off])
def test_an_outage_in_mid_stream_loses_nothing(
    docker: Composed, harm: Callable[[Composed], AbstractContextManager[None]], topic: str, group: str
) -> None:
    with streaming(docker, topic, group, 0.02) as (producer, consumer):
        with harm(docker):
            producer.expect(f"^cannot reach broker {docker.address}: ")
        # A silently cut connection times out after a minute (socket.timeout.ms).
        producer.expect(f"^reconnected to broker {docker.address}$", limit=300)
        for partition in range(4):
            producer.expect(f"^delivered to {topic}: partition {partition} ", limit=300)
        assert producer.stop() == 0
        # Asked by a new process, whose client has not seen the broker die.
        asked = ("status", "-b", docker.address, "-g", group, "-f", "json")
        until(lambda: {*re.findall(rb'"lag": (\w+)', run(*asked).stdout)} == {b"0"}, "all is committed")
        assert consumer.stop() == 0
    told = [line for line in producer.said if not line.startswith("delivered to ")]
    assert len(told) < 10, told  # no flood
    read, again = counted(consumer.said[-1])
    assert told[-1] == f"delivered {read - again:,} messages"


@pytest.mark.parametrize(("idempotent", "twice"), [("true", False), ("false", True)])
def test_lost_responses_cause_no_duplicates_with_idempotence(docker: Composed, idempotent: str, twice: bool) -> None:
    topic = new_name("topic")
    # The paused broker has the request, or gets it soon after, but the client no longer waits for the response.
    short = ("-X", f"enable.idempotence={idempotent}", "-X", "socket.timeout.ms=1000", "-X", "request.timeout.ms=900")
    with Process("produce", *docker.at(topic), "--sample", "--interval", "0.005", *short) as producer:
        producer.expect("delivered to")
        with paused(docker):
            producer.expect("acknowledge.*: no response to a metadata request")
        producer.expect("delivered to")
        assert producer.stop() == 0
    proof = said(run("consume", *docker.at(topic), "-e"))[-1]
    assert " 0 missing, " in proof
    assert (" 0 duplicated, 0 out of order" not in proof) == twice, proof


def test_a_member_that_slept_overwrites_no_commits(docker: Composed, tmp_path: Path, topic: str, group: str) -> None:
    sleeper_out, other_out = tmp_path / "sleeper", tmp_path / "other"
    member = ("consume", *docker.at(topic), "-g", group, "-f", "json")
    with (
        sleeper_out.open("wb") as sleeper_file,
        other_out.open("wb") as other_file,
        Process("produce", *docker.at(topic), "--sample", "--interval", "0.005") as producer,
        Process(*member, stdout=sleeper_file.fileno()) as sleeper,
    ):
        sleeper.expect("committed: ")
        sleeper.signal(signal.SIGSTOP)
        with Process(*member, stdout=other_file.fileno()) as other:
            other.expect("assigned partitions 0, 1, 2, 3")
            other.expect("committed: ")
            before = docker.committed(group, topic)
            sleeper.signal(signal.SIGCONT)
            sleeper.expect(f"^no longer a member of group {group}: partitions 0, 1, 2, 3 ")
            sleeper.expect("^assigned ")  # it rejoins, and gets some of them back
            until(lambda: sum(docker.committed(group, topic).values()) > sum(before.values()) + 100, "they continue")
            after = docker.committed(group, topic)
            assert producer.stop() == 0
            until(lambda: docker.committed(group, topic) == docker.ends(topic), "all is committed")
            assert other.stop() == 0
            # The other member may have committed what it read before it slept.
            assert sleeper.stop() == any("error: commit not confirmed: " in line for line in sleeper.said)
    assert all(before[partition] <= after[partition] for partition in before)
    read = Counter(
        (message["partition"], message["offset"])
        for out in (sleeper_out, other_out)
        for message in map(json.loads, out.read_bytes().splitlines())
    )
    assert set(read) == {(partition, n) for partition, end in docker.ends(topic).items() for n in range(end)}


def test_what_a_member_read_but_could_not_commit_is_reported(docker: Composed, topic: str, group: str) -> None:
    rarely = ("-X", "auto.commit.interval.ms=60000")
    with Process("consume", *docker.at(topic), "-g", group, *rarely) as member:
        member.expect("^assigned ")
        docker.send(topic, "-p", "2", "a", "b")
        assert (member.line(), member.line()) == (b"a\n", b"b\n")
        member.signal(signal.SIGSTOP)
        until(lambda: not docker.admin.describe_consumer_groups([group])[group].result().members, "it has timed out")
        member.signal(signal.SIGINT)
        assert member.stop(signal.SIGCONT) == 1
    assert "read 2 messages; committed nothing" in member.said
    assert "error: commit not confirmed: partition 2 at offset 2" in member.said
    assert docker.committed(group, topic) == {}


def test_deleting_a_topic_in_use_is_reported_and_nothing_hangs(docker: Composed, topic: str, group: str) -> None:
    with streaming(docker, topic, group, 0.05) as (producer, consumer):
        assert run("topic", "delete", topic, "--yes", "-b", docker.address).returncode in (0, 1)
        consumer.expect("^assigned ")  # to the topic of the same name that the producer has created again
        consumer.expect("committed: ")
        status = producer.stop()
        assert consumer.stop() == 0
    failed = [line for line in producer.said if line.startswith("error: ")]
    assert status == (1 if failed else 0)
    gone = tuple(f"topic {topic} no longer {what}" for what in ("exists", "has this partition"))
    assert [line for line in failed if not line.endswith(gone)] == []
    assert len(failed) in (0, 10) or f"{len(failed)} refused" in producer.said[-1]  # 10 errors are shown


def test_a_late_answer_about_the_group_does_not_end_an_idle_member(docker: Composed, topic: str, group: str) -> None:
    docker.create(topic, 1)
    member = ("consume", *docker.at(topic), "-g", group)
    with Process(*member) as first:
        first.expect("^assigned ")
        with Process(*member) as idle:
            idle.expect("^joining group ")
            with paused(docker):
                idle.expect("^waiting for partitions ")  # it has asked, and does not wait for the answer any longer
            assert first.stop() == 0
            idle.expect("^assigned partition 0$")
            assert idle.stop() == 0


def test_a_second_signal_names_no_messages_if_all_are_acknowledged(docker: Composed, topic: str, group: str) -> None:
    with Process("consume", *docker.at(topic), "-g", group, "--queue") as member:
        member.expect("^assigned ")
        with paused(docker):
            member.signal(signal.SIGINT)
            member.expect("^stopping: ")
            assert member.stop(signal.SIGTERM, limit=1) == 128 + signal.SIGTERM
        assert member.said[-1] == "forced to stop"


# The last test: for some seconds after the pause, the controller considers the broker dead.
def test_on_a_paused_broker_a_signal_ends_a_command_in_time_and_a_second_one_at_once(docker: Composed) -> None:
    topic, group, group_2 = new_name("topic"), new_name("group"), new_name("group")
    with (
        streaming(docker, topic, group, 0.02) as (producer, consumer),
        streaming(docker, topic, group_2, 0.02, commit_ms=5000) as hasty,  # so that something is uncommitted
        paused(docker),
    ):
        for process, undone in zip(hasty, ("message", "commit not confirmed: partition"), strict=True):
            process.signal(signal.SIGINT)
            process.expect("^stopping: ")
            assert process.stop(signal.SIGTERM, limit=1) == 128 + signal.SIGTERM
            assert process.said[-1].startswith("forced to stop: ")
            assert undone in process.said[-1]
        assert consumer.stop(limit=7) == 1  # 5 s to leave the group
        assert producer.stop(limit=12) == 1  # 10 s for the acknowledgements
    assert any("closing took too long" in line for line in consumer.said)
    assert re.fullmatch(r"delivered [\d,]+ of [\d,]+ messages: [\d,]+ given up", producer.said[-1])
