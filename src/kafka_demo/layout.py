"""Lines for a person: aligned in columns, coloured, and cut to a window."""

import unicodedata
from itertools import accumulate
from typing import NamedTuple

from kafka_demo.narrator import DIM, RED
from kafka_demo.words import count

STYLES = {"title": "\x1b[1m", "dim": DIM, "alarm": RED}

Row = tuple[str, ...]


class Line(NamedTuple):
    """A line, and how it looks where there are colours; without them the words alone say it."""

    text: str = ""
    style: str = ""

    def painted(self, colours: bool) -> str:
        """Add the colours."""
        return f"{STYLES[self.style]}{self.text}\x1b[0m" if colours and self.style else self.text


def fit(lines: list[Line], columns: int, rows: int) -> list[Line]:
    """Cut the lines to a window; where they are too many, empty ones go first."""
    if len(lines) > rows:
        lines = [line for line in lines if line.text]
    if len(lines) > rows:
        more = count(len(lines) - rows + 1, "more line")
        lines = [*lines[: max(rows - 1, 0)], Line(f"… {more}: choose with -t or -g")]
    return [line._replace(text=_cut(line.text, columns)) for line in lines]


def table(rows: list[Row], right: set[int] | frozenset[int] = frozenset(), indent: int = 0) -> list[tuple[Row, str]]:
    """Align the columns, those in `right` to the right; returns each row with its text."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    found = []
    for row in rows:
        padded = [(cell, " " * (width - _width(cell))) for cell, width in zip(row, widths, strict=True)]
        cells = (f"{pad}{cell}" if number in right else f"{cell}{pad}" for number, (cell, pad) in enumerate(padded))
        found.append((row, (" " * indent + "  ".join(cells)).rstrip()))
    return found


def _width(text: str) -> int:
    """Count the columns that a text takes: a Chinese, Japanese or Korean character takes two, an accent none."""
    wide = (1 + (unicodedata.east_asian_width(char) in "WF") for char in text if not unicodedata.combining(char))
    return sum(wide)


def _cut(text: str, columns: int) -> str:
    if _width(text) <= columns:
        return text
    kept = sum(width < columns for width in accumulate(map(_width, text)))
    return f"{text[:kept]}…"
