"""How text reaches a terminal (escaped, colored), and how counts, partitions and offsets are written."""

import contextlib
import os
import re
import select
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

DIM, BOLD, RED, BLUE, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[34m", "\x1b[0m"
_SHORT = 256  # bytes that a terminal accepts without blocking once it is writable
# C0, DEL and C1; line separators; characters that reorder the text around them
# (https://www.unicode.org/reports/tr9/); lone surrogates, which cannot be printed.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CLEAR = "\r\x1b[K"  # erases the line that the cursor is on


@dataclass
class _Screen:
    """The state of the terminal, and what is being typed below the narration."""

    unread: bool = False  # whether the last line was dropped because nobody read it
    progress: bool = False  # whether the next line replaces the last one
    typed: Callable[[], str] = str  # returns what is being typed below the narration
    restore: Callable[[], object] = str  # restores the terminal's settings after typing


_screen = _Screen()


def visible(text: str | bytes, *, as_json: bool = False) -> str:
    r"""Replace control characters, and bytes that are not UTF-8, with escapes: `\x1b`, or `\u001b` if `as_json`."""
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    if as_json:
        return _HIDDEN.sub(lambda hidden: f"\\u{ord(hidden[0]):04x}", text)
    return _HIDDEN.sub(lambda hidden: hidden[0].encode("unicode_escape").decode(), text)


def colored(fd: int) -> bool:
    """Whether this file descriptor is a terminal with colors, and the user has not turned them off (NO_COLOR)."""
    return os.isatty(fd) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def tell(words: str, style: str = "") -> None:
    """Write a line to standard error; if nobody reads it, drop it after a second, and drop later ones at once."""
    style = style if colored(2) else ""
    typed = visible(_screen.typed()) if os.isatty(2) else ""
    clear = _CLEAR if typed or _screen.progress else ""
    _screen.progress = False
    write(f"{clear}{style}{visible(words)}{_PLAIN if style else ''}\n{typed}")


def progress(words: str) -> None:
    """On a terminal, write a line that the next one replaces."""
    if os.isatty(2):
        write(_CLEAR + words)
        _screen.progress = True


def write(shown: str) -> None:
    """Write text to standard error as it is, or drop it if nobody reads it."""
    data = shown.encode()
    with contextlib.suppress(OSError):  # the terminal is gone
        # On Windows, select() works only on sockets.
        while data and (os.name == "nt" or select.select([], [2], [], 0 if _screen.unread else 1)[1]):
            data = data[os.write(2, data[:_SHORT]) :]
        _screen.unread = bool(data)


def error(what: str, hint: str = "") -> None:
    """Write what happened, and a hint if there is one."""
    tell(f"error: {what}", RED)
    if hint:
        tell(f"hint: {hint}", DIM)


def begin_typing(typed: Callable[[], str], restore: Callable[[], object]) -> None:
    """Show what is being typed below the narration, until `end_typing()` calls `restore()`."""
    _screen.typed, _screen.restore = typed, restore


def end_typing() -> None:
    """Restore the terminal's settings; a second call does nothing."""
    _screen.restore()
    _screen.typed = _screen.restore = str


def start_new_line() -> None:
    r"""Move past the line on which something is typed, or on which the terminal has echoed ^C or ^\."""
    end_typing()
    if os.isatty(2):
        tell("")


def forced_to_stop(undone: str = "") -> None:
    """Say that a second signal ends the process at once, and what remains undone."""
    start_new_line()
    tell(f"forced to stop{undone and ': '}{undone}", RED)


def count(number: int, thing: str) -> str:
    """Format `1 message`, `2 messages`, `3,000 messages`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def partitions_text(partitions: Iterable[int]) -> str:
    """Format `partition 2` or `partitions 0, 1`."""
    numbers = sorted(partitions)
    return f"partition{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def range_text(first: int, last: int) -> str:
    """Format `offset 5` or `offsets 5 to 9`, both inclusive."""
    return f"offset {first}" if first == last else f"offsets {first} to {last}"


def offsets_text(offsets: Mapping[int, int]) -> str:
    """Format committed offsets by partition: `partition 0 at offset 4, 1 at 9`; nothing if there are none."""
    words = ", ".join(f"{partition} at {offset}" for partition, offset in sorted(offsets.items()))
    return f"partition {words.replace(' at ', ' at offset ', 1)}" if words else ""


def member_text(member_id: str) -> str:
    """Format the start of a member's UUID, which in the classic protocol follows client.id or group.instance.id."""
    return visible(re.sub("^.*-(?=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$)", "", member_id)[:6])
