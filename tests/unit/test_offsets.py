from datetime import datetime

import pytest

from kafka_demo.offsets import Start, parse


@pytest.mark.parametrize(
    ("text", "start", "for_groups"),
    [
        ("beginning", Start("beginning"), True),
        ("end", Start("end"), True),
        ("0", Start("offset", 0), False),
        ("17", Start("offset", 17), False),
        ("9" * 18, Start("offset", 10**18 - 1), False),
        ("-5", Start("last", 5), False),
        ("-" + "9" * 18, Start("last", 10**18 - 1), False),
        ("@0", Start("time", 0), False),
        ("@1767225600123", Start("time", 1767225600123), False),
        ("@" + "9" * 15, Start("time", 10**15 - 1), False),
        ("@2026-01-31T09:30:00.250+00:00", Start("time", 1769851800250), False),
        ("@2026-01-31T09:30+01:00", Start("time", 1769848200000), False),
    ],
)
def test_a_place_to_start_at(text: str, start: Start, for_groups: bool) -> None:
    assert parse(text) == start
    assert start.for_groups == for_groups


@pytest.mark.parametrize("text", ["2026-01-31T09:30", "2026-01-31"])
def test_a_time_without_a_zone_is_that_of_this_machine(text: str) -> None:
    assert parse(f"@{text}") == Start("time", int(datetime.fromisoformat(text).astimezone().timestamp() * 1000))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "latest",
            "earliest",
            "Beginning",
            "END",
            "beginning ",
            " end",
            "end\n",
            "-",
            "--5",
            "+5",
            "1.5",
            "5-",
            "5\n",
        ),
        *("1e3", "0x10", "1_000", "\u0665", "-\u0665", "9" * 19, "-" + "9" * 19),
    ],
)
def test_what_is_no_offset_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no offset") as refusal:
        parse(text)
    assert str(refusal.value) == (
        f"{text!r} is no offset: write beginning, end, N (that offset), -N (the last N), or @TIMESTAMP"
    )


@pytest.mark.parametrize(
    "text", ["@", "@now", "@-5", "@2026-13-01", "@2026-01-31T25:00", "@0001-01-01", "@" + "9" * 16]
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no time") as refusal:
        parse(text)
    assert str(refusal.value) == f"{text!r} is no time: write @2026-01-31T09:30, or @ and the milliseconds since 1970"
