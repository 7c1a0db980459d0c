"""Signals, and waiting without ignoring them: the first signal asks a program to stop, the second ends it at once.

Python runs signal handlers in the main thread, between two bytecodes. So the main thread must not block for longer
than `TICK`, and a call that may (`close()` while all brokers are down, a question to a broker) is a `BackgroundCall`.
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

# Not every system has all of them: SIGQUIT and SIGHUP are POSIX, SIGBREAK is Windows.
_NAMES = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGBREAK")
SIGNALS = tuple(number for number in signal.Signals if number.name in _NAMES)
INTERRUPT = signal.SIGINT  # what Ctrl-C sends

T = TypeVar("T")


class Stop:
    """Whether a signal has asked this process to stop: true or false, and since when."""

    def __init__(self) -> None:
        self.since: float | None = None  # when the first signal came, by time.monotonic()

    def __bool__(self) -> bool:
        return self.since is not None

    def over(self, seconds: float) -> bool:
        """Whether the first signal came more than `seconds` ago."""
        return self.since is not None and time.monotonic() - self.since > seconds


@contextmanager
def handle_signals(stop: Stop, forced: Callable[[], object] = lambda: None) -> Iterator[Stop]:
    """Inside the block, let the first signal set `stop`, and the second one call `forced()` and end the process.

    The exit status is then 128 + the signal's number. After the block the former handlers are back. Main thread only.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        if not stop:
            stop.since = time.monotonic()
            return
        try:
            forced()
        finally:
            os._exit(128 + number)  # no cleanup: it could block, and that may be why there is a second signal

    # SIGHUP is ignored under nohup: then closing the terminal is no reason to stop.
    handled = [number for number in SIGNALS if number.name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Timeout(Exception):  # noqa: N818 (an outcome of waiting, as in queue.Empty)
    """The call did not return in time, or a signal asked to stop."""


class BackgroundCall(Generic[T]):
    """A call in a daemon thread, which ends with the process if the call never returns."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._result: T
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 (it is raised again by `result()`)
            self._error = error

    def result(self, seconds: float, stopped: Callable[[], object] = lambda: False) -> T:
        """Return or raise what the call does. Raises Timeout after `seconds`, or as soon as `stopped()` is true."""
        deadline = time.monotonic() + seconds
        while self._thread.is_alive():
            left = deadline - time.monotonic()
            if stopped() or left <= 0:
                raise Timeout
            self._thread.join(min(left, TICK))
        if self._error:
            raise self._error
        return self._result


def sleep(seconds: float, stopped: Callable[[], object]) -> None:
    """Wait for `seconds`, or until `stopped()` is true."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not stopped():
        time.sleep(min(left, TICK))


def crash() -> None:
    """End this process as `kill -9` does: nothing is flushed, committed or closed."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(137)
