"""Who is the active controller, by a request that is written as bytes."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from kafka_demo.controller import find_controller

TOPIC = b"__cluster_metadata"


def answer(error: int = 0, refused: int = 0, leader: int = 2) -> bytes:
    """Make an answer as Kafka 4.3.1 gives it, up to the leader and a bit more."""
    body = struct.pack(">ibhbb18sbihi", 1, 0, error, 2, len(TOPIC) + 1, TOPIC, 2, 0, refused, leader) + b"\0\0\0\1"
    return struct.pack(">i", len(body)) + body


@contextmanager
def broker(*answers: bytes) -> Iterator[tuple[str, int]]:
    """Listen, and give one connection each of these answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for found in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(found)

        thread = Thread(target=serve)
        thread.start()
        yield server.getsockname()
        thread.join()


def test_the_leader_of_the_quorum_is_the_controller() -> None:
    with broker(answer(leader=3)) as address:
        assert find_controller([address]) == 3


@pytest.mark.parametrize("wrong", [b"", b"\0\0\0\7HTTP/1.", answer(error=35), answer(refused=29), answer(leader=-1)])
def test_the_next_broker_is_asked_where_one_does_not_say(wrong: bytes) -> None:
    with broker(wrong) as first, broker(answer()) as second:
        assert find_controller([first, second]) == 2
    with broker(wrong) as only:
        assert find_controller([only]) is None


def test_nobody_there() -> None:
    assert find_controller([("127.0.0.1", 1)]) is None
    assert find_controller([]) is None
