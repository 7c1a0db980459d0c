"""The tour: a group shares the work, hands it over, and loses nothing, shown with the real commands."""

import contextlib
import re
import secrets
import socket

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from kafka_demo.broker import MemoryBroker
from kafka_demo.patience import NoAnswer
from kafka_demo.proof import Proof
from kafka_demo.settings import SECURITY, Settings, split_address
from kafka_demo.stage import Stage
from kafka_demo.stop import Stop

EVENTS, INTERVAL = 44, 0.25  # 11 s of events
PARTITIONS = 4
FIRST, SECOND = 8, 5  # how many messages a consumer is to show before the tour goes on
ANSWER = 5.0  # seconds


def tour(settings: Settings, stop: Stop) -> int:
    """Give the tour; returns the exit status: 0 if nothing was lost, duplicated or out of order."""
    topic = f"demo-{secrets.token_hex(3)}"
    admin, broker = _reach(settings, topic), None
    if admin is not None:  # it has a length, and that is 0
        address = settings.bootstrap_servers
        stage = Stage(stop)
        stage.tell(f"the broker at {address} answers: the tour uses it, with a topic of its own")
    else:
        broker = MemoryBroker(topics={topic: PARTITIONS})
        address = broker.address
        # The broker in memory speaks plain text, whatever the environment says about another one.
        stage = Stage(stop, {f"KAFKA_{name.upper()}": "" for name in SECURITY})
        stage.tell(f"no broker answers at {settings.bootstrap_servers}: the tour brings its own, in memory")
    try:
        lossless = _play(stage, address, topic)
    except NoAnswer as missing:
        stage.tell("stopped" if stop else f"the tour waited in vain for this: {missing}")
        return 0 if stop else 1
    finally:
        stage.clear()
        if admin is not None:
            with contextlib.suppress(KafkaException, TimeoutError):
                admin.delete_topics([topic], request_timeout=1)[topic].result(ANSWER)
        if broker:
            broker.close()
    stage.tell("now you: `kafka-demo consume --group g1` in one terminal, and `kafka-demo produce` in another")
    if broker:
        stage.tell("(they need a broker: `docker compose up -d --wait`, or `kafka-demo broker` in a third)")
    return 0 if lossless else 1


def _play(stage: Stage, address: str, topic: str) -> bool:
    at = ("-b", address, "-t", topic)

    stage.tell("1. a consumer joins group g1, alone: it is assigned all partitions")
    stage.start("consumer 1", "consume", "--group", "g1", "-f", "json", *at)
    stage.until("consumer 1 has partitions", lambda: stage.heard("consumer 1", f"  partition {PARTITIONS - 1}"))

    stage.tell("2. a producer sends sample messages, and a key always goes to the same partition")
    stage.start("producer", "produce", "--sample", "-n", str(EVENTS), "--interval", str(INTERVAL), *at)
    stage.until("consumer 1 reads", lambda: stage.count("consumer 1") >= FIRST)

    stage.tell("3. a second consumer joins g1: some of the partitions move to it")
    stage.start("consumer 2", "consume", "--group", "g1", "-f", "json", *at)
    stage.until("consumer 2 reads", lambda: stage.count("consumer 2") >= SECOND)

    stage.tell("4. Ctrl-C for consumer 1: it commits and leaves, and its partitions move back")
    stage.interrupt("consumer 1")
    stage.until("the producer is done", lambda: stage.ended("consumer 1") and stage.ended("producer"))
    receipt = re.search(r"delivered ([\d,]+) message", stage.last("producer"))
    sent = int(receipt[1].replace(",", "")) if receipt else 0
    stage.until("consumer 2 has read the rest", lambda: stage.count("consumer 1", "consumer 2") >= sent)

    stage.tell("5. Ctrl-C for consumer 2")
    stage.interrupt("consumer 2")
    stage.until("consumer 2 ends", lambda: stage.ended("consumer 2"))

    proof = Proof()
    for name in ("consumer 1", "consumer 2"):  # in this order: no partition moved from the second to the first
        proof.see_all(stage.records(name))
    lost = sent - (proof.seen - proof.duplicated)
    stage.tell(f"proof: {sent} sent, {lost} lost, {proof.duplicated} duplicated, {proof.out_of_order} out of order")
    return sent == EVENTS and not (lost or proof.duplicated or proof.out_of_order)


def _reach(settings: Settings, topic: str) -> AdminClient | None:
    """Find a broker that answers, and make the topic. A look at the port first is quick where nobody listens."""
    for address in settings.bootstrap_servers.split(","):
        try:
            socket.create_connection(split_address(address), timeout=1).close()
            admin = AdminClient(settings.to_config())
            admin.list_topics(timeout=ANSWER)
        except (OSError, KafkaException):
            continue
        # A broker in memory knows no such request, but makes a topic of as many partitions on first use.
        with contextlib.suppress(KafkaException, TimeoutError):
            admin.create_topics([NewTopic(topic, PARTITIONS)], request_timeout=1)[topic].result(ANSWER)
        return admin
    return None
