"""The relay before the in-memory broker, which other processes come and go through."""

import socket
import threading
from collections.abc import Iterator

import pytest

from clusters import until
from kafka_demo.broker import MemoryBroker
from kafka_demo.settings import split_address
from support import run


@pytest.fixture
def broker() -> Iterator[MemoryBroker]:
    broker = MemoryBroker(topics={"jobs": 1, "news": 1})
    yield broker
    broker.close()


def test_a_client_that_is_gone_leaves_no_thread_behind(broker: MemoryBroker) -> None:
    before = threading.active_count()
    for _ in range(20):
        socket.create_connection(split_address(broker.address)).close()
    until(lambda: threading.active_count() <= before, "all threads have ended", 10)


@pytest.mark.parametrize("garbage", [b"\0\0\0\x02\0\x4c", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff", b"\0\0"])
def test_garbage_does_no_harm(broker: MemoryBroker, garbage: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with socket.create_connection(split_address(broker.address)) as connection:
        connection.sendall(garbage)
    until(lambda: threading.active_count() <= before, "its threads have ended", 10)
    assert run("produce", "-q", "-b", broker.address, "-t", "news", "hello").returncode == 0
    assert capfd.readouterr().err == ""
