"""`status --watch` in a terminal, as a person sees it."""

from collections.abc import Iterator

import pexpect
import pytest

from clusters import free_ports
from support import Broker, end, new_name, terminal


@pytest.fixture
def topic(memory: Broker) -> str:
    name = new_name("topic")
    memory.send(name, "-p", "0", "one")
    return name


@pytest.fixture
def watch(memory: Broker, topic: str) -> Iterator[pexpect.spawn]:
    child = terminal("status", "-b", memory.address, "-t", topic, "--watch")
    child.expect_exact(f"topic {topic}: 4 partitions, 1 offset\r\n")
    yield child
    child.close(force=True)


def test_it_is_drawn_in_place_and_the_last_board_stays(watch: pexpect.spawn, memory: Broker, topic: str) -> None:
    memory.send(topic, "-p", "0", "two", "three")
    watch.expect_exact(f"topic {topic}: 4 partitions, 3 offsets\r\n")
    assert "\x1b[H" in watch.before
    assert "\x1b[2J" not in watch.before  # not cleared, so it does not flicker
    watch.sendintr()
    assert end(watch) == 0
    assert "\x1b" not in watch.before.rpartition("\x1b[J")[2]  # nothing is drawn over the last board


def test_resizing_the_window(watch: pexpect.spawn, topic: str) -> None:
    watch.setwinsize(6, 30)
    watch.expect_exact("more lines: filter with -t\r\n")
    lines = watch.before.rpartition("\x1b[H")[2].replace("\x1b[K", "").split("\r\n")
    assert (len(lines), max(map(len, lines))) == (4, 30)
    watch.setwinsize(24, 80)
    watch.expect_exact(f"topic {topic}: 4 partitions, 1 offset\r\n")
    watch.expect_exact("the in-memory broker does not list groups")
    watch.sendintr()
    assert end(watch) == 0


def test_a_broker_that_goes_away_and_comes_back() -> None:
    port = free_ports(1)[0]
    first = terminal("broker", "--port", str(port))
    first.expect_exact("ready at")
    watch = terminal("status", "-b", f"localhost:{port}", "--watch")
    watch.expect_exact("refreshed every second; Ctrl-C to stop")
    first.sendintr()
    assert end(first) == 0
    watch.expect(rf"no broker answers at localhost:{port}: .*; retrying every second \(last answer: \d\d:\d\d:\d\d\)")
    watch.expect_exact("topic message-created: 4 partitions")
    second = terminal("broker", "--port", str(port), "--partitions", "2")
    watch.expect_exact("topic message-created: 2 partitions")
    watch.sendintr()
    assert end(watch) == 0
    second.sendintr()
    assert end(second) == 0


def test_a_terminal_without_escape_codes_gets_one_board_after_another(memory: Broker, topic: str) -> None:
    child = terminal("status", "-b", memory.address, "-t", topic, "--watch", TERM="dumb")
    for _ in range(2):
        child.expect_exact("Ctrl-C to stop\r\n\r\nbroker 1")
        assert "\x1b" not in child.before
    child.sendintr()
    assert end(child) == 0
