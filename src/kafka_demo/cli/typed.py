"""Lines typed on a terminal, edited with readline where Python has it: arrow keys, history, lines of any length."""

import contextlib
import os
from collections.abc import Callable, Iterator

import click

from kafka_demo.cli.session import Session
from kafka_demo.narration import text
from kafka_demo.records.source import Lines, lines
from kafka_demo.shutdown import TICK, BackgroundCall, Timeout

try:
    import readline
    import termios

    # Otherwise input() does not use readline; in the background, setting up the terminal would stop this process.
    EDITABLE = os.isatty(0) and os.isatty(1) and os.tcgetpgrp(0) == os.getpgrp()
except (ImportError, OSError):  # Windows, a Python without readline, or not this process's own terminal
    EDITABLE = False

PROMPT = "> "
MAX_LINE = 4094  # bytes, without readline: a terminal silently cuts a longer line


def typed_lines(session: Session, dropped: Callable[[], object]) -> Iterator[Lines]:
    """Set up the terminal and yield an empty batch; then yield typed lines, except empty ones.

    Ends as `source.lines()` does, or at Ctrl-D. With readline, no line typed or pasted from then on is cut.
    """
    batches = _edited(session.stopped, dropped) if EDITABLE else lines(0, MAX_LINE, TICK, session.stopped, dropped)
    click.get_current_context().call_on_close(text.end_typing)
    yield next(batches) if EDITABLE else []
    session.narrator.say("type a message and press Enter; Ctrl-D to finish")
    for batch in batches:
        if not isinstance(batch, str) and b"" in batch:  # pressing Enter twice is not meant to send a message
            session.narrator.say("an empty line is not sent; `kafka-demo produce ''` sends an empty message")
            batch.remove(b"")
        yield batch


def _edited(stopped: Callable[[], object], dropped: Callable[[], object]) -> Iterator[Lines]:
    settings = termios.tcgetattr(0)
    line: BackgroundCall[str] | None = None  # not on the main thread, where readline would hold up signal handlers

    def turn_off(modes: int) -> None:
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(0, termios.TCSANOW, [*settings[:3], settings[3] & ~modes, *settings[4:]])

    text.begin_typing(lambda: PROMPT + readline.get_line_buffer() if line else "", lambda: turn_off(0))
    turn_off(termios.ICANON | termios.ECHO)  # with ICANON, the terminal would cut a long line
    yield []
    try:
        while not stopped():
            if not line:
                turn_off(termios.ICANON)  # readline shows what is typed only if the terminal would
                line = BackgroundCall(lambda: input(PROMPT))
            typed: Lines = []
            with contextlib.suppress(Timeout):
                typed, line = [os.fsencode(line.result(TICK, stopped))], None
                turn_off(termios.ICANON | termios.ECHO)
            if line and termios.tcgetattr(0)[3] & termios.ICANON:  # a shell has turned it on: Ctrl-Z, then fg
                turn_off(termios.ICANON | termios.ECHO)
                click.echo(PROMPT + text.visible(readline.get_line_buffer()), nl=False)
            yield typed
    except (EOFError, termios.error):  # Ctrl-D, or the terminal is gone
        click.echo()  # after the prompt
    text.end_typing()
    if readline.get_line_buffer():
        dropped()
