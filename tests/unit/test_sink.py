import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Message

from kafka_demo import sink
from kafka_demo.record import from_json
from kafka_demo.sink import FORMATS, Sink, as_json, as_text, as_value

CAPACITY = 4096  # bytes that a pipe holds here


def message(value: bytes | None, key: bytes | None = b"ada") -> Message:
    return Message("t", 2, 17, key, value, headers=[("h", b"1")], timestamp=(1, 3))


def values(*data: bytes) -> list[Message]:
    return [message(value) for value in data]


def never() -> bool:
    return False


class Pipe:
    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, CAPACITY)
        self.received = b""

    @property
    def full(self) -> bool:
        return not select.select([], [self.writer], [], 0)[1]

    def drain(self) -> None:
        while select.select([self.reader], [], [], 0)[0]:
            self.received += os.read(self.reader, CAPACITY)

    def leave(self) -> None:
        os.close(self.reader)
        self.reader = -1

    def close(self) -> None:
        for fd in (self.reader, self.writer):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@contextmanager
def opened(path: Path | str) -> Iterator[int]:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    yield fd
    os.close(fd)


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        (b"ada", b"hi", b"partition 2  offset 17  key ada  hi"),
        (b"", b"", b"partition 2  offset 17  key   "),
        (None, None, b"partition 2  offset 17  no key  null"),
        (b"\x1b", b"\xff\n", b"partition 2  offset 17  key \x1b  \xff\n"),
    ],
)
def test_text_shows_place_key_and_value(key: bytes | None, value: bytes | None, shown: bytes) -> None:
    assert as_text(message(value, key), False) == shown


@pytest.mark.parametrize(("value", "shown"), [(b"hi", b"hi"), (b"\x1b\xff\n", b"\x1b\xff\n"), (b"", b""), (None, b"")])
def test_value_shows_the_value_byte_for_byte(value: bytes | None, shown: bytes) -> None:
    assert as_value(message(value), False) == shown


def test_json_shows_what_produce_takes() -> None:
    line = as_json(message("gr\u00fc\u00dfe\x7f".encode()), False)
    assert json.loads(line)["offset"] == 17
    assert from_json(line) == {"key": b"ada", "value": "gr\u00fc\u00dfe\x7f".encode(), "headers": [("h", b"1")]}
    assert b"\x7f" in line


def test_on_a_terminal_nothing_can_control_it() -> None:
    evil = message(b"\x1b[2J\xff\x7f", b"\x07")
    assert as_text(evil, True) == rb"partition 2  offset 17  key \x07  \x1b[2J\xff\x7f"
    assert as_value(evil, True) == rb"\x1b[2J\xff\x7f"
    line = as_json(message(b"\x1b\x7f"), True)
    assert line.isascii()
    assert line.decode().isprintable()
    assert json.loads(line)["value"] == "\x1b\x7f"


def test_null_and_umlauts_on_a_terminal() -> None:
    assert as_value(message(None), True) == b""
    assert as_value(message("\u00fc".encode()), True) == "\u00fc".encode()


def test_each_format_has_a_name() -> None:
    assert [FORMATS[name] for name in ("text", "value", "json")] == [as_text, as_value, as_json]


@pytest.mark.parametrize("name", FORMATS)
def test_each_message_is_a_line_in_a_pipe(pipe: Pipe, name: str) -> None:
    messages = [*values(b"one\x1b", b"", b"two"), message(None)]
    out = Sink(pipe.writer, FORMATS[name], never)
    assert out.write(messages) == 4
    assert out.write([]) == 0
    pipe.drain()
    assert pipe.received == b"".join(FORMATS[name](message, False) + b"\n" for message in messages)
    assert out.failure is None
    assert not out.reader_left


def test_a_pipe_takes_more_than_it_holds_while_it_is_read(pipe: Pipe) -> None:
    def take() -> bool:
        if pipe.full:
            pipe.drain()
        return False

    data = os.urandom(10 * CAPACITY)
    assert Sink(pipe.writer, as_value, take).write(values(data, b"x")) == 2
    pipe.drain()
    assert pipe.received == data + b"\nx\n"


