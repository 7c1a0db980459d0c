"""One suite for a queue on every broker: each message goes to one member, and is acknowledged on its own."""

import ctypes
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters import until
from kafka_demo.broker import MemoryBroker
from support import Broker, Process, new_name, run


class Queue:
    """The tests; a subclass brings the broker, and a topic of one partition."""

    @pytest.fixture
    def broker(self) -> Broker:
        raise NotImplementedError

    @pytest.fixture
    def topic(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def member(self, broker: Broker, topic: str) -> tuple[str, ...]:
        return ("consume", *broker.at(topic), "--queue", "-g", new_name("queue"))

    def send(self, broker: Broker, topic: str, *arguments: str, stdin: bytes = b"") -> None:
        done = run("produce", "-q", *broker.at(topic), *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()

    def test_a_new_queue_starts_at_the_beginning_and_what_is_acknowledged_is_gone(
        self, broker: Broker, topic: str, member: tuple[str, ...]
    ) -> None:
        self.send(broker, topic, *"abcde")
        done = run(*member, "-n", "2")
        assert (done.returncode, done.stdout) == (0, b"a\nb\n")
        said = done.stderr.decode().splitlines()
        assert said[1].startswith(f"joining share group {member[-1]}, a queue")
        assert sum("preview" in line for line in said) == 1
        assert said[-2:] == [f"left share group {member[-1]}", "read 2 messages; acknowledged 2"]
        assert run(*member, "-n", "3").stdout == b"c\nd\ne\n"
        other = run(*member[:-1], new_name("queue"), "-n", "5")
        assert other.stdout == b"a\nb\nc\nd\ne\n"  # another group has a queue of its own

    def test_two_members_share_one_partition(
        self, broker: Broker, topic: str, member: tuple[str, ...], tmp_path: Path
    ) -> None:
        files = [(tmp_path / name).open("wb") for name in ("first", "second")]
        with Process(*member, "--slow", "0.05", stdout=files[0].fileno()) as first:
            first.expect("assigned 1 partition")
            with Process(*member, "--slow", "0.05", stdout=files[1].fileno()) as second:
                second.expect("assigned 1 partition")
                self.send(broker, topic, "--sample", "-n", "60", "--interval", "0.03")
                written = [Path(file.name) for file in files]
                until(lambda: sum(path.read_bytes().count(b"\n") for path in written) >= 60, "all is written")
                for process in (first, second):
                    process.signal(signal.SIGINT)
                    assert process.end() == 0
        for file in files:
            file.close()
        got = [[json.loads(line)["messageId"] for line in path.read_text().splitlines()] for path in written]
        assert min(map(len, got)) > 5
        assert sum(map(len, got)) == len({*got[0], *got[1]}) == 60  # none is missing, and none is there twice
        for process, messages in zip((first, second), got, strict=True):
            assert process.said[-1] == f"read {len(messages)} messages; acknowledged {len(messages)}"

    def test_what_a_killed_member_held_comes_to_another_one(
        self, broker: Broker, topic: str, member: tuple[str, ...]
    ) -> None:
        with Process(*member, "--slow", "60") as first:
            first.expect("assigned 1 partition")
            self.send(broker, topic, "held")
            assert first.popen.stdout
            assert first.popen.stdout.readline() == b"held\n"
            with Process(*member, "-n", "1") as second:
                second.expect("assigned 1 partition")
                first.signal(signal.SIGKILL)
                second.expect("partition 0 offset 0: delivery 2, since nobody acknowledged it the last time")
                assert second.end() == 0
                assert second.said[-1] == "read 1 message, 1 of them not for the first time; acknowledged 1"

    def test_crash_after_leaves_one_message_to_the_others(
        self, broker: Broker, topic: str, member: tuple[str, ...]
    ) -> None:
        for letter in "abcde":  # a batch each: a broker hands out whole batches
            self.send(broker, topic, letter)
        crashed = run(*member, "--slow", "0.01", "--crash-after", "3")
        assert crashed.returncode == -signal.SIGKILL
        assert crashed.stdout.split() == [b"a", b"b", b"c"]
        assert "crashing, as kill -9 would: 3 messages read, 2 of them acknowledged" in crashed.stderr.decode()
        done = run(*member, "-n", "3")
        assert sorted(done.stdout.split()) == [b"c", b"d", b"e"]  # a queue keeps no order
        assert "partition 0 offset 2: delivery 2" in done.stderr.decode()
        assert "offset 3: delivery" not in done.stderr.decode()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_clean_stop_acknowledges_what_was_written_and_releases_the_rest(
        self, broker: Broker, topic: str, member: tuple[str, ...], number: int
    ) -> None:
        lines = [b"%d" % n for n in range(40)]
        self.send(broker, topic, stdin=b"\n".join(lines))
        with Process(*member, "--slow", "0.05") as first:
            assert first.popen.stdout
            begun = [first.popen.stdout.readline() for _ in range(5)]
            first.signal(number)
            written = [*begun, *first.popen.stdout.readlines()]
            assert first.end() == 0
            assert first.said[-1] == f"read {len(written)} messages; acknowledged {len(written)}"
        rest = run(*member, "-n", str(40 - len(written)))
        assert b"".join(written).split() + rest.stdout.split() == lines

    def test_to_end_after_some_does_not_wear_the_others_out(
        self, broker: Broker, topic: str, member: tuple[str, ...]
    ) -> None:
        self.send(broker, topic, stdin=b"\n".join(b"%d" % n for n in range(12)))
        got = [run(*member, "-n", "1").stdout for _ in range(6)]  # once more than a message is delivered at most
        rest = run(*member, "-n", "6").stdout
        assert sorted(b"".join([*got, rest]).split(), key=int) == [b"%d" % n for n in range(12)]

    def test_a_reader_that_leaves_ends_it_quietly(self, broker: Broker, topic: str, member: tuple[str, ...]) -> None:
        self.send(broker, topic, "a")
        with Process(*member) as reader:
            assert reader.popen.stdout
            assert reader.popen.stdout.readline() == b"a\n"
            reader.popen.stdout.close()
            reader.popen.stdout = None
            assert reader.end() == 0
            assert reader.said[-1] == "read 1 message; acknowledged 1"

    def test_explain_says_what_a_share_group_is(self, member: tuple[str, ...]) -> None:
        with Process(*member, "--explain") as reader:
            reader.expect("joining share group")
            reader.expect("^    share group: ")
            reader.signal(signal.SIGINT)
            assert reader.end() == 0


class TestInMemory(Queue):
    @pytest.fixture
    def topic(self) -> str:
        return new_name("jobs")

    @pytest.fixture
    def own(self, topic: str) -> Iterator[MemoryBroker]:
        broker = MemoryBroker(topics={topic: 1})
        yield broker
        broker.close()

    @pytest.fixture
    def broker(self, own: MemoryBroker) -> Broker:
        return Broker(own.address)

    def test_each_member_gets_the_topics_that_it_asked_for(self, broker: Broker, topic: str) -> None:
        queue, other = ("consume", "--queue", "-g", new_name("queue")), new_name("jobs")
        with Process(*queue, *broker.at(topic), "-n", "1") as first:
            first.expect("assigned 1 partition")
            with Process(*queue, *broker.at(other), "-n", "1") as second:
                second.expect("assigned 4 partitions")
                self.send(broker, topic, "for the first")
                self.send(broker, other, "for the second")
                assert first.popen.communicate()[0] == b"for the first\n"
                assert second.popen.communicate()[0] == b"for the second\n"

    def test_a_broker_without_share_groups_is_told(self, own: MemoryBroker, member: tuple[str, ...]) -> None:
        switch_off = own.library.rd_kafka_mock_set_apiversion
        switch_off.argtypes = [ctypes.c_void_p, ctypes.c_int16, ctypes.c_int16, ctypes.c_int16]
        for request in (76, 78, 79):  # ShareGroupHeartbeat, ShareFetch, ShareAcknowledge
            switch_off(own.cluster, request, -1, -1)
        with Process(*member) as reader:
            reader.expect(f"no partition so far: the coordinator of {member[-1]} has not let this member in")
            reader.expect("--queue needs Kafka 4.2, or `kafka-demo broker`")
            reader.signal(signal.SIGINT)
            assert reader.end() == 0


class TestDocker(Queue):
    @pytest.fixture
    def broker(self, docker: Broker) -> Broker:
        return docker

    @pytest.fixture
    def topic(self, docker: Broker) -> str:
        name = new_name("jobs")
        docker.create(name, 1)
        return name

    def test_a_name_is_of_one_kind_of_group(self, broker: Broker, topic: str, member: tuple[str, ...]) -> None:
        self.send(broker, topic, "a")
        as_queue, as_group = member, tuple(word for word in member if word != "--queue")
        for first, second in ((as_queue, as_group), (as_group, as_queue)):
            name = new_name("group")
            with Process(*first[:-1], name) as one:
                one.expect("assigned")
                with Process(*second[:-1], name) as other:
                    other.expect(f"^{name} is the name of another kind of group")
                    other.expect("name another one with -g")
                    assert other.end() == 1
