import pytest

from kafka_demo.cluster.offsets import Start, parse


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("beginning", ("beginning", 0)),
        ("end", ("end", 0)),
        ("0", ("offset", 0)),
        ("9" * 18, ("offset", 10**18 - 1)),
        ("-5", ("last", 5)),
        ("-" + "9" * 18, ("last", 10**18 - 1)),
        ("@0", ("time", 0)),
        ("@" + "9" * 15, ("time", 10**15 - 1)),
        ("@2026-01-31T09:30:00.250+00:00", ("time", 1769851800250)),
        ("@0002-01-01", ("time", 0)),  # to Kafka, negative times are special values
    ],
)
def test_where_to_start(text: str, start: Start) -> None:
    assert parse(text) == start


NO_OFFSETS = "|latest|earliest|Beginning|END|beginning | end|end\n|-|--5|+5|1.5|5-|5\n|1e3|0x10|1_000|\u0665|-\u0665"
NO_TIMES = "@|@now|@-5|@2026-13-01|@2026-01-31T25:00|@0001-01-01|@" + "9" * 16


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([*NO_OFFSETS.split("|"), "9" * 19, "-" + "9" * 19], "an offset: write beginning, end, N (that offset), "),
        (NO_TIMES.split("|"), "a time: write @2026-01-31T09:30 (local time), or @ and milliseconds since 1970 UTC"),
    ],
)
def test_anything_else_is_refused_with_the_valid_forms(texts: list[str], words: str) -> None:
    for text in texts:
        with pytest.raises(ValueError, match="write") as refusal:
            parse(text)
        assert str(refusal.value).startswith(f"{text!r} is not {words}")
