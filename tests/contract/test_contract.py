"""One suite for every broker: what a producer sends is what a consumer reads, in groups and alone."""

import json
import re
import signal

import pytest

from support import Broker, Process, new_name, run


class Contract:
    """The tests; a subclass brings the broker."""

    @pytest.fixture
    def broker(self) -> Broker:
        raise NotImplementedError

    @pytest.fixture
    def topic(self) -> str:
        return new_name("topic")

    def send(self, broker: Broker, topic: str, *arguments: str, stdin: bytes = b"") -> list[str]:
        done = run("produce", *broker.at(topic), *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == b""
        return done.stderr.decode().splitlines()

    def read(self, broker: Broker, topic: str, *arguments: str) -> list[bytes]:
        done = run("consume", *broker.at(topic), *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.splitlines()

    def read_json(self, broker: Broker, topic: str, *arguments: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.read(broker, topic, "-f", "json", *arguments)]

    def test_arguments_arrive_and_each_is_told_where(self, broker: Broker, topic: str) -> None:
        said = self.send(broker, topic, "-k", "ada", "hello", "world")
        assert re.fullmatch(rf"connected to {broker.address} \(1 broker\)", said[0])
        assert re.fullmatch(rf"delivered to {topic}: partition \d  offset 0  key ada", said[1])
        assert re.fullmatch(rf"delivered to {topic}: partition \d  offset 1  key ada", said[2])
        assert said[3:] == ["delivered 2 messages"]
        assert self.read(broker, topic, "-e") == [b"hello", b"world"]

    def test_key_headers_and_partition_arrive(self, broker: Broker, topic: str) -> None:
        self.send(broker, topic, "-K", ":", "-H", "a=1", "-H", "a=", "-p", "2", "ada:hi", "no separator", ":")
        records = self.read_json(broker, topic, "-e")
        assert [(r["key"], r["value"], r["partition"], r["headers"]) for r in records] == [
            ("ada", "hi", 2, [["a", "1"], ["a", ""]]),
            (None, "no separator", 2, [["a", "1"], ["a", ""]]),
            ("", "", 2, [["a", "1"], ["a", ""]]),
        ]

    def test_json_comes_back_equal(self, broker: Broker, topic: str) -> None:
        lines = [
            {"key": "ada", "value": "hi", "headers": [["a", "1"], ["a", None], ["b", {"base64": "/w=="}]]},
            {"key": None, "value": None, "headers": []},
            {"key": {"base64": "/wA="}, "value": "", "headers": [["é", "\u202e\x1b"]]},
        ]
        self.send(broker, topic, "-f", "json", "-p", "0", stdin="\n".join(map(json.dumps, lines)).encode())
        first = run("consume", *broker.at(topic), "-f", "json", "-e").stdout
        again = new_name("topic")
        self.send(broker, again, "-f", "json", "-p", "0", stdin=first)
        for name in (topic, again):
            records = self.read_json(broker, name, "-e")
            assert [{field: r[field] for field in ("key", "value", "headers")} for r in records] == lines

    def test_bad_json_is_named_and_the_rest_is_sent(self, broker: Broker, topic: str) -> None:
        done = run("produce", *broker.at(topic), "-f", "json", stdin=b'{"value": "a"}\n{"valu": 1}\n\n{"value": "b"}\n')
        assert done.returncode == 1
        said = done.stderr.decode().splitlines()
        assert said[1:] == [
            'line 2 was not delivered: unknown field "valu"',
            "line 3 was not delivered: not JSON: Expecting value at column 1",
            "delivered 2 of 4 messages: 2 failed",
        ]
        assert sorted(self.read(broker, topic, "-e")) == [b"a", b"b"]

    def test_a_line_that_is_too_large_is_named_and_the_rest_is_sent(self, broker: Broker, topic: str) -> None:
        done = run("produce", *broker.at(topic), stdin=b"one\n" + b"x" * 3_000_000 + b"\nthree\n")
        assert done.returncode == 1
        said = done.stderr.decode().splitlines()
        assert "line 2 was not delivered: the message is too large" in said
        assert said[-1] == "delivered 2 of 3 messages: 1 failed"
        assert sorted(self.read(broker, topic, "-e")) == [b"one", b"three"]

    def test_a_partition_that_does_not_exist_is_named(self, broker: Broker, topic: str) -> None:
        for command in (("produce", "-p", "9", "hi"), ("consume", "-p", "9")):
            done = run(*command, *broker.at(topic))
            assert done.returncode == 1
            assert done.stderr.decode().splitlines()[1:] == [
                f"{topic} has no partition 9",
                "it has 4, numbered from 0",
            ]

    @pytest.mark.parametrize(
        ("offset", "expected"),
        [("beginning", "0123456789"), ("end", ""), ("7", "789"), ("-2", "89"), ("99", ""), ("-99", "0123456789")],
    )
    def test_alone_it_starts_where_it_is_told(self, broker: Broker, topic: str, offset: str, expected: str) -> None:
        self.send(broker, topic, "-p", "1", *"0123456789")
        assert b"".join(self.read(broker, topic, "-p", "1", "-e", "-o", offset)).decode() == expected

    def test_an_offset_that_is_not_there_is_told(self, broker: Broker, topic: str) -> None:
        self.send(broker, topic, "-p", "1", "a")
        said = run("consume", *broker.at(topic), "-p", "1", "-e", "-o", "99").stderr.decode().splitlines()
        assert said[1:3] == [
            "partition 1 has no offset 99: this is the nearest",
            f"reading partition 1 of {topic} from offset 1: nothing there yet",
        ]

    def test_a_group_goes_on_at_its_commit(self, broker: Broker, topic: str) -> None:
        self.send(broker, topic, "-p", "1", *"abcde")
        group = ("-g", new_name("group"))
        assert self.read(broker, topic, *group, "-n", "2") == [b"a", b"b"]
        done = run("consume", *broker.at(topic), *group, "-e")
        assert done.stdout.split() == [b"c", b"d", b"e"]
        said = done.stderr.decode()
        assert f"  partition 1 from offset 2: {group[1]} committed it last time" in said
        assert f"  partition 0 from the beginning: {group[1]} has committed nothing here yet" in said
        assert "read 3 messages; committed partition 1 up to offset 5" in said
        assert self.read(broker, topic, *group, "-e") == []

    def test_a_group_without_a_commit_can_start_at_the_end(self, broker: Broker, topic: str) -> None:
        self.send(broker, topic, "before")
        with Process("consume", *broker.at(topic), "-g", new_name("group"), "-o", "end", "-n", "1") as consumer:
            consumer.expect("partition 3 from the end")
            self.send(broker, topic, "--sample", "-n", "40", "--interval", "0.05")
            assert consumer.popen.stdout
            assert consumer.popen.stdout.read().startswith(b'{"messageId": ')
            assert consumer.end() == 0

    def test_crash_after_commits_nothing(self, broker: Broker, topic: str) -> None:
        self.send(broker, topic, "-p", "1", *"abcde")
        group = ("-g", new_name("group"))
        crashed = run("consume", *broker.at(topic), *group, "--crash-after", "3")
        assert crashed.returncode == -signal.SIGKILL
        assert crashed.stdout.split() == [b"a", b"b", b"c"]
        assert "crashing, as kill -9 would: 3 messages read, and nothing committed" in crashed.stderr.decode()
        assert self.read(broker, topic, *group, "-n", "5") == [b"a", b"b", b"c", b"d", b"e"]

    def test_members_share_the_partitions_and_hand_them_over(self, broker: Broker, topic: str) -> None:
        group = new_name("group")
        read = ("consume", *broker.at(topic), "-g", group, "-f", "json")
        with Process(*read) as first, Process("produce", *broker.at(topic), "--sample", "--interval", "0.05") as events:
            first.expect("assigned partitions 0, 1, 2, 3")
            with Process(*read) as second:
                first.expect(r"rebalance: partitions \d, \d go to another member")
                second.expect(r"assigned partitions \d, \d of")
                second.expect("committed: ")
                first.signal(signal.SIGINT)
                assert first.popen.stdout
                records = first.popen.stdout.read().splitlines()
                assert first.end() == 0
                second.expect(r"assigned partitions \d, \d of")
                second.expect("committed: ")
                events.signal(signal.SIGINT)
                assert events.end() == 0
                sent = int(re.search(r"delivered (\d+) messages", events.said[-1])[1])  # type: ignore[index]
                assert second.popen.stdout
                while len(records) < sent:
                    records.append(second.popen.stdout.readline())
                second.signal(signal.SIGTERM)
                records += second.popen.stdout.read().splitlines()
                assert second.end() == 0
        for process in (first, second):
            assert process.said[-1].endswith("from 1 producer, 0 lost, 0 duplicated, 0 out of order")
        seqs: dict[str, list[int]] = {}
        for record in map(json.loads, records):
            seqs.setdefault(record["key"], []).append(int(dict(record["headers"])["seq"]))
        assert len(records) == sent
        assert all(numbers == list(range(len(numbers))) for numbers in seqs.values())

    def test_a_member_too_many_is_told_why_it_waits(self, broker: Broker, topic: str) -> None:
        group = new_name("group")
        read = ("consume", *broker.at(topic), "-g", group)
        with Process(*read) as one, Process(*read) as two, Process(*read) as three, Process(*read) as four:
            for member in (one, two, three, four):
                member.expect("assigned partition")
            with Process(*read) as fifth:
                fifth.expect(
                    r"^no partition so far: the broker has only just started, or other members hold them all\."
                )
                one.signal(signal.SIGINT)
                fifth.expect("assigned partition")


class TestMemory(Contract):
    @pytest.fixture
    def broker(self, memory: Broker) -> Broker:
        return memory


@pytest.mark.docker
class TestDocker(Contract):
    @pytest.fixture
    def broker(self, docker: Broker) -> Broker:
        return docker

    def test_alone_it_starts_at_a_time(self, broker: Broker, topic: str) -> None:
        self.send(broker, topic, "-p", "1", *"abc")
        times = [record["timestamp"] for record in self.read_json(broker, topic, "-e")]
        assert len(self.read(broker, topic, "-e", "-o", f"@{times[0]}")) == 3
        assert len(self.read(broker, topic, "-e", "-o", f"@{int(str(times[-1])) + 1}")) == 0
