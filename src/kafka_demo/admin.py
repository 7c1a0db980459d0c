"""An admin client that is reached, and asked, without ever waiting for too long or being deaf to a signal."""

from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from kafka_demo import problems
from kafka_demo.connect import Connections, patiently
from kafka_demo.errors import NO_WORDS, Words
from kafka_demo.narrator import Narrator
from kafka_demo.problems import Problem
from kafka_demo.settings import Settings
from kafka_demo.stop import Stop

_SILENCE = (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)

T = TypeVar("T")


class Teller(Narrator):
    """Says nothing of connections that come and go: what the commands show says it."""

    def connected(self, address: str, brokers: int) -> None:
        pass

    def lost(self, address: str, why: str) -> None:
        pass

    def back(self, address: str) -> None:
        pass


class Admin:
    """The client, what is known of its connections, and who tells it."""

    def __init__(
        self,
        settings: Settings,
        stop: Stop,
        *,
        quiet: bool,
        explaining: bool,
        topic: str = "",
        group: str = "",
        words: Words = NO_WORDS,
    ) -> None:
        """Make it; `topic` and `group` are what errors are about, if anything, and `words` say what they mean here.

        Raises KafkaException if librdkafka does not take the settings.
        """
        self.settings = settings
        self.stop = stop
        self._names = (topic, group)
        self._words = words
        self.narrator = Teller(topic, self.explain, quiet=quiet, explaining=explaining)
        # A topic's name is not for the connections: asking for a topic can create it.
        self._connections = Connections(settings, "", None, self.narrator)
        self.client = AdminClient(self._connections.config() | settings.to_config())

    def reach(self) -> None:
        """Wait for a broker. Raises Problem if there is none in time, NoAnswer as soon as a signal asks to stop."""
        self._connections.reach_brokers(self.client, lambda: self.stop)

    def ask(self, question: Callable[[], T], seconds: float) -> T:
        """Return what a function that asks the brokers returns.

        Raises Problem if it takes longer, or raises a KafkaException; NoAnswer as soon as a signal asks to stop.
        """
        self._connections.why = ""
        try:
            return patiently(question, seconds, lambda: self.stop)
        except KafkaException as error:
            self.client.poll(0)  # in which librdkafka says why
            raise self.explain(error.args[0]) from None

    def explain(self, error: KafkaError) -> Problem:
        """Say what an error means."""
        if error.code() in _SILENCE:
            why = self._connections.why or "it does not answer any more"
            return problems.no_broker(self.settings.bootstrap_servers, why)
        return problems.of_error(error, self.settings, *self._names, words=self._words)
