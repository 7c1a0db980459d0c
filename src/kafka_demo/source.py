"""Where records come from: arguments, or the lines of standard input, as text or as JSON.

A source is an iterator of batches. An empty batch is a tick: nothing has come for a moment, and
whoever reads the source can look at the time, at the signals and at the broker.
"""

import os
import select
from collections.abc import Callable, Iterable, Iterator

from kafka_demo.record import Batch, Record, from_json

READ_SIZE = 64 * 1024  # bytes: what a pipe holds; records of a larger piece would not stay in the processor's cache


Parse = Callable[[bytes], Record]


def lines(fd: int, longest: int, tick: float, stopped: Callable[[], object]) -> Iterator[list[bytes]]:
    """Yield the lines that have arrived, without their newlines; an empty list after `tick` seconds without any.

    Ends at the end of input, whose last line needs no newline, or once `stopped()` is true: then half a
    line is dropped. Of a line longer than `longest` bytes only so much is kept, and no more memory taken.
    Raises OSError if `fd` cannot be read.
    """
    begun: list[bytes] = []  # the pieces of the line that has not ended yet
    size = 0
    while not stopped():
        if not _readable(fd, tick):
            yield []
            continue
        data = os.read(fd, READ_SIZE)
        head, *rest = data.split(b"\n")
        if size <= longest:
            begun.append(head[: longest + 1 - size])
            size += len(head)
        if rest:
            yield [b"".join(begun), *rest[:-1]]
            begun, size = [rest[-1]], len(rest[-1])
        elif data:
            yield []  # a line without end is no reason to be silent
        if not data:
            if size:
                yield [b"".join(begun)]
            return


def _readable(fd: int, seconds: float) -> bool:
    if os.name == "nt":
        return True  # select() knows only sockets there; a console read is ended by Ctrl-C
    return bool(select.select([fd], [], [], seconds)[0])


def text(batches: Iterable[list[bytes]], parse: Parse | None = None) -> Iterator[Batch]:
    """Make each line a record: its value, or what `parse` makes of it."""
    number = 1
    for batch in batches:
        yield Batch(number, [parse(line) for line in batch] if parse else batch)
        number += len(batch)


def json_lines(batches: Iterable[list[bytes]], bad: Callable[[int, str], None]) -> Iterator[Batch]:
    """Make each line a record of the JSON in it; `bad` gets the number of a line that is none, and why."""
    number = 1
    for batch in batches:
        if not batch:
            yield Batch(number, [])
        for line in batch:
            try:
                record = from_json(line)
            except ValueError as error:
                bad(number, str(error))
            else:
                yield Batch(number, [record])
            number += 1
