"""Shows text, and makes it safe for a terminal, where a control character in a message could do anything."""

import contextlib
import os
import re
import select

_SHORT = 256  # bytes that a terminal which is ready takes without blocking, or nearly always
_PLAIN = "\x1b[0m"
# C0, DEL and C1; line separators and what reorders the text around it (https://www.unicode.org/reports/tr9/);
# and lone surrogates, which cannot be printed.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_unread = False  # whether the last line was dropped


def visible(text: str | bytes, *, as_json: bool = False) -> str:
    r"""Replace control characters, and bytes that are not UTF-8, by escapes like `\x1b`.

    `as_json` writes them as JSON does, so that what was JSON stays JSON.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    return _HIDDEN.sub(_escaped_for_json if as_json else _escaped, text)


def coloured(fd: int) -> bool:
    """Whether this is a terminal that shows colours, and nobody wants none (https://no-color.org)."""
    return os.isatty(fd) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def tell(words: str, colour: str = "") -> None:
    """Write a line to standard error, which is where everything goes that is no data.

    If nobody reads it, the line is dropped after a second, and the next ones at once: it is not worth hanging for.
    """
    global _unread  # noqa: PLW0603 (there is one standard error)
    data = f"{colour}{_wrapped(visible(words))}{_PLAIN if colour else ''}\n".encode()
    with contextlib.suppress(OSError):  # the terminal is gone: there is nobody to tell
        while data and _writable(2, 0 if _unread else 1000):
            data = data[os.write(2, data[:_SHORT]) :]
        _unread = bool(data)


def _wrapped(words: str) -> str:
    """Break a line between words where a terminal would break it anywhere."""
    try:
        width = os.get_terminal_size(2).columns
    except OSError:
        return words  # no terminal: a line is a line
    if not 20 < width < len(words):  # noqa: PLR2004 (a terminal that does not know its width says 0)
        return words
    import textwrap  # not before the signals are heard, which is right after this file was read

    indent = words[: len(words) - len(words.lstrip())]
    lines = textwrap.wrap(words, width, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def _writable(fd: int, milliseconds: int) -> bool:
    if not hasattr(select, "poll"):
        return True  # Windows
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(milliseconds))


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _escaped_for_json(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
