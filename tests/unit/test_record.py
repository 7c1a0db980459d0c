import json
from typing import Any, cast

import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from kafka_demo.record import Headers, check_header_name, from_json, from_line, headers_of, to_json

DATA = st.none() | st.binary() | st.text().map(str.encode)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def message(**fields: Any) -> Message:
    return Message("t", 1, 2, timestamp=(1, 3), **fields)


@settings(max_examples=150, deadline=None)
@given(DATA, DATA, st.lists(st.tuples(NAMES, DATA), max_size=3))
def test_a_message_comes_back_from_its_json(key: bytes | None, value: bytes | None, headers: Headers) -> None:
    line = to_json(message(key=key, value=value, headers=headers))
    assert "\n" not in line
    assert from_json(line.encode()) == {"key": key, "value": value, "headers": headers}


def test_json_shows_all_there_is_of_a_message() -> None:
    line = to_json(message(key=b"ada", value="gr\u00fc\u00dfe".encode(), headers=[("h", b"1"), ("h", None)]))
    assert json.loads(line) == {
        "topic": "t",
        "partition": 1,
        "offset": 2,
        "timestamp": 3,
        "key": "ada",
        "value": "gr\u00fc\u00dfe",
        "headers": [["h", "1"], ["h", None]],
    }
    assert "\u00fc\u00df" in line


@pytest.mark.parametrize(
    ("data", "shown"),
    [(b"", ""), (None, None), (b"\xff", {"base64": "/w=="}), (b"a\xc3", {"base64": "YcM="}), (b"\x00", "\x00")],
)
def test_json_tells_empty_null_and_bytes_apart(data: bytes | None, shown: object) -> None:
    fields = json.loads(to_json(message(key=data, value=data, headers=[("h", data)])))
    assert (fields["key"], fields["value"], fields["headers"]) == (shown, shown, [["h", shown]])


def test_a_message_without_headers_has_an_empty_list_of_them() -> None:
    assert json.loads(to_json(message()))["headers"] == []
    assert headers_of([message()]) == [None]


def test_headers_keep_their_order_and_may_share_a_name() -> None:
    headers = [("b", b"1"), ("a", b"2"), ("b", b"\xff")]
    assert headers_of([message(headers=headers), message(headers=headers[:1])]) == [headers, headers[:1]]


def test_headers_that_the_library_cannot_read_are_none() -> None:
    class Unreadable:
        readable: Headers | None = None

        def headers(self) -> Headers:
            if self.readable is None:
                raise SystemError
            return self.readable

        def set_headers(self, headers: Headers) -> None:
            self.readable = headers

    unreadable, headers = cast("Message", Unreadable()), [("h", b"1")]
    assert headers_of([message(), unreadable, message(headers=headers)]) == [None, [], headers]
    assert unreadable.headers() == []  # and not what the library returns from the second time on, which ends a process


@settings(max_examples=100, deadline=None)
@given(st.binary(), st.binary(min_size=1, max_size=2), st.binary())
def test_a_line_is_split_at_the_first_separator(key: bytes, separator: bytes, value: bytes) -> None:
    line = key + separator + value
    first = line.index(separator)
    assert from_line(line, separator) == {"key": line[:first], "value": line[first + len(separator) :]}


@settings(max_examples=50, deadline=None)
@given(st.binary())
def test_a_line_without_the_separator_is_a_value_without_a_key(line: bytes) -> None:
    assert from_line(line.replace(b":", b""), b":") == {"value": line.replace(b":", b"")}
    assert from_line(line) == {"value": line}
    assert from_line(line, b"") == {"value": line}


