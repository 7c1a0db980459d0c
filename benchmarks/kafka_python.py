"""Simple loops with kafka-python, a client without librdkafka, for comparison.

Usage: kafka_python.py produce BROKER TOPIC, or kafka_python.py consume BROKER TOPIC GROUP N.
"""

import sys
from collections.abc import Callable

from kafka import KafkaConsumer, KafkaProducer


def produce(broker: str, topic: str) -> None:
    """Send each line of standard input."""
    producer = KafkaProducer(bootstrap_servers=broker)
    for line in sys.stdin.buffer:
        producer.send(topic, line.rstrip(b"\n"))
    producer.flush()
    producer.close()


def consume(broker: str, topic: str, group: str, number: str) -> None:
    """Print each message as it arrives, and stop after `number` messages."""
    consumer = KafkaConsumer(topic, bootstrap_servers=broker, group_id=group, auto_offset_reset="earliest")
    for read, message in enumerate(consumer, 1):
        sys.stdout.buffer.write((message.value or b"") + b"\n")
        if read == int(number):
            break
    sys.stdout.buffer.flush()
    consumer.close()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    loops: dict[str, Callable[..., None]] = {"produce": produce, "consume": consume}
    loops[what](*arguments)
