"""`status` and `topic` on every broker: the same numbers as Kafka's own tools, or a reason."""

import json
import signal
from typing import Any

import pexpect
import pytest
from confluent_kafka import ShareConsumer

from support import NO_BROKER, Broker, Process, end, new_name, run, said, terminal


def status(broker: Broker, *arguments: str) -> dict[str, Any]:
    done = run("status", "-b", broker.address, "-f", "json", *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def board(broker: Broker, *arguments: str) -> list[str]:
    done = run("status", "-b", broker.address, *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().splitlines()


def topic(broker: Broker, *arguments: str) -> tuple[int, list[str]]:
    done = run("topic", *arguments, "-b", broker.address)
    assert done.stdout == b""
    return done.returncode, said(done)


class Contract:
    """The tests; a subclass provides the fixture `broker`."""

    @pytest.fixture
    def name(self, broker: Broker) -> str:
        """Make a topic with ten messages in partition 1, and a group of the same name with committed offset 4."""
        name = new_name("topic")
        broker.send(name, "-p", "1", *"0123456789")
        broker.read(name, "-g", name, "-n", "4")
        return name

    def test_brokers_topics_and_offsets(self, broker: Broker, name: str) -> None:
        found = status(broker, "-t", name)
        assert list(found) == ["brokers", "topics", "groups"]
        assert found["brokers"] == [{"id": 1, "address": broker.address}]
        partition = {"leader": 1, "replicas": [1], "in_sync": [1], "beginning": 0}
        partitions = [{"partition": p} | partition | {"end": 10 if p == 1 else 0} for p in range(4)]
        assert found["topics"] == [{"name": name, "partitions": partitions}]
        assert board(broker, "-t", name)[:5] == [
            f"broker 1  {broker.address}",
            "",
            f"topic {name}: 4 partitions, 10 offsets",
            "  partition  leader  replicas  in sync  beginning  end",
            "          0       1  1         1                0    0",
        ]

    def test_the_lag_of_a_group(self, broker: Broker, name: str) -> None:
        found = status(broker, "-g", name)
        (group,) = found["groups"]
        numbers = {"partition": 1, "committed": 4, "end": 10, "lag": 6}
        assert group["partitions"] == [{"topic": name} | numbers | {"member": None}]
        assert [found["name"] for found in found["topics"]] == [name]
        assert "          1          4   10    6  ██████░░░░░░░░░░░" in board(broker, "-g", name)

    def test_internal_topics_are_shown_only_if_they_are_named(self, broker: Broker, name: str) -> None:
        names = [found["name"] for found in status(broker)["topics"]]
        listed = run("topic", "list", "-b", broker.address).stdout.decode().split()
        assert name in names
        assert not [found for found in names if found.startswith("__")]
        assert set(names) <= set(listed)
        assert not [found for found in listed if found.startswith("__")]
        assert status(broker, "-t", "nope")["topics"] == [{"name": "nope", "partitions": []}]

    def test_on_a_terminal_the_list_shows_partitions_and_replicas(self, broker: Broker, name: str) -> None:
        child = terminal("topic", "list", "-b", broker.address)
        child.expect(rf"{name} +4 partitions, replication factor 1\r\n")
        assert end(child) == 0

    def test_watch_into_a_pipe_writes_one_board_after_another(self, broker: Broker, name: str) -> None:
        with Process("status", "-b", broker.address, "-t", name, "--watch") as watch:
            text = b""
            while text.count(b"Ctrl-C to stop") < 2:
                text += watch.line()
            watch.signal(signal.SIGINT)
            text += watch.rest()
            assert (watch.end(), watch.said) == (0, [])
        assert b"\x1b" not in text
        assert b"\n\nat " in text
        assert text.endswith(b"\n\n")

    def test_watch_as_json_writes_one_line_after_another(self, broker: Broker, name: str) -> None:
        with Process("status", "-b", broker.address, "-t", name, "-w", "-f", "json") as watch:
            for _ in range(2):
                assert json.loads(watch.line())["topics"][0]["name"] == name
            assert watch.stop(signal.SIGTERM) == 0

    def test_it_ends_quietly_when_its_reader_leaves(self, broker: Broker) -> None:
        with Process("status", "-b", broker.address, "--watch") as watch:
            assert watch.line()
            watch.popen.stdout.close()
            watch.popen.stdout = None
            assert (watch.end(), watch.said) == (0, [])


class TestMemory(Contract):
    @pytest.fixture
    def broker(self, memory: Broker) -> Broker:
        return memory

    def test_groups_are_shown_only_if_they_are_named_and_without_members(self, broker: Broker, name: str) -> None:
        assert status(broker)["groups"] is None
        hint = "the in-memory broker does not list groups: name one, as in `kafka-demo status -g g1`"
        assert board(broker)[-1] == hint
        (group,) = status(broker, "-g", name)["groups"]
        assert [group[field] for field in ("type", "state", "coordinator", "members")] == [None] * 4
        assert board(broker, "-g", "nope")[-1] == "group nope: nothing committed"

    def test_it_cannot_create_or_delete_topics(self, broker: Broker) -> None:
        code, (what, hint) = topic(broker, "create", "orders", "--partitions", "2")
        assert (code, what) == (1, "error: the in-memory broker creates topics on first use, not on request")
        assert "`kafka-demo broker --partitions N -t orders`" in hint
        code, (what, _) = topic(broker, "delete", "orders", "--yes")
        assert (code, what) == (1, "error: the in-memory broker does not delete topics")


@pytest.mark.docker
class TestDocker(Contract):
    @pytest.fixture
    def broker(self, docker: Broker) -> Broker:
        return docker

    def described(self, broker: Broker, group: str) -> list[tuple[str, ...]]:
        """Ask Kafka's own tool for topic, partition, committed, end, lag, member."""
        lines = broker.tool("kafka-consumer-groups", "--describe", "--group", group).decode().splitlines()
        rows = [line.split() for line in lines if line.startswith(f"{group} ")]
        return sorted(tuple(row[1:7]) for row in rows)

    def shown(self, broker: Broker, group: str) -> list[tuple[str, ...]]:
        (found,) = status(broker, "-g", group)["groups"]
        rows = (("-" if value is None else str(value) for value in row.values()) for row in found["partitions"])
        return sorted(map(tuple, rows))

    def test_the_numbers_match_those_of_kafkas_own_tool(self, broker: Broker) -> None:
        name = new_name("topic")
        broker.send(name, "--sample", "--interval", "0", "-n", "400")
        broker.read(name, "-g", name, "-e")
        broker.send(name, "--sample", "--interval", "0", "-n", "600")
        rows = self.shown(broker, name)
        assert (len(rows), sum(int(row[4]) for row in rows)) == (4, 600)
        assert rows == self.described(broker, name)
        title = f"group {name} (consumer, empty) reads {name}: lag 600, no members, coordinator broker 1"
        assert title in board(broker, "-g", name)

    @pytest.mark.parametrize("protocol", ["consumer", "classic"])
    def test_members_and_their_assignment(self, broker: Broker, name: str, protocol: str) -> None:
        group = new_name("group")
        with Process("consume", *broker.at(name), "-g", group, "-X", f"group.protocol={protocol}") as consumer:
            consumer.expect("committed: ")
            rows = self.shown(broker, group)
            assert (rows, len(rows)) == (self.described(broker, group), 4)
            (found,) = status(broker, "-g", group)["groups"]
            (member,) = found["members"]
            assert [found[field] for field in ("type", "state", "coordinator")] == [protocol, "stable", 1]
            assert member["client_id"] == "kafka-demo-consumer"
            assert member["assignment"] == [{"topic": name, "partition": partition} for partition in range(4)]
            assert {row[5] for row in rows} == {member["id"]}

    def test_a_share_group_is_listed(self, broker: Broker, name: str) -> None:
        group = new_name("queue")
        consumer = ShareConsumer({"bootstrap.servers": broker.address, "group.id": group, "log_level": 0})
        consumer.subscribe([name])
        try:
            while group not in [found["name"] for found in status(broker)["groups"]]:
                consumer.poll(0.1)
        finally:
            consumer.close()
        (found,) = status(broker, "-g", group)["groups"]
        unknown = dict.fromkeys(("state", "coordinator", "members", "partitions"))
        assert found == {"name": group, "type": "share or streams"} | unknown
        assert board(broker, "-g", "nope")[-1] == "group nope: not found"

    def test_control_characters_in_the_name_of_a_group_never_reach_a_terminal(self, broker: Broker, name: str) -> None:
        group = new_name("a\x1b[2Jb")
        broker.read(name, "-g", group, "-n", "1")
        for arguments in (("-t", name), ("-g", group, "-f", "json")):
            child = terminal("status", "-b", broker.address, *arguments)
            child.expect(pexpect.EOF)
            assert group.partition("[")[2] in child.before
            assert "\x1b" not in child.before

    def test_a_created_topic_exists_at_once_and_a_deleted_one_is_gone(self, broker: Broker) -> None:
        name = new_name("topic")
        code, lines = topic(broker, "create", name, "--partitions", "3", "-c", "retention.ms=60000")
        assert (code, lines) == (0, [f"created topic {name}: 3 partitions, replication factor 1"])
        broker.send(name, "-p", "2", "hello")
        described = broker.tool("kafka-topics", "--describe", "--topic", name).decode()
        assert "PartitionCount: 3" in described
        assert "retention.ms=60000" in described
        assert topic(broker, "delete", name, "--yes") == (0, [f"deleted topic {name}"])
        assert name not in broker.tool("kafka-topics", "--list").decode().split()
        assert topic(broker, "create", name)[1] == [f"created topic {name}: 4 partitions, replication factor 1"]

    def test_what_is_refused(self, broker: Broker, name: str) -> None:
        dotted = name.replace("-", ".")
        topic(broker, "create", dotted)
        for arguments, what in (
            (("create", name), f"topic {name} already exists"),
            (("create", "x", "-cno=1"), "the broker rejected the topic configs (-c): Unknown topic config name: no"),
            (("create", "x", "--replication-factor", "3"), "there are not enough brokers for this replication factor"),
            (("create", dotted.replace(".", "_")), "the broker does not accept the topic name: Topic "),
            (("delete", "nope", "--yes"), "topic nope does not exist"),
            (("delete", "__consumer_offsets", "--yes"), "topic __consumer_offsets has the name of an internal topic"),
        ):
            code, lines = topic(broker, *arguments)
            assert (code, lines[0].startswith(f"error: {what}")) == (1, True), lines

    @pytest.mark.parametrize("answer", ["n\n", "\n", "\x04", "\x03", "y\n"])
    def test_delete_asks_first(self, broker: Broker, name: str, answer: str) -> None:
        child = terminal("topic", "delete", name, "-b", broker.address)
        child.expect_exact(f"delete topic {name} and all its messages? [y/N] ")
        child.send(answer)
        words = {"y\n": f"deleted topic {name}", "\x03": "stopping: nothing was deleted"}
        child.expect_exact(f"\r\n{words.get(answer, 'error: nothing was deleted')}")
        gone = answer == "y\n"
        assert end(child) == (0 if gone else 1)
        assert bool(status(broker, "-t", name)["topics"][0]["partitions"]) is not gone

    def test_delete_does_not_ask_about_a_topic_that_does_not_exist(self, broker: Broker) -> None:
        child = terminal("topic", "delete", "nope", "-b", broker.address)
        child.expect_exact("error: topic nope does not exist")
        assert "[y/N]" not in child.before
        assert end(child) == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("create", "a/b"), "'a/b' is not a topic name"),
        (("create", "a", "--partitions", "0"), "Invalid value for '--partitions'"),
        (("create", "a", "-c", "nope"), "-c: 'nope' is not NAME=VALUE"),
        (("create",), "Missing argument 'NAME'"),
        (("delete", "..", "--yes"), "'..' is not a topic name"),
        (("delete", "a"), "cannot ask for confirmation, since standard input is not a terminal: add --yes"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], why: str) -> None:
    code, lines = topic(Broker("localhost:1"), *arguments)
    assert code == 2
    assert lines[0].startswith(f"error: {why}")
    assert len(lines) == 2


def test_no_broker_is_reported_in_two_lines() -> None:
    done = run("status", "-b", "localhost:1", "-q")
    assert (done.returncode, done.stdout, said(done)) == (1, b"", NO_BROKER)
