import pytest

from kafka_demo.assignor import Heartbeat, heartbeat
from kafka_demo.share import Place
from kafka_demo.sharing import places_listed


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([(0, 5)], "partition 0 offset 5"),
        ([(0, 5), (0, 6)], "partition 0 offsets 5-6"),
        ([(0, 9), (0, 3), (0, 5), (0, 4)], "partition 0 offsets 3-5, 9"),
        ([(1, 4), (0, 1), (0, 3)], "partition 0 offsets 1, 3; partition 1 offset 4"),
    ],
)
def test_places_are_told_as_spans(places: list[Place], words: str) -> None:
    assert places_listed(places) == words


def text(words: str) -> bytes:
    return bytes([len(words) + 1]) + words.encode()


HEAD = b"\0\x4c" + b"\0\x01" + b"\0\0\0\x07" + b"\0\x06client" + b"\0"  # key 76, version, number, client, no tags


def test_a_member_that_joins_names_its_topics() -> None:
    request = (
        HEAD + text("queue") + text("member") + b"\0\0\0\0" + b"\0" + b"\x03" + text("jobs") + text("news") + b"\0"
    )
    assert heartbeat(request) == Heartbeat("queue", "member", ["jobs", "news"])


def test_later_it_names_none() -> None:
    request = HEAD + text("queue") + text("member") + b"\0\0\0\x05" + text("rack") + b"\0" + b"\0"
    assert heartbeat(request) == Heartbeat("queue", "member", [])


def test_a_long_name_has_a_length_of_two_bytes() -> None:
    name = "q" * 200
    request = HEAD + b"\xc9\x01" + name.encode() + text("member") + b"\0\0\0\x05" + b"\0\0\0"
    assert heartbeat(request) == Heartbeat(name, "member", [])


@pytest.mark.parametrize(
    "request_", [b"", b"\0", HEAD, HEAD + text("queue"), HEAD + b"\x02\xff", b"\0\x4e" + HEAD[2:], b"GET / HTTP/1.1"]
)
def test_other_requests_are_none_of_a_share_group(request_: bytes) -> None:
    assert heartbeat(request_) is None
