"""The status command: shows the state of the cluster, once or every second."""

import contextlib
import json
import os
import select
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import click
from rich.control import Control
from rich.live import Live
from rich.text import Text

from kafka_demo.cli import board
from kafka_demo.cli.options import KafkaCommand, kafka_options, parsed, refuse
from kafka_demo.cli.session import Session
from kafka_demo.cluster.inspect import Data, inspect, only
from kafka_demo.cluster.settings import check_group, check_topic
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import forced_to_stop, visible
from kafka_demo.shutdown import Timeout, handle_signals, sleep

EACH = 1.0  # seconds from one look to the next
_TOPIC = "Show only this topic and the groups that read it. Repeatable."
_GROUP = "Show only this group and the topics it reads. Repeatable."
_FORM = "Text for people, or JSON: one document, or with --watch one per line."


# The parameters are not called `topic` and `group`: KAFKA_TOPIC and KAFKA_GROUP have no effect here.
@click.command(cls=KafkaCommand)
@kafka_options
@click.option("-t", "--topic", "topics", metavar="NAME", multiple=True, callback=parsed(check_topic), help=_TOPIC)
@click.option("-g", "--group", "groups", metavar="NAME", multiple=True, callback=parsed(check_group), help=_GROUP)
@click.option("-w", "--watch", is_flag=True, help="Refresh every second, until Ctrl-C.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", help=_FORM)
@click.pass_obj
def status(session: Session, topics: tuple[str, ...], groups: tuple[str, ...], watch: bool, form: str) -> int:
    """Show brokers, topics and groups, and how far each group has read.

    \b
    kafka-demo status                  everything
    kafka-demo status --watch          ... refreshed every second
    kafka-demo status -g g1            group g1, and the topics it reads

    Each partition has a leader, the broker that clients write to, and replicas; those in sync have all its
    messages. Its offsets run from the beginning to the end, which is the offset of the next message. A group's lag is
    the end minus the committed offset.

    Exit status: 0 shown, 1 no answer or not authorized, 2 wrong usage.
    """
    if watch or form == "json":
        refuse("cannot be used with --watch or -f json", "explain")
    session.group = ", ".join(groups)
    session.connect()

    def look() -> Data:
        found = session.ask(lambda: inspect(session.admin, groups, in_memory=session.in_memory))
        return only(found, topics, groups)

    if not watch:
        session.write(_json(look()) if form == "json" else board.text(board.draw(look())))
        session.narrator.explain_terms(board.TERMS)
        return 0
    looks = _looks(session, look)
    with contextlib.suppress(Timeout):  # a signal
        if form == "json":
            for each in looks:
                if isinstance(each, Problem):
                    session.narrator.problem(each)
                else:
                    session.write(_json(each))
        elif os.isatty(1) and os.environ.get("TERM") != "dumb":
            _redraw(_boards(looks), session)
        else:
            for lines in _boards(looks):
                session.write(f"{board.text(lines)}\n")
    return 0


def _looks(session: Session, look: Callable[[], Data]) -> Iterator[Data | Problem]:
    """Look every second until a signal. A problem is yielded once, and may pass."""
    told = ""
    while not session.stop:
        due = time.monotonic() + EACH
        try:
            yield look()
            told = ""
        except Problem as problem:
            if problem.what != told:
                yield problem
            told = problem.what
        sleep(due - time.monotonic(), session.stopped)


def _redraw(boards: Iterator[board.Board], session: Session) -> None:
    """Draw each board in place, again when the window's size changes; leave the last one on exit."""
    console = board.console()
    lines: board.Board = []

    def forced() -> None:
        if select.select([], [1], [], 0)[1]:  # otherwise writing could block
            os.write(1, f"{Control.show_cursor(show=True)}{Control.alt_screen(enable=False)}".encode())
        forced_to_stop()

    with handle_signals(session.stop, forced):
        live = Live(console=console, screen=True, get_renderable=lambda: board.fit(lines, console))
        with contextlib.suppress(Timeout), live:
            for lines in boards:  # noqa: B007 (`live` draws them)
                live.refresh()
        click.echo(board.text(lines))


def _boards(looks: Iterator[Data | Problem]) -> Iterator[board.Board]:
    """Draw each look with the time and the changes since the last one; below a problem, draw the last look."""
    at, since, before, last = "never", 0.0, None, []
    for found in looks:
        if isinstance(found, Problem):
            head = Text(f"{visible(found.what)}; retrying every second (last answer: {at})", "red")
        else:
            at, now = f"{datetime.now().astimezone():%H:%M:%S}", time.monotonic()
            if before:
                board.compare(found, before, now - since)
            head, last = Text(f"at {at}, refreshed every second; Ctrl-C ends", "dim"), board.draw(found)
            before, since = found, now
        yield [head, Text(), *last]


def _json(found: Data) -> str:
    line = json.dumps(found, ensure_ascii=False)
    return visible(line, as_json=True) if os.isatty(1) else line
