"""In a terminal, as a person uses it."""

import signal
import termios
from pathlib import Path

import pexpect
import pytest

from clusters import until
from support import COMMAND, LIMIT, Broker, end, environment, new_name, run, terminal


def test_each_typed_line_is_sent_at_once_and_its_partition_is_reported(memory: Broker, topic: str) -> None:
    child = terminal("produce", *memory.at(topic), "-K", ":")
    child.expect_exact("connected to")
    child.sendline("grace:" + "y" * 9000)  # while it connects; the terminal itself would cut the line
    child.expect_exact("type a message and press Enter; Ctrl-D to finish\r\n> ")
    child.expect(rf"delivered to {topic}: partition \d  offset 0  key grace\r\n> ")
    child.sendline("ada:helo\x1b[Dl")  # left arrow
    child.expect(rf"delivered to {topic}: partition \d  offset 0  key ada\r\n> ")
    child.sendline("\x1b[A!")  # up arrow: the previous line
    child.expect(rf"delivered to {topic}: partition \d  offset 1  key ada\r\n> ")
    child.sendline("")
    child.expect_exact("an empty line is not sent; `kafka-demo produce ''` sends an empty message\r\n> ")
    child.sendline("x" * 9000)  # without readline, a terminal cuts it
    child.expect(rf"delivered to {topic}: partition \d  offset \d  no key\r\n> ")
    child.sendeof()
    child.expect_exact("delivered 4 messages")
    assert end(child) == 0
    assert sorted(memory.read(topic, "-e").splitlines()) == [b"hello", b"hello!", b"x" * 9000, b"y" * 9000]


def test_without_readline_a_line_that_may_have_been_cut_is_not_sent(memory: Broker, topic: str, tmp_path: Path) -> None:
    child = terminal("produce", *memory.at(topic), into=f"{tmp_path}/out")
    child.expect_exact("Ctrl-D to finish")
    child.sendline("x" * 5000)
    child.expect_exact("error: line 1: longer than 4,094 bytes")
    child.sendline("short")
    child.expect_exact("delivered to")
    child.sendeof()
    child.expect_exact("delivered 1 of 2 messages: 1 invalid")
    assert (end(child), memory.read(topic, "-e")) == (1, b"short\n")


def test_a_terminal_that_does_not_control_the_process_can_be_used(memory: Broker, topic: str) -> None:
    command = ["-w", *COMMAND, "produce", *memory.at(topic), "hello"]
    child = pexpect.spawn("setsid", command, env=environment(), timeout=LIMIT, encoding="utf-8")  # as `su -c` does
    child.expect_exact("delivered 1 message")
    assert end(child) == 0


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_in_a_half_typed_line_sends_only_what_was_entered(memory: Broker, signals: int, topic: str) -> None:
    child = terminal("produce", *memory.at(topic))
    settings = termios.tcgetattr(child.child_fd)

    def shown_again() -> bool:
        shown = child.expect_exact([pexpect.TIMEOUT, "> half a line"], timeout=1)
        termios.tcsetattr(child.child_fd, termios.TCSANOW, settings)  # as a shell does at Ctrl-Z and fg
        return bool(shown)

    child.expect_exact("Ctrl-D to finish\r\n> ")
    child.delaybeforesend = None
    child.sendline("entered")
    child.expect_exact("entered\r\n")
    child.send("half a line")  # before the next prompt
    child.expect_exact("delivered to")
    child.expect_exact("> half a line")
    assert termios.tcgetattr(child.child_fd) != settings
    until(shown_again, "the line is shown again")
    child.send("\x03" * signals)
    if signals == 1:
        child.expect_exact("\r\nstopping\r\nthe incomplete last line was not sent\r\ndelivered 1 message\r\n")
    child.expect(pexpect.EOF)
    assert termios.tcgetattr(child.child_fd) == settings
    assert end(child) in (0, 130)
    assert memory.read(topic, "-e") == b"entered\n"


def test_consume_shows_each_message_and_leaves_on_ctrl_c(memory: Broker, topic: str, group: str) -> None:
    memory.send(topic, "-k", "ada", "-p", "2", "hello")
    child = terminal("consume", *memory.at(topic), "-g", group)
    child.expect_exact(f"joining group {group}\r\n")
    child.expect_exact("assigned partitions 0, 1, 2, 3\r\n")
    child.expect_exact(f"  partition 2: from the beginning ({group} has no committed offset yet)\r\n")
    child.expect_exact("partition 2  offset 0  key ada  hello\r\n")
    child.expect_exact("committed: partition 2 at offset 1\r\n")
    child.sendintr()
    child.expect_exact(f"^C\r\nstopping: leaving group {group}\r\n")
    child.expect_exact(f"left group {group}\r\n")
    child.expect_exact("read 1 message; committed partition 2 at offset 1\r\n")
    assert end(child) == 0


@pytest.mark.parametrize("command", [("consume",), ("status", "--watch")])
def test_ctrl_c_ends_the_wait_for_a_broker_at_once(command: tuple[str, ...]) -> None:
    child = terminal(*command, "-b", "localhost:1")
    child.expect_exact("no broker answers at localhost:1: connection refused; retrying for 10 s\r\nhint: ")
    child.sendintr()
    child.expect_exact("^C\r\nstopping")
    assert end(child) == 0


@pytest.mark.parametrize("command", [("produce", "hello"), ("status",)])
def test_colors_only_on_a_terminal_that_wants_them(memory: Broker, topic: str, command: tuple[str, ...]) -> None:
    for variables, colored in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        child = terminal(*command, *memory.at(topic), **{"NO_COLOR": ""} | variables)
        child.expect(pexpect.EOF)
        assert ("\x1b[" in child.before) is colored
    done = run(*command, *memory.at(topic))
    assert b"\x1b" not in done.stdout + done.stderr


def test_on_a_hung_broker_a_command_waits_after_ctrl_c_and_not_after_a_second_one() -> None:
    broker = terminal("broker", "--port", "0")
    broker.expect(r"in-memory broker ready at (localhost:\d+)")
    at, group = Broker(broker.match[1]).at(new_name("topic")), new_name("group")
    producer = terminal("produce", *at)
    producer.expect_exact("Ctrl-D to finish\r\n> ")
    producer.sendline("one")
    producer.expect("delivered to [^>]*> ")
    consumer = terminal("consume", *at, "-g", group)
    consumer.expect_exact("one\r\n")
    broker.kill(signal.SIGSTOP)  # it accepts connections but no longer answers
    producer.sendline("two")
    producer.expect("acknowledge.*: no response to a metadata request")
    for child, stopping, forced in (
        (producer, "stopping: waiting for 1 acknowledgement", "forced to stop: 1 message not acknowledged"),
        (consumer, f"stopping: leaving group {group}", "forced to stop: commit not confirmed: "),
    ):
        child.sendintr()
        child.expect_exact(f"\r\n{stopping}\r\n")
        child.sendintr()
        child.expect_exact(forced)
        assert end(child) == 130
    broker.kill(signal.SIGCONT)
    broker.sendintr()
    broker.expect_exact("all messages are forgotten")
    assert end(broker) == 0
