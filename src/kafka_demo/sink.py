"""Writes messages to standard output, and knows how many of them are written whole."""

import os
import select
import stat
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from operator import methodcaller

from confluent_kafka import Message

from kafka_demo.record import to_json
from kafka_demo.visible import visible

TICK = 0.1  # seconds that one wait may take, so that a signal is heard
GRACE = 2.0  # seconds after a signal for a slow reader to take the rest of the message that it has begun to get


def as_value(message: Message, terminal: bool) -> bytes:
    """Show the value only, byte for byte; of one that is null, nothing."""
    value = message.value() or b""
    return visible(value).encode() if terminal else value


def as_text(message: Message, terminal: bool) -> bytes:
    """Show place, key and value, for a person."""
    key, value = message.key(), message.value()
    data = b"%s  %s" % (b"no key" if key is None else b"key " + key, b"null" if value is None else value)
    place = f"partition {message.partition()}  offset {message.offset()}  "
    return place.encode() + (visible(data).encode() if terminal else data)


def as_json(message: Message, terminal: bool) -> bytes:
    """Show all there is, as JSON, which `produce -f json` takes."""
    line = to_json(message)
    return (visible(line, as_json=True) if terminal else line).encode()


_value = methodcaller("value")
FORMATS = {"text": as_text, "value": as_value, "json": as_json}


class Sink:
    """Writes each message and a newline to a file descriptor, without blocking for longer than TICK."""

    def __init__(self, fd: int, form: Callable[[Message, bool], bytes], stopped: Callable[[], object]) -> None:
        self.failure: OSError | None = None  # why nothing can be written any more
        self._fd = fd
        self._form = form
        self._stopped = stopped
        self._terminal = os.isatty(fd)
        self._bare = form is as_value and not self._terminal
        mode = os.fstat(fd).st_mode
        blocks = self._terminal or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._poll = None
        if blocks and hasattr(select, "poll"):  # there is none on Windows
            self._poll = select.poll()
            self._poll.register(fd, select.POLLOUT)

    @property
    def reader_left(self) -> bool:
        """Whether whoever read the other end of the pipe has closed it; it shows even while nothing is written."""
        if isinstance(self.failure, BrokenPipeError):
            return True
        return self._poll is not None and any(event & select.POLLERR for _, event in self._poll.poll(0))

    def write(self, messages: list[Message]) -> int:
        """Write them, and return how many are written whole: less than all after a failure or a signal."""
        if self._bare:  # as as_value() does, but for a million of them in half the time
            pieces = list(map(_value, messages))
            pieces = pieces if all(pieces) else [value or b"" for value in pieces]
        else:
            pieces = [self._form(message, self._terminal) for message in messages]
        data = b"\n".join([*pieces, b""])
        written = self._write(memoryview(data), pieces)
        return len(messages) if written == len(data) else sum(1 for end in _ends(pieces) if end <= written)

    def _write(self, data: memoryview, pieces: list[bytes]) -> int:
        written = 0
        goal = len(data)
        deadline = float("inf")
        while written < goal and time.monotonic() < deadline:
            if self._stopped() and deadline == float("inf"):
                deadline = time.monotonic() + GRACE
                goal = next(end for end in (0, *_ends(pieces)) if end >= written)
                continue
            if self._poll and not self._poll.poll(TICK * 1000):
                continue
            # A pipe that is ready takes PIPE_BUF bytes without blocking, and maybe not one more.
            step = select.PIPE_BUF if self._poll else goal
            try:
                written += os.write(self._fd, data[written : min(written + step, goal)])
            except OSError as error:
                self.failure = error
                break
        return written


def _ends(pieces: list[bytes]) -> Iterator[int]:
    """Find where each piece and its newline end."""
    return accumulate(len(piece) + 1 for piece in pieces)
