"""Runs commands of kafka-demo as processes and shows what they say side by side, each with its name before it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from queue import Empty, Queue
from threading import Thread
from typing import IO

from confluent_kafka import Message

from kafka_demo.patience import NoAnswer
from kafka_demo.record import Headers, from_json
from kafka_demo.sink import as_text
from kafka_demo.stop import INTERRUPT, TICK, Stop
from kafka_demo.visible import coloured

PATIENCE = 30.0  # seconds to wait for one event
COLOURS = {"producer": "33", "consumer 1": "36", "consumer 2": "35"}


class Stage:
    """The processes of the tour, and what they have said so far."""

    def __init__(self, stop: Stop, variables: dict[str, str] | None = None) -> None:
        """Take the stage; `variables` are set in the environment of the processes."""
        self._stop = stop
        self._environment = dict(os.environ) | (variables or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._open: dict[str, int] = {}  # how many of the two streams of a process have not ended
        self._said: dict[str, list[str]] = defaultdict(list)
        self._records: dict[str, list[tuple[Message, Headers]]] = defaultdict(list)
        self._lines: Queue[tuple[str, bytes | None, bool]] = Queue()
        self._showing = True
        terminal = os.isatty(1)
        self._width = shutil.get_terminal_size().columns if terminal else None
        self._colours = coloured(1)

    def tell(self, words: str) -> None:
        """Say what happens next."""
        print(f"\n\x1b[1m{words}\x1b[0m" if self._colours else f"\n{words}", flush=True)

    def start(self, name: str, *arguments: str) -> None:
        """Start `kafka-demo ARGUMENTS` as a process of this name."""
        shown = " ".join(arguments).replace(" -f json", "")  # with which the stage gets text, key and headers apart
        self._show(name, f"$ kafka-demo {shown}")
        process = subprocess.Popen(
            [sys.executable, "-m", "kafka_demo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is for the tour, which then stops them in its own way
        )
        self._processes[name] = process
        self._open[name] = 2
        for stream, is_data in ((process.stdout, True), (process.stderr, False)):
            Thread(target=self._listen, args=(name, stream, is_data), daemon=True).start()

    def interrupt(self, name: str) -> None:
        """Do to a process what Ctrl-C does."""
        self._processes[name].send_signal(INTERRUPT)

    def until(self, what: str, happened: Callable[[], bool]) -> None:
        """Show what the processes say until something happened; raises NoAnswer after a signal, or if it never does."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            failed = any(process.poll() for process in self._processes.values())  # a status that is not 0
            if self._stop or failed or time.monotonic() > deadline:
                raise NoAnswer(what)
            self._pump(TICK)

    def heard(self, name: str, words: str) -> bool:
        """Whether a process has said something that begins so."""
        return any(line.startswith(words) for line in self._said[name])

    def last(self, name: str) -> str:
        """Return the last words of a process."""
        return self._said[name][-1] if self._said[name] else ""

    def records(self, name: str) -> list[tuple[Message, Headers]]:
        """Return what a consumer has read."""
        return self._records[name]

    def count(self, *names: str) -> int:
        """Count what these consumers have read."""
        return sum(len(self._records[name]) for name in names)

    def ended(self, name: str) -> bool:
        """Whether a process has ended and all that it said has been shown."""
        return not self._open[name]

    def clear(self) -> None:
        """Stop what is still running, gently first, and leave no process behind."""
        running = [process for process in self._processes.values() if process.poll() is None]
        for process in running:
            process.send_signal(INTERRUPT)
        for process in running:
            try:
                process.wait(PATIENCE / 3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._showing = False  # whatever happened may have been that nobody watches any more
        while any(self._open.values()):
            self._pump(TICK)

    def _listen(self, name: str, stream: IO[bytes], is_data: bool) -> None:
        for line in stream:
            self._lines.put((name, line.rstrip(b"\n"), is_data))
        self._lines.put((name, None, is_data))

    def _pump(self, seconds: float) -> None:
        try:
            name, line, is_data = self._lines.get(timeout=seconds)
        except Empty:
            return
        if line is None:
            self._open[name] -= 1
        elif is_data:
            message, headers = _message(line)
            self._records[name].append((message, headers))
            self._show(name, as_text(message, True).decode())
        else:
            self._said[name].append(line.decode())
            self._show(name, line.decode())

    def _show(self, name: str, line: str) -> None:
        if not self._showing:
            return
        text = f"{name:10} │ {line}"
        if self._width and len(text) > self._width:
            text = f"{text[: self._width - 1]}…"
        if self._colours:
            text = f"\x1b[{COLOURS[name]}m{text}\x1b[0m"
        print(text, flush=True)


def _message(line: bytes) -> tuple[Message, Headers]:
    fields, record = json.loads(line), from_json(line)
    message = Message(
        partition=fields["partition"], offset=fields["offset"], key=record.get("key"), value=record["value"]
    )
    return message, record.get("headers", [])
