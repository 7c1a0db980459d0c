"""The stage of the demo: kafka-demo's commands as processes, with their output shown together."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import chain
from queue import Empty, Queue
from threading import Thread
from typing import IO, Any

import click

from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import colored, visible
from kafka_demo.shutdown import INTERRUPT, TICK, Stop, Timeout

STEP_TIMEOUT = 30.0  # seconds for one `wait()`
STOP_TIMEOUT = 10.0  # seconds for the processes to stop after a signal
COLORS = {"producer": "yellow", "consumer 1": "cyan", "consumer 2": "magenta"}


class Stage:
    """The processes of the demo, and what they have printed so far."""

    def __init__(self, stop: Stop) -> None:
        self.hidden: list[str] = []  # options that every process gets but that are not shown
        self.printed: dict[str, list[str]] = defaultdict(list)  # by process name
        self.ended: set[str] = set()  # names of processes that have ended and whose output has been shown
        self._stop = stop
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lines: Queue[tuple[str, bytes]] = Queue()
        self._width = shutil.get_terminal_size().columns if os.isatty(1) else sys.maxsize

    def title(self, words: str) -> None:
        """Say what happens next."""
        click.secho(f"\n{words}", bold=True, color=colored(1))

    def start(self, name: str, *command: str) -> None:
        """Start `kafka-demo COMMAND` as a process with this name."""
        self._show(name, f"$ kafka-demo {' '.join(command)}")
        form = ("-f", "text") if command[0] == "consume" else ()
        arguments = [sys.executable, "-P", "-m", "kafka_demo", *command, *self.hidden, *form]
        streams: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        # In a session (or on Windows, a group) of its own, the process does not get the terminal's Ctrl-C.
        apart: Any = {"start_new_session": True, "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        self._processes[name] = process = subprocess.Popen(arguments, **streams, **apart)
        Thread(target=self._listen, args=(name, process.stdout), daemon=True).start()

    def wait(self, what: str, happened: Callable[[], bool]) -> None:
        """Show output until `happened()`. Raises Timeout after a signal, Problem if a process fails or time is up."""
        deadline = time.monotonic() + STEP_TIMEOUT
        while not happened():
            if self._stop:
                raise Timeout
            if time.monotonic() > deadline:
                raise Problem(f"the demo cannot continue: waited {STEP_TIMEOUT:.0f} s for this step: {what}")
            try:
                name, line = self._lines.get(timeout=TICK)
            except Empty:
                continue
            if line:
                self.printed[name].append(line.decode().rstrip("\n"))
                self._show(name, self.printed[name][-1])
            elif status := self._processes[name].wait():
                raise Problem(f"the demo cannot continue: {name} failed with exit status {status}")
            else:
                self.ended.add(name)

    def read(self, *names: str) -> list[tuple[int, int]]:
        """Return partition and offset of the messages that these consumers have read, in order."""
        lines = (re.match(r"partition (\d+)  offset (\d+)  ", line) for name in names for line in self.printed[name])
        return [(int(line[1]), int(line[2])) for line in lines if line]

    def interrupt(self, name: str) -> None:
        """Stop a process as Ctrl-C does."""
        self._processes[name].send_signal(INTERRUPT)

    def stop_all(self) -> None:
        """Stop the remaining processes: as Ctrl-C does, and after 10 s by force."""
        for name in self._processes:
            self.interrupt(name)
        deadline = time.monotonic() + STOP_TIMEOUT
        while time.monotonic() < deadline and any(process.poll() is None for process in self._processes.values()):
            time.sleep(TICK / 2)
        self.kill()

    def kill(self) -> None:
        """Kill the remaining processes."""
        for process in self._processes.values():
            process.kill()

    def _listen(self, name: str, stream: IO[bytes]) -> None:
        for line in chain(stream, [b""]):
            self._lines.put((name, line))

    def _show(self, name: str, line: str) -> None:
        row = f"{name:10} │ {visible(line)}"
        click.secho(row if len(row) <= self._width else f"{row[: self._width - 1]}…", fg=COLORS[name], color=colored(1))
