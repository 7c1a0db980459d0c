"""Whatever comes in, from a person, a file or another client: an answer in words, and nothing a terminal would obey."""

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import chdir
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import click
import pytest
from confluent_kafka import Message
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kafka_demo import board, topics
from kafka_demo.admin import Admin
from kafka_demo.cli import run
from kafka_demo.cli.options import headers
from kafka_demo.controller import find_controller
from kafka_demo.layout import Line, fit
from kafka_demo.narrator import ENOUGH, Narrator
from kafka_demo.offsets import parse
from kafka_demo.problems import Problem
from kafka_demo.proof import Proof
from kafka_demo.record import from_json
from kafka_demo.sample import batches
from kafka_demo.settings import Settings, check_address, check_group, split_address
from kafka_demo.sink import as_json, as_text, as_value
from kafka_demo.snapshot import Broker, Group, Member, Partition, Progress, Snapshot, Topic
from kafka_demo.status import _Watch
from kafka_demo.stop import Stop
from kafka_demo.visible import tell, visible

EVIL = ["\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\x85", "\r", "\n", "\t", "\x7f", "\u202e", "\u2066", "\u2028"]
# What a terminal obeys: C0, DEL, C1, line separators and the characters that reorder a line.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# Arguments and variables: any bytes but NUL, those that are no UTF-8 as halves of surrogate pairs.
ARGUMENTS = (st.binary(max_size=12).map(lambda data: data.replace(b"\0", b"")).map(os.fsdecode)) | st.sampled_from(EVIL)
BYTES = (
    st.binary()
    | st.text().map(lambda text: text.encode(errors="surrogatepass"))
    | st.sampled_from(EVIL).map(str.encode)
)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(EVIL)


def pieces(*some: str) -> st.SearchStrategy[str]:
    """Put together what is nearly right from what such a text is made of."""
    return st.lists(st.sampled_from([*some, "", "0", "9" * 20, "\u0663", " ", "\x1b", "\udcff"]), max_size=6).map(
        "".join
    )


def quick(examples: int) -> settings:
    # The fixtures that need a fresh start for each example get one in the test.
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def outcome(function: Callable[[Any], Any], given: Any) -> tuple[Any, str]:
    """Return what it makes of this, or why it refuses it: in words that a terminal can bear."""
    try:
        return function(given), ""
    except ValueError as error:
        why = str(error)
    assert why
    assert not OBEYED.search(why)
    return None, why


# --- the reader of JSON

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["/w==", "x", "\ud800", *EVIL]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("base64"), inner, max_size=2),
    max_leaves=6,
)
FIELDS = st.sampled_from(["key", "value", "headers", "topic", "partition", "offset", "timestamp", "\x1b", "\ud800"])
OBJECTS = st.dictionaries(FIELDS, VALUES | st.lists(st.tuples(st.text(), VALUES), max_size=2), max_size=5)
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
def test_a_line_of_json_is_a_record_or_refused_in_few_words(line: bytes) -> None:
    record, why = outcome(from_json, line)
    if why:
        assert len(why) < 200
        return
    data = [record["value"], record.get("key"), *(value for _, value in record.get("headers", []))]
    assert all(value is None or isinstance(value, bytes) for value in data)
    assert (
        {"value"} <= set(json.loads(line)) <= {"key", "value", "headers", "topic", "partition", "offset", "timestamp"}
    )


def test_bad_lines_of_one_kind_are_not_all_told(capfd: pytest.CaptureFixture[str]) -> None:
    narrator = Narrator("news", lambda error: Problem(error.str()), quiet=False)
    for number in range(1000):
        narrator.refused(number, f'unknown field "{number}"')
        narrator.refused(number, f"not JSON: Extra data at column {number}")
    assert len(capfd.readouterr().err.splitlines()) == 2 * (ENOUGH + 1)


# --- what is typed


@quick(200)
@given(ARGUMENTS | pieces("=", "a", "\u00fc"))
def test_a_header_is_sent_byte_for_byte_or_refused(text: str) -> None:
    try:
        [(name, value)] = headers(click.Context(click.Command("x")), click.Option(["-H"]), (text,))
    except click.BadParameter:
        assert "=" not in text or not name_can_be_sent(text.partition("=")[0])
        return
    assert name.encode() + b"=" + value == os.fsencode(text)


def name_can_be_sent(name: str) -> bool:
    return "\0" not in name and not any("\ud800" <= char <= "\udfff" for char in name)


