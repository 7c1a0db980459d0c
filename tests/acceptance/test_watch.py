"""`status --watch` in a terminal, as a person looks at it."""

import re
from collections.abc import Iterator

import pexpect
import pytest

from clusters import free_ports
from support import Broker, end, new_name, run, terminal

HOME = "\x1b[H"


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def topic(memory: Broker) -> str:
    name = new_name("topic")
    run("produce", *memory.at(name), "-p", "0", "one")
    return name


@pytest.fixture
def watch(memory: Broker, topic: str) -> Iterator[pexpect.spawn]:
    child = terminal("status", "-b", memory.address, "-t", topic, "--watch")
    child.expect_exact(f"topic {topic}: 4 partitions, 1 message\x1b[K\r\n")
    yield child
    child.close(force=True)


def test_it_is_drawn_in_place_and_the_last_board_stays(watch: pexpect.spawn, memory: Broker, topic: str) -> None:
    run("produce", *memory.at(topic), "-p", "0", "two", "three")
    watch.expect_exact(f"topic {topic}: 4 partitions, 3 messages\x1b[K\r\n")
    boards = watch.before.split(HOME)
    assert len(boards) > 1  # the cursor went home, and nothing was cleared before something was written in its place
    assert "\x1b[2J" not in watch.before
    assert "\x1b[?1049" not in watch.before
    watch.expect_exact("\x1b[J\x1b[?25h")
    watch.sendintr()
    watch.expect(pexpect.EOF)
    assert watch.before.endswith("^C\r\x1b[K")
    assert watch.before.count("\x1b[?25l") == watch.before.count("\x1b[?25h")  # the cursor is there again
    watch.close()
    assert watch.exitstatus == 0


def test_another_size_of_the_window(watch: pexpect.spawn, topic: str) -> None:
    watch.setwinsize(5, 30)
    watch.expect_exact("… 7 more lines: choose with …\x1b[K\r\n")
    lines = watch.before.split(HOME)[-1].replace("\x1b[K", "").split("\r\n")
    assert max(map(len, lines)) <= 30
    watch.setwinsize(24, 80)
    watch.expect_exact(f"topic {topic}: 4 partitions, 1 message\x1b[K\r\n")
    watch.expect_exact("`kafka-demo status -g NAME` shows how far a group has come\x1b[K\r\n\x1b[J")
    watch.sendintr()
    assert end(watch) == 0


def test_a_broker_that_goes_away_and_comes_back(port: int) -> None:
    first = terminal("broker", "--port", str(port))
    first.expect_exact("broker in memory at")
    watch = terminal("status", "-b", f"localhost:{port}", "--watch")
    watch.expect_exact("again each second; Ctrl-C ends")
    first.sendintr()
    assert end(first) == 0
    watch.expect_exact(f"no broker answers at localhost:{port}: connection refused")
    watch.expect(r"trying again; this is how it was at \d\d:\d\d:\d\d:")
    watch.expect_exact("topic message-created: 4 partitions")
    second = terminal("broker", "--port", str(port), "--partitions", "2")
    watch.expect_exact("topic message-created: 2 partitions")
    watch.sendintr()
    assert end(watch) == 0
    second.sendintr()
    assert end(second) == 0


def test_ctrl_c_while_no_broker_answers() -> None:
    child = terminal("status", "-b", "localhost:1", "--watch")
    child.expect_exact("waiting up to 10 s for a broker at localhost:1: connection refused\r\n")
    child.expect_exact("or without Docker with `kafka-demo broker`\r\n")
    child.sendintr()
    child.expect_exact("^C stopping: nothing is shown")
    assert end(child) == 0


def test_colours_only_on_a_terminal_that_wants_them(memory: Broker, topic: str) -> None:
    command = ("status", "-b", memory.address, "-t", topic)
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        child = terminal(*command, **{"NO_COLOR": ""} | variables)
        child.expect(pexpect.EOF)
        assert (re.search(r"\x1b\[\dm", child.before) is not None) is coloured
    assert b"\x1b" not in run(*command).stdout


def test_a_terminal_without_escape_codes_gets_one_board_after_another(memory: Broker, topic: str) -> None:
    child = terminal("status", "-b", memory.address, "-t", topic, "--watch", TERM="dumb")
    for _ in range(2):
        child.expect_exact("Ctrl-C ends\r\n\r\nbroker 1")
        assert "\x1b" not in child.before
    child.sendintr()
    assert end(child) == 0
