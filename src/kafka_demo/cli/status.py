"""The status command: shows the state of the cluster, once or every second."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from shutil import get_terminal_size

import click
from rich.text import Text

from kafka_demo.cli import board
from kafka_demo.cli.options import KafkaCommand, kafka_options, parsed, refuse
from kafka_demo.cli.session import Session
from kafka_demo.cluster.inspect import Data, inspect, only
from kafka_demo.cluster.settings import check_group, check_topic
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import start_new_line, visible
from kafka_demo.shutdown import Timeout, sleep

_TOPIC = "Show only this topic and the groups that may be reading it. Repeatable."
_GROUP = "Show only this group and the topics it reads. Repeatable."
_FORM = "Text for people, or JSON: a document or, with --watch, one document per line."


# Not `topic` and `group`, which _session() removes; without envvar, KAFKA_TOPIC and KAFKA_GROUP have no effect.
@click.command(cls=KafkaCommand)
@kafka_options
@click.option("-t", "--topic", "topics", metavar="NAME", multiple=True, callback=parsed(check_topic), help=_TOPIC)
@click.option("-g", "--group", "groups", metavar="NAME", multiple=True, callback=parsed(check_group), help=_GROUP)
@click.option("-w", "--watch", is_flag=True, help="Refresh every second, until Ctrl-C.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", help=_FORM)
@click.pass_obj
def status(session: Session, topics: tuple[str, ...], groups: tuple[str, ...], watch: bool, form: str) -> int:
    """Show brokers, topics and groups, and how far consumer groups have read.

    \b
    kafka-demo status                  everything
    kafka-demo status --watch          ... refreshed every second
    kafka-demo status -g g1            group g1, and the topics it reads

    Replicas, listed by broker id, are copies of a partition. Clients write to the leader; replicas that keep up with it
    are in sync. A partition's beginning is its first offset; its end is the offset that the next message will get.
    Not every offset has a message (compaction, transactions). Lag is end minus committed offset. `-`: none, or unknown.

    Exit status: 0 shown, 1 no response or not authorized, 2 usage error.
    """
    if watch or form == "json":
        refuse("cannot be used with --watch or -f json", "explain")
    session.group, session.if_stopped = ", ".join(groups), "" if watch else "nothing was shown"
    session.connect()

    def look() -> Data:
        found = session.ask(lambda: inspect(session.admin, session.config, groups, in_memory=session.in_memory))
        return only(found, topics, groups)

    if watch:
        with contextlib.suppress(Timeout):  # a signal
            _watch(session, look, as_json=form == "json")
        start_new_line()
        return 0
    session.write(_json(look()) if form == "json" else board.text(board.draw(look())))
    session.narrator.explain_terms(board.TERMS)
    return 0


def _watch(session: Session, look: Callable[[], Data], *, as_json: bool) -> None:
    """Look every second until a signal; show a problem, which may pass, above what was last seen."""
    in_place = os.isatty(1) and os.environ.get("TERM") != "dumb"
    found: Data | None = None
    since, at, why, lines = 0.0, "never", "", board.Board()
    while not session.stop:
        due = time.monotonic() + 1.0
        try:
            before, found = found, look()
        except Problem as problem:
            if as_json and problem.what != why:
                session.narrator.problem(problem)
            why = problem.what
            head = Text(f"{visible(why)}; retrying every second (last answer: {at})", "red")
        else:
            why, at, now = "", f"{datetime.now().astimezone():%H:%M:%S}", time.monotonic()
            if before and not as_json:
                board.compare(found, before, now - since)
            since, lines = now, board.draw(found)
            head = Text(f"at {at}, refreshed every second; Ctrl-C to stop", "dim")
        if not as_json:
            whole = [head, Text(), *lines]
            session.write(board.redrawn(whole, *get_terminal_size()) if in_place else f"{board.text(whole)}\n")
        elif found and not why:
            session.write(_json(found))
        sleep(due - time.monotonic(), session.stopped)


def _json(found: Data) -> str:
    return visible(json.dumps(found, ensure_ascii=False), as_json=True)
