import subprocess
import sys
from threading import Event, current_thread, main_thread
from types import SimpleNamespace

import pytest

from kafka_demo import patience
from kafka_demo.patience import Call, NoAnswer


def test_a_call_returns_what_the_function_returns() -> None:
    assert Call(lambda: 42).result(60) == 42


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_a_call_raises_what_the_function_raises(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        Call(fail).result(60)
    assert raised.value is error


def test_a_result_can_be_asked_for_again() -> None:
    call = Call(object)
    assert call.result(60) is call.result(0, unless=lambda: True)


def test_a_call_is_under_way_before_its_result_is_asked_for() -> None:
    begun = Event()
    Call(begun.set)
    assert begun.wait(60)


def test_who_waits_too_long_gets_no_answer() -> None:
    release = Event()
    with pytest.raises(NoAnswer):
        Call(release.wait).result(0)
    release.set()


def test_who_does_not_want_to_wait_any_longer_gets_no_answer_at_once() -> None:
    release = Event()
    asked: list[None] = []

    def enough() -> bool:
        asked.append(None)
        return len(asked) == 2

    with pytest.raises(NoAnswer):
        Call(release.wait).result(60, unless=enough)
    assert len(asked) == 2
    release.set()


def test_a_result_that_comes_while_one_waits_is_returned() -> None:
    release = Event()
    assert Call(release.wait).result(60, unless=release.set) is True


def test_by_default_only_the_time_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Event()
    asked: list[None] = []

    def clock() -> float:
        asked.append(None)
        if len(asked) == 3:
            release.set()
        return 7

    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=clock))
    assert Call(release.wait).result(0) is True
    assert len(asked) >= 3


def test_the_function_runs_in_another_thread() -> None:
    assert Call(current_thread).result(60) is not main_thread()


def test_a_call_that_never_returns_does_not_keep_the_process_alive() -> None:
    code = "from threading import Event; from kafka_demo.patience import Call; Call(Event().wait); print('end')"
    ended = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=60, check=True)
    assert ended.stdout == b"end\n"
