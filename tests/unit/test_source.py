import itertools
import os
import select
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafka_demo.records import source
from kafka_demo.records.record import Batch, Record, from_json, from_line
from kafka_demo.records.source import Lines, lines, records
from support import Pipe

LONG = 4000


def read(fd: int, longest: int = LONG, tick: float = 0) -> Iterator[Lines]:
    return lines(fd, longest, tick, lambda: False)


def flat(batches: Iterator[Lines]) -> list[bytes | str]:
    return [line for batch in batches for line in ([batch] if isinstance(batch, str) else batch)]


PIECES = st.lists(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\x00", b"\xff"])).map(b"".join).filter(bool))


@settings(max_examples=300, deadline=None)
@given(PIECES | st.lists(st.binary(min_size=1)), st.integers(1, 4) | st.just(LONG))
def test_lines_equal_the_input_however_it_arrives_and_none_is_cut(pieces: list[bytes], longest: int) -> None:
    expected = b"".join(pieces).split(b"\n")
    if not expected[-1]:  # the last line needs no newline
        expected.pop()
    found: list[bytes | str] = []
    with closing(Pipe()) as pipe:
        reading = read(pipe.reader, longest)
        for piece in pieces:  # each after the previous one has been read
            os.write(pipe.writer, piece)
            while select.select([pipe.reader], [], [], 0)[0]:
                found += flat(iter([next(reading)]))
        pipe.end()
        found += flat(reading)
    assert found == [line if len(line) <= longest else f"longer than {longest:,} bytes" for line in expected]


@pytest.mark.parametrize(("extra", "refused"), [(0, False), (1, True)])
def test_a_line_from_many_reads_is_whole_or_refused(tmp_path: Path, extra: int, refused: bool) -> None:
    longest = 2 * source.READ_SIZE + 7
    line = os.urandom(longest + extra).replace(b"\n", b"x")
    (tmp_path / "in").write_bytes(b"first\n" + line + b"\nlast")
    with (tmp_path / "in").open() as file:
        found = flat(read(file.fileno(), longest))
    assert found == [b"first", "longer than 131,079 bytes" if refused else line, b"last"]


def test_an_endless_line_takes_no_more_memory() -> None:
    with Path("/dev/zero").open() as zeros:
        tracemalloc.start()
        assert not any(itertools.islice(read(zeros.fileno(), 100_000), 200))  # 13 MB
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_line_is_yielded_as_soon_as_it_ends(pipe: Pipe) -> None:
    reading = read(pipe.reader)
    os.write(pipe.writer, b"one\ntwo\nhal")
    assert [next(reading) for _ in range(3)] == [[b"one", b"two"], [], []]
    os.write(pipe.writer, b"f\n\n")
    assert next(reading) == [b"half", b""]


def test_an_endless_line_does_not_hold_up_the_ticks(pipe: Pipe) -> None:
    os.write(pipe.writer, b"x" * LONG)
    assert next(read(pipe.reader, tick=3600)) == []
    began = time.monotonic()
    assert next(read(pipe.reader, tick=0.05)) == []  # nothing arrives
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(("data", "told"), [(b"whole\nhalf", 1), (b"whole\n", 0)])
def test_once_stopped_half_a_line_is_dropped_and_nothing_is_read(pipe: Pipe, data: bytes, told: int) -> None:
    stopped, dropped = list[bool](), list[bool]()
    reading = lines(pipe.reader, LONG, 0, lambda: stopped, lambda: dropped.append(True))
    os.write(pipe.writer, data)
    assert next(reading) == [b"whole"]
    os.write(pipe.writer, b"left\n")
    stopped.append(True)
    assert (list(reading), len(dropped), pipe.drain()) == ([], told, b"left\n")


def test_lines_become_records_and_batches_know_the_number_of_their_first_line() -> None:
    batches: list[Lines] = [[b'{"value": "a"}', b"{}"], [], "too long", [b"[]", b'{"value": null}']]
    refused: list[tuple[int, str]] = []
    found = list(records(batches, lambda *line: refused.append(line)))
    assert found == [Batch(1, [b'{"value": "a"}', b"{}"]), Batch(3, []), Batch(4, [b"[]", b'{"value": null}'])]
    assert refused == [(3, "too long")]
    found = list(records(batches, lambda *line: refused.append(line), from_json))
    good = [batch for batch in found if batch.records]
    assert good == [Batch(1, [{"value": b"a", "key": None}]), Batch(5, [{"value": None, "key": None}])]
    assert [number for number, _ in refused] == [3, 2, 3, 4]
    found = list(records([[b"k:v"], [b"w"]], lambda *_: None, lambda line: from_line(line, b":")))
    rest = {"key": None, "headers": None}
    assert found == [Batch(1, [rest | {"value": b"v", "key": b"k"}]), Batch(2, [rest | {"value": b"w"}])]


@pytest.mark.parametrize("parse", [None, from_json])
def test_the_input_is_read_no_further_than_asked_for(parse: Callable[[bytes], Record] | None) -> None:
    assert next(records(itertools.repeat([b'{"value": null}']), lambda *_: None, parse)).first == 1
