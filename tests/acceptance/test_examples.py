"""The examples, run as services: what was answered with 201 is handled, and what cannot be handled is set aside."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from ctypes import c_size_t
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from subprocess import Popen

import pytest
from confluent_kafka import KafkaError

from clusters import ROOT, free_ports, until
from kafka_demo.memory.broker import MemoryBroker
from support import Broker, environment

TOPIC = "message-created"
READ_FAILED = ("message-created.failed", "-o", "beginning", "-e", "-f", "json")
NOT_JSON = b'"key": "ada", "value": "not JSON", "headers": [["a", "b"], ["reason", "JSONDecodeError: Expecting value: '
NO_FIELDS = b'"key": "alan", "value": "{}", "headers": [["reason", "ValueError: messageId or text is missing"]]'
BAD = (b"", b"hello", b"[]", b'{"text": 1}', b"[" * 99_999, b'{"text": "%s"}' % (b"x" * 100_000))
PORT, KAFKA_PORT = free_ports(2)
Start = Callable[[str, str], Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack, (tmp_path / "out").open("ab") as out:

        def start(example: str, address: str) -> Popen[bytes]:
            variables = environment(KAFKA_BOOTSTRAP_SERVERS=address, PORT=str(PORT))
            command = [sys.executable, str(ROOT / "examples" / f"{example}.py")]
            process = stack.enter_context(Popen(command, stdout=out, stderr=out, env=variables))
            stack.callback(process.kill)
            return process

        yield start


def post(body: bytes = b'{"text": "hello"}', path: str = "/messages") -> tuple[int, dict[str, str]]:
    connection = HTTPConnection("localhost", PORT, timeout=20)
    with suppress(ConnectionRefusedError):
        connection.request("POST", path, body)
        with connection.getresponse() as response:
            return response.status, json.load(response)
    return 0, {}  # not listening yet


def stop(process: Popen[bytes]) -> int:
    process.terminate()
    return process.wait(20)


@pytest.mark.parametrize("name", ["memory", pytest.param("docker", id="Docker", marks=pytest.mark.docker)])
def test_what_was_created_is_handled(request: pytest.FixtureRequest, tmp_path: Path, start: Start, name: str) -> None:
    broker: Broker = request.getfixturevalue(name)
    created: set[str] = set()

    def create(number: int) -> bool:
        answers = [post() for _ in range(number)]
        created.update(event["messageId"] for _, event in answers)
        return {status for status, _ in answers} == {201}

    def handled() -> list[str]:
        return re.findall(r"new message '(.+?)': 'hello'", (tmp_path / "out").read_text())

    # In memory, a member that joins before the topic exists is never assigned anything.
    broker.send(TOPIC, "-k", "ada", "-H", "a=b", "not JSON")
    messages, first = start("messages", broker.address), start("notifications", broker.address)
    until(lambda: post()[0] == 201 and handled(), "the first member handles something")
    first.terminate()
    assert create(100)
    assert first.wait(20) == 0
    before = handled()
    second = start("notifications", broker.address)
    until(lambda: create(1) and len(handled()) > len(before), "the second member handles something")
    broker.send(TOPIC, "-k", "alan", "{}")
    assert create(100)
    second.kill()
    third = start("notifications", broker.address)
    until(lambda: created <= set(handled()), "all is handled")
    assert not {*before} & {*handled()[len(before) :]}  # a clean stop repeats nothing
    until(lambda: all(row in broker.read(*READ_FAILED) for row in (NOT_JSON, NO_FIELDS)), "both are set aside")
    assert (stop(third), stop(messages)) == (0, 0)


def test_what_the_broker_does_not_acknowledge_is_neither_created_nor_set_aside(start: Start) -> None:
    broker = Broker(f"localhost:{KAFKA_PORT}")
    messages, member = start("messages", broker.address), start("notifications", broker.address)
    answer = until(lambda: any(found := post()) and found, "an answer")
    assert answer == (503, {"error": "the event was not acknowledged: Local: Message timed out"})
    assert [post(body)[0] for body in BAD] + [post(path="/")[0]] == [400] * 7
    assert stop(member) == 0
    with closing(MemoryBroker(KAFKA_PORT, {TOPIC: 1})) as memory, ThreadPoolExecutor() as pool:
        until(lambda: post()[0] == 201, "the broker is back")
        fault = partial(memory.library.rd_kafka_mock_broker_push_request_error_rtts, memory.cluster, 1, 0, c_size_t(1))
        fault(KafkaError.NO_ERROR, 3000)
        in_hand = pool.submit(post, b'{"text": "in hand"}')
        until(lambda: b"in hand" in broker.read(TOPIC, "-o", "beginning", "-e"), "the broker has the event")
        assert (stop(messages), in_hand.result()[0]) == (0, 201)
        broker.send(TOPIC, "not JSON")
        fault(KafkaError.TOPIC_AUTHORIZATION_FAILED, 0)
        assert start("notifications", broker.address).wait(20) == 1
        start("notifications", broker.address)
        until(lambda: broker.read(*READ_FAILED), "it is set aside after the restart")