@quick(400)
@given(pieces("a", "kafka", "x" * 63, ".", "-", ":", "1", "65535", "65536", "[", "::1", "]", "%e", "/", ",", "@"))
@example("a..b:1")
@example("[.]:1")
@example("[::ffff:127.0.0.1%eth0.100]")
@example("x" * 64)
def test_an_address_can_be_looked_up_or_is_refused(text: str) -> None:
    _, why = outcome(check_address, text)
    if why:
        assert "is no broker address" in why
        return
    host, port = split_address(text)
    assert host.encode("idna")
    assert 0 < port < 2**16


@quick(400)
@given(
    pieces("@", "-", "+", "1", "beginning", "end", "2026-01-31", "9999-12-31", "0001-01-01", "T", "09:30", "Z", ".5")
)
@example("@9999-12-31T23:59:59.999999-23:59")
@example("@2026-01-31\udcff09:30")
def test_an_offset_is_a_number_that_kafka_has_or_is_refused(text: str) -> None:
    start, why = outcome(parse, text)
    assert "write beginning, end, N" in why or "write @2026-01-31T09:30" in why or 0 <= start.number < 2**63


@quick(100)
@given(st.datetimes(timezones=st.timezones()))
def test_a_time_of_any_zone_is_understood(time: datetime) -> None:
    try:
        milliseconds = int(time.timestamp() * 1000)
    except (OverflowError, ValueError):  # beyond the year 9999
        return
    assert parse(f"@{time.isoformat()}").number == max(milliseconds, 0)


@pytest.mark.parametrize(("name", "taken"), [("\u00fc" * 16383, True), ("\u00fc" * 16384, False), ("\udcff", False)])
def test_a_group_may_have_any_name_of_no_more_bytes_than_can_be_counted(name: str, taken: bool) -> None:
    if taken:
        check_group(name)
        return
    with pytest.raises(ValueError, match=r"^the group's name (has more than 32,767 bytes|is not UTF-8)$"):
        check_group(name)


def test_the_name_of_a_file_that_is_too_long_for_any_is_a_file_that_is_missing() -> None:
    with pytest.raises(ValueError, match="KAFKA_SSL_CA_LOCATION: there is no file xxx"):
        Settings(security_protocol="SSL", ssl_ca_location="x" * 5000)


def test_a_text_cannot_be_the_logger_of_the_library() -> None:
    with pytest.raises(ValueError, match=r"^-X logger is not for you to set: -X debug=all brings the log$"):
        Settings(properties={"logger": "x"})


