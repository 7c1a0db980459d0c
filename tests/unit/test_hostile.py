"""Whatever a person, a file or another client sends, the answer is readable and does not control the terminal."""

import json
import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kafka_demo.cli import run
from kafka_demo.cluster.offsets import parse
from kafka_demo.cluster.settings import host_and_port
from kafka_demo.narration.text import tell
from kafka_demo.records.record import from_json, to_json
from kafka_demo.records.sink import FORMATS, Form, Sink, as_text
from kafka_demo.shutdown import Stop
from support import NONSENSE

EVIL = ["\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\x85", "\r", "\n", "\t", "\x7f", "\u202e", "\u2066", "\u2028"]
# What a terminal obeys: C0, DEL, C1, line separators and the characters that reorder a line.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# Arguments and variables: any bytes but NUL; Python decodes bytes that are not UTF-8 as lone surrogates.
ARGUMENTS = (st.binary(max_size=12).map(lambda data: data.replace(b"\0", b"")).map(os.fsdecode)) | st.sampled_from(EVIL)
BYTES = st.binary() | (st.text() | st.sampled_from(EVIL)).map(lambda text: text.encode(errors="surrogatepass"))
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(EVIL)
Capfd = pytest.CaptureFixture[str]


def pieces(*some: str) -> st.SearchStrategy[str]:
    """Combine parts of a valid text, and others, into nearly valid texts."""
    nearly = [*some, "", "0", "9" * 20, "\u0663", " ", "\x1b", "\udcff"]
    return st.lists(st.sampled_from(nearly), max_size=6).map("".join)


def quick(examples: int) -> settings:
    # Tests reset fixtures for each example where that is needed.
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def outcome(function: Callable[[Any], Any], given: Any) -> tuple[Any, str]:
    """Return the result, or the reason for refusing it, which must not control the terminal."""
    try:
        return function(given), ""
    except ValueError as error:
        why = str(error)
    assert why
    assert not OBEYED.search(why)
    return None, why


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    PLAIN | st.sampled_from(["/w==", "x", "\ud800", *EVIL]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("base64"), inner, max_size=2),
    max_leaves=6,
)
FIELDS = ["key", "value", "headers", "topic", "partition", "offset", "timestamp"]
HEADERS = st.lists(st.tuples(st.text(), VALUES), max_size=2)
OBJECTS = st.dictionaries(st.sampled_from([*FIELDS, "\x1b", "\ud800"]), VALUES | HEADERS, max_size=5)
LINES = (
    st.builds(lambda fields, as_ascii: json.dumps(fields, ensure_ascii=as_ascii), OBJECTS, st.booleans())
    | pieces("{", "}", '"value"', ":", ",", '"x"', "null", "NaN", "-", "[", "]", '"\\ud800"', '"\\', "1e999")
).map(lambda text: text.encode(errors="surrogatepass"))


@quick(300)
@given(LINES | BYTES)
@example(b'{"value": "", "' + b"x" * 1_000_000 + b'": 1}')
@example(b'{"value": "", "headers": [["' + b"x" * 1_000_000 + b'", 1]]}')
@example(b'{"value": ' * 900 + b"1" + b"}" * 900)
@example(b'{"value": "", "offset": ' + b"9" * 5000 + b"}")
def test_a_line_of_json_is_a_record_or_refused_briefly(line: bytes) -> None:
    record, why = outcome(from_json, line)
    if why:
        assert len(why) < 200
        return
    data = [record["value"], record.get("key"), *(value for _, value in record.get("headers", []))]
    assert all(value is None or isinstance(value, bytes) for value in data)
    assert {"value"} <= set(json.loads(line, parse_int=float)) <= {*FIELDS}


@quick(400)
@given(pieces("a", "kafka", "x" * 63, ".", "-", ":", "1", "65535", "65536", "[", "::1", "]", "%e", "/", ",", "@"))
@example("[.]:1")
@example("\x1b://")
@example("[::ffff:127.0.0.1%eth0.100]")
@example("x" * 64)
def test_an_address_can_be_looked_up_or_is_refused(text: str) -> None:
    found, why = outcome(host_and_port, text)
    if not why:
        assert found[0].strip("[]").encode("idna")


