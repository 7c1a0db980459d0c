"""The topic commands: list, create and delete topics."""

import math
import os
import sys
import time

import click
from confluent_kafka import TopicCollection
from confluent_kafka.admin._metadata import TopicMetadata
from confluent_kafka.cimpl import NewTopic

from kafka_demo.cli.options import KafkaCommand, kafka_options, parsed
from kafka_demo.cli.session import Session
from kafka_demo.cluster.inspect import INTERNAL
from kafka_demo.cluster.offsets import REQUEST
from kafka_demo.cluster.settings import Pair, check_topic, check_utf8, parse_pair
from kafka_demo.narration.problems import TOPIC, Problem
from kafka_demo.narration.text import count, start_new_line, visible, write
from kafka_demo.shutdown import TICK, BackgroundCall

CHANGE = 10.0  # seconds for a broker to create or delete a topic; a deletion may take as long to show
_PARTITIONS = "Number of partitions.  [default: the broker's num.partitions]"
_REPLICAS = "Number of replicas of each partition.  [default: the broker's default.replication.factor]"
_CONFIG = "Set a topic config, such as retention.ms=60000. Repeatable."
_setting = parsed(lambda text: parse_pair(check_utf8(text, "the value")))
_name = click.argument("name", callback=parsed(check_topic))  # not `topic`, which _session() removes


@click.group()
def topic() -> None:
    """List, create and delete topics."""


@topic.command(name="list", cls=KafkaCommand, short_help="List the topics.")
@kafka_options
@click.pass_obj
def list_(session: Session) -> int:
    """List the topics except Kafka's internal ones; if output goes to a pipe or a file, only their names.

    Exit status: 0 listed, 1 no response, 2 usage error.
    """
    session.if_stopped = "nothing was listed"
    found = session.connect().topics
    names = [name for name in sorted(found) if not name.startswith(INTERNAL)]
    if not names:
        session.narrator.say("no topics to show")
        return 0
    width, terminal = max(map(len, names)), os.isatty(1)
    session.write("\n".join(visible(f"{it:{width}}  {_size(found[it])}") if terminal else it for it in names))
    return 0


@topic.command(cls=KafkaCommand, short_help="Create a topic.")
@_name
@kafka_options
@click.option("--partitions", type=click.IntRange(1, 100_000), metavar="N", help=_PARTITIONS)
@click.option("--replication-factor", "replicas", type=click.IntRange(1, 10_000), metavar="N", help=_REPLICAS)
@click.option("-c", "--config", metavar="NAME=VALUE", multiple=True, callback=_setting, help=_CONFIG)
@click.pass_obj
def create(session: Session, name: str, partitions: int | None, replicas: int | None, config: tuple[Pair, ...]) -> int:
    """Create a topic, and wait up to 10 s for every partition to have a leader.

    Exit status: 0 created, 1 not created or not confirmed, 2 usage error.
    """
    session.topic, session.words = name, TOPIC
    session.if_stopped = f"`kafka-demo topic list` shows whether {name} exists"
    session.connect()
    if session.in_memory:
        hint = f"`kafka-demo produce -t {name}` creates it (N partitions: `kafka-demo broker --partitions N -t {name}`)"
        raise Problem("the in-memory broker creates topics on first use, not on request", hint)
    new = NewTopic(name, partitions or -1, replicas or -1, config=dict(config))
    session.ask(session.admin.create_topics([new], request_timeout=CHANGE)[name].result)
    session.narrator.say(f"created topic {name}: {_size(session.reach_topic(new=True))}")
    return 0


@topic.command(cls=KafkaCommand, short_help="Delete a topic and all its messages.")
@_name
@kafka_options
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def delete(session: Session, name: str, yes: bool) -> int:
    """Delete a topic and all its messages, after asking, and wait until it is gone.

    Exit status: 0 deleted, 1 not deleted or not confirmed, 2 usage error.
    """
    if not (yes or os.isatty(0)):
        raise click.UsageError("cannot ask for confirmation, since standard input is not a terminal: add --yes")
    session.topic, session.words, session.if_stopped = name, TOPIC, "nothing was deleted"
    session.connect()
    if session.in_memory:
        raise Problem("the in-memory broker does not delete topics", "Ctrl-C stops it, and it forgets all topics")
    if name.startswith(INTERNAL):
        raise Problem(f"topic {name} has the name of an internal topic: kafka-demo does not delete those")
    # A list would omit topics that this user may not see.
    session.ask(session.admin.describe_topics(TopicCollection([name]), request_timeout=REQUEST)[name].result)
    if not yes and not _agreed(session):
        raise Problem(session.if_stopped)
    session.if_stopped = f"`kafka-demo topic list` shows whether {name} still exists"
    session.ask(session.admin.delete_topics([name], request_timeout=CHANGE)[name].result)
    if not session.ask(lambda: _gone(session)):
        what = f"topic {name} still exists after 10 s: it is still being deleted, or a client has created it again"
        raise Problem(what, "stop the clients that use it, and run `kafka-demo topic list`")
    session.narrator.say(f"deleted topic {name}")
    return 0


def _gone(session: Session) -> bool:
    """Wait up to CHANGE seconds for the topic to disappear; returns whether it did."""
    deadline = time.monotonic() + CHANGE
    # A request for all topics: one for a single topic could create it.
    while (found := session.topic in session.admin.list_topics(timeout=REQUEST).topics) and time.monotonic() < deadline:
        time.sleep(TICK / 2)
    return not found


def _agreed(session: Session) -> bool:
    write(f"delete topic {session.topic} and all its messages? [y/N] ")
    # In the background: a signal would not interrupt a read.
    answer = BackgroundCall(sys.stdin.buffer.readline).result(math.inf, session.stopped)
    if not answer.endswith(b"\n"):  # Ctrl-D
        start_new_line()
    return answer.strip().lower() in (b"y", b"yes")


def _size(topic: TopicMetadata) -> str:
    factor = max((len(partition.replicas) for partition in topic.partitions.values()), default=0)
    return f"{count(len(topic.partitions), 'partition')}, replication factor {factor}"
