"""What Kafka's errors mean at the command line. The sentences are in errors.txt, beside this file.

There a line with `==` begins a table. An entry is a line with Kafka's names of the error, then what happened, then a
hint, if there is one. {address}, {topic}, {group}, {user}, {instance}, {broker} (what the broker says) and {reason} (a
short form of that) stand for what the command is about. https://kafka.apache.org/protocol#protocol_error_codes
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

Words = Mapping[str, tuple[str, str]]  # by name of an error: what happened, and a hint or nothing


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
