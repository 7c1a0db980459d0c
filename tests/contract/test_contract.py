"""One suite for every broker: consumers, in groups or alone, read what producers send."""

import json
import re
import signal

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from support import Broker, Process, new_name, run, said

INVALID = ['line 2: unknown field "valu"', "line 3: not JSON: Expecting value at column 1"]
JSON = b'{"value": "one"}\n{"valu": 1}\n\n{"value": "two"}\n'


class Contract:
    """The tests; a subclass provides the broker."""

    @pytest.fixture
    def broker(self) -> Broker:
        raise NotImplementedError

    def read_json(self, broker: Broker, topic: str, *arguments: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in broker.read(topic, "-f", "json", *arguments).splitlines()]

    def test_arguments_arrive_in_order_and_each_offset_is_reported(self, broker: Broker, topic: str) -> None:
        told = broker.send(topic, "-k", "ada", "hello", "world")
        assert told[:2] == [f"connected to {broker.address} (1 broker)", f"topic {topic} did not exist and was created"]
        assert re.fullmatch(rf"delivered to {topic}: partition \d  offset 0  key ada", told[2])
        assert re.fullmatch(rf"delivered to {topic}: partition \d  offset 1  key ada", told[3])
        assert (told[4:], broker.read(topic, "-e")) == (["delivered 2 messages"], b"hello\nworld\n")

    def test_a_consumer_says_that_its_topic_is_new_and_the_next_one_does_not(self, broker: Broker, topic: str) -> None:
        created = f"topic {topic} did not exist and was created"
        assert created in said(run("consume", *broker.at(topic), "-e"))
        assert created not in said(run("consume", *broker.at(topic), "-e"))

    def test_key_headers_and_partition_arrive(self, broker: Broker, topic: str) -> None:
        broker.send(topic, "-K", ":", "-H", "a=1", "-H", "a=", "-p", "2", "ada:hi", "no separator", ":")
        records = self.read_json(broker, topic, "-e")
        assert [(r["key"], r["value"], r["partition"], r["headers"]) for r in records] == [
            ("ada", "hi", 2, [["a", "1"], ["a", ""]]),
            (None, "no separator", 2, [["a", "1"], ["a", ""]]),
            ("", "", 2, [["a", "1"], ["a", ""]]),
        ]

    def test_json_survives_a_round_trip(self, broker: Broker, topic: str) -> None:
        lines = [
            {"key": "ada", "value": "hi", "headers": [["a", "1"], ["a", None], ["b", {"base64": "/w=="}]]},
            {"key": None, "value": None, "headers": []},
            {"key": {"base64": "/wA="}, "value": "", "headers": [["é", "\u202e\x1b"]]},
        ]
        broker.send(topic, "-f", "json", "-p", "0", stdin="\n".join(map(json.dumps, lines)).encode())
        again = new_name("topic")
        told = broker.send(again, "-f", "json", "-p", "0", stdin=broker.read(topic, "-f", "json", "-e"))
        assert "sending key, value and headers; ignoring topic, partition, offset and timestamp" in told
        for name in (topic, again):
            records = self.read_json(broker, name, "-e")
            assert [{field: r[field] for field in ("key", "value", "headers")} for r in records] == lines

    @pytest.mark.parametrize(
        ("options", "given", "errors", "counted"),
        [
            ("-f json", JSON, INVALID, "invalid"),
            (
                "",
                b"one\n%s\ntwo\n" % (b"x" * 3_000_000),
                ["line 2: the message, or the batch in which it was sent, is too large"],
                "refused",
            ),
        ],
    )
    def test_an_invalid_line_is_reported_and_the_rest_is_sent(
        self, broker: Broker, topic: str, options: str, given: bytes, errors: list[str], counted: str
    ) -> None:
        done = run("produce", *broker.at(topic), *options.split(), stdin=given)
        assert done.returncode == 1
        assert [line.removeprefix("error: ") for line in said(done) if line.startswith("error: ")] == errors
        assert said(done)[-1] == f"delivered 2 of {2 + len(errors)} messages: {len(errors)} {counted}"
        assert sorted(broker.read(topic, "-e").split()) == [b"one", b"two"]

    @pytest.mark.parametrize("command", [("produce", "-p", "9", "hi"), ("consume", "-p", "9")])
    def test_a_partition_that_does_not_exist_is_reported(self, broker: Broker, topic: str, command: tuple[str]) -> None:
        done = run(*command, *broker.at(topic))
        assert (done.returncode, said(done)[-2]) == (1, f"error: topic {topic} has no partition 9")
        assert said(done)[-1] == "hint: it has 4 partitions, numbered from 0"

    @pytest.mark.parametrize(
        ("offset", "expected"),
        [("beginning", "0123456789"), ("end", ""), ("7", "789"), ("-2", "89"), ("99", ""), ("-99", "0123456789")],
    )
    def test_alone_it_starts_at_the_given_offset(self, broker: Broker, topic: str, offset: str, expected: str) -> None:
        broker.send(topic, "-p", "1", *"0123456789")
        done = run("consume", *broker.at(topic), "-p", "1", "-e", "-o", offset)
        assert b"".join(done.stdout.split()).decode() == expected
        assert ("offset 99 is out of range in partition 1: starting at offset 10" in said(done)) == (offset == "99")

    def test_a_group_resumes_at_its_committed_offset(self, broker: Broker, topic: str, group: str) -> None:
        broker.send(topic, "-p", "1", *"abcde")
        assert broker.read(topic, "-g", group, "-n", "2") == b"a\nb\n"
        done = run("consume", *broker.at(topic), "-g", group, "-e")
        assert done.stdout == b"c\nd\ne\n"
        assert f"  partition 1: from offset 2, where {group} left off" in said(done)
        assert f"  partition 0: from the beginning ({group} has no committed offset yet)" in said(done)
        assert said(done)[-1] == "read 3 messages; committed partition 1 at offset 5"
        assert broker.read(topic, "-g", group, "-e") == b""

    @pytest.mark.parametrize("protocol", ["consumer", "classic"])
    def test_a_new_group_can_start_at_the_end(self, broker: Broker, topic: str, group: str, protocol: str) -> None:
        broker.send(topic, "before")
        start = ("-g", group, "-o", "end", "-X", f"group.protocol={protocol}")
        with Process("consume", *broker.at(topic), *start, "-n", "400") as consumer:
            consumer.expect("partition 3: from the end")
            broker.send(topic, "--sample", "-n", "400", "--interval", "0")
            consumer.expect("^read 400 messages; committed ")
            assert (consumer.rest().count(b'{"messageId": '), consumer.end()) == (400, 0)

    def test_starting_at_the_end_of_an_empty_topic_skips_nothing(self, broker: Broker, topic: str, group: str) -> None:
        read = ("-g", group, "-o", "end", "-e")
        assert broker.read(topic, *read) == b""
        broker.send(topic, "-p", "1", *"abc")
        assert broker.read(topic, *read) == b"a\nb\nc\n"

    def test_crash_after_commits_nothing(self, broker: Broker, topic: str, group: str) -> None:
        broker.send(topic, "-p", "1", *"abcde")
        crashed = run("consume", *broker.at(topic), "-g", group, "--crash-after", "3")
        assert (crashed.returncode, crashed.stdout) == (-signal.SIGKILL, b"a\nb\nc\n")
        assert said(crashed)[-1] == "crashing like kill -9: read 3 messages, committed nothing"
        assert broker.read(topic, "-g", group, "-n", "5") == b"a\nb\nc\nd\ne\n"

    def test_members_share_the_partitions_and_hand_them_over(self, broker: Broker, topic: str, group: str) -> None:
        read = ("consume", *broker.at(topic), "-g", group, "-f", "json")
        with Process(*read) as first, Process("produce", *broker.at(topic), "--sample", "--interval", "0.05") as events:
            first.expect("^assigned partitions 0, 1, 2, 3$")
            with Process(*read) as second:
                first.expect(r"^rebalance: partitions \d, \d revoked$")
                second.expect(r"^assigned partitions \d, \d$")
                second.expect("^committed: ")
                first.signal(signal.SIGINT)
                records = first.rest().splitlines()
                assert first.end() == 0
                second.expect(r"^assigned partitions \d, \d$")
                second.expect("^committed: ")
                assert events.stop() == 0
                sent = int(events.said[-1].split()[1])
                while len(records) < sent:
                    records.append(second.line())
                second.signal(signal.SIGTERM)
                records += second.rest().splitlines()
                assert second.end() == 0
        for process in (first, second):
            assert re.fullmatch("this member saw .*: 0 missing, 0 duplicated, 0 out of order", process.said[-1])
        seqs: dict[str, list[int]] = {}
        for record in map(json.loads, records):
            seqs.setdefault(record["key"], []).append(int(dict(record["headers"])["seq"]))
        assert (len(records), all(numbers == list(range(len(numbers))) for numbers in seqs.values())) == (sent, True)

    def test_exit_at_end_says_which_partitions_another_member_has(self, broker: Broker, topic: str, group: str) -> None:
        with Process("consume", *broker.at(topic), "-g", group) as other:
            other.expect("^assigned partitions 0, 1, 2, 3$")
            with Process("consume", *broker.at(topic), "-g", group, "-e") as member:
                mine = re.findall(r"\d", member.expect("^assigned partitions"))
                assert member.end() == 0
            rest = sorted({*"0123"} - {*mine})
        end, others = f"partitions {', '.join(mine)}", f"partitions {', '.join(rest)}"
        assert f"read to the end of {end}; not assigned to this member: {others}" in member.said

    def test_a_surplus_member_says_that_it_waits(self, broker: Broker, topic: str, group: str) -> None:
        read = ("consume", *broker.at(topic), "-g", group)
        with Process(*read) as one, Process(*read) as two, Process(*read) as three, Process(*read) as four:
            for member in (one, two, three, four):
                member.expect("^assigned ")
            with Process("consume", *broker.at(f"{topic}-2"), "-g", group) as other, Process(*read) as fifth:
                other.expect("^assigned ")  # it reads another topic, so it is not counted
                fifth.expect(f"^waiting for partitions of topic {topic}{self.members}$")
                one.signal(signal.SIGINT)
                fifth.expect("^assigned partition")

    members = ""  # what the broker can tell about them


