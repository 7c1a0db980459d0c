"""Signals, and waits that notice them: the first signal asks a program to stop, the second ends it at once.

Python runs signal handlers in the main thread, between bytecodes. A call that a signal does not interrupt, such as a
request or a read from the terminal, must not hold up the main thread for longer than `TICK`: use a `BackgroundCall`.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType
from typing import Generic, TypeVar

TICK = 0.1  # seconds: how soon a signal is noticed

# No system has all of them: SIGQUIT and SIGHUP are POSIX, SIGBREAK is Windows.
_NAMES = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGBREAK")
SIGNALS = tuple(number for number in signal.Signals if number.name in _NAMES)
INTERRUPT = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)  # Windows cannot send SIGINT to a process

T = TypeVar("T")


class Stop:
    """Whether a signal has asked this process to stop (its truth value), and since when."""

    def __init__(self) -> None:
        self.since: float | None = None  # when the first signal came, by time.monotonic()

    def __bool__(self) -> bool:
        return self.since is not None

    def older_than(self, seconds: float) -> bool:
        """Whether the first signal came more than `seconds` ago."""
        return self.since is not None and time.monotonic() - self.since > seconds


@contextmanager
def handle_signals(stop: Stop, forced: Callable[[], object] = lambda: None) -> Iterator[Stop]:
    """In the block, let the first signal set `stop`, and the second one call `forced()` and end the process.

    The exit status is then 128 + the signal's number. Leaving the block restores the former handlers. Main thread only.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        # Closing a terminal may send SIGHUP twice, milliseconds apart.
        if not stop or (signal.Signals(number).name == "SIGHUP" and not stop.older_than(1)):
            stop.since = stop.since or time.monotonic()
            return
        try:
            forced()
        finally:
            os._exit(128 + number)  # no cleanup: it could block, which may be why the second signal came

    # Under nohup, SIGHUP is ignored and stays so: closing the terminal must not stop the program.
    handled = [number for number in SIGNALS if number.name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Timeout(Exception):  # noqa: N818 (an outcome of waiting, like queue.Empty)
    """The call did not return in time, or a signal ended the wait; the call itself goes on."""


class BackgroundCall(Thread, Generic[T]):
    """A call in a daemon thread, which does not keep the process alive if the call never returns."""

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 (`result()` raises it again)
            self._error = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)  # see result()

    def result(self, seconds: float, stopped: Callable[[], object] = lambda: False) -> T:
        """Return what the call returns, or raise what it raises. Raises Timeout after `seconds`, or if `stopped()`."""
        deadline = time.monotonic() + seconds
        while self.is_alive():
            left = deadline - time.monotonic()
            if stopped() or left <= 0:
                raise Timeout
            self.join(min(left, TICK))
        if self._error:
            try:
                raise self._error
            finally:
                self._error = None  # its traceback refers to this object: in a cycle, both would stay until later
        return self._result


def sleep(seconds: float, stopped: Callable[[], object]) -> None:
    """Wait for `seconds`, or until `stopped()` is true."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not stopped():
        time.sleep(min(left, TICK))
