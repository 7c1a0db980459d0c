import pytest
from confluent_kafka import KafkaError, Message

from clusters import until
from kafka_demo.producer import Producer
from support import Broker

NOWHERE = {"bootstrap.servers": "localhost:1", "delivery.timeout.ms": 100, "log_level": 0}


@pytest.mark.parametrize(("raises", "given_up"), [(False, 6), (True, 3)])
def test_a_callback_may_send_and_what_it_raises_comes_after_the_queue_is_empty(raises: bool, given_up: int) -> None:
    def report(_error: KafkaError | None, message: Message) -> None:
        assert not raises, message.value()
        if message.value() == b"first":
            producer.send(b"again")

    producer = Producer(NOWHERE, "t", report)
    for _ in range(3):
        producer.send(b"first")
    if raises:
        with pytest.raises(AssertionError, match="first"):
            producer.flush()
    assert (producer.flush(), producer.given_up) == (0, given_up)


def test_a_flush_that_does_not_wait_counts_the_reports_that_have_arrived(memory: Broker, topic: str) -> None:
    producer = Producer({"bootstrap.servers": memory.address}, topic)
    producer.send(b"hello")
    until(lambda: producer.flush(0) == 0, "it is acknowledged", limit=10)
    assert producer.acknowledged == 1
