"""Runs the examples of a guide in real terminals, and compares what they show with what the guide says.

A block of the language `console` is what one terminal shows, its number is the next word: `$ ` is a command that is
typed, `> ` a line that is typed into it, `^C` and `^D` are keys, `…` stands for anything in a line, and alone for any
lines. All else must be there, word for word. A third word, `docker` or `memory`, says which broker the block is for.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

from support import LIMIT

PROMPT = "workshop$ "
ANYTHING = "…"
REPEATED = "$ kafka-demo status"


@dataclass
class Block:
    """What one terminal shows, and where the guide says so."""

    terminal: str
    broker: str
    line: int
    lines: list[str] = field(default_factory=list)


def sections(guide: Path) -> dict[str, list[Block]]:
    """Find the examples of each section (`## …`), in their order."""
    found: dict[str, list[Block]] = {}
    title, block = "", None
    for number, line in enumerate(guide.read_text().splitlines(), 1):
        if block is not None:
            if line == "```":
                block = None
            else:
                block.lines.append(line)
        elif line.startswith("## "):
            title = line.removeprefix("## ")
        elif line.startswith("```console"):
            words = line.split()[1:]
            block = Block(words[0] if words else "1", words[1] if len(words) > 1 else "", number)
            found.setdefault(title, []).append(block)
        elif line.startswith("```"):
            block = Block("", "", number)  # some other language: nothing to run
    return found


class Terminal:
    """A shell in a terminal of its own."""

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
        self._free = False  # whether lines may come that the guide does not show

    def play(self, block: Block, names: dict[str, str]) -> None:
        """Type what the block says, and see that it shows what it shows; `names` are written otherwise here.

        What `status` shows takes a moment to become true: it is typed again until it does.
        """
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                return self._play_once(block, names)
            except AssertionError:
                if not block.lines[0].startswith(REPEATED) or time.monotonic() > deadline:
                    raise
                self._free = True  # the rest of what it has shown

    def _play_once(self, block: Block, names: dict[str, str]) -> None:
        for number, shown in enumerate(block.lines, block.line + 1):
            line = shown
            for name, real in names.items():
                line = line.replace(name, real)
            try:
                self._play(line)
            except (pexpect.TIMEOUT, pexpect.EOF, AssertionError):
                shows = f"{self._shell.before}".replace("\r", "")
                raise AssertionError(f"line {number} says\n  {line}\nand the terminal shows\n  {shows}") from None

    def _play(self, line: str) -> None:
        if line.startswith("$ "):
            self._see_prompt()
            self._type(line.removeprefix("$ "))
        elif line.startswith("> "):
            self._type(line.removeprefix("> "))
        elif line == "^D":
            self._shell.sendeof()
        elif line == ANYTHING:
            self._free = True
        else:
            if line.startswith("^C"):
                self._shell.sendintr()
            self._see(line.removeprefix("^C"))

    def _type(self, line: str) -> None:
        self._shell.sendline(line)
        self._see(line)  # a terminal shows what is typed

    def _see(self, line: str) -> None:
        pattern = ".*".join(map(re.escape, line.split(ANYTHING)))
        while not re.fullmatch(pattern, self._next().removeprefix("^C")):  # which appears wherever the cursor is
            assert self._free
        self._free = False

    def _see_prompt(self) -> None:
        while self._shell.expect_exact([PROMPT, "\r\n"]):
            assert self._free
        self._free = False

    def _next(self) -> str:
        self._shell.expect_exact("\r\n")
        return str(self._shell.before)

    def close(self) -> None:
        self._shell.close(force=True)


def play(blocks: list[Block], broker: str, environment: dict[str, str], names: dict[str, str], folder: Path) -> None:
    """Play the examples of a section on a broker, each in its terminal."""
    terminals: dict[str, Terminal] = {}
    try:
        for block in blocks:
            if block.broker in ("", broker):
                terminal = terminals.setdefault(block.terminal, Terminal(environment, folder))
                terminal.play(block, names)
    finally:
        for terminal in terminals.values():
            terminal.close()


def commands(guide: Path) -> Iterator[str]:
    """Find what the guide has to be typed outside the examples: the lines of its `sh` blocks, without comments."""
    for block in re.findall(r"^```sh\n(.*?)^```", guide.read_text(), re.DOTALL | re.MULTILINE):
        yield from (line.partition("  #")[0].strip() for line in block.splitlines() if line.strip())
