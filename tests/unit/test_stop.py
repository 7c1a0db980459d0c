import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kafka_demo.stop import SIGNALS, Stop, on_signals

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP]
TWICE = """
import os, signal, sys
from kafka_demo.stop import Stop, on_signals

with on_signals(Stop()) as stop:
    stop.undone = lambda: sys.argv[3]
    signal.raise_signal(int(sys.argv[1]))
    print("first", flush=True)
    if sys.argv[3] == "closed":
        os.close(2)
    signal.raise_signal(int(sys.argv[2]))
    print("not reached", flush=True)
"""
CRASH = """
import atexit
from kafka_demo.stop import crash

atexit.register(print, "not reached")
try:
    crash()
finally:
    print("not reached")
"""


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_DFL) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)


def test_the_signals_that_stop_a_command() -> None:
    assert list(SIGNALS) == NUMBERS


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_signal_asks_to_stop(number: signal.Signals) -> None:
    with on_signals(Stop()) as stop:
        assert not stop
        assert stop.signal is None
        signal.raise_signal(number)
        assert stop
        assert stop.signal is number
    assert stop


@pytest.mark.parametrize(
    ("number", "typed"),
    [(signal.SIGINT, True), (signal.SIGQUIT, True), (signal.SIGTERM, False), (signal.SIGHUP, False)],
)
def test_ctrl_c_and_ctrl_backslash_are_typed(number: signal.Signals, typed: bool) -> None:
    stop = Stop()
    assert not stop.typed
    stop.handle(number, None)
    assert stop.typed == typed


def test_the_time_to_end_begins_with_the_first_signal() -> None:
    stop = Stop()
    assert not stop.over(-1)
    stop.handle(signal.SIGTERM, None)
    assert stop.over(-1)
    assert not stop.over(60)


def test_the_stop_that_is_given_is_the_one_that_hears() -> None:
    given = Stop()
    with on_signals(given) as stop:
        assert stop is given


def test_afterwards_the_old_handlers_are_back() -> None:
    def old(_number: int, _frame: object) -> None:
        pass

    signal.signal(signal.SIGTERM, old)
    with on_signals(Stop()):
        assert signal.getsignal(signal.SIGTERM) is not old
        assert signal.getsignal(signal.SIGINT) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is old
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


def test_the_old_handlers_are_back_after_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), on_signals(Stop()):
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in NUMBERS] == [signal.SIG_DFL] * len(NUMBERS)


def test_a_terminal_that_closes_is_ignored_if_it_was_ignored_before() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with on_signals(Stop()) as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_other_signals_are_heard_even_if_they_were_ignored_before() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with on_signals(Stop()) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop


@pytest.mark.parametrize("second", NUMBERS)
def test_the_second_signal_ends_at_once_and_says_what_is_left_undone(second: signal.Signals) -> None:
    ended = run(TWICE, int(signal.SIGTERM), int(second), ": 3 messages not acknowledged")
    assert ended.returncode == 128 + second
    assert ended.stdout == "first\n"
    assert ended.stderr == "\nforced to stop: 3 messages not acknowledged\n"


def test_the_second_signal_ends_even_if_the_words_cannot_be_written() -> None:
    ended = run(TWICE, int(signal.SIGTERM), int(signal.SIGINT), ": \udcff")
    assert (ended.returncode, ended.stderr) == (130, "\nforced to stop: \\udcff\n")


def test_the_second_signal_ends_even_if_nobody_can_be_told() -> None:
    ended = run(TWICE, int(signal.SIGTERM), int(signal.SIGINT), "closed")
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "first\n", "")


def test_unless_something_else_is_said_nothing_is_left_undone() -> None:
    assert Stop().undone() == ""
    assert Stop(lambda: "x").undone() == "x"


def test_a_crash_is_like_kill_9() -> None:
    ended = run(CRASH)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGKILL, "", "")
