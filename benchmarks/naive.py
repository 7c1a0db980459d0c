"""Loops with confluent-kafka, for comparison: naive ones, and the shortest possible, which show the limit.

Usage: naive.py produce BROKER TOPIC, or naive.py consume BROKER TOPIC GROUP N. `shortest-produce` and
`shortest-consume` use bare calls and kafka-demo's settings, except two in `shortest_consume`.
"""

import gc
import os
import sys
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, Message, Producer

from kafka_demo.consumer import DEFAULTS as CONSUMER
from kafka_demo.producer import DEFAULTS as PRODUCER

ROOM = 50_000  # when the queue is full, wait until it has at most this many messages


def produce(broker: str, topic: str) -> None:
    """Send each line of standard input."""
    producer = Producer({"bootstrap.servers": broker})
    for line in sys.stdin.buffer:
        while True:
            try:
                producer.produce(topic, line.rstrip(b"\n"))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()


def shortest_produce(broker: str, topic: str) -> None:
    """Send each line of standard input, in as few steps as Python allows."""
    producer = Producer({"bootstrap.servers": broker, "delivery.report.only.error": True} | PRODUCER)
    for _ in range(2):  # with idempotence, this saves 0.5 s: see Delivery.send_all()
        producer.list_topics(topic, 10)
    begun, produce = b"", producer.produce
    while data := os.read(0, 64 * 1024):
        *lines, begun = (begun + data).split(b"\n")
        for line in lines:
            try:
                produce(topic, line)
            except BufferError:
                while len(producer) > ROOM:
                    producer.poll(0.01)
                produce(topic, line)
    producer.flush()


def consume(broker: str, topic: str, group: str, number: str) -> None:
    """Print each message as it arrives, and stop after `number` messages."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    read = 0
    while read < int(number):
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        sys.stdout.buffer.write((message.value() or b"") + b"\n")
        sys.stdout.buffer.flush()
        read += 1
    consumer.close()


def shortest_consume(broker: str, topic: str, group: str, number: str) -> None:
    """Poll, consume, join, write. librdkafka stores the offsets automatically and commits them."""
    own = {"enable.auto.offset.store": True, "enable.partition.eof": False, "group.protocol": "consumer"}
    consumer = Consumer(CONSUMER | {"bootstrap.servers": broker, "group.id": group} | own)
    consumer.subscribe([topic])
    left = int(number)
    while left:
        if (first := consumer.poll(0.1)) is not None:
            batch = [first, *consumer.consume(min(left, 10_000) - 1, 0)]
            values: map[Any] = map(Message.value, batch)
            sys.stdout.buffer.write(b"\n".join([*values, b""]))
            left -= len(batch)
    sys.stdout.buffer.flush()
    consumer.close()


LOOPS: dict[str, Callable[..., None]] = {
    "produce": produce,
    "consume": consume,
    "shortest-produce": shortest_produce,
    "shortest-consume": shortest_consume,
}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    if name.startswith("shortest"):
        gc.set_threshold(50_000)  # as kafka-demo does
    LOOPS[name](*arguments)
