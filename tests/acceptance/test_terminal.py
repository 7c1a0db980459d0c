"""In a terminal, as a person uses it."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator

import pexpect
import pytest

from support import Broker, end, new_name, run, terminal


def test_each_typed_line_is_sent_at_once_and_told_where_it_landed(memory: Broker) -> None:
    topic = new_name("topic")
    child = terminal("produce", *memory.at(topic), "-K", ":")
    child.expect_exact("type a message and press Enter; Ctrl-D ends")
    child.sendline("ada:hello")
    child.expect(rf"delivered to {topic}: partition \d  offset 0  key ada")
    child.sendline("no key")
    child.expect(rf"delivered to {topic}: partition \d  offset \d  no key")
    child.sendeof()
    child.expect_exact("delivered 2 messages")
    assert end(child) == 0
    assert sorted(run("consume", *memory.at(topic), "-e").stdout.splitlines()) == [b"hello", b"no key"]


def test_ctrl_c_while_a_line_is_half_typed_sends_what_was_entered_and_no_more(memory: Broker) -> None:
    topic = new_name("topic")
    child = terminal("produce", *memory.at(topic))
    child.expect_exact("Ctrl-D ends")
    child.sendline("entered")
    child.expect_exact("delivered to")
    child.send("half a line")
    child.expect_exact("half a line")
    child.sendintr()
    child.expect_exact("^C stopping")
    child.expect_exact("delivered 1 message")
    assert end(child) == 0
    assert run("consume", *memory.at(topic), "-e").stdout == b"entered\n"


def test_consume_shows_place_key_and_value_and_leaves_on_ctrl_c(memory: Broker) -> None:
    topic, group = new_name("topic"), new_name("group")
    run("produce", *memory.at(topic), "-k", "ada", "-p", "2", "hello")
    child = terminal("consume", *memory.at(topic), "-g", group)
    child.expect_exact(f"joining group {group}\r\n")
    child.expect_exact(f"assigned partitions 0, 1, 2, 3 of {topic}\r\n")
    child.expect_exact(f"  partition 2 from the beginning: {group} has committed nothing here yet\r\n")
    child.expect_exact("partition 2  offset 0  key ada  hello\r\n")
    child.expect_exact("committed: partition 2 up to offset 1\r\n")
    child.sendintr()
    child.expect_exact(f"^C stopping: leaving group {group}\r\n")
    child.expect_exact(f"left group {group}\r\n")
    child.expect_exact("read 1 message; committed partition 2 up to offset 1\r\n")
    assert end(child) == 0


def test_escapes_never_reach_the_terminal(memory: Broker) -> None:
    topic = new_name("topic")
    nasty = b"\x1b]0;owned\x07 \xc2\x9b31m \xe2\x80\xae \x7f \xff"
    run("produce", *memory.at(topic), "-K", "=", stdin=b"k\x1b[2J=" + nasty)
    for form in ("text", "value", "json"):
        child = terminal("consume", *memory.at(topic), "-e", "-f", form, "-q")
        child.expect(pexpect.EOF)
        assert "owned" in child.before if form != "json" else "base64" in child.before
        assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", child.before)
    assert run("consume", *memory.at(topic), "-e").stdout == nasty + b"\n"  # and a pipe gets every byte


def test_a_dead_broker_is_told_in_two_lines_and_ctrl_c_ends_it_at_once() -> None:
    child = terminal("consume", "-b", "localhost:1")
    child.expect_exact("waiting up to 10 s for a broker at localhost:1: connection refused\r\n")
    child.expect_exact("start one with `docker compose up -d --wait`, or without Docker with `kafka-demo broker`\r\n")
    child.sendintr()
    child.expect_exact("^C stopping: no")
    assert end(child) == 0


def test_colours_only_on_a_terminal_that_wants_them(memory: Broker) -> None:
    command = ("produce", *memory.at(new_name("topic")), "hello")
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        child = terminal(*command, **{"NO_COLOR": ""} | variables)
        child.expect(pexpect.EOF)
        assert ("\x1b[" in child.before) is coloured
    assert b"\x1b[" not in run(*command).stderr


@pytest.fixture
def hung() -> Iterator[tuple[Broker, Callable[[], None]]]:
    """A broker, and a function that makes it accept connections and never answer again."""
    child = terminal("broker", "--port", "0")
    child.expect(r"broker in memory at (localhost:\d+)")
    yield Broker(child.match[1]), lambda: child.kill(signal.SIGSTOP)
    child.kill(signal.SIGCONT)
    child.sendintr()
    child.expect_exact("all messages are forgotten")
    assert end(child) == 0


def test_a_producer_on_a_hung_broker_waits_after_ctrl_c_and_not_after_a_second_one(
    hung: tuple[Broker, Callable[[], None]],
) -> None:
    broker, hang = hung
    child = terminal("produce", *broker.at(new_name("topic")))
    child.expect_exact("Ctrl-D ends")
    child.sendline("one")
    child.expect_exact("delivered to")
    hang()
    child.sendline("two")
    child.expect_exact("nothing is acknowledged: no broker answers; it is tried again\r\n")
    child.sendintr()
    child.expect_exact("^C stopping: waiting for 1 acknowledgement\r\n")
    child.sendintr()
    child.expect_exact("forced to stop: 1 message not acknowledged\r\n")
    assert end(child) == 130


def test_a_consumer_on_a_hung_broker_waits_after_ctrl_c_and_not_after_a_second_one(
    hung: tuple[Broker, Callable[[], None]],
) -> None:
    broker, hang = hung
    topic, group = new_name("topic"), new_name("group")
    run("produce", *broker.at(topic), "-p", "0", "one")
    child = terminal("consume", *broker.at(topic), "-g", group)
    child.expect_exact("one\r\n")
    hang()
    child.sendintr()
    child.expect_exact(f"^C stopping: leaving group {group}\r\n")
    child.sendintr()
    child.expect_exact("forced to stop: ")
    assert end(child) == 130


def test_the_tour_proves_that_nothing_was_lost() -> None:
    child = terminal("demo", "-b", "localhost:1")
    child.expect_exact("no broker answers at localhost:1: the tour brings its own, in memory")
    child.expect(r"rebalance: partitions \d, \d go to another member")
    child.expect_exact("stopping: leaving group g1")
    child.expect_exact("proof: 44 sent, 0 lost, 0 duplicated, 0 out of order", timeout=60)
    child.expect_exact("now you: `kafka-demo consume --group g1`")
    assert end(child) == 0


def test_the_tour_uses_the_broker_that_answers(memory: Broker) -> None:
    child = terminal("demo", "-b", memory.address)
    child.expect_exact(f"the broker at {memory.address} answers")
    child.expect(r"assigned partitions 0, 1, 2, 3")
    child.sendintr()
    child.expect_exact("stopped")
    assert end(child) == 0


def test_the_broker_that_the_tour_brings_has_nothing_to_do_with_the_environment() -> None:
    child = terminal("demo", "-b", "localhost:1", KAFKA_SECURITY_PROTOCOL="SSL")
    child.expect_exact("the tour brings its own, in memory")
    child.expect(r"assigned partitions 0, 1, 2, 3")
    child.sendintr()
    child.expect_exact("stopped")
    assert end(child) == 0


def test_ctrl_c_ends_the_tour_and_leaves_no_process_behind() -> None:
    child = terminal("demo", "-b", "localhost:1")
    child.expect(r"consume --group g1 -b (localhost:\d+)")
    address = child.match[1]
    child.expect_exact("delivered to")
    child.sendintr()
    child.expect_exact("stopped")
    assert end(child) == 0
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert address not in processes
