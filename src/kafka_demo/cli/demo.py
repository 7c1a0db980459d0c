"""The demo command: the real commands show how a group shares the work and hands it over."""

import os
from concurrent.futures import Future
from contextlib import ExitStack
from itertools import pairwise

import click
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic

from kafka_demo.cli.options import KafkaCommand, bootstrap_option
from kafka_demo.cli.session import Session
from kafka_demo.cli.stage import Stage
from kafka_demo.memory.broker import MemoryBroker
from kafka_demo.narration.problems import Problem
from kafka_demo.narration.text import error, forced_to_stop
from kafka_demo.shutdown import BackgroundCall, Timeout, handle_signals

EVENTS, INTERVAL = 44, 0.25  # 11 s of events
PARTITIONS = 4
FIRST_READS, SECOND_READS = 8, 5  # messages that consumer 1, or consumer 2, reads before the next step
ANSWER = 5.0  # seconds to wait for a broker's answer


@click.command(cls=KafkaCommand)
@bootstrap_option
@click.pass_obj
def demo(session: Session) -> int:
    """Watch two members of a group share the work and hand it over, losing nothing, in 15 seconds.

    Uses the broker at the given address or, if that cannot be used, starts an in-memory broker.
    """
    stop, address = session.stop, session.address
    topic = session.topic = f"demo-{os.urandom(3).hex()}"
    session.narrator.quiet = True
    stage = Stage(stop)

    def forced() -> None:
        stage.kill()
        forced_to_stop(f"topic {topic} may still exist" if address == session.address else "")

    with handle_signals(stop, forced), ExitStack() as stack:
        try:
            try:
                _create_topic(session, stack)
                stage.hidden += ["-X", "allow.auto.create.topics=false"]  # otherwise a process could create it again
                stage.title(f"Using the broker at {address}, with a topic of its own: {topic}.")
            except Problem as problem:
                own = MemoryBroker(topics={topic: PARTITIONS})
                stack.callback(own.close)
                address = own.address
                stage.hidden += ["-X", "security.protocol=plaintext"]  # whatever the environment says
                stage.title(f"{problem.what}\nUsing an in-memory broker instead.")
            stack.callback(stage.stop_all)
            passed = _play(stage, "-b", address, "-t", topic)
        except Timeout:  # a signal
            stage.title("Stopping the demo.")
            return 0
    if address != session.address:
        stage.title("Start a broker: `docker compose up -d --wait`, or `kafka-demo broker`.")
    stage.title("Your turn: `kafka-demo consume --group g1` in one terminal,\nand `kafka-demo produce` in another.")
    return 0 if passed else 1


def _play(stage: Stage, *at: str) -> bool:
    """Play the five steps; returns whether every message was read once and in order. Raises as `Stage.wait()` does."""

    def join(name: str) -> None:
        stage.start(name, "consume", "--group", "g1", *at)
        stage.wait(f"{name} is assigned partitions", lambda: any("assigned" in line for line in stage.printed[name]))

    stage.title(f"1. The first consumer of this topic joins group g1: it gets all {PARTITIONS} partitions.")
    join("consumer 1")

    stage.title("2. A producer sends events. Events with the same key go to the same partition.")
    stage.start("producer", "produce", "--sample", "-n", str(EVENTS), "--interval", str(INTERVAL), *at)
    stage.wait("consumer 1 reads", lambda: len(stage.read("consumer 1")) >= FIRST_READS)

    stage.title("3. A second consumer joins g1. Some of the partitions move to it: a rebalance.")
    join("consumer 2")
    stage.wait("consumer 2 reads", lambda: len(stage.read("consumer 2")) >= SECOND_READS or "producer" in stage.ended)

    stage.title("4. Consumer 1 is stopped (Ctrl-C), commits and leaves; consumer 2 takes over.")
    stage.interrupt("consumer 1")
    stage.wait("the producer ends", lambda: "consumer 1" in stage.ended and "producer" in stage.ended)
    sent = sum(line.startswith("delivered to ") for line in stage.printed["producer"])
    stage.wait("consumer 2 reads the rest", lambda: len(stage.read("consumer 1", "consumer 2")) >= sent)

    stage.title("5. Consumer 2 is stopped in the same way.")
    stage.interrupt("consumer 2")
    stage.wait("consumer 2 ends", lambda: "consumer 2" in stage.ended)

    read = stage.read("consumer 1", "consumer 2")  # in this order: no partition moves from the second to the first
    missing, twice = sent - len(set(read)), len(read) - len(set(read))
    disorder = sum(later < earlier for earlier, later in pairwise(sorted(read, key=lambda place: place[0])))
    stage.title(f"proof: {sent} sent, {len(read)} read, {missing} missing, {twice} duplicated, {disorder} out of order")
    return sent == EVENTS and not (missing or twice or disorder)


def _create_topic(session: Session, stack: ExitStack) -> None:
    """Find the broker and create the demo's topic, which `stack` deletes. Raises Problem, or Timeout after a signal."""
    session.connect(ANSWER, lambda _: bool(session.connections.reason))  # without a reason, the broker may just be slow
    if session.in_memory:  # then asking for a topic creates it
        session.ask(lambda: session.admin.list_topics(session.topic, ANSWER), ANSWER)
        return
    creation = session.admin.create_topics([NewTopic(session.topic, PARTITIONS)])[session.topic]
    stack.callback(_delete_topic, session, creation)
    session.ask(creation.result, ANSWER)


def _delete_topic(session: Session, creation: Future[None]) -> None:
    if creation.done() and creation.exception():
        return  # the broker did not create it
    try:
        BackgroundCall(session.admin.delete_topics([session.topic])[session.topic].result).result(ANSWER)
    except KafkaException as failure:
        if failure.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:  # otherwise someone else has deleted it
            error(f"topic {session.topic} may still exist: {session.explain(failure.args[0]).what}")
    except Timeout:
        error(f"topic {session.topic} may still exist: no response", f"run `kafka-demo topic delete {session.topic}`")