@quick(400)
@given(pieces("@", "-", "+", "1", "beginning", "end", "2026-01-31", "9999-12-31", "0001-01-01", "T", "09:30", "Z"))
@example("@9999-12-31T23:59:59.999999-23:59")
@example("@2026-01-31\udcff09:30")
def test_an_offset_is_valid_in_kafka_or_refused(text: str) -> None:
    start, why = outcome(parse, text)
    assert why or 0 <= start[1] < 2**63


@quick(100)
@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_a_time_in_any_zone_or_local_time_is_understood(time: datetime) -> None:
    try:
        milliseconds = int(time.timestamp() * 1000)
    except (OverflowError, ValueError):  # beyond the year 9999
        return
    assert parse(f"@{time.isoformat()}")[1] == max(milliseconds, 0)


OPTIONS = ["-b", "-t", "-g", "-k", "-K", "-H", "-p", "-f", "-n", "-o", "-X", "-q", "-e", "--sample", "--interval"]


@quick(150)
@given(
    st.sampled_from(["produce", "consume", "status", "topic create", "topic delete --yes"]),
    st.lists(st.sampled_from(OPTIONS) | ARGUMENTS | pieces("1", "-", "a", "=", ":", "nan", "inf"), max_size=4),
)
@pytest.mark.usefixtures("folder")
def test_wrong_usage_is_two_lines_whatever_was_typed(capfd: Capfd, command: str, arguments: list[str]) -> None:
    status = run([*command.split(), *NONSENSE, *arguments], Stop())
    out, err = capfd.readouterr()
    what, hint, end = err.split("\n")
    assert (status, out, end) == (2, "", "")
    assert not OBEYED.search(what)
    assert re.fullmatch("hint: (try `kafka-demo .*--help`|https://.* lists all properties)", hint)


WORDS = ["KAFKA_TOPIC", "KAFKA_GROUP", "KAFKA_SASL_PASSWORD", "KAFKA_SSL_CA_LOCATION", "=", "#", "'", "\n", '"']
WORDS += ["export ", "${", "\\", "\ufeff", "\0", "x" * 5000, *EVIL]
DOTENV = st.lists(st.sampled_from(WORDS), max_size=8).map(lambda words: "".join(words).encode())


@quick(150)
@given(DOTENV | BYTES)
def test_a_dotenv_may_hold_anything(folder: Path, capfd: Capfd, content: bytes) -> None:
    (folder / ".env").write_bytes(content)
    assert run(["consume", *NONSENSE], Stop()) in (1, 2)
    assert not OBEYED.search(capfd.readouterr().err.replace("\n", ""))


@quick(150)
@given(st.text() | ARGUMENTS)
def test_whatever_is_written_is_one_line(capfd: Capfd, words: str) -> None:
    tell(words)
    told, end = capfd.readouterr().err.split("\n")
    assert not OBEYED.search(told)
    assert end == ""


def written(message: Message, form: Form, *, terminal: bool) -> bytes:
    reader, writer = os.pipe()
    sink = Sink(writer, form, lambda: False)
    sink._terminal = terminal
    assert sink.write([message]) == 1
    os.close(writer)
    line = os.read(reader, 2**16)
    os.close(reader)
    assert line.endswith(b"\n")
    return line[:-1]


@quick(150)
@given(st.none() | BYTES, st.none() | BYTES, st.lists(st.tuples(NAMES, st.none() | BYTES), max_size=2))
def test_a_message_cannot_control_a_terminal_and_a_pipe_gets_its_bytes(
    key: bytes | None, value: bytes | None, sent: list[tuple[str, Any]]
) -> None:
    message = Message("t", 2, 17, key, value, headers=sent or None, timestamp=(1, 3))
    for form in FORMATS.values():
        assert not OBEYED.search(written(message, form, terminal=True).decode())
    for terminal in (True, False):
        line = written(message, to_json, terminal=terminal)
        assert b"\n" not in line
        assert from_json(line) == {"key": key, "value": value, "headers": sent}
    assert written(message, FORMATS["value"], terminal=False) == (value or b"")
    shown = b"%s  %s" % (b"no key" if key is None else b"key " + key, b"(null value)" if value is None else value)
    assert as_text(message) == b"partition 2  offset 17  " + shown
