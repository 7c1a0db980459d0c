"""Each client, copied alone into an empty folder and used by a small service in its own process."""

import itertools
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from clusters import ROOT, until
from kafka_demo.consumer import Consumer
from support import Broker, environment, new_name

BEGIN = """
import signal, sys
sys.modules["kafka_demo"] = None  # importing it fails
address, topic, group = sys.argv[1:]
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
"""
SERVICES = {
    "producer": """
from producer import Producer
with Producer({"bootstrap.servers": address}, topic) as producer:
    for line in sys.stdin.buffer:
        producer.send(line.strip(), key=line[-2:])
print(producer.acknowledged, producer.refused, producer.given_up)
""",
    "consumer": """
from consumer import Consumer
config = {"bootstrap.servers": address, "group.id": group, "group.protocol": "consumer"}
with Consumer(config, topic) as consumer:
    while not stopped:
        for message in consumer.read(timeout=0.1, limit=10):
            print(message.partition(), message.offset(), message.value().decode(), flush=True)
            consumer.store(message)
""",
    "share_consumer": """
from share_consumer import ShareConsumer
config = {"bootstrap.servers": address, "group.id": group, "max.poll.records": 10}
with ShareConsumer(config, topic) as consumer:
    while not stopped:
        for message in consumer.read(timeout=0.1):
            print(message.partition(), message.offset(), message.value().decode(), flush=True)
            consumer.acknowledge([message])
""",
}

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts the service in a folder; it ends with the test."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(folder: Path, *arguments: str, stdin: int | None = None, stdout: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "service.py", *arguments]
        processes.append(subprocess.Popen(command, cwd=folder, stdin=stdin, stdout=stdout, env=environment()))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def service(folder: Path, client: str) -> Path:
    """Make a folder with a client and the service, and nothing else."""
    made = folder / client
    made.mkdir()
    shutil.copy(ROOT / "src" / "kafka_demo" / f"{client}.py", made)
    (made / "service.py").write_text(BEGIN + SERVICES[client])
    return made


class Member:
    """A service that writes what it has processed to a file."""

    def __init__(self, start: Start, folder: Path, *arguments: str) -> None:
        self._out = folder / new_name("out")
        with self._out.open("wb") as out:
            self.process = start(folder, *arguments, stdout=out.fileno())

    def handled(self) -> dict[tuple[str, str], int]:
        """Return the numbers it has processed, by partition and offset; checks that none is repeated."""
        rows = [line.split() for line in self._out.read_text().split("\n")[:-1]]  # the last line may be incomplete
        found = {(partition, offset): int(value) for partition, offset, value in rows}
        assert len(found) == len(rows)
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0


@pytest.mark.parametrize(
    ("name", "client"),
    [
        pytest.param("memory", "consumer", id="memory-consumer"),
        pytest.param("docker", "consumer", id="Docker-consumer", marks=pytest.mark.docker),
        pytest.param("docker", "share_consumer", id="Docker-share_consumer", marks=pytest.mark.docker),
    ],
)
def test_nothing_is_lost_and_a_clean_stop_repeats_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, start: Start, name: str, client: str, topic: str, group: str
) -> None:
    broker: Broker = request.getfixturevalue(name)
    arguments = (broker.address, topic, group)
    producer = start(service(tmp_path, "producer"), *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert producer.stdin
    sent = 0

    def more_handled(member: Member, enough: int) -> bool:
        """Send some numbers, and return whether a member has processed enough."""
        nonlocal sent
        assert producer.stdin
        producer.stdin.writelines(b"%d\n" % number for number in range(sent, sent + 20))
        producer.stdin.flush()
        sent += 20
        return len(member.handled()) >= enough

    def goes_on(member: Member) -> None:
        enough = len(member.handled()) + 100
        until(lambda: more_handled(member, enough), "the member continues")

    # In memory, a member that joins before the topic exists is never assigned anything.
    producer.stdin.write(b"-1\n")
    producer.stdin.flush()
    until(lambda: topic in AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=5).topics, "a topic")
    if client == "share_consumer":
        broker.tool("kafka-configs", "--alter", "--group", group, "--add-config", "share.auto.offset.reset=earliest")
    folder = service(tmp_path, client)
    goes_on(first := Member(start, folder, *arguments))
    goes_on(second := Member(start, folder, *arguments))
    first.stop()
    goes_on(second)
    second.process.kill()
    goes_on(third := Member(start, folder, *arguments))
    third.stop()
    goes_on(fourth := Member(start, folder, *arguments))
    assert producer.communicate()[0] == b"%d 0 0\n" % (sent + 1)
    members = (first, second, third, fourth)

    def numbers() -> set[int]:
        return {number for member in members for number in member.handled().values()}

    until(lambda: numbers() >= set(range(-1, sent)), "all is handled")
    fourth.stop()
    assert numbers() == set(range(-1, sent))
    for one, other in itertools.combinations(members, 2):
        if one is not second:  # it had uncommitted records when it was killed
            assert not one.handled().keys() & other.handled().keys()


@pytest.mark.docker
class TestDocker:  # shares the broker of the other tests with that name
    def test_a_fatal_error_is_raised_again_and_nothing_more_is_read(
        self, docker: Broker, topic: str, group: str
    ) -> None:
        config = {"bootstrap.servers": docker.address, "group.id": group, "group.instance.id": "i1", "log_level": 0}
        codes: list[int] = []

        def failed_twice() -> bool:
            try:
                assert first.read(0.1) == []
            except KafkaException as error:
                codes.append(error.args[0].code())
            return codes[1:] != []

        docker.create(topic, 1)
        with Consumer(config, topic) as first:
            until(lambda: first.read(0.1) or first.assigned, "the first member has joined")
            with Consumer(config, topic) as second:
                until(lambda: second.read(0.1) or second.assigned, "the second member has joined")
                until(failed_twice, "the first member has failed twice")
        assert codes == [KafkaError._FATAL] * 2
