"""Share groups as queues: each message goes to one member and is acknowledged individually. They need Kafka itself."""

import json
import signal
from pathlib import Path

import pytest

from clusters import until
from support import Broker, Process, new_name, run, said


def test_in_memory_it_says_what_it_needs(memory: Broker) -> None:
    done = run("consume", *memory.at(new_name("topic")), "-g", "q1", "--queue", "-q")
    assert done.returncode == 1
    assert said(done) == [
        f"error: the broker at {memory.address} does not support share groups (KIP-932)",
        "hint: --queue needs Kafka 4.2 or newer: start it with `docker compose up -d --wait`",
    ]


@pytest.mark.docker
class TestDocker:
    @pytest.fixture
    def topic(self, docker: Broker) -> str:
        name = new_name("jobs")
        docker.create(name, 1)
        return name

    @pytest.fixture
    def member(self, docker: Broker, topic: str) -> tuple[str, ...]:
        return ("consume", *docker.at(topic), "--queue", "-g", new_name("queue"))

    def test_a_new_queue_starts_at_the_beginning_and_skips_what_is_acknowledged(
        self, docker: Broker, topic: str, member: tuple[str, ...]
    ) -> None:
        docker.send(topic, *"abcde")
        done = run(*member, "-n", "2")
        assert (done.returncode, done.stdout) == (0, b"a\nb\n")
        assert said(done)[1] == f"joining share group {member[-1]}: its members share partitions message by message"
        assert said(done)[-2:] == [f"left share group {member[-1]}", "read 2 messages; acknowledged 2"]
        assert run(*member, "-n", "3").stdout == b"c\nd\ne\n"
        other = run(*member[:-1], new_name("queue"), "-n", "5")
        assert other.stdout == b"a\nb\nc\nd\ne\n"  # another group has its own queue

    def test_a_partition_is_shared(self, docker: Broker, topic: str, member: tuple[str, ...], tmp_path: Path) -> None:
        written = [tmp_path / name for name in ("first", "second")]
        with (
            written[0].open("wb") as one,
            written[1].open("wb") as two,
            Process(*member, "--slow", "0.05", stdout=one.fileno()) as first,
            Process(*member, "--slow", "0.05", stdout=two.fileno()) as second,
        ):
            for process in (first, second):
                process.expect("assigned 1 partition, possibly shared with other members")
            docker.send(topic, "--sample", "-n", "60", "--interval", "0.03")
            until(lambda: sum(path.read_bytes().count(b"\n") for path in written) >= 60, "all is written")
            assert (first.stop(), second.stop()) == (0, 0)
        got = [[json.loads(line)["messageId"] for line in path.read_text().splitlines()] for path in written]
        assert min(map(len, got)) > 5
        assert sum(map(len, got)) == len({*got[0], *got[1]}) == 60  # none is missing or duplicated
        for process, messages in zip((first, second), got, strict=True):
            assert process.said[-1] == f"read {len(messages)} messages; acknowledged {len(messages)}"

    def test_what_a_killed_member_held_is_redelivered_to_another(
        self, docker: Broker, topic: str, member: tuple[str, ...]
    ) -> None:
        with Process(*member, "--slow", "60") as first:
            first.expect("^assigned ")
            docker.send(topic, "held")
            assert first.line() == b"held\n"
            with Process(*member, "-n", "1") as second:
                second.expect("^assigned ")
                first.signal(signal.SIGKILL)
                second.expect(r"^partition 0 offset 0: delivery 2 \(redelivered: it was not acknowledged\)$")
                assert (second.end(), second.said[-1]) == (0, "read 1 message, 1 redelivered; acknowledged 1")

    def test_crash_after_leaves_one_unacknowledged(self, docker: Broker, topic: str, member: tuple[str, ...]) -> None:
        for letter in "abcde":  # one batch each: a broker hands out whole batches
            docker.send(topic, letter)
        crashed = run(*member, "--slow", "0.01", "--crash-after", "3")
        assert (crashed.returncode, crashed.stdout) == (-signal.SIGKILL, b"a\nb\nc\n")
        assert said(crashed)[-1] == "crashing like kill -9: read 3 messages, acknowledged 2"
        done = run(*member, "-n", "3")
        assert sorted(done.stdout.split()) == [b"c", b"d", b"e"]  # a queue keeps no order
        told = [line for line in said(done) if "delivery" in line]
        assert told == ["partition 0 offset 2: delivery 2 (redelivered: it was not acknowledged)"]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_clean_stop_acknowledges_what_was_written_and_releases_the_rest(
        self, docker: Broker, topic: str, member: tuple[str, ...], number: int
    ) -> None:
        lines = [b"%d" % n for n in range(40)]
        docker.send(topic, stdin=b"\n".join(lines))
        with Process(*member, "--slow", "0.05") as first:
            begun = b"".join(first.line() for _ in range(5))
            first.signal(number)
            written = (begun + first.rest()).split()
            assert (first.end(), first.said[-1]) == (0, f"read {len(written)} messages; acknowledged {len(written)}")
        rest = run(*member, "-n", str(40 - len(written)))
        assert written + rest.stdout.split() == lines

    def test_ending_after_some_messages_does_not_use_up_the_deliveries_of_the_others(
        self, docker: Broker, topic: str, member: tuple[str, ...]
    ) -> None:
        docker.send(topic, stdin=b"\n".join(b"%d" % n for n in range(12)))
        got = [run(*member, "-n", "1").stdout for _ in range(6)]  # once more than the delivery count limit
        rest = run(*member, "-n", "6").stdout
        assert sorted(b"".join([*got, rest]).split(), key=int) == [b"%d" % n for n in range(12)]

    def test_it_ends_quietly_when_its_reader_leaves(self, docker: Broker, topic: str, member: tuple[str, ...]) -> None:
        docker.send(topic, "a")
        with Process(*member, "--explain") as process:
            process.expect("^    share group: ")
            assert process.line() == b"a\n"
            process.popen.stdout.close()
            assert process.end() == 0
            assert "read 1 message; acknowledged 1" in process.said

    def test_a_name_belongs_to_one_type_of_group(self, docker: Broker, topic: str, member: tuple[str, ...]) -> None:
        docker.send(topic, "a")
        as_group = tuple(word for word in member if word != "--queue")
        for first, second in ((member, as_group), (as_group, member)):
            name = new_name("group")
            with Process(*first[:-1], name) as one:
                one.expect("^assigned ")
                done = run(*second[:-1], name)
            assert done.returncode == 1
            assert f"error: group {name} does not exist, or is a group of another type" in said(done)
