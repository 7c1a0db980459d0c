"""The signals, in one place: the first one asks to stop, the second one leaves at once.

A handler that only sets a flag is enough, as long as nothing blocks for long: the loops wait for at
most `TICK` seconds at a time, and what may block for longer runs in another thread (see patience.py).
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from kafka_demo.visible import tell

TICK = 0.1  # seconds: how soon a signal is noticed

# Not every system has all of them: SIGQUIT and SIGHUP are POSIX, SIGBREAK is Windows.
_NAMES = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGBREAK")
SIGNALS = tuple(signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__)

INTERRUPT = signal.SIGINT  # what Ctrl-C sends


class Stop:
    """Whether a signal has asked to stop, and what to do about the first and the second one."""

    def __init__(self, undone: Callable[[], str] = lambda: "") -> None:
        self.signal: signal.Signals | None = None  # the first one
        self._since = 0.0
        self.undone = undone  # asked at the second signal: what is left undone, in words

    def __bool__(self) -> bool:
        return self.signal is not None

    def over(self, seconds: float) -> bool:
        """Whether the first signal came more than so many seconds ago."""
        return bool(self) and time.monotonic() - self._since > seconds

    @property
    def typed(self) -> bool:
        r"""Whether the terminal has just shown ^C or ^\ on the line where the next words will go."""
        return self.signal is not None and self.signal.name in ("SIGINT", "SIGQUIT")

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Note the first signal; at the second one say what is left undone and end the process."""
        if self.signal is None:
            self._since = time.monotonic()
            self.signal = signal.Signals(number)
            return
        try:
            tell("")
            tell(f"forced to stop{self.undone()}")
        finally:
            os._exit(128 + number)  # no cleaning up: whatever hangs, hangs there


@contextmanager
def on_signals(stop: Stop) -> Iterator[Stop]:
    """Hand the signals to `stop` inside the block, and back to their old handlers after it."""
    before = {}
    for number in SIGNALS:
        if number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN:
            continue  # started by nohup: a terminal that closes is no reason to stop
        before[number] = signal.signal(number, stop.handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def crash() -> None:
    """End this process as `kill -9` would: no flush, no commit, no goodbye."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(137)
