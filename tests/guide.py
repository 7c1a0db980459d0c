"""Plays the examples of a guide in real terminals, and compares what they show with what the guide shows.

A `python` block is a file to write; the word after `python` is its name. A `console` block is what one terminal shows.
The next word is the terminal's number; `docker` or `cluster` after it limits the block to that broker. `$ ` begins a
command to type, `> ` a line to type into it, and `^C`, `^D` and `^Z` are keys. `…` stands for any text, and alone on a
line for any lines. Everything else must appear word for word, and nothing more, apart from SLOW.
"""

import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

from support import LIMIT, Broker, environment

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
PROMPT = "workshop$ "
ANYTHING = "…"
KEYS = {"^C": "\x03", "^D": "\x04", "^Z": "\x1a"}
REPEATED = "$ kafka-demo status"
SLOW = ("waiting up to 10 s for the topic and ", "waiting for partitions of topic ")  # printed if a broker is slow


@dataclass
class Block:
    """A fenced block of a guide: where it begins, and the words after the fence (`terminal`: a file name in python)."""

    line: int
    language: str = ""
    terminal: str = ""
    broker: str = ""
    lines: list[str] = field(default_factory=list, init=False)


def sections(guide: Path) -> dict[str, list[Block]]:
    """Return the blocks of each section (`## …`), in their order."""
    found: dict[str, list[Block]] = {"": []}
    block = None
    for number, line in enumerate(guide.read_text().splitlines(), 1):
        if line.startswith("```"):
            block = None if block is not None else Block(number, *line.removeprefix("```").split())
            if block is not None:
                found[list(found)[-1]].append(block)
        elif block is not None:
            block.lines.append(line)
        elif line.startswith("## "):
            found[line.removeprefix("## ")] = []
    return found


class Terminal:
    """A shell in its own terminal."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._shell = pexpect.spawn(
            "bash",
            ["--norc", "--noprofile", "--noediting"],
            env=environment | {"PS1": PROMPT, "TERM": "xterm", "NO_COLOR": "1"},
            cwd=str(folder),
            encoding="utf-8",
            dimensions=(50, 250),
            timeout=LIMIT,
        )
        self._free = False  # whether lines that the guide does not show may appear
        self._shown: list[str] = []  # since the last line was typed

    def play(self, block: Block, names: dict[str, str]) -> None:
        """Type what the block types, and check what it shows; `names` maps the guide's addresses to those here.

        `status` may need a moment to show it: it is typed again until it does.
        """
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                for number, shown in enumerate(block.lines, block.line + 1):
                    self._play(_here(shown, names), number)
            except AssertionError:
                if not block.lines[0].startswith(REPEATED) or time.monotonic() > deadline:
                    raise
                self._free = True  # the rest of what it has shown
            else:
                return

    def _play(self, line: str, number: int) -> None:
        try:
            if line == ANYTHING:
                self._free = True
            elif line in KEYS:
                self._shell.send(KEYS[line])
            elif line.startswith("$ "):
                while self._shell.expect_exact([PROMPT, "\r\n"]):
                    assert self._free
                self._type(line)
            elif line.startswith("> "):
                self._shell.expect_exact("> ")
                self._type(line)
            else:
                self._see(line)
        except (pexpect.TIMEOUT, pexpect.EOF, AssertionError):
            shows = "\n  ".join([*self._shown, f"{self._shell.before}".replace("\r", "")])
            raise AssertionError(f"line {number} says\n  {line}\nand the terminal shows\n  {shows}") from None

    def _type(self, line: str) -> None:
        self._free, self._shown = False, []
        self._shell.sendline(line[2:])
        self._see(line[2:])  # a terminal shows what is typed

    def _see(self, line: str) -> None:
        pattern = ".*".join(map(re.escape, line.split(ANYTHING)))
        while not re.fullmatch(pattern, shown := self._next()):
            assert self._free or not shown or shown.startswith(SLOW)  # an empty line follows a key
        self._free = False

    def _next(self) -> str:
        self._shell.expect_exact("\r\n")
        # Keys are echoed wherever the cursor is, and narration erases the line that is being typed.
        self._shown.append(re.sub(r"^> $|\^[CZ]|.*\r\x1b\[K", "", str(self._shell.before)))
        return self._shown[-1]

    def close(self) -> None:
        self._shell.close(force=True)


def _here(line: str, names: dict[str, str]) -> str:
    return re.sub("|".join(names), lambda name: names[name[0]], line)


def play(
    blocks: list[Block], broker: Broker, folder: Path, addresses: Sequence[str] = ("localhost:9092",), **variables: str
) -> None:
    """Play the examples of a section, each in its terminal; `addresses` are the broker's in the guide."""
    own = environment(PATH=PATH, KAFKA_BOOTSTRAP_SERVERS=broker.address, **variables)
    names = dict(zip(addresses, broker.address.split(","), strict=True))
    terminals: dict[str, Terminal] = {}
    try:
        for block in blocks:
            if block.language == "python":  # a file to write
                text = "".join(f"{_here(line, names)}\n" for line in block.lines)
                file = folder / block.terminal
                file.parent.mkdir(exist_ok=True)
                file.write_text(text)
            if block.language == "console":
                terminals.setdefault(block.terminal, Terminal(own, folder)).play(block, names)
    finally:
        for terminal in terminals.values():
            terminal.close()
