"""Errors in plain English: what happened, and a hint about what to do. The sentences are in errors.txt.

In it, a line with `==` begins a table. An entry has a line with Kafka's names for the error, a line that says what
happened, and sometimes a hint. {address}, {topic}, {group}, {user} and {instance} are the command's; {text} is the
error's text, and {reason} a short form of it. https://kafka.apache.org/protocol#protocol_error_codes
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaError

Words = Mapping[str, tuple[str, str]]  # by the error's name, or a pattern: what happened, and a hint or nothing


class Problem(Exception):  # noqa: N818 (a problem, described for a person)
    """The reason why a command fails: what happened, and a hint about what to do."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what, self.hint = what, hint


def _tables() -> Sequence[Words]:
    tables: list[dict[str, tuple[str, str]]] = []
    for block in Path(__file__).with_name("errors.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        if block.startswith("== "):
            tables.append({})
            continue
        names, what, hint = (*block.split("\n"), "")[:3]
        tables[-1] |= dict.fromkeys(names.split(" / "), (what, hint))
    return tables


WORDS, SECURITY, REASONS, DELETED, QUEUE, TOPIC = _tables()


def explain(error: KafkaError, words: Words = WORDS, **names: str | None) -> Problem:
    """Explain an error in the command's own `words`, or else in WORDS; `names` (address, topic …) fill in the text."""
    name, text = error.name(), error.str()
    if error.code() == KafkaError._FATAL:  # librdkafka gives only the text of its cause
        name = next((each for each in WORDS if KafkaError(getattr(KafkaError, each)).str() in text), name)
    what, hint = words.get(name) or WORDS.get(name) or (f"Kafka error {name}: {{text}}", "")
    known = {"user": "this client", "group": "the group", "text": text, "address": "", "topic": "", "instance": ""}
    known |= {key: f"group {value}" if key == "group" else value for key, value in names.items() if value}
    if error.code() in (KafkaError._SSL, KafkaError._AUTHENTICATION):
        for pattern, cause in SECURITY.items():
            if match := re.search(pattern, text):
                what, hint = cause
                known |= match.groupdict()
                break
    known |= {"reason": reason(error)} if "{reason}" in what else {}  # it takes longer than the rest
    return Problem(what.format_map(known), hint.format_map(known))


def reason(error: KafkaError) -> str:
    """Shorten librdkafka's text about a failed connection, for example to `connection refused`."""
    text = re.sub(r" \(after \d+ms in state \w+(, \d+ identical error\(s\) suppressed)?\)", "", error.str())
    text = re.sub(r"^[^ ]+/(bootstrap|\d+): ", "", text)
    return next((words for pattern, (words, _) in REASONS.items() if re.search(pattern, text)), text)


def broker_of(error: KafkaError) -> str:
    """Find the address (host:port) of the broker that an error is about; empty if it names none."""
    match = re.match(r"(?:\w+: |\w+://)?([^ ]+:\d+)[:/]", error.str())
    return match[1] if match else ""


def no_broker(address: str, why: str) -> Problem:
    """Say that no broker answers at this address."""
    start_one = "start a broker: `docker compose up -d --wait`, or `kafka-demo broker` without Docker"
    hint = next((hint for words, hint in REASONS.values() if words == why and hint), start_one)
    return Problem(f"no broker answers at {address}: {why}", hint)
