"""Waits for a call that may block for long, without ever being deaf to a signal.

Some calls of librdkafka cannot be interrupted (`close()` takes 45 s while all brokers are down), and
Python runs signal handlers in the main thread only, between two bytecodes. So such a call runs in a
daemon thread, and the main thread waits for it in small steps, for as long as it is worth waiting.
"""

import time
from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from kafka_demo.stop import TICK

T = TypeVar("T")


class NoAnswer(Exception):  # noqa: N818 (it is an outcome, not an error)
    """The call did not return in time, or nobody wanted to wait for it any longer."""


class Call(Generic[T]):
    """A call under way in a daemon thread, which dies with the process if the call never returns."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._result: T
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 (it is raised again where the result is asked for)
            self._error = error

    def result(self, seconds: float, unless: Callable[[], object] = lambda: False) -> T:
        """Return what the call returned, or raise what it raised.

        Raises NoAnswer if it takes longer than so many seconds, or as soon as `unless()` is true.
        """
        deadline = time.monotonic() + seconds
        while self._thread.is_alive():
            if unless() or time.monotonic() > deadline:
                raise NoAnswer
            self._thread.join(TICK)
        if self._error:
            raise self._error
        return self._result

    def returns(self, seconds: float) -> bool:
        """Say whether the call returns within so many seconds, or raise what it raised."""
        try:
            self.result(seconds)
        except NoAnswer:
            return False
        return True
