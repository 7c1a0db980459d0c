import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from kafka_demo.narration.narrator import ENOUGH, Narrator
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import RED

Capfd = pytest.CaptureFixture[str]
CABLE = Problem("a cable is broken", "plug it in")
Tell = Callable[[Narrator], None]
GONE = "retention or a deletion has removed"

# Only lines that tests/contract, tests/acceptance and WORKSHOP.md do not show.
NARRATION: list[tuple[Tell, str]] = [
    (lambda n: n.stopping(""), "stopping"),
    (lambda n: n.waiting_for_broker(CABLE), "a cable is broken; retrying for 10 s\nhint: plug it in"),
    (lambda n: n.delivered(2, 17, b"ada\x1b"), r"delivered to news: partition 2  offset 17  key ada\x1b"),
    (lambda n: n.delivered(2, 17, b""), "delivered to news: partition 2  offset 17  key "),
    (lambda n: n.sent(4000, 4000, {}), "delivered 4,000 messages"),
    (lambda n: n.received(12, {0: 4, 1: 9}), "read 12 messages; committed partition 0 at offset 4, 1 at 9"),
]
PROBLEMS: list[tuple[Tell, str]] = [
    (lambda n: n.problem(Problem("a\x1b[2J\nb", "c\u202e")), "error: a\\x1b[2J\\nb\nhint: c\\u202e"),
    (lambda n: n.problem(Problem("it rains")), "error: it rains"),
    (lambda n: n.failed("line 7", CABLE), "error: line 7: a cable is broken\nhint: plug it in"),
    (lambda n: n.out_of_range(1, 4, 5, 9), f"  partition 1: {GONE} offset 4; continuing at 5"),
    (lambda n: n.out_of_range(1, 9, 0, 3), "  partition 1: offset 9 is beyond the end (3): the topic may have "),
    (lambda n: n.out_of_range(1, 4, 4, 4), "  partition 1: offset 4 does not exist; starting at the beginning"),
    (lambda n: n.commit_failed([1], CABLE, retried=True), "commit failed: partition 1: a cable is broken; will retry"),
    (lambda n: n.commit_failed([1], CABLE, retried=False), "commit failed: partition 1: a cable is broken\n"),
    (lambda n: n.sent(9, 1, {"refused": 3, "not sent": 5}), "delivered 1 of 9 messages: 3 refused, 5 not sent"),
]


@pytest.mark.parametrize(("tell", "lines"), NARRATION + PROBLEMS)
def test_narration_and_quiet_mode(tell: Tell, lines: str, capfd: Capfd) -> None:
    for quiet in (False, True):
        tell(Narrator("news", "g1", quiet=quiet))
        said = capfd.readouterr().err
        assert said.startswith(lines) if (tell, lines) in PROBLEMS or not quiet else said == ""


def test_without_a_group_the_receipt_does_not_mention_commits(capfd: Capfd) -> None:
    Narrator("news").received(1, {})
    assert capfd.readouterr().err == "read 1 message\n"


def test_a_hint_is_given_once(capfd: Capfd) -> None:
    narrator = Narrator("news", "g1")
    for number in (1, 2):
        narrator.failed(f"line {number}", CABLE)
    narrator.problem(CABLE)
    narrator.waiting_for_broker(CABLE)
    lines = capfd.readouterr().err.splitlines()
    assert (len(lines), lines[1], lines.count("hint: plug it in")) == (5, "hint: plug it in", 1)


def test_many_failures_for_the_same_reason_become_a_few_lines(capfd: Capfd) -> None:
    narrator = Narrator("news", quiet=True)
    for number in range(1000):
        narrator.failed(f"line {number}", Problem(f'unknown field "{number}"'))
        narrator.failed(f"line {number}", Problem(f"not JSON: Extra data at column {number}"))
    narrator.failed("line 1000", Problem("the message is too large"))
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2 * (ENOUGH + 1) + 1
    assert lines[-3:-1] == ["more messages have the same problem; the final count includes them"] * 2
    assert lines[-1].startswith("error: line 1000: ")


@contextmanager
def standard_error(fd: int) -> Iterator[None]:
    """Use a descriptor as standard error, and close it."""
    saved = os.dup(2)
    os.dup2(fd, 2)
    os.close(fd)
    yield
    os.dup2(saved, 2)
    os.close(saved)


def on_a_terminal(tell: Tell) -> str:
    controller, terminal = os.openpty()
    with standard_error(terminal):
        tell(Narrator("news", "g1"))
    shown = b""
    with suppress(OSError):  # the terminal has ended
        while data := os.read(controller, 1000):
            shown += data
    os.close(controller)
    return shown.decode()


@pytest.fixture(autouse=True)
def _colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize("tell", [tell for tell, _ in PROBLEMS])
def test_on_a_terminal_errors_are_red(tell: Tell) -> None:
    shown = on_a_terminal(tell)
    assert shown.startswith(RED)
    assert shown.endswith("\x1b[0m\r\n")


def test_a_line_begins_below_the_ctrl_c_that_the_terminal_echoes() -> None:
    assert on_a_terminal(lambda n: n.stopping("leaving")) == "\r\nstopping: leaving\r\n"


def test_work_continues_if_standard_error_cannot_be_written() -> None:
    with standard_error(os.open("/dev/full", os.O_WRONLY)):
        Narrator().say("hello")
        Narrator().problem(CABLE)


def test_each_term_is_explained_once(capfd: Capfd) -> None:
    narrator = Narrator("orders", "my-lag", explaining=True)
    where = ("0: from offset 3, where my-lag left off", "1: from the end (my-lag has no committed offset yet)")
    for line in ("joining group my-lag", "assigned partitions 0, 1", *(f"  partition {start}" for start in where)):
        narrator.say(line)
    said = capfd.readouterr().err.splitlines()
    explained = [line.split(":")[0] for line in said if line.startswith("    ") and line[4] != " "]
    assert explained == ["    consumer group", "    assignment", "    partition", "    offset", "    commit"]
    assert (said[1][:20], max(map(len, said)) <= 80) == ("    consumer group: ", True)
