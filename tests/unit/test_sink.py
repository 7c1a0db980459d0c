import errno
import os
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message

from kafka_demo.records import sink
from kafka_demo.records.sink import FORMATS, Sink
from support import Pipe


def values(*data: bytes | None) -> list[Message]:
    return [Message("t", 2, 17, b"ada", value, headers=[("h", b"1")], timestamp=(1, 3)) for value in data]


@pytest.mark.parametrize("name", FORMATS)
def test_each_message_is_a_line_in_a_pipe(pipe: Pipe, name: str) -> None:
    messages = values(b"one\x1b", b"", b"two", None)
    out = Sink(pipe.writer, FORMATS[name], lambda: False)
    assert (out.write(messages), out.write([])) == (4, 0)
    assert pipe.drain() == b"".join((FORMATS[name](message) or b"") + b"\n" for message in messages)
    assert (out.failure, out.reader_left) == (None, False)


def test_a_pipe_takes_more_than_it_holds_while_it_is_read(pipe: Pipe) -> None:
    received = b""

    def take() -> bool:
        nonlocal received
        received += pipe.drain() if pipe.full else b""
        return False

    data = os.urandom(10 * Pipe.CAPACITY)
    assert Sink(pipe.writer, FORMATS["value"], take).write(values(data, b"x")) == 2
    assert received + pipe.drain() == data + b"\nx\n"


def test_a_file_gets_every_byte(tmp_path: Path) -> None:
    data = os.urandom(1_000_000)
    with (tmp_path / "out").open("wb") as file:
        out = Sink(file.fileno(), FORMATS["value"], lambda: False)
        assert (out.write(values(data, b"x")), out.write(values(b"y")), out.reader_left) == (2, 1, False)
    assert (tmp_path / "out").read_bytes() == data + b"\nx\ny\n"


@pytest.mark.parametrize(("limit", "whole"), [(3, 0), (4, 1), (7, 1), (8, 2), (11, 2)])
def test_a_partly_written_message_is_not_counted(tmp_path: Path, limit: int, whole: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with (tmp_path / "out").open("wb") as file:
        out = Sink(file.fileno(), FORMATS["value"], lambda: False)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        written = out.write(values(b"one", b"two", b"six"))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)
    assert (written, out.failure and out.failure.errno) == (whole, errno.EFBIG)
    assert (tmp_path / "out").read_bytes() == b"one\ntwo\nsix\n"[:limit]


@pytest.mark.parametrize(
    ("ends", "noticed"), [(os.pipe, True), (lambda: [end.detach() for end in socket.socketpair()], False)]
)
def test_a_reader_that_has_left_is_noticed_and_writing_to_it_fails(ends: Callable[[], Any], noticed: bool) -> None:
    reader, writer = ends()
    out = Sink(writer, FORMATS["value"], lambda: False)
    assert not out.reader_left
    os.close(reader)
    assert (out.reader_left, out.failure) == (noticed, None)
    assert (out.write(values(b"one")), type(out.failure), out.reader_left) == (0, BrokenPipeError, True)
    os.close(writer)


@pytest.mark.parametrize(("grace", "reads", "rest"), [(0, False, 0), (3600, True, 1)])
def test_once_stopped_a_reader_gets_at_most_the_rest_of_its_message(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, grace: float, reads: bool, rest: int
) -> None:
    monkeypatch.setattr(sink, "GRACE", grace)
    received: list[bytes] = []

    def stopped() -> bool:  # as soon as the pipe is full
        if pipe.full and not received:
            received.append(pipe.drain() if reads else b"")
        return bool(received)

    whole = Pipe.CAPACITY // 1000
    out = Sink(pipe.writer, FORMATS["value"], stopped)
    assert (out.write(values(*[b"x" * 999] * 9)), out.failure) == (whole + rest, None)
    expected = (b"x" * 999 + b"\n") * (whole + 1)
    assert b"".join(received) + pipe.drain() == (expected if reads else expected[: Pipe.CAPACITY])


@pytest.mark.parametrize(("filled", "looks"), [(0, 1), (Pipe.CAPACITY, 3)])
def test_once_stopped_no_message_is_begun_even_if_the_pipe_is_full(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, filled: int, looks: int
) -> None:
    monkeypatch.setattr(sink, "GRACE", 0)
    os.write(pipe.writer, b"x" * filled)
    answers = iter([False] * (looks - 1) + [True])
    assert Sink(pipe.writer, FORMATS["value"], lambda: next(answers)).write(values(b"one")) == 0
    assert (list(answers), pipe.drain()) == ([], b"x" * filled)
