"""Lines typed on a terminal and edited with readline: arrow keys, history, and no limit of 4,095 bytes per line."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import click

from kafka_demo.cli.session import Session
from kafka_demo.narration import text
from kafka_demo.records import source
from kafka_demo.records.source import Lines
from kafka_demo.shutdown import TICK, BackgroundCall, Timeout

try:
    import readline
    import termios

    EDITABLE = os.isatty(0) and os.isatty(1)  # otherwise input() does not use readline
except ImportError:  # Windows, or a Python without it
    EDITABLE = False

PROMPT = "> "
LONGEST = 4094  # bytes, without readline: a terminal silently cuts a longer line


def typed_lines(session: Session, dropped: Callable[[], object]) -> Iterator[Lines]:
    """Yield typed lines, except empty ones; ends as `source.lines()` does, or at Ctrl-D."""
    session.narrator.say("type a message and press Enter; Ctrl-D ends")
    plain = partial(source.lines, 0, LONGEST, TICK)
    for batch in (_edited if EDITABLE else plain)(session.stopped, dropped):
        if isinstance(batch, str) or b"" not in batch:
            yield batch
        else:  # pressing Enter twice is not meant to send a message
            session.narrator.say("an empty line is not sent; `kafka-demo produce ''` sends an empty message")
            yield [line for line in batch if line]


def _edited(stopped: Callable[[], object], dropped: Callable[[], object]) -> Iterator[Lines]:
    cast("io.TextIOWrapper", sys.stdin).reconfigure(errors="surrogateescape")  # as os.fsencode() expects
    settings = termios.tcgetattr(0)
    line: BackgroundCall[str] | None = None  # not on the main thread, where readline would hold up signal handlers

    def restore() -> None:
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(0, termios.TCSANOW, settings)

    text.begin_typing(lambda: PROMPT + readline.get_line_buffer() if line else "", restore)
    try:
        while not stopped():
            line = line or BackgroundCall(lambda: input(PROMPT))
            try:
                typed = line.result(TICK, stopped)
            except Timeout:
                yield []
            except EOFError:
                click.echo()  # after the prompt
                return
            else:
                line = None
                yield [os.fsencode(typed)]
    finally:
        text.end_typing()
    if readline.get_line_buffer():
        dropped()
