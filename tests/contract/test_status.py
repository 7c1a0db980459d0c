"""`status` and `topic` on every broker: the numbers of Kafka's own tools, or words for what cannot be told."""

import json
import signal
from typing import Any

import pexpect
import pytest
from confluent_kafka import ShareConsumer

from support import Broker, Process, new_name, run, terminal

NO_GROUPS = "in memory: this broker does not tell which groups there are, nor their members"


def status(broker: Broker, *arguments: str) -> dict[str, Any]:
    done = run("status", "-b", broker.address, "-f", "json", *arguments)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def board(broker: Broker, *arguments: str) -> list[str]:
    done = run("status", "-b", broker.address, *arguments)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


def topic(broker: Broker, *arguments: str) -> tuple[int, list[str]]:
    done = run("topic", *arguments, "-b", broker.address)
    assert done.stdout == b""
    return done.returncode, done.stderr.decode().splitlines()


class Contract:
    """The tests; a subclass brings the broker."""

    @pytest.fixture
    def broker(self) -> Broker:
        raise NotImplementedError

    @pytest.fixture
    def name(self, broker: Broker) -> str:
        """Make a topic with ten messages in partition 1, and a group of the same name that has committed four."""
        name = new_name("topic")
        assert run("produce", *broker.at(name), "-p", "1", *"0123456789").returncode == 0
        assert run("consume", *broker.at(name), "-g", name, "-n", "4").returncode == 0
        return name

    def test_brokers_topics_and_messages(self, broker: Broker, name: str) -> None:
        found = status(broker, "-t", name)
        assert found["brokers"] == [{"id": 1, "address": broker.address}]
        partition = {"leader": 1, "replicas": [1], "in_sync": [1], "beginning": 0}
        numbers = {1: {"end": 10, "messages": 10}}
        partitions = [{"partition": p} | partition | numbers.get(p, {"end": 0, "messages": 0}) for p in range(4)]
        assert found["topics"] == [{"name": name, "partitions": partitions}]
        text = board(broker, "-t", name)
        assert text[0].startswith(f"broker 1  {broker.address}")
        assert text[2:8] == [
            f"topic {name}: 4 partitions, 10 messages",
            "  partition  leader  replicas  in sync  messages",
            "          0       1  1         1               0",
            "          1       1  1         1              10",
            "          2       1  1         1               0",
            "          3       1  1         1               0",
        ]

    def test_the_lag_of_a_group(self, broker: Broker, name: str) -> None:
        found = status(broker, "-g", name)
        (group,) = found["groups"]
        assert group["partitions"] == [
            {"topic": name, "partition": 1, "committed": 4, "end": 10, "member": None, "lag": 6}
        ]
        assert [found["name"] for found in found["topics"]] == [name]
        assert "          1          4   10    6  ██████░░░░" in board(broker, "-g", name)

    def test_what_is_not_there(self, broker: Broker) -> None:
        assert "topic nope: there is no such topic" in board(broker, "-t", "nope")
        assert status(broker, "-t", "nope")["topics"] == [{"name": "nope", "partitions": []}]

    def test_internal_topics_are_not_shown(self, broker: Broker, name: str) -> None:
        names = [found["name"] for found in status(broker)["topics"]]
        assert name in names
        assert not [found for found in names if found.startswith("__")]

    def test_watching_into_a_pipe_writes_one_board_after_another(self, broker: Broker, name: str) -> None:
        with Process("status", "-b", broker.address, "-t", name, "--watch") as watch:
            assert watch.popen.stdout
            text = b""
            while text.count(b"Ctrl-C ends") < 2:
                text += watch.popen.stdout.readline()
            watch.signal(signal.SIGINT)
            text += watch.popen.stdout.read()
            assert watch.end() == 0
            assert watch.said == []
        assert b"\x1b" not in text
        assert b"\n\nat " in text
        assert text.endswith(b"\n\n")

    def test_watching_as_json_writes_one_line_after_another(self, broker: Broker, name: str) -> None:
        with Process("status", "-b", broker.address, "-t", name, "-w", "-f", "json") as watch:
            assert watch.popen.stdout
            for _ in range(2):
                assert json.loads(watch.popen.stdout.readline())["topics"][0]["name"] == name
            watch.signal(signal.SIGTERM)
            assert watch.end() == 0

    def test_a_reader_that_leaves_ends_it_quietly(self, broker: Broker) -> None:
        with Process("status", "-b", broker.address, "--watch") as watch:
            assert watch.popen.stdout
            watch.popen.stdout.readline()
            watch.popen.stdout.close()
            watch.popen.stdout = None
            assert watch.end() == 0
            assert watch.said == []

    def test_delete_asks_and_without_a_terminal_refuses(self, broker: Broker, name: str) -> None:
        assert topic(broker, "delete", name) == (
            2,
            [
                "it asks first, and there is no terminal to answer: say --yes",
                "`kafka-demo topic delete --help` lists what there is",
            ],
        )

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (("create", "a/b"), "'a/b' is no topic name"),
            (("create", "a", "--partitions", "0"), "Invalid value for '--partitions'"),
            (("create", "a", "-c", "nope"), "-c 'nope' is not name=value"),
            (("create",), "Missing argument 'NAME'"),
            (("delete", "..", "--yes"), "'..' is no topic name"),
        ],
    )
    def test_wrong_usage(self, broker: Broker, arguments: tuple[str, ...], why: str) -> None:
        code, said = topic(broker, *arguments)
        assert code == 2
        assert said[0].startswith(why)
        assert len(said) == 2


