"""Splits standard input into lines, and makes batches of records from lines.

An empty batch is a tick: nothing has arrived, and the caller can check the time, signals and the broker.
"""

import os
import select
from collections.abc import Callable, Iterable, Iterator

from kafka_demo.records.record import Batch, Record

READ_SIZE = 64 * 1024  # bytes: what a pipe holds, and small enough for the processor's cache

Lines = list[bytes] | str  # lines, or the reason why the next line cannot be used
Parse = Callable[[bytes], Record]  # raises ValueError for an invalid line
Refuse = Callable[[int, str], object]  # takes the number of an invalid line, and the reason


def lines(
    fd: int, longest: int, tick: float, stopped: Callable[[], object], dropped: Callable[[], object] = lambda: None
) -> Iterator[Lines]:
    """Yield lines as they arrive, without their newlines, or an empty list after `tick` seconds without any.

    For a line longer than `longest` bytes, yields the reason instead. Ends at the end of input, where the last line
    needs no newline, or once `stopped()` is true; then calls `dropped()` if part of a line was read. Raises OSError.
    """
    size = min(READ_SIZE, longest)  # so a line from a single read is never too long
    begun = bytearray()  # the unfinished line: at most `longest` + 1 bytes of it
    while not stopped():
        # On Windows, select() works only on sockets, and Ctrl-C ends a read from the console.
        if os.name != "nt" and not select.select([fd], [], [], tick)[0]:
            yield []
            continue
        data = os.read(fd, size)
        head, *rest = (data or (b"\n" if begun else b"")).split(b"\n")  # the end of input also ends the last line
        begun += head[: longest + 1 - len(begun)]
        batch = rest[:-1]
        if rest:
            if len(begun) > longest:
                yield f"longer than {longest:,} bytes"
            else:
                batch.insert(0, bytes(begun))
            begun = bytearray(rest[-1])
        yield batch  # even if empty, so that an endless line does not hold up the caller
        if not data:
            return
    if begun:
        dropped()


def records(batches: Iterable[Lines], refuse: Refuse, parse: Parse | None = None) -> Iterator[Batch]:
    """Make a record from each line: the line is its value, unless `parse` makes the record or raises ValueError."""
    number = 1
    for batch in batches:
        if isinstance(batch, str):
            refuse(number, batch)
            number += 1
        elif not parse:
            yield Batch(number, batch)
            number += len(batch)
        else:
            good: list[Record] = []
            for line in batch:
                try:
                    good.append(parse(line))
                except ValueError as error:
                    yield Batch(number - len(good), good)
                    refuse(number, str(error))
                    good = []
                number += 1
            yield Batch(number - len(good), good)
