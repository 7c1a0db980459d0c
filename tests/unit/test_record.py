import json
import re
from typing import Any

import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from kafka_demo.records import record
from kafka_demo.records.record import from_json, from_line, headers_of, to_json


def message(**fields: Any) -> Message:
    return Message("t", 1, 2, timestamp=(1, 3), **fields)


def test_json_has_all_fields_of_a_message() -> None:
    line = to_json(message(key=b"ada", value="gr\u00fc\u00dfe".encode(), headers=[("h", b"1"), ("h", None)]))
    place = {"topic": "t", "partition": 1, "offset": 2, "timestamp": 3}
    assert json.loads(line) == place | {"key": "ada", "value": "gr\u00fc\u00dfe", "headers": [["h", "1"], ["h", None]]}
    assert "\u00fc\u00df".encode() in line
    assert json.loads(to_json(message()))["headers"] == []


@pytest.mark.parametrize(
    ("data", "shown"),
    [(b"", ""), (None, None), (b"\xff", {"base64": "/w=="}), (b"a\xc3", {"base64": "YcM="}), (b"\x00", "\x00")],
)
def test_json_distinguishes_empty_null_and_bytes(data: bytes | None, shown: object) -> None:
    fields = json.loads(to_json(message(key=data, value=data, headers=[("h", data)])))
    assert (fields["key"], fields["value"], fields["headers"]) == (shown, shown, [["h", shown]])


def test_headers_that_the_binding_cannot_read_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    unreadable, headers = message(), [("b", b"1"), ("a", b"2"), ("b", b"\xff")]

    class Binding:
        @staticmethod
        def headers(read: Message) -> Any:
            if read is unreadable and read.headers() is None:
                raise SystemError
            return read.headers()

    monkeypatch.setattr(record, "Message", Binding)
    assert headers_of([message(), unreadable, message(headers=headers)]) == [None, [], headers]
    assert unreadable.headers() == []  # not the broken list of the binding's second answer, which crashes the process


@settings(max_examples=150, deadline=None)
@given(st.text("a\u00fc:=").map(str.encode), st.sampled_from([b":", b"=", b":=", b"\xbc"]))
def test_a_line_is_split_at_the_first_separator_and_without_one_it_is_a_value(line: bytes, separator: bytes) -> None:
    *key, value = line.split(separator, 1)
    assert from_line(line, separator) == {"value": value, "key": key[0] if key else None, "headers": None}
    assert from_line(line) == from_line(line, b"") == {"value": line, "key": None, "headers": None}
    for name in (b"ada", b""):
        assert from_line(line, key=name) == {"value": line, "key": name, "headers": None}


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ('{"value": "hi"}', None, b"hi"),
        ('{"value": null, "headers": null}', None, None),
        (' {"value": "", "key": ""} \r', b"", b""),
        ('{"value": "x", "key": null}', None, b"x"),
        ('{"value": {"base64": ""}, "key": {"base64": "/w=="}}', b"\xff", b""),
        ('{"value": "x", "topic": "t", "partition": 1, "offset": null, "timestamp": "-3"}', None, b"x"),
        ('{"value": "x", "offset": %s}' % ("9" * 5000), None, b"x"),
        ('{"value": "gr\u00fc\u00dfe \\ud83d\\ude00"}', None, "gr\u00fc\u00dfe \U0001f600".encode()),
    ],
)
def test_a_valid_line_of_json(line: str, key: bytes | None, value: bytes | None) -> None:
    assert from_json(line.encode()) == {"key": key, "value": value}


NO_DATA = 'is not a string, null or {"base64": "\u2026"}'
NO_PAIRS = (b"{}", b'"h"', b"false", b'["h"]', b"[[]]", b'[["h"]]', b'[["h", "1", "2"]]', b'[[1, "1"]]')


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not JSON: Expecting value at column 1"),
        (b'{"value": "x"} y', "not JSON: Extra data at column 16"),
        (b'{"value": "x"', "not JSON: Expecting ',' delimiter at column 14"),
        (b'{"value": "a\tb"}', "not JSON: Invalid control character at column 13"),
        (b'{"value": "\xff"}', "not UTF-8 at byte 12"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
        *((line, 'not a JSON object: write {"key": "\u2026", "value": "\u2026"}') for line in (b'"x"', b"[]", b"null")),
        *((line, 'no field "value"') for line in (b"{}", b'{"key": "x"}')),
        (b'{"value": "x", "Key": "x"}', 'unknown field "Key"'),
        (b'{"b": 1, "a": 1, "value": "x"}', 'unknown field "a"'),
        (b'{"value": "x", "payload": "x"}', 'unknown field "payload"'),
        (b'{"topic": "t", "offset": 1, "key": null, "payload": null}', "this is JSON of kcat -J: pipe it through "),
        (b'{"\\u001b": 1}', 'unknown field "\\u001b"'),
        (b'{"%s": 1}' % (b"x" * 1_000_000), f'unknown field "{"x" * 60}..."'),
        *((b'{"value": %s}' % value, f'"value" {NO_DATA}') for value in (b"1", b"true", b"[]", b"{}", b"NaN")),
        *((b'{"value": "", "key": {%s}}' % value, f'"key" {NO_DATA}') for value in (b'"base64": 1', b'"x": ""')),
        (b'{"value": "", "key": {"base64": "", "x": 1}}', f'"key" {NO_DATA}'),
        (b'{"value": "\\ud800"}', "cannot read \"value\": 'utf-8' codec can't encode character '\\ud800'"),
        (b'{"value": {"base64": "/w="}}', 'cannot read "value": Incorrect padding'),
        (b'{"value": {"base64": "a!bc"}}', 'cannot read "value": Only base64 data is allowed'),
        (b'{"value": {"base64": "\\u00e4"}}', 'cannot read "value": string argument should contain only ASCII'),
        (b'{"value": "", "key": {"base64": "x"}}', 'cannot read "key": Invalid base64'),
        *((b'{"value": "", "headers": %s}' % pairs, '"headers" is not a list of [name, value]') for pairs in NO_PAIRS),
        (b'{"value": "", "headers": [["h", 1]]}', f'header "h" {NO_DATA}'),
        (b'{"value": "", "headers": [["h", {"base64": "x"}]]}', 'cannot read header "h": Invalid base64'),
        *((b'{"value": "", "headers": [["a\\u%s", ""]]}' % code, 'header name "a\\u') for code in (b"0000", b"d800")),
    ],
)
def test_an_invalid_line_of_json_is_refused_with_the_reason(line: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as refusal:
        from_json(line)
    assert len(str(refusal.value)) < 200
    assert str(refusal.value).isprintable()
