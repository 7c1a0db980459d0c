"""The broker command: runs the in-memory broker until a signal."""

import errno
import math

import click

from kafka_demo.cli.options import KafkaCommand, topic_option
from kafka_demo.cli.session import Session
from kafka_demo.memory.broker import MemoryBroker
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import count
from kafka_demo.shutdown import sleep

_PORT = "Port on localhost to listen on; 0 picks a free one."
_TOPIC = "A topic to create at startup; others are created on first use, with 4 partitions."
_PARTITIONS = "Number of partitions of the topic created at startup."


@click.command(cls=KafkaCommand)
@click.option("--port", type=click.IntRange(0, 65535), metavar="PORT", default=9092, show_default=True, help=_PORT)
@click.option("--partitions", type=click.IntRange(1, 1000), metavar="N", default=4, show_default=True, help=_PARTITIONS)
@topic_option(help=_TOPIC)
@click.pass_obj
def broker(session: Session, port: int, partitions: int) -> int:
    """Run an in-memory broker until Ctrl-C, to learn Kafka without Docker.

    It keeps at most 5 MiB and 100,000 batches of each partition, and forgets everything when it stops. It does
    not support share groups: `consume --queue` needs Kafka 4.2 or newer, for example in Docker.
    """
    try:
        memory = MemoryBroker(port, {session.topic: partitions})
    except OSError as error:
        what, hint = f"cannot start the broker: {error.strerror or error}", "use Docker: docker compose up -d --wait"
        if error.errno == errno.EADDRINUSE:
            what, hint = f"port {port} is in use", "if a broker is running there, use it; otherwise add --port PORT"
        raise Problem(what, hint) from None
    say = session.narrator.say
    say(f"in-memory broker ready at {memory.address} (topic {session.topic}, {count(partitions, 'partition')})")
    say("keeps at most 5 MiB and 100,000 batches per partition; Ctrl-C stops it")
    say("works with kafkajs, aiokafka, and clients built on librdkafka (kafka-demo, kcat)")
    say("for share groups, or for the Java client, kafka-python, franz-go or sarama, run Kafka in Docker")
    sleep(math.inf, session.stopped)
    session.narrator.stopping("all messages are forgotten")
    memory.close()
    return 0
