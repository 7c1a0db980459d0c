"""A service that reads the events of messages.py as a member of a group, and sends a notification for each one.

It stores an offset only after the work, so each event is handled at least once: after a crash, the last events are
read again. An event that can never be handled goes to a dead letter topic with the reason, so the service can
continue with the next one. Start a broker and messages.py, then try it:

    python examples/notifications.py
    kafka-demo produce 'not JSON' && kafka-demo consume -t message-created.failed --from-beginning -f json
"""

import json
import os

from confluent_kafka import Message

from kafka_demo.consumer import Consumer
from kafka_demo.producer import Producer
from kafka_demo.shutdown import TICK, Stop, handle_signals

CONFIG = {
    "bootstrap.servers": os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"),
    "reconnect.backoff.ms": 1_000,  # while no broker is reachable, wait longer before the first retry
}
GROUP = {
    "group.id": "notifications-service",
    "group.protocol": "consumer",  # needs Kafka 4.0 or newer; leave it out for older brokers
}
FAILED = "message-created.failed"
failed = Producer(CONFIG | {"delivery.timeout.ms": 10_000}, FAILED)


def handle(message: Message) -> None:
    """Send the notification: your work goes here. Raises ValueError if this event can never be handled."""
    match json.loads(message.value() or b""):
        case {"messageId": str(message_id), "text": str(text)}:
            print(f"new message {message_id!r}: {text!r}", flush=True)  # !r makes control characters visible
        case _:
            raise ValueError("messageId or text is missing")


def set_aside(message: Message, reason: str) -> None:
    """Send an event to the dead letter topic. Ends the service if the broker does not acknowledge it."""
    reports: list[object] = []  # the delivery report: an error, or None if acknowledged
    headers = [*(message.headers() or []), ("reason", reason.encode())]
    failed.send(message.value(), message.key(), headers, on_delivery=lambda error, _message: reports.append(error))
    failed.flush()  # returns after delivery.timeout.ms at the latest
    if error := reports[0] if reports else failed.fatal:
        raise SystemExit(f"the event for {FAILED} was not acknowledged: {error}")  # its offset is not stored


with handle_signals(Stop()) as stop, failed, Consumer(CONFIG | GROUP, "message-created") as consumer:
    while not stop:
        for message in consumer.read(timeout=TICK, limit=1):  # one at a time, so a signal is handled soon
            try:
                handle(message)
            except (ValueError, RecursionError) as error:  # RecursionError: the JSON is nested too deeply
                set_aside(message, f"{type(error).__name__}: {error}")
            consumer.store(message)  # only now may its offset be committed