@pytest.mark.parametrize("key", [b"ada", b""])
def test_all_lines_can_have_one_key(key: bytes) -> None:
    assert from_line(b"a:b", None, key) == {"value": b"a:b", "key": key}


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ('{"value": "hi"}', {"value": b"hi"}),
        ('{"value": null}', {"value": None}),
        (' {"value": "", "key": ""} \r', {"value": b"", "key": b""}),
        ('{"value": "x", "key": null}', {"value": b"x", "key": None}),
        ('{"value": {"base64": ""}, "key": {"base64": "/w=="}}', {"value": b"", "key": b"\xff"}),
        ('{"value": "x", "headers": null}', {"value": b"x"}),
        ('{"value": "x", "headers": []}', {"value": b"x", "headers": []}),
        (
            '{"value": "x", "headers": [["", "1"], ["h", null], ["h", {"base64": "/w=="}]]}',
            {"value": b"x", "headers": [("", b"1"), ("h", None), ("h", b"\xff")]},
        ),
        ('{"value": "x", "topic": "t", "partition": 1, "offset": 2, "timestamp": -3}', {"value": b"x"}),
        ('{"value": "gr\u00fc\u00dfe \\ud83d\\ude00"}', {"value": "gr\u00fc\u00dfe \U0001f600".encode()}),
    ],
)
def test_a_good_line_of_json(line: str, record: dict[str, object]) -> None:
    assert from_json(line.encode()) == record


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not JSON: "),
        (b"hello", "not JSON: "),
        (b'{"value": "x"} y', "not JSON: Extra data at column 16"),
        (b'{"value": "x"', "not JSON: "),
        (b'{"value": "a\tb"}', "not JSON: "),
        (b'{"value": "\xff"}', "not JSON: it is not UTF-8"),
        (b"[" * 100_000, "not JSON: too deeply nested"),
        (b'"x"', 'not a JSON object: write {"key": \u2026, "value": \u2026}'),
        (b'["value"]', "not a JSON object: "),
        (b"null", "not a JSON object: "),
        (b"{}", 'no field "value"'),
        (b'{"key": "x"}', 'no field "value"'),
        (b'{"value": "x", "val": 1}', 'unknown field "val"'),
        (b'{"value": "x", "Key": "x"}', 'unknown field "Key"'),
        (b'{"b": 1, "a": 1, "value": "x"}', 'unknown field "a"'),
        (b'{"\\u001b": 1}', 'unknown field "\\u001b"'),
        (b'{"value": "x", "value": "x"}', "a field is there twice"),
        (b'{"value": {"base64": "", "base64": ""}}', "a field is there twice"),
        *(
            (
                b'{"%s": %s}' % (field, value) if field == b"value" else b'{"value": "", "%s": %s}' % (field, value),
                words,
            )
            for field, words in (
                (b"value", '"value" is not a string, null or {"base64": "\u2026"}'),
                (b"key", '"key" is not a string, null or {"base64": "\u2026"}'),
            )
            for value in (
                b"1",
                b"true",
                b"[]",
                b"{}",
                b"NaN",
                b'{"base64": 1}',
                b'{"base64": "", "x": 1}',
                b'{"x": ""}',
            )
        ),
        (b'{"value": "\\ud800"}', '"value" has half a surrogate pair'),
        (b'{"value": "", "key": "\\udc00x"}', '"key" has half a surrogate pair'),
        (b'{"value": {"base64": "/w="}}', '"value" is not base64'),
        (b'{"value": {"base64": "/w==!"}}', '"value" is not base64'),
        (b'{"value": {"base64": "\\u00e4"}}', '"value" is not base64'),
        (b'{"value": "", "key": {"base64": "x"}}', '"key" is not base64'),
        (b'{"value": "", "topic": 1}', '"topic" is not a string'),
        (b'{"value": "", "topic": null}', '"topic" is not a string'),
        *(
            (b'{"value": "", "%s": %s}' % (field, value), f'"{field.decode()}" is not a whole number')
            for field in (b"partition", b"offset", b"timestamp")
            for value in (b'"1"', b"1.0", b"true", b"null")
        ),
        *(
            (b'{"value": "", "headers": %s}' % value, '"headers" is not a list of [name, value]')
            for value in (b"{}", b'"h"', b"false", b'["h"]', b"[[]]", b'[["h"]]', b'[["h", "1", "2"]]', b'[[1, "1"]]')
        ),
        (b'{"value": "", "headers": [["h", 1]]}', 'header "h" is not a string, null or {"base64": "\u2026"}'),
        (b'{"value": "", "headers": [["h", {"base64": "x"}]]}', 'header "h" is not base64'),
        (b'{"value": "", "headers": [["h", "\\ud800"]]}', 'header "h" has half a surrogate pair'),
        (
            b'{"value": "", "headers": [["a\\u0000b", ""]]}',
            'a header\'s name is not UTF-8, or has a NUL: "a\\u0000b"',
        ),
    ],
)
def test_a_bad_line_of_json_is_refused_with_a_reason(line: bytes, words: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 (the words are compared below)
        from_json(line)
    assert str(refusal.value).startswith(words)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["", "trace-id", "a b", "gr\u00fc\u00dfe"])
def test_a_header_name_may_be_any_utf_8(name: str) -> None:
    check_header_name(name)


@pytest.mark.parametrize("name", ["\x00", "a\x00", "\ud800", "a\udfffb"])
def test_a_header_name_that_the_library_cannot_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^a header's name is not UTF-8, or has a NUL: ") as refusal:
        check_header_name(name)
    assert str(refusal.value).endswith(json.dumps(name))