class TestMemory(Contract):
    @pytest.fixture
    def broker(self, memory: Broker) -> Broker:
        return memory

    def test_it_says_what_it_cannot_tell(self, broker: Broker, name: str) -> None:
        assert board(broker, "-t", name)[-2:] == [
            NO_GROUPS,
            "`kafka-demo status -g NAME` shows how far a group has come",
        ]
        assert board(broker, "-g", name)[-1] == NO_GROUPS
        found = status(broker)
        assert found["groups"] is None
        assert found["controller"] is None

    def test_of_a_group_that_it_is_asked_for_it_tells_the_commits(self, broker: Broker, name: str) -> None:
        (group,) = status(broker, "-g", name)["groups"]
        assert (group["type"], group["state"], group["members"]) == (None, None, None)
        assert "group nope: nothing committed" in board(broker, "-g", "nope")

    def test_it_cannot_create_or_delete_topics(self, broker: Broker) -> None:
        assert topic(broker, "create", "orders", "--partitions", "2") == (
            1,
            [
                f"the broker at {broker.address} is in memory, and does not create topics on request",
                "it makes them on first use; for N partitions: `kafka-demo broker --partitions N -t orders`",
            ],
        )
        assert topic(broker, "delete", "orders", "--yes") == (
            1,
            [
                f"the broker at {broker.address} is in memory, and does not delete topics",
                "it forgets all when it ends (Ctrl-C)",
            ],
        )


