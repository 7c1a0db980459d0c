"""Where records come from: arguments or the lines of standard input, as text or as JSON.

An empty batch is a tick: nothing has arrived, and the caller can look at the time, the signals and the broker.
"""

import os
import select
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from kafka_demo.records.record import Batch, Record, from_json

READ_SIZE = 64 * 1024  # bytes: what a pipe holds, and few enough for the processor's cache

Lines = list[bytes] | str  # some lines, or why the next line cannot be used
Bad = Callable[[int, str], object]  # is given the number of an invalid line, and the reason


def lines(
    fd: int, longest: int, tick: float, stopped: Callable[[], object], dropped: Callable[[], object] = lambda: None
) -> Iterator[Lines]:
    """Yield the lines that have arrived, without their newlines, or an empty list after `tick` seconds without any.

    Yields the reason instead of a line longer than `longest` bytes. Ends at the end of input, where the last line needs
    no newline, or once `stopped()` is true, and then calls `dropped()` if half a line was read. Raises OSError.
    """
    size = min(READ_SIZE, longest)  # so only a line from more than one read can be too long
    begun = bytearray()  # the line that has not ended yet: at most `longest` + 1 bytes of it
    while not stopped():
        # On Windows select() takes only sockets, and Ctrl-C ends a read from the console.
        if os.name != "nt" and not select.select([fd], [], [], tick)[0]:
            yield []
            continue
        data = os.read(fd, size)
        head, *rest = (data or (b"\n" if begun else b"")).split(b"\n")  # the end of input ends the last line, too
        begun += head[: longest + 1 - len(begun)]
        batch = rest[:-1]
        if rest:
            if len(begun) > longest:
                yield f"longer than {longest:,} bytes"
            else:
                batch.insert(0, bytes(begun))
            begun = bytearray(rest[-1])
        yield batch  # even if empty: a line without end is no reason to look at nothing else
        if not data:
            return
    if begun:
        dropped()


def text(batches: Iterable[Lines], bad: Bad, parse: Callable[[bytes], Record] | None = None) -> Iterator[Batch]:
    """Make each line a record: the line is its value, unless `parse` makes the record."""
    number = 1
    for batch in batches:
        if isinstance(batch, str):
            bad(number, batch)
            number += 1
        else:
            yield Batch(number, [parse(line) for line in batch] if parse else batch)
            number += len(batch)


def json_lines(batches: Iterable[Lines], bad: Bad) -> Iterator[Batch]:
    """Make a record of the JSON in each line."""
    for first, batch in text(batches, bad):
        if not batch:
            yield Batch(first, [])
        for number, line in enumerate(cast("list[bytes]", batch), first):
            try:
                yield Batch(number, [from_json(line)])
            except ValueError as error:
                bad(number, str(error))