def test_a_file_gets_every_byte(tmp_path: Path) -> None:
    data = os.urandom(1_000_000)
    with opened(tmp_path / "out") as fd:
        out = Sink(fd, as_value, never)
        assert out.write(values(data, b"x")) == 2
        assert out.write(values(b"y")) == 1
        assert not out.reader_left
    assert (tmp_path / "out").read_bytes() == data + b"\nx\ny\n"


def test_a_terminal_gets_no_control_characters() -> None:
    controller, terminal = os.openpty()
    assert Sink(terminal, as_value, never).write(values(b"a\x1b[2Jb")) == 1
    os.close(terminal)
    assert os.read(controller, 100) == b"a\\x1b[2Jb\r\n"
    os.close(controller)


def test_a_full_device_is_a_failure_and_nothing_is_written() -> None:
    with opened("/dev/full") as fd:
        out = Sink(fd, as_value, never)
        assert out.write(values(b"one", b"two")) == 0
        assert out.failure is not None
        assert out.failure.errno == errno.ENOSPC
        assert not out.reader_left


@pytest.mark.parametrize(("limit", "whole"), [(3, 0), (4, 1), (7, 1), (8, 2), (11, 2)])
def test_a_message_that_is_only_begun_is_not_counted(tmp_path: Path, limit: int, whole: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with opened(tmp_path / "out") as fd:
        out = Sink(fd, as_value, never)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        written = out.write(values(b"one", b"two", b"six"))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)
    assert written == whole
    assert out.failure is not None
    assert out.failure.errno == errno.EFBIG
    assert (tmp_path / "out").read_bytes() == b"one\ntwo\nsix\n"[:limit]


def test_a_reader_that_left_is_noticed_before_anything_is_written(pipe: Pipe) -> None:
    out = Sink(pipe.writer, as_value, never)
    assert not out.reader_left
    pipe.leave()
    assert out.reader_left
    assert out.failure is None


def test_writing_to_a_reader_that_left_is_a_failure(pipe: Pipe) -> None:
    out = Sink(pipe.writer, as_value, never)
    pipe.leave()
    assert out.write(values(b"one")) == 0
    assert isinstance(out.failure, BrokenPipeError)
    assert out.reader_left


def test_the_reader_of_a_socket_that_left_is_known_from_the_failure() -> None:
    reader, writer = socket.socketpair()
    out = Sink(writer.fileno(), as_value, never)
    reader.close()
    assert out.write(values(b"one")) == 0
    assert isinstance(out.failure, BrokenPipeError)
    assert out.reader_left
    writer.close()


def when_full(pipe: Pipe, then: Callable[[], None]) -> Callable[[], bool]:
    """Stop as soon as the pipe takes no more."""
    stopped: list[bool] = []

    def look() -> bool:
        if pipe.full and not stopped:
            stopped.append(True)
            then()
        return bool(stopped)

    return look


def test_once_stopped_a_reader_that_does_not_read_is_given_up(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "GRACE", 0)
    messages = values(*[b"x" * 999] * 9)
    out = Sink(pipe.writer, as_value, when_full(pipe, lambda: None))
    assert out.write(messages) == CAPACITY // 1000
    assert out.failure is None
    assert pipe.full


def test_once_stopped_a_slow_reader_gets_the_rest_of_its_message_and_no_more(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "GRACE", 3600)
    messages = values(*[b"x" * 999] * 9)
    out = Sink(pipe.writer, as_value, when_full(pipe, pipe.drain))
    assert out.write(messages) == CAPACITY // 1000 + 1
    pipe.drain()
    assert pipe.received == (b"x" * 999 + b"\n") * (CAPACITY // 1000 + 1)


def test_once_stopped_no_message_is_begun(pipe: Pipe) -> None:
    assert Sink(pipe.writer, as_value, lambda: True).write(values(b"one")) == 0
    pipe.drain()
    assert pipe.received == b""


def test_a_full_pipe_does_not_make_it_deaf_to_a_signal(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "GRACE", 0)
    os.write(pipe.writer, b"x" * CAPACITY)
    asked: list[None] = []

    def stopped() -> bool:
        asked.append(None)
        return len(asked) > 2

    assert Sink(pipe.writer, as_value, stopped).write(values(b"one")) == 0
    assert len(asked) == 3
