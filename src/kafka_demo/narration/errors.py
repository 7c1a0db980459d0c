"""What Kafka's errors mean at the command line; the sentences are in errors.txt, beside this file.

In it, a line with `==` begins a table. An entry has a line with Kafka's names for the error, a line that says what
happened, and sometimes a hint. {address}, {topic}, {group}, {user} and {instance} are the command's; {broker} is the
broker's text, and {reason} a short form of it. https://kafka.apache.org/protocol#protocol_error_codes
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

Words = Mapping[str, tuple[str, str]]  # by the error's name: what happened, and a hint or nothing


def _tables() -> Sequence[Words]:
    tables: list[dict[str, tuple[str, str]]] = []
    for block in Path(__file__).with_name("errors.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        if block.startswith("== "):
            tables.append({})
            continue
        names, what, hint = (*block.split("\n"), "")[:3]
        tables[-1] |= dict.fromkeys(names.split(" / "), (what, hint))
    return tables


WORDS, CONNECTION, REASONS, DELETED, QUEUE, TOPIC = _tables()
