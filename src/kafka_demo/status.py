"""`kafka-demo status`, put together: what there is, shown once, or again each second."""

import os
import time
from dataclasses import dataclass
from datetime import datetime

from kafka_demo import board, cluster
from kafka_demo.admin import Admin
from kafka_demo.controller import find_controller
from kafka_demo.layout import Line
from kafka_demo.patience import NoAnswer
from kafka_demo.problems import Problem
from kafka_demo.screen import Screen, is_terminal, put, put_lines
from kafka_demo.settings import Settings
from kafka_demo.snapshot import Snapshot
from kafka_demo.stop import TICK, Stop
from kafka_demo.visible import visible

EACH = 1.0  # seconds from one look to the next
SOON = 2.0  # seconds to wait for one answer while watching: the others are of more use now


@dataclass(frozen=True)
class Wanted:
    """What to show, and how."""

    topics: tuple[str, ...] = ()  # none: all
    groups: tuple[str, ...] = ()  # none: all
    watch: bool = False
    json: bool = False
    quiet: bool = False
    explain: bool = False


def status(wanted: Wanted, settings: Settings, stop: Stop) -> int:
    """Show it; returns the exit status. Raises KafkaException if librdkafka does not take the settings."""
    groups = ", ".join(wanted.groups)
    admin = Admin(settings, stop, quiet=wanted.quiet, explaining=wanted.explain, group=groups)
    try:
        admin.reach()
        if wanted.watch:
            _watch(wanted, admin)
        elif wanted.json:
            _put_json(_look(wanted, admin), stop)
        else:
            put_lines(board.draw(_look(wanted, admin)), stop)
            admin.narrator.explain_words(board.WORDS)
    except Problem as problem:
        admin.narrator.problem(problem)
        return 1
    except NoAnswer:
        admin.narrator.stopping("nothing is shown", stop.typed)
    except BrokenPipeError:
        pass  # the reader has seen enough, as in `kafka-demo status --watch | head`
    return 0


def _look(wanted: Wanted, admin: Admin) -> Snapshot:
    def ask() -> Snapshot:
        found = cluster.look(admin.client, wanted.groups, SOON if wanted.watch else cluster.ANSWER)
        if found.lists_groups and not (admin.settings.tls or admin.settings.sasl):
            found = found._replace(controller=find_controller((broker.host, broker.port) for broker in found.brokers))
        return found.only(wanted.topics, wanted.groups)

    return admin.ask(ask, cluster.LIMIT)


def _put_json(found: Snapshot, stop: Stop) -> None:
    text = found.to_json()
    put(f"{visible(text, as_json=True) if os.isatty(1) else text}\n", stop)


class _Watch:
    """What is seen while watching, with the time."""

    def __init__(self, admin: Admin) -> None:
        self.found: Snapshot | None = None  # the last one
        self.trouble: Problem | None = None  # why there is no newer one
        self._admin = admin
        self._at = ""
        self._full = 0  # the biggest lag seen: bars of one length mean the same all the time

    def look(self, wanted: Wanted) -> None:
        """Look again. Raises NoAnswer as soon as a signal asks to stop."""
        try:
            self.found, self.trouble = _look(wanted, self._admin), None
        except Problem as problem:
            self.trouble = problem
            return
        self._at = f"{datetime.now().astimezone():%H:%M:%S}"
        self._full = max(self._full, board.biggest_lag(self.found))

    def lines(self) -> list[Line]:
        """Show what was seen last, and since when nothing newer is known."""
        head = [Line(f"at {self._at}, again each second; Ctrl-C ends", "dim")]
        if self.trouble:
            last = f"; this is how it was at {self._at}:" if self.found else ""
            head = [Line(visible(self.trouble.what), "alarm"), Line(f"trying again{last}", "dim")]
        return [*head, Line(), *(board.draw(self.found, self._full) if self.found else ())]


def _watch(wanted: Wanted, admin: Admin) -> None:
    screen = Screen(admin.stop) if is_terminal() and not wanted.json else None
    watch, told = _Watch(admin), ""
    try:
        while not admin.stop:
            due = time.monotonic() + EACH
            watch.look(wanted)
            if screen:
                screen.show(watch.lines())
            elif not wanted.json:
                put_lines([*watch.lines(), Line()], admin.stop)
            elif watch.found and not watch.trouble:
                _put_json(watch.found, admin.stop)
            if watch.trouble and wanted.json and watch.trouble.what != told:
                admin.narrator.problem(watch.trouble)
            told = watch.trouble.what if watch.trouble else ""
            while not admin.stop and (left := due - time.monotonic()) > 0:
                admin.client.poll(0)
                if screen:
                    screen.refit()
                time.sleep(min(left, TICK))
    except NoAnswer:
        pass  # a signal: the last board stays
    finally:
        if screen:
            screen.leave()
