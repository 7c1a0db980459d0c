import pytest
from confluent_kafka import KafkaError, Message

from kafka_demo.producer import Producer

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
