"""The loops that one writes first with confluent-kafka, to compare with: they show nothing, and promise little.

`naive.py produce BROKER TOPIC` sends each line of its input; `naive.py consume BROKER TOPIC GROUP N` prints N messages.
`naive.py shortest BROKER TOPIC` sends as well, with the settings of kafka-demo and nothing around it: the limit.
"""

import gc
import os
import sys
from collections.abc import Callable

from confluent_kafka import Consumer, Producer

ROOM = 50_000  # messages in a full queue, at which it goes on


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


def shortest(broker: str, topic: str) -> None:
    """Send each line of standard input, and do nothing else for it."""
    from kafka_demo.producer import DEFAULTS

    gc.set_threshold(50_000)  # as kafka-demo does, and this:
    producer = Producer({"bootstrap.servers": broker, "delivery.report.only.error": True} | DEFAULTS)
    for _ in range(2):
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
    """Print so many messages, each when it comes."""
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


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    loops: dict[str, Callable[..., None]] = {"produce": produce, "shortest": shortest, "consume": consume}
    loops[what](*arguments)
