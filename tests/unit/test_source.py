import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafka_demo.record import Batch, from_line
from kafka_demo.source import json_lines, lines, text

LONG = 10_000


class Pipe:
    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)  # an error, where it would wait for ever
        self._open = {self.reader, self._writer}

    def write(self, data: bytes) -> None:
        assert os.write(self._writer, data) == len(data)

    def end(self) -> None:
        self._close(self._writer)

    def close(self) -> None:
        for fd in tuple(self._open):
            self._close(fd)

    def _close(self, fd: int) -> None:
        self._open.remove(fd)
        os.close(fd)

    def read(self, longest: int = LONG) -> Iterator[list[bytes]]:
        return lines(self.reader, longest, 0, lambda: False)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def read_in_pieces(pieces: list[bytes], longest: int) -> list[bytes]:
    """Write a piece whenever the one before it has been read."""
    pipe = Pipe()
    found: list[bytes] = []
    reading = pipe.read(longest)
    for piece in pieces:
        pipe.write(piece)
        while batch := next(reading):
            found += batch
    pipe.end()
    for batch in reading:
        found += batch
    pipe.close()
    return found


PIECES = st.lists(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\x00", b"\xff"])).map(b"".join).filter(bool))


@settings(max_examples=150, deadline=None)
@given(PIECES | st.lists(st.binary(min_size=1)))
def test_the_lines_are_the_input_however_it_arrives(pieces: list[bytes]) -> None:
    expected = b"".join(pieces).split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert read_in_pieces(pieces, LONG) == expected


@settings(max_examples=150, deadline=None)
@given(PIECES, st.integers(0, 4))
def test_whatever_is_too_long_is_cut_and_no_other_line_is_changed(pieces: list[bytes], longest: int) -> None:
    expected = b"".join(pieces).split(b"\n")
    if not expected[-1]:
        expected.pop()
    found = read_in_pieces(pieces, longest)
    assert len(found) == len(expected)
    for line, whole in zip(found, expected, strict=True):
        assert line == whole or (whole.startswith(line) and len(line) > longest)


def test_a_line_too_long_keeps_one_byte_more_than_is_allowed(pipe: Pipe) -> None:
    reading = pipe.read(5)
    for piece in (b"first\nabc", b"defghij", b"klm"):
        pipe.write(piece)
        while next(reading):
            pass
    pipe.write(b"nop\nnext one\n")
    assert next(reading) == [b"abcdef", b"next one"]


def test_a_line_comes_as_soon_as_it_has_ended(pipe: Pipe) -> None:
    reading = pipe.read()
    pipe.write(b"one\ntwo\nhal")
    assert next(reading) == [b"one", b"two"]
    assert next(reading) == []
    assert next(reading) == []
    pipe.write(b"f\n\n")
    assert next(reading) == [b"half", b""]


@pytest.mark.parametrize(
    ("data", "expected"), [(b"", []), (b"\n", [b""]), (b"a\nb", [b"a", b"b"]), (b"a\nb\n", [b"a", b"b"])]
)
def test_the_last_line_needs_no_newline(pipe: Pipe, data: bytes, expected: list[bytes]) -> None:
    pipe.write(data)
    pipe.end()
    assert [line for batch in pipe.read() for line in batch] == expected


def test_nothing_comes_for_a_tick(pipe: Pipe) -> None:
    began = time.monotonic()
    assert next(lines(pipe.reader, LONG, 0.05, lambda: False)) == []
    assert time.monotonic() - began >= 0.05


def test_once_stopped_half_a_line_is_dropped_and_nothing_is_read(pipe: Pipe) -> None:
    stopped: list[bool] = []
    reading = lines(pipe.reader, LONG, 0, lambda: stopped)
    pipe.write(b"whole\nhalf")
    assert next(reading) == [b"whole"]
    pipe.write(b"left\n")
    stopped.append(True)
    assert list(reading) == []
    assert os.read(pipe.reader, LONG) == b"left\n"


def test_what_cannot_be_read_is_an_oserror(tmp_path: os.PathLike[str]) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        next(lines(directory, LONG, 0, lambda: False))
    os.close(directory)


def test_a_line_of_text_is_a_value_and_batches_know_the_number_of_their_first_line() -> None:
    assert list(text([[b"a", b""], [], [b"{}"]])) == [
        Batch(1, [b"a", b""]),
        Batch(3, []),
        Batch(3, [b"{}"]),
    ]


def test_a_parser_makes_the_records_of_text() -> None:
    assert list(text([[b"k:v"], [b"w"]], lambda line: from_line(line, b":"))) == [
        Batch(1, [{"value": b"v", "key": b"k"}]),
        Batch(2, [{"value": b"w"}]),
    ]


def test_a_bad_line_of_json_is_named_and_the_others_are_records() -> None:
    refused: list[tuple[int, str]] = []
    batches = json_lines(
        [[b'{"value": "a"}', b"{}"], [], [b"x", b'{"value": "b"}']], lambda *line: refused.append(line)
    )
    assert list(batches) == [
        Batch(1, [{"value": b"a"}]),
        Batch(3, []),
        Batch(4, [{"value": b"b"}]),
    ]
    assert [number for number, _ in refused] == [2, 3]
    assert refused[0][1] == 'no field "value"'


def test_the_input_is_read_no_further_than_asked_for() -> None:
    def endless() -> Iterator[list[bytes]]:
        while True:
            yield [b'{"value": null}']

    assert next(text(endless())) == Batch(1, [b'{"value": null}'])
    assert next(json_lines(endless(), lambda _number, _why: None)) == Batch(1, [{"value": None}])
