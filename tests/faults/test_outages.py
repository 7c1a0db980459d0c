"""One broker that is killed, cut off, paused: nothing that was acknowledged is lost, and nothing hangs."""

import contextlib
import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from clusters import Composed, one_broker, paused, until
from support import Broker, Process, counted, new_name, run, streaming

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def broker(docker: Broker) -> Iterator[Composed]:  # noqa: ARG001 (it skips or fails where there is no Docker)
    with one_broker() as broker:
        yield broker


@contextlib.contextmanager
def cut_off(broker: Composed) -> Iterator[None]:
    """Pull the plug of the broker's network."""
    subprocess.run(["docker", "network", "disconnect", broker.project, broker.container], check=True)
    yield
    subprocess.run(["docker", "network", "connect", "--alias", "kafka", broker.project, broker.container], check=True)


@contextlib.contextmanager
def killed(broker: Composed) -> Iterator[None]:
    """End the broker as a power cut does."""
    broker.compose("kill", "kafka")
    try:
        yield
    finally:
        broker.compose("up", "-d")


@pytest.mark.parametrize("harm", [killed, cut_off])
def test_an_outage_in_mid_stream_costs_nothing(
    broker: Composed, harm: Callable[[Composed], AbstractContextManager[None]]
) -> None:
    topic, group = new_name("topic"), new_name("group")
    patience = ("-X", "delivery.timeout.ms=120000")  # a broker may take long to start where other tests run
    with streaming(broker, topic, group, 0.001, *patience) as (producer, consumer):
        with harm(broker):
            producer.expect(f"broker {broker.address} is lost: .*; waiting for it to come back")
        # A connection that was cut without a word is given up after a minute (socket.timeout.ms).
        producer.expect(f"broker {broker.address} is back", limit=120)
        producer.expect("^delivered to ")
        producer.signal(signal.SIGINT)
        assert producer.end() == 0
        until(lambda: broker.committed(group) == broker.ends(topic), "all is committed")
        consumer.signal(signal.SIGINT)
        assert consumer.end() == 0
    said = [line for line in producer.said if not line.startswith("delivered to ")]
    assert len(said) < 10, said  # no flood
    read, again = counted(consumer.said[-1])
    assert said[-1] == f"delivered {read - again:,} messages"


@pytest.mark.parametrize(("idempotent", "twice"), [("true", False), ("false", True)])
def test_replies_that_are_lost_repeat_nothing_thanks_to_idempotence(
    broker: Composed, idempotent: str, twice: bool
) -> None:
    topic = new_name("topic")
    # The broker has the request when it is paused or soon after, and the client has given up on the reply by then.
    short = ("-X", f"enable.idempotence={idempotent}", "-X", "socket.timeout.ms=1000", "-X", "request.timeout.ms=900")
    with Process("produce", *broker.at(topic), "--sample", "--interval", "0.001", *short) as producer:
        producer.expect("delivered to")
        with paused(broker):
            producer.expect("^nothing is acknowledged: no broker answers; it is tried again$")
        producer.expect("delivered to")
        producer.signal(signal.SIGINT)
        assert producer.end() == 0
    said = run("consume", *broker.at(topic), "-e").stderr.decode().splitlines()
    assert said[-1].startswith("sequence: ")
    assert " 0 lost, " in said[-1]
    assert (" 0 duplicated, 0 out of order" not in said[-1]) == twice, said[-1]


def test_a_member_that_slept_past_its_session_does_not_commit_over_the_new_owner(
    broker: Composed, tmp_path: Path
) -> None:
    topic, group = new_name("topic"), new_name("group")
    sleeper_out, other_out = tmp_path / "sleeper", tmp_path / "other"
    member = ("consume", *broker.at(topic), "-g", group, "-f", "json")
    with (
        sleeper_out.open("wb") as sleeper_file,
        other_out.open("wb") as other_file,
        Process("produce", *broker.at(topic), "--sample", "--interval", "0.005") as producer,
        Process(*member, stdout=sleeper_file.fileno()) as sleeper,
    ):
        sleeper.expect("committed: ")
        sleeper.signal(signal.SIGSTOP)
        with Process(*member, stdout=other_file.fileno()) as other:
            other.expect("assigned partitions 0, 1, 2, 3")
            other.expect("committed: ")
            before = broker.committed(group)
            sleeper.signal(signal.SIGCONT)
            sleeper.expect("the group does not count this member in any more, and has taken partitions 0, 1, 2, 3 away")
            sleeper.expect("^assigned ")  # it joins again, and gets some of them back
            until(lambda: sum(broker.committed(group).values()) > sum(before.values()) + 100, "they go on")
            after = broker.committed(group)
            producer.signal(signal.SIGINT)
            assert producer.end() == 0
            until(lambda: broker.committed(group) == broker.ends(topic), "all is committed")
            for process in (sleeper, other):
                process.signal(signal.SIGINT)
                assert process.end() == 0, "\n".join(process.said[5:])
    assert all(before[partition] <= after[partition] for partition in before)
    read = Counter(
        (message["partition"], message["offset"])
        for out in (sleeper_out, other_out)
        for message in map(json.loads, out.read_bytes().splitlines())
    )
    assert set(read) == {(partition, n) for partition, end in broker.ends(topic).items() for n in range(end)}


def test_a_topic_that_is_deleted_under_both_is_told_and_nothing_hangs(broker: Composed) -> None:
    topic, group = new_name("topic"), new_name("group")
    with streaming(broker, topic, group, 0.05) as (producer, consumer):
        assert run("topic", "delete", topic, "--yes", "-b", broker.address).returncode in (0, 1)
        consumer.expect("^assigned ")  # to the topic of the same name that the producer has made anew
        consumer.expect("committed: ")
        producer.signal(signal.SIGINT)
        status = producer.end()
        consumer.signal(signal.SIGINT)
        assert consumer.end() == 0
    failed = [line for line in producer.said if "was not delivered" in line]
    assert status == (1 if failed else 0)
    assert all(line.endswith(f"topic {topic} was deleted meanwhile") for line in failed)
    assert not failed or f"{len(failed)} failed" in producer.said[-1]