class TestMemory(Contract):
    @pytest.fixture
    def broker(self, memory: Broker) -> Broker:
        return memory


@pytest.mark.docker
class TestDocker(Contract):
    members = ": 5 members, 4 partitions; idle until another member leaves"

    @pytest.fixture
    def broker(self, docker: Broker) -> Broker:
        return docker

    def test_without_a_group_it_can_start_at_a_given_time(self, broker: Broker, topic: str) -> None:
        broker.send(topic, "-p", "1", *"abc")
        times = [record["timestamp"] for record in self.read_json(broker, topic, "-e")]
        assert broker.read(topic, "-e", "-o", f"@{times[0]}") == b"a\nb\nc\n"
        assert broker.read(topic, "-e", "-o", f"@{int(str(times[-1])) + 1}") == b""

    def test_deleted_messages_are_named_and_no_others_are_skipped(self, broker: Broker, topic: str, group: str) -> None:
        broker.send(topic, "-p", "0", "-X", "batch.num.messages=1", *map(str, range(16)))
        assert broker.read(topic, "-g", group, "-n", "2") == b"0\n1\n"
        admin = AdminClient({"bootstrap.servers": broker.address})
        admin.delete_records([TopicPartition(topic, 0, 4)])[TopicPartition(topic, 0)].result()
        # A second for each message, which is fetched shortly before.
        slow = ("--slow", "1", "-X", "queued.min.messages=1", "-X", "max.partition.fetch.bytes=1")
        removed = "^  partition 0: retention or a deletion has removed offsets"
        with Process("consume", *broker.at(topic), "-g", group, "-o", "end", *slow) as member:
            member.expect(f"{removed} 2 to 3; continuing at 4$")
            with Process("consume", *broker.at(topic), *slow) as alone:
                alone.expect(f"^reading partition 0 of {topic}: offsets 4 to 15 so far$")
                read = {process: [process.line()] for process in (member, alone)}
                admin.delete_records([TopicPartition(topic, 0, 14)])[TopicPartition(topic, 0)].result()
                for process, lines in read.items():
                    last = process.expect(rf"{removed} \d+ to 13; continuing at 14$").split()[9]
                    while lines[-1] != b"15\n":
                        lines.append(process.line())
                    assert process.stop() == 0
                    assert b"".join(lines).split() == [b"%d" % number for number in (*range(4, int(last)), 14, 15)]

    def test_added_partitions_are_read_and_a_deleted_topic_is_named(
        self, broker: Broker, topic: str, group: str
    ) -> None:
        broker.create(topic, 1)
        admin = AdminClient({"bootstrap.servers": broker.address})
        with Process("consume", *broker.at(topic), "-g", group) as member:
            member.expect("^assigned partition 0$")
            admin.create_partitions([NewPartitions(topic, 2)])[topic].result()
            member.expect(rf"^  partition 1: from the beginning \({group} has no committed offset yet\)$")
            admin.delete_topics([topic])[topic].result()
            member.expect(f"^waiting for partitions of topic {topic}: the brokers no longer list it$")
            assert member.stop() == 0

    def test_after_transactions_the_lag_is_0_and_none_is_missing(self, broker: Broker, topic: str, group: str) -> None:
        broker.create(topic, 1)
        producer = Producer({"bootstrap.servers": broker.address, "transactional.id": topic})
        producer.init_transactions(30)
        for value in "abc":  # each ends with a marker, which takes an offset
            producer.begin_transaction()
            producer.produce(topic, value)
            producer.commit_transaction(30)
        for expected in (b"a\nb\nc\n", b""):
            done = run("consume", *broker.at(topic), "-g", group, "-e")
            assert (done.returncode, done.stdout) == (0, expected)
            assert not any("removed" in line for line in said(done))
        shown = run("status", "-b", broker.address, "-g", group, "-f", "json")
        (found,) = json.loads(shown.stdout)["groups"]
        assert [(place["committed"], place["lag"]) for place in found["partitions"]] == [(6, 0)]
        event = ("-k", "ada", "-H", "producer=r1", "-H", "count=2", "-H")
        broker.send(topic, *event, "seq=0", "d")
        producer.begin_transaction()
        producer.produce(topic, "open")
        assert producer.flush(30) == 0
        broker.send(topic, *event, "seq=1", "e")
        done = run("consume", *broker.at(topic), "-e")
        assert broker.read(topic, "-e", "-o", "-1") == b"d\n"
        assert broker.read(topic, "-e", "-o", "end", "-g", f"{group}-end") == b""
        pending = Consumer({"bootstrap.servers": broker.address, "group.id": group}).consumer_group_metadata()
        producer.send_offsets_to_transaction([TopicPartition(topic, 0, 3)], pending, 30)
        with Process("consume", *broker.at(topic), "-g", group) as member:
            member.expect(f"^  where {group} left off is not known yet$")
            producer.abort_transaction(30)
            assert member.line() == b"d\n"
        assert (done.returncode, done.stdout) == (0, b"a\nb\nc\nd\n")
        assert said(done)[-2] == "partition 0: reading ends at offset 7, where a transaction is open"
        assert said(done)[-1] == "this consumer saw 1 event: 0 missing, 0 duplicated, 0 out of order"  # not 1 missing

    def test_using_an_instance_id_twice_is_reported(self, broker: Broker, topic: str, group: str) -> None:
        member = ("consume", *broker.at(topic), "-g", group, "-X", "group.instance.id=m1")
        with Process(*member) as first:
            first.expect("^assigned ")
            second = run(*member)
            assert first.stop() == 0
        assert first.said[-2].startswith(f"a static member does not leave: this member may stay in group {group} ")
        assert second.returncode == 1
        assert said(second)[-2].startswith(f"error: group.instance.id m1 is still in use in group {group}")