@pytest.mark.docker
class TestDocker(Contract):
    @pytest.fixture
    def broker(self, docker: Broker) -> Broker:
        return docker

    def described(self, broker: Broker, group: str) -> list[tuple[str, ...]]:
        """Ask Kafka's own tool: topic, partition, committed, end, lag, member."""
        lines = broker.tool("kafka-consumer-groups", "--describe", "--group", group).decode().splitlines()
        rows = [line.split() for line in lines if line.startswith(f"{group} ")]
        return sorted(tuple(row[1:7]) for row in rows)

    def shown(self, broker: Broker, group: str) -> list[tuple[str, ...]]:
        (found,) = status(broker, "-g", group)["groups"]
        names = ("topic", "partition", "committed", "end", "lag", "member")
        return sorted(
            tuple("-" if row[name] is None else str(row[name]) for name in names) for row in found["partitions"]
        )

    def test_the_numbers_are_those_of_kafkas_own_tool(self, broker: Broker) -> None:
        name = new_name("topic")
        send = ("produce", *broker.at(name), "--sample", "--interval", "0", "-n")
        assert run(*send, "400").returncode == 0
        assert run("consume", *broker.at(name), "-g", name, "-e").returncode == 0
        assert run(*send, "600").returncode == 0
        rows = self.shown(broker, name)
        assert len(rows) == 4
        assert sum(int(row[4]) for row in rows) == 600
        assert rows == self.described(broker, name)
        found = status(broker, "-g", name)
        assert found["controller"] == 1
        assert [(group["type"], group["state"], group["members"]) for group in found["groups"]] == [
            ("consumer", "empty", [])
        ]
        text = board(broker, "-g", name)
        assert text[0] == f"broker 1  {broker.address}  controller"
        assert f"group {name} (consumer, empty) reads {name}: no members, lag 600" in text

    @pytest.mark.parametrize("protocol", ["consumer", "classic"])
    def test_members_and_what_is_assigned_to_them(self, broker: Broker, name: str, protocol: str) -> None:
        group = new_name("group")
        read = ("consume", *broker.at(name), "-g", group, "-X", f"group.protocol={protocol}")
        with Process(*read) as consumer:
            consumer.expect("committed: ")
            rows = self.shown(broker, group)
            assert rows == self.described(broker, group)
            assert len(rows) == 4
            (found,) = status(broker, "-g", group)["groups"]
            (member,) = found["members"]
            assert (found["type"], found["state"]) == (protocol, "stable")
            assert member["client_id"] == "kafka-demo-consumer"
            assert member["assignment"] == [{"topic": name, "partition": partition} for partition in range(4)]
            assert {row[5] for row in rows} == {member["id"]}
            assert f"group {group} ({protocol}, stable) reads {name}: 1 member, lag 0" in board(broker, "-g", group)

    def test_a_group_that_is_not_there(self, broker: Broker) -> None:
        assert "group nope: there is no such group" in board(broker, "-g", "nope")

    def test_a_share_group_is_named(self, broker: Broker, name: str) -> None:
        group = new_name("queue")
        consumer = ShareConsumer({"bootstrap.servers": broker.address, "group.id": group, "log_level": 0})
        consumer.subscribe([name])
        try:
            while group not in [found["name"] for found in status(broker)["groups"]]:
                consumer.poll(0.1)
        finally:
            consumer.close()
        (found,) = status(broker, "-g", group)["groups"]
        assert found == {"name": group, "type": "share", "state": None, "members": None, "partitions": None}

    def test_control_characters_in_the_name_of_a_group_never_reach_a_terminal(self, broker: Broker, name: str) -> None:
        group = new_name("a\x1b[2Jb")
        run("consume", *broker.at(name), "-g", group, "-n", "1")
        child = terminal("status", "-b", broker.address, "-t", name)
        child.expect(pexpect.EOF)
        assert f"group {group.replace(chr(27), chr(92) + 'x1b')} (consumer, empty)" in child.before
        assert "\x1b" not in child.before
        child = terminal("status", "-b", broker.address, "-g", group, "-f", "json")
        child.expect(pexpect.EOF)
        assert "\x1b" not in child.before

    def test_a_created_topic_is_there_at_once(self, broker: Broker) -> None:
        name = new_name("topic")
        code, said = topic(broker, "create", name, "--partitions", "3", "-c", "retention.ms=60000")
        assert (code, said) == (0, [f"created topic {name}: 3 partitions, 1 replica of each"])
        assert run("produce", *broker.at(name), "-p", "2", "hello").returncode == 0
        described = broker.tool("kafka-topics", "--describe", "--topic", name).decode()
        assert "PartitionCount: 3" in described
        assert "retention.ms=60000" in described
        assert topic(broker, "delete", name, "--yes") == (0, [f"deleted topic {name}"])
        assert name not in broker.tool("kafka-topics", "--list").decode().split()

    def test_the_defaults_are_the_brokers(self, broker: Broker) -> None:
        name = new_name("topic")
        assert topic(broker, "create", name) == (0, [f"created topic {name}: 4 partitions, 1 replica of each"])

    def test_what_the_broker_refuses(self, broker: Broker, name: str) -> None:
        dotted = name.replace("-", ".")
        topic(broker, "create", dotted)
        for arguments, what, todo in (
            (("create", name), f"there is a topic {name} already", f"`kafka-demo topic delete {name}`"),
            (("create", "x", "-c", "nope=1"), "the broker does not take -c: Unknown topic config name: nope", "lists"),
            (("create", "x", "-c", "retention.ms=a"), "the broker does not take -c: Invalid value a", "lists"),
            (
                ("create", "x", "--replication-factor", "3"),
                "there are not enough brokers for so many replicas",
                "each replica is on a broker of its own",
            ),
            (
                ("create", dotted.replace(".", "_")),
                f"Topic '{dotted.replace('.', '_')}' collides with existing topic: {dotted}",
                "take another name",
            ),
            (("delete", "nope", "--yes"), "there is no topic nope", "`kafka-demo status` shows which there are"),
        ):
            code, said = topic(broker, *arguments)
            assert code == 1
            assert said[0].startswith(what)
            assert todo in said[1]
            assert len(said) == 2
        assert topic(broker, "delete", "__consumer_offsets", "--yes")[0] == 1

    def test_delete_asks_first(self, broker: Broker, name: str) -> None:
        for answer, end, code in (("n", "nothing was deleted", 1), ("y", f"deleted topic {name}", 0)):
            child = terminal("topic", "delete", name, "-b", broker.address)
            child.expect_exact(f"delete topic {name} with all its messages? Type y and press Enter:")
            child.sendline(answer)
            child.expect_exact(end)
            child.expect(pexpect.EOF)
            child.close()
            assert child.exitstatus == code

    def test_ctrl_c_is_no_yes(self, broker: Broker, name: str) -> None:
        child = terminal("topic", "delete", name, "-b", broker.address)
        child.expect_exact("press Enter:")
        child.sendintr()
        child.expect_exact("stopping: nothing was deleted")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 1
        assert status(broker, "-t", name)["topics"][0]["partitions"]


def test_no_broker_is_told_in_two_lines() -> None:
    done = run("status", "-b", "localhost:1", "-q")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines() == [
        "no broker answers at localhost:1: connection refused",
        "start one with `docker compose up -d --wait`, or without Docker with `kafka-demo broker`",
    ]
