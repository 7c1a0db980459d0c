"""Standard output for messages, and the count of those that are written completely."""

import os
import select
import stat
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from math import inf

from confluent_kafka import Message

from kafka_demo.narration.text import visible
from kafka_demo.records.record import to_json

TICK = 0.1  # seconds that a wait may take before a signal is noticed
GRACE = 2.0  # seconds that a slow reader has after a signal to take the rest of a message


def as_text(message: Message) -> bytes:
    """Format partition, offset, key and value for people."""
    key, value = message.key(), message.value()
    data = b"%s  %s" % (b"no key" if key is None else b"key " + key, b"(null value)" if value is None else value)
    return f"partition {message.partition()}  offset {message.offset()}  ".encode() + data


Form = Callable[[Message], bytes]
# Message.value is the value byte for byte; None if it is null.
FORMATS: dict[str, Form] = {"text": as_text, "value": Message.value, "json": to_json}  # type: ignore[dict-item]


class Sink:
    """A file descriptor for messages, each followed by a newline; writing notices a signal within TICK."""

    def __init__(self, fd: int, form: Form, stopped: Callable[[], object]) -> None:
        self.failure: OSError | None = None  # why nothing more can be written
        self._fd, self._form, self._stopped = fd, form, stopped
        self._terminal = os.isatty(fd)
        mode = os.fstat(fd).st_mode
        self.to_file = stat.S_ISREG(mode)  # then nothing else shows that messages arrive
        can_block = self._terminal or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._poll = select.poll() if can_block and hasattr(select, "poll") else None  # Windows has no poll()
        if self._poll:
            self._poll.register(fd, select.POLLOUT)

    @property
    def reader_left(self) -> bool:
        """Whether the other end of the pipe is closed; known even if nothing is written."""
        events = self._poll.poll(0) if self._poll else []
        return isinstance(self.failure, BrokenPipeError) or any(event & select.POLLERR for _, event in events)

    def write(self, messages: list[Message]) -> int:
        """Write messages, and return how many are written completely: fewer after a failure or a signal."""
        pieces = [piece or b"" for piece in map(self._form, messages)]
        if self._terminal:  # control characters are escaped
            pieces = [visible(piece, as_json=self._form is to_json).encode() for piece in pieces]
        data = memoryview(b"\n".join([*pieces, b""]))
        # A ready pipe takes PIPE_BUF bytes without blocking; one more could block. A disk may be slow.
        step = select.PIPE_BUF if self._poll else 2**20
        written, goal, deadline = 0, len(data), inf
        while written < goal and time.monotonic() < deadline and not self.failure:
            if deadline == inf and self._stopped():
                deadline = time.monotonic() + GRACE
                goal = next(end for end in (0, *_ends(pieces)) if end >= written)  # the end of the current message
            elif not self._poll or self._poll.poll(TICK * 1000):
                try:
                    written += os.write(self._fd, data[written : min(written + step, goal)])
                except OSError as error:
                    self.failure = error
        return len(messages) if written == len(data) else sum(end <= written for end in _ends(pieces))


def _ends(pieces: list[bytes]) -> Iterator[int]:
    """Yield the end of each piece and its newline."""
    return accumulate(len(piece) + 1 for piece in pieces)
