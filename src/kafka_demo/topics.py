"""`kafka-demo topic create` and `topic delete`."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka.cimpl import NewTopic

from kafka_demo import cluster, errors
from kafka_demo.admin import Admin
from kafka_demo.patience import Call, NoAnswer
from kafka_demo.problems import Problem
from kafka_demo.settings import Settings
from kafka_demo.snapshot import Topic
from kafka_demo.stop import TICK, Stop
from kafka_demo.visible import tell
from kafka_demo.words import count

ANSWER = 10.0  # seconds that a broker may take to do it, and again until all brokers know

ITS_OWN = ("__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata")
BACK = 1.0  # seconds in which a client that uses it would have made a deleted topic anew


@dataclass(frozen=True)
class New:
    """A topic to create; -1 leaves a number to the broker."""

    name: str
    partitions: int = -1
    replicas: int = -1
    config: dict[str, str] = field(default_factory=dict)


def create(new: New, settings: Settings, stop: Stop, *, quiet: bool, explain: bool) -> int:
    """Create it, and wait until it can be written to; returns the exit status.

    Raises KafkaException if librdkafka does not take the settings.
    """

    def has_leaders(topic: Topic) -> bool:
        return bool(topic.partitions) and all(partition.leader is not None for partition in topic.partitions)

    def work(admin: Admin) -> None:
        _refuse_in_memory(
            admin,
            "does not create topics on request",
            f"it makes them on first use; for N partitions: `kafka-demo broker --partitions N -t {new.name}`",
        )
        topic = NewTopic(new.name, new.partitions, new.replicas, config=new.config)
        admin.ask(admin.client.create_topics([topic], request_timeout=ANSWER)[new.name].result, ANSWER + 1)
        found = _wait(admin, new.name, has_leaders)
        if not has_leaders(found):
            raise Problem(
                f"topic {new.name} is created, but has no leader yet", "`kafka-demo status` shows when it has"
            )
        replicas = count(len(found.partitions[0].replicas), "replica")
        admin.narrator.say(f"created topic {new.name}: {count(len(found.partitions), 'partition')}, {replicas} of each")

    return _run(work, Admin(settings, stop, quiet=quiet, explaining=explain, topic=new.name, words=errors.TOPIC))


def delete(name: str, settings: Settings, stop: Stop, *, quiet: bool, explain: bool, sure: bool) -> int:
    """Delete a topic, after asking unless `sure`, and wait until it is gone; returns the exit status.

    Raises KafkaException if librdkafka does not take the settings.
    """

    def work(admin: Admin) -> None:
        _refuse_in_memory(admin, "does not delete topics", "it forgets all when it ends (Ctrl-C)")
        if name in ITS_OWN:
            raise Problem(f"topic {name} is internal: the brokers need it")
        if not sure and not _agreed(name, stop):
            raise Problem("nothing was deleted")
        admin.ask(admin.client.delete_topics([name], request_timeout=ANSWER)[name].result, ANSWER + 1)
        _wait(admin, name, lambda topic: not topic.partitions)
        if _wait(admin, name, lambda topic: bool(topic.partitions), BACK).partitions:
            raise Problem(
                f"topic {name} was deleted, and is there again: a client that uses it had it made anew",
                "stop that client first",
            )
        admin.narrator.say(f"deleted topic {name}")

    return _run(work, Admin(settings, stop, quiet=quiet, explaining=explain, topic=name, words=errors.TOPIC))


def _run(work: Callable[[Admin], None], admin: Admin) -> int:
    try:
        admin.reach()
        work(admin)
    except Problem as problem:
        admin.narrator.problem(problem)
    except NoAnswer:
        admin.narrator.stopping("look at `kafka-demo status` for what was done", admin.stop.typed)
    else:
        return 0
    return 1


def _refuse_in_memory(admin: Admin, what: str, todo: str) -> None:
    if admin.ask(lambda: cluster.in_memory(admin.client), cluster.LIMIT):
        raise Problem(f"the broker at {admin.settings.bootstrap_servers} is in memory, and {what}", todo)


def _wait(admin: Admin, name: str, good: Callable[[Topic], bool], seconds: float = ANSWER) -> Topic:
    """Wait until the topic is as it should be, and return how it is then, or after so many seconds."""

    def wait() -> Topic:
        deadline = time.monotonic() + seconds
        while not good(topic := cluster.look_at_topic(admin.client, name)) and time.monotonic() < deadline:
            time.sleep(TICK / 2)
        return topic

    return admin.ask(wait, seconds + ANSWER)


def _agreed(name: str, stop: Stop) -> bool:
    tell(f"delete topic {name} with all its messages? Type y and press Enter:")
    # In a thread: a signal does not end a wait for a line.
    try:
        answer = Call(sys.stdin.buffer.readline).result(math.inf, unless=lambda: stop)
        return answer.strip().lower() in (b"y", b"yes")
    except NoAnswer:
        raise Problem(f"{' ' if stop.typed else ''}stopping: nothing was deleted") from None
