from collections.abc import Callable
from typing import Any

import pytest

from kafka_demo.narration.text import count, offsets_text, partitions_text, visible

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # three people, joined by zero-width joiners


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x00\x1f\x1b[31mred\x7f\x80\x9b\x9f", r"\x00\x1f\x1b[31mred\x7f\x80\x9b\x9f"),
        ("a\nb\rc\td\x08", r"a\nb\rc\td\x08"),
        ("\u061c\u200e\u200f\u2028\u2029", r"\u061c\u200e\u200f\u2028\u2029"),
        ("\u202a\u202b\u202c\u202d\u202e", r"\u202a\u202b\u202c\u202d\u202e"),
        ("\u2066\u2067\u2068\u2069", r"\u2066\u2067\u2068\u2069"),
        ("\ud800\udcff\udfff", r"\ud800\udcff\udfff"),
        (b"\xff ok \xc3\xa4\xc3", "\\xff ok \u00e4\\xc3"),
    ],
)
def test_what_could_control_a_terminal_is_escaped(text: str | bytes, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["", "~", "\u00fc\u00a0\u05e9\u200d\u2027\u202f\u2065\u206a\ue000", FAMILY, r"\x1b"])
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert visible(text) == visible(text.encode()) == visible(text, as_json=True) == text


def test_in_json_the_escapes_are_those_of_json() -> None:
    assert visible("\x1b\n\x7f\x9f\u202e\ud800", as_json=True) == r"\u001b\u000a\u007f\u009f\u202e\ud800"


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        *((count, (n, "message"), text) for n, text in [(0, "0 messages"), (1, "1 message"), (3000, "3,000 messages")]),
        (partitions_text, ({10, 9, 0},), "partitions 0, 9, 10"),
        (offsets_text, ({10: 9, 2: 4, 0: 0},), "partition 0 at offset 0, 2 at 4, 10 at 9"),
    ],
)
def test_numbers_in_words(function: Callable[..., str], arguments: tuple[Any, ...], words: str) -> None:
    assert function(*arguments) == words
