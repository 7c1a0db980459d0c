"""Writes lines to standard output: one after another, or in place on a terminal."""

import math
import os

from kafka_demo.layout import Line, fit
from kafka_demo.patience import Call
from kafka_demo.stop import Stop
from kafka_demo.visible import coloured

# https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_USUAL = os.terminal_size((80, 24))


def is_terminal() -> bool:
    """Whether standard output is a terminal that knows escape codes."""
    return os.isatty(1) and os.environ.get("TERM") != "dumb"


def put(text: str, stop: Stop) -> None:
    """Write it. Raises OSError if that fails, NoAnswer if a signal asks to stop while nobody reads."""

    def write() -> None:
        with os.fdopen(1, "wb", closefd=False) as out:
            out.write(text.encode())

    Call(write).result(math.inf, unless=lambda: stop)


def put_lines(lines: list[Line], stop: Stop) -> None:
    """Write them one after another. Raises as `put` does."""
    colours = coloured(1)
    put("".join(f"{line.painted(colours)}\n" for line in lines), stop)


class Screen:
    """A terminal whose lines are written in place, so that nothing flickers or scrolls away."""

    def __init__(self, stop: Stop) -> None:
        """Make room: what the terminal shows scrolls up, and is not overwritten."""
        self._stop = stop
        self._colours = coloured(1)
        self._lines: list[Line] = []
        self._size = _size()
        put("\n" * self._size.lines, stop)

    def show(self, lines: list[Line]) -> None:
        """Show these lines in the place of those before, cut to the window."""
        self._lines, self._size = lines, _size()
        # The last row and column stay free: there the cursor waits, and a terminal might wrap the line.
        fitting = fit(lines, self._size.columns - 1, self._size.lines - 1)
        rows = "".join(f"{line.painted(self._colours)}{_CLEAR_LINE}\n" for line in fitting)
        # All at once, and the cursor hidden only meanwhile: so nothing has to be put right after a kill -9.
        put(f"{_HIDE_CURSOR}{_HOME}{rows}{_CLEAR_BELOW}{_SHOW_CURSOR}", self._stop)

    def refit(self) -> None:
        """Show the same lines again if the window has another size now."""
        if _size() != self._size:
            self.show(self._lines)

    def leave(self) -> None:
        """Leave the last lines where they are, and take away the ^C below them."""
        put(f"\r{_CLEAR_LINE}", Stop())


def _size() -> os.terminal_size:
    try:
        size = os.get_terminal_size(1)
    except OSError:  # the terminal is gone
        return _USUAL
    return size if size.columns > 1 and size.lines > 1 else _USUAL