@pytest.mark.parametrize(("typed", "agreed"), [(b"y\n", True), (b" YES \n", True), (b"\xff\n", False), (b"", False)])
def test_only_yes_is_yes(typed: bytes, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8"))
    assert topics._agreed("news", Stop()) is agreed


def test_a_number_of_samples_may_be_larger_than_any_machine_can_count() -> None:
    assert next(batches("run", 10**30, 0.0, 0.1, lambda: False)).first == 1


# --- whole commands. Before the last thing that is checked, an unknown property, all else must have been taken.

OPTIONS = ["-b", "-t", "-g", "-k", "-K", "-H", "-p", "-f", "-n", "-o", "-X", "-q", "-e", "--sample", "--interval"]
NONSENSE = ("-X", "nonsense=1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in [name for name in os.environ if name.startswith("KAFKA_")]:
        monkeypatch.delenv(name)
    with chdir(tmp_path):
        yield tmp_path


@quick(150)
@given(
    command=st.sampled_from(
        [("produce",), ("consume",), ("status",), ("topic", "create"), ("topic", "delete", "--yes")]
    ),
    arguments=st.lists(
        st.sampled_from(OPTIONS) | ARGUMENTS | pieces("1", "-", "a", "=", ":", "nan", "inf"), max_size=4
    ),
)
@pytest.mark.usefixtures("folder")
def test_wrong_usage_is_two_lines_whatever_was_typed(
    command: tuple[str, ...], arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    status = run([*command, *NONSENSE, *arguments], Stop())
    out, err = capfd.readouterr()
    assert (status, out) == (2, "")
    what, todo, end = err.split("\n")
    assert not OBEYED.search(what)
    assert re.fullmatch("`kafka-demo .*--help` lists what there is", todo)
    assert end == ""


@quick(100)
@given(words=st.lists(ARGUMENTS, max_size=3))
@pytest.mark.usefixtures("folder")
def test_any_word_can_be_asked_for(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    status = run(["explain", "--", *words], Stop())
    out, err = capfd.readouterr()
    assert (status, bool(out)) in ((0, True), (2, False))
    assert not OBEYED.search((out + err).replace("\n", ""))


DOTENV = st.lists(
    st.sampled_from(["KAFKA_TOPIC", "KAFKA_GROUP", "KAFKA_SASL_PASSWORD", "KAFKA_SSL_CA_LOCATION", "=", "#", "'"])
    | st.sampled_from(["\n", '"', "export ", "${", "\\", "\ufeff", "\0", "x" * 5000, *EVIL]),
    max_size=8,
).map(lambda words: "".join(words).encode())


@quick(150)
@given(content=DOTENV | BYTES)
def test_a_dotenv_may_hold_anything(folder: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_bytes(content)
    assert run(["consume", *NONSENSE], Stop()) == 2
    assert not OBEYED.search(capfd.readouterr().err.replace("\n", ""))


@pytest.mark.parametrize("content", ["KAFKA_GROUP=g1\n".encode("utf-16-le"), b"KAFKA_GROUP=g1\0x\n"])
def test_a_dotenv_with_a_nul_is_refused(folder: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    # librdkafka would take what is before the NUL, and the narration would tell of something else.
    (folder / ".env").write_bytes(content)
    assert run(["consume", *NONSENSE], Stop()) == 2
    assert capfd.readouterr().err.startswith(".env cannot be read: it has a NUL, as a file in UTF-16 has\n")


# --- what a terminal gets to see


@quick(150)
@given(words=st.text() | ARGUMENTS)
def test_whatever_is_told_is_one_line(words: str, capfd: pytest.CaptureFixture[str]) -> None:
    tell(words)
    told, end = capfd.readouterr().err.split("\n")
    assert not OBEYED.search(told)
    assert end == ""


@quick(150)
@given(st.none() | BYTES, st.none() | BYTES, st.lists(st.tuples(NAMES, st.none() | BYTES), max_size=2))
def test_a_message_cannot_control_a_terminal_and_a_pipe_gets_its_bytes(
    key: bytes | None, value: bytes | None, sent: list[tuple[str, Any]]
) -> None:
    message = Message("t", 2, 17, key, value, headers=sent, timestamp=(1, 3))
    for form in (as_value, as_text, as_json):
        assert not OBEYED.search(form(message, True).decode())
    assert from_json(as_json(message, True)) == {"key": key, "value": value, "headers": sent}
    assert as_value(message, False) == (value or b"")
    shown = b"%s  %s" % (b"no key" if key is None else b"key " + key, b"null" if value is None else value)
    assert as_text(message, False) == b"partition 2  offset 17  " + shown


@quick(100)
@given(NAMES, st.integers(1, 40))
def test_names_that_others_gave_cannot_control_a_terminal(name: str, columns: int) -> None:
    member = Member(f"{name}-1", name, name, ())
    progress = (Progress(name, 0, 1, 2, member.id), Progress(f"{name}2", 0, 1, 2))
    found = Snapshot(
        (Broker(1, name, 9092),),
        (Topic(name, (Partition(0, 1, (1,), (1,), 0, 2),)), Topic(f"{name}2", ())),
        (Group(name, "consumer", "stable", (member,), progress), Group(name, "share", None, None, None)),
        lists_groups=True,
    )
    lines = board.draw(found)
    assert not [line for line in [*lines, *fit(lines, columns, 10)] if OBEYED.search(line.text)]
    text = visible(found.to_json(), as_json=True)
    assert not OBEYED.search(text)
    assert json.loads(text)["topics"][0]["name"] == name


def test_the_words_of_another_program_cannot_control_a_watched_terminal() -> None:
    watch = _Watch(cast("Admin", None))
    watch.trouble = Problem("Kafka says: \x1b[2J\u202e")
    assert watch.lines()[0] == Line(r"Kafka says: \x1b[2J\u202e", "alarm")


def test_a_broker_at_an_address_that_is_none_tells_of_no_controller() -> None:
    assert find_controller([("a..b", 9092), ("x" * 64, 9092)]) is None


# --- what would take hours, if it took the square of its length


def test_a_name_as_long_as_kafka_allows_is_cut_at_once() -> None:
    assert fit([Line("x" * 200_000)], 80, 24) == [Line("x" * 79 + "\u2026")]


def test_a_sequence_with_thousands_of_gaps_is_looked_through_at_once() -> None:
    proof, message = Proof(), Message("t", 0, 0, b"ada")
    for seq in [*range(0, 100_000, 2), *[99_998] * 50_000, *range(1, 100_000, 2)]:
        proof.see(message, [("producer", b"me"), ("seq", b"%d" % seq)])
    assert (proof.seen, proof.lost, proof.duplicated, proof.out_of_order) == (150_000, 0, 50_000, 49_999)
