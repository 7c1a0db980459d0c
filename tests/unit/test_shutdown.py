import signal
import subprocess
import sys
from collections.abc import Iterator
from threading import Event, current_thread, main_thread
from unittest.mock import Mock

import pytest

from kafka_demo.shutdown import SIGNALS, BackgroundCall, Stop, Timeout, handle_signals, sleep

NUMBERS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
TWICE = """
import os, signal, sys
from kafka_demo.narration.text import forced_to_stop
from kafka_demo.shutdown import Stop, handle_signals

with handle_signals(Stop(), lambda: forced_to_stop(sys.argv[2]) if sys.argv[2] != "fails" else 1 / 0) as stop:
    signal.raise_signal(signal.SIGTERM)
    stop.since -= 2  # as if two seconds had passed: only then a SIGHUP is a second signal
    print("first", flush=True)
    if sys.argv[2] == "closed":
        os.close(2)
    signal.raise_signal(int(sys.argv[1]))
    print("not reached", flush=True)
"""
NO_RETURN = "import threading, kafka_demo.shutdown as our; our.BackgroundCall(threading.Event().wait); print('end')"


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_DFL) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(code: str, *arguments: object) -> tuple[int, str, str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_signal_asks_to_stop_and_starts_the_clock(number: signal.Signals) -> None:
    assert number in SIGNALS
    given = Stop()
    with handle_signals(given) as stop:
        assert stop is given
        assert (bool(stop), stop.older_than(-1)) == (False, False)
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGHUP)  # closing a terminal may send it twice
    assert (bool(stop), stop.older_than(-1), stop.older_than(60)) == (True, True, False)


def test_afterwards_the_former_handlers_are_back_even_after_an_error() -> None:
    def former(_number: int, _frame: object) -> None:
        pass

    signal.signal(signal.SIGTERM, former)
    with pytest.raises(ZeroDivisionError), handle_signals(Stop()):
        assert 1 / (signal.getsignal(signal.SIGTERM) is former)
    expected = dict.fromkeys(NUMBERS, signal.SIG_DFL) | {signal.SIGTERM: former}
    assert {number: signal.getsignal(number) for number in NUMBERS} == expected


@pytest.mark.parametrize(("number", "heard"), [(signal.SIGHUP, False), (signal.SIGINT, True)])
def test_only_sighup_stays_ignored_as_under_nohup(number: signal.Signals, heard: bool) -> None:
    signal.signal(number, signal.SIG_IGN)
    with handle_signals(Stop()) as stop:
        signal.raise_signal(number)
        assert bool(stop) == heard
    assert signal.getsignal(number) is signal.SIG_IGN


OTHERS = {"": "forced to stop\n", "\udcff": "forced to stop: \\udcff\n", "closed": "", "fails": ""}


@pytest.mark.parametrize(
    ("second", "undone", "err"),
    [
        *((number, "3 messages", "forced to stop: 3 messages\n") for number in NUMBERS),
        *((signal.SIGINT, undone, err) for undone, err in OTHERS.items()),
    ],
)
def test_the_second_signal_ends_at_once_and_says_what_is_left_undone(second: int, undone: str, err: str) -> None:
    assert run(TWICE, int(second), undone) == (128 + second, "first\n", err)


def test_a_hung_call_keeps_no_process_alive() -> None:
    assert run(NO_RETURN) == (0, "end\n", "")


def test_a_sleep_ends_after_its_time_or_once_stopped() -> None:
    answers = iter([False, True])
    sleep(0, lambda: next(answers))
    sleep(3600, lambda: next(answers))
    assert list(answers) == []


def test_a_call_runs_in_another_thread_and_its_result_can_be_asked_for_again() -> None:
    call = BackgroundCall(lambda: [current_thread()])
    result = call.result(60)
    assert result != [main_thread()]
    assert call.result(0, lambda: True) == result


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_a_call_raises_what_the_function_raises(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        BackgroundCall(Mock(side_effect=error)).result(60)
    assert raised.value is error


def test_a_call_begins_before_its_result_is_asked_for_and_times_out() -> None:
    begun, release = Event(), Event()

    def work() -> bool:
        begun.set()
        return release.wait(60)

    call = BackgroundCall(work)
    assert begun.wait(60)
    with pytest.raises(Timeout):
        call.result(0)
    with pytest.raises(Timeout):
        call.result(60, lambda: True)
    assert call.result(60, release.set)  # it returns while the result is awaited
