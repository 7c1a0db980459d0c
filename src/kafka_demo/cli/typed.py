"""Lines typed on a terminal, edited with readline where Python has it: arrow keys, history, lines of any length."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import click

from kafka_demo.cli.session import Session
from kafka_demo.narration import text
from kafka_demo.records.source import Lines, lines
from kafka_demo.shutdown import TICK, BackgroundCall, Timeout

try:
    import readline
    import termios

    EDITABLE = os.isatty(0) and os.isatty(1)  # otherwise input() does not use readline
except ImportError:  # Windows, or a Python without it
    EDITABLE = False

PROMPT = "> "
MAX_LINE = 4094  # bytes, without readline: a terminal silently cuts a longer line


def typed_lines(session: Session, dropped: Callable[[], object]) -> Iterator[Lines]:
    """Yield typed lines, except empty ones; ends as `source.lines()` does, or at Ctrl-D."""
    session.narrator.say("type a message and press Enter; Ctrl-D to finish")
    for batch in _edited(session.stopped, dropped) if EDITABLE else lines(0, MAX_LINE, TICK, session.stopped, dropped):
        if not isinstance(batch, str) and b"" in batch:  # pressing Enter twice is not meant to send a message
            session.narrator.say("an empty line is not sent; `kafka-demo produce ''` sends an empty message")
            batch.remove(b"")
        yield batch


def _edited(stopped: Callable[[], object], dropped: Callable[[], object]) -> Iterator[Lines]:
    settings = termios.tcgetattr(0)
    silent = [*settings[:3], settings[3] & ~termios.ECHO, *settings[4:]]  # readline shows what is typed meanwhile
    editing: list[Any] = []  # the terminal's settings while readline edits a line
    line: BackgroundCall[str] | None = None  # not on the main thread, where readline would hold up signal handlers

    def restore() -> None:
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(0, termios.TCSANOW, settings)

    text.begin_typing(lambda: PROMPT + readline.get_line_buffer() if line else "", restore)
    try:
        while not stopped():
            if not line:
                restore()
                line, editing = BackgroundCall(lambda: input(PROMPT)), []
            typed: Lines = []
            with contextlib.suppress(Timeout, termios.error):
                typed, line = [os.fsencode(line.result(TICK, stopped))], None
                termios.tcsetattr(0, termios.TCSANOW, silent)
            if line:
                now = termios.tcgetattr(0)
                if not now[3] & termios.ICANON:
                    editing = now
                elif editing:  # the shell has set its own: Ctrl-Z, then fg
                    termios.tcsetattr(0, termios.TCSANOW, editing)
                    click.echo(PROMPT + text.visible(readline.get_line_buffer()), nl=False)
            yield typed
    except (EOFError, termios.error):  # Ctrl-D, or the terminal is gone
        click.echo()  # after the prompt
    finally:
        text.end_typing()
    if readline.get_line_buffer():
        dropped()
