import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafka_demo.visible import visible

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # three people, held together by zero width joiners


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x00", r"\x00"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\rc\td\x08", r"a\nb\rc\td\x08"),
        ("\x1f", r"\x1f"),
        ("\x7f", r"\x7f"),
        ("\x80\x9b\x9f", r"\x80\x9b\x9f"),
        ("\u061c", r"\u061c"),
        ("\u200e\u200f", r"\u200e\u200f"),
        ("\u2028\u2029\u202a\u202b\u202c\u202d\u202e", r"\u2028\u2029\u202a\u202b\u202c\u202d\u202e"),
        ("\u2066\u2067\u2068\u2069", r"\u2066\u2067\u2068\u2069"),
        ("\ud800\udcff\udfff", r"\ud800\udcff\udfff"),
    ],
)
def test_what_could_do_something_to_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain text ~",
        "gr\u00fc\u00dfe",
        "\u00a0",
        "\u200d",
        "\u2027\u202f",
        "\u2065\u206a",
        "\ue000",
        FAMILY,
        "\u05e9\u05dc\u05d5\u05dd",
        r"\x1b \n",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert visible(text.encode()) == text
    assert visible(text, as_json=True) == text


def test_bytes_that_are_not_utf8_are_escaped() -> None:
    assert visible(b"\xff ok \xc3\xa4\xc3") == r"\xff ok " + "\u00e4" + r"\xc3"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b", r"\u001b"), ("\n\x7f\x9f", r"\u000a\u007f\u009f"), ("\u202e", r"\u202e"), ("\ud800", r"\ud800")],
)
def test_in_json_the_escapes_are_those_of_json(text: str, shown: str) -> None:
    assert visible(text, as_json=True) == shown


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_json_made_visible_has_the_same_value(value: object) -> None:
    text = visible(json.dumps(value, ensure_ascii=False), as_json=True)
    assert json.loads(text) == value


@settings(max_examples=100, deadline=None)
@given(st.text() | st.binary())
def test_what_is_visible_has_no_control_character_and_can_be_encoded(text: str | bytes) -> None:
    shown = visible(text)
    assert shown.encode().decode() == shown
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)
