"""The loop that one writes first with confluent-kafka, to compare with: it shows nothing, and promises little.

`naive.py produce BROKER TOPIC` sends each line of its input; `naive.py consume BROKER TOPIC GROUP N` prints N messages.
"""

import sys

from confluent_kafka import Consumer, Producer


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
    produce(*arguments) if what == "produce" else consume(*arguments)
