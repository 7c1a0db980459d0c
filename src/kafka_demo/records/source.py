"""Lines from standard input, and batches of records made from lines.

An empty batch is a tick: nothing has arrived, and the caller can check the time, signals and the broker.
"""

import os
import select
from collections.abc import Callable, Iterable, Iterator

from kafka_demo.records.record import Batch, Record

READ_SIZE = 64 * 1024  # bytes: what a pipe holds, and small enough for the processor's cache

Lines = list[bytes] | str  # lines, or the reason why the next line cannot be used
Parse = Callable[[bytes], Record]  # raises ValueError for an invalid line
OnInvalid = Callable[[int, str], object]  # takes the number of an invalid line, and the reason


def lines(
    fd: int, max_bytes: int, tick: float, stopped: Callable[[], object], dropped: Callable[[], object] = lambda: None
) -> Iterator[Lines]:
    """Yield lines as they arrive, without their newlines, or an empty list after `tick` seconds without any.

    For a line longer than `max_bytes` bytes, yields the reason instead. Ends at the end of input, where the last line
    needs no newline, or once `stopped()` is true, calling `dropped()` if part of a line was read. Raises OSError.
    """
    size = min(READ_SIZE, max_bytes)  # so a line from a single read is never too long
    begun = bytearray()  # the unfinished line: at most `max_bytes` + 1 bytes of it
    while not stopped():
        # On Windows, select() works only on sockets, and Ctrl-C ends a read from the console.
        if os.name != "nt" and not select.select([fd], [], [], tick)[0]:
            yield []
            continue
        data = os.read(fd, size)
        head, *rest = (data or (b"\n" if begun else b"")).split(b"\n")  # the end of input also ends the last line
        begun += head[: max_bytes + 1 - len(begun)]
        batch = rest[:-1]
        if rest:
            if len(begun) > max_bytes:
                yield f"longer than {max_bytes:,} bytes"
            else:
                batch.insert(0, bytes(begun))
            begun = bytearray(rest[-1])
        yield batch  # even if empty, so that an endless line does not hold up the caller
        if not data:
            return
    if begun:
        dropped()


def records(inputs: Iterable[Lines], on_invalid: OnInvalid, parse: Parse | None = None) -> Iterator[Batch]:
    """Make a record from each line with `parse`, or else with the line as its value; report invalid lines."""
    number = 1
    for batch in inputs:
        if isinstance(batch, str):
            on_invalid(number, batch)
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
                    on_invalid(number, str(error))
                    good = []
                number += 1
            yield Batch(number - len(good), good)
