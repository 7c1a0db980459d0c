"""Sample events whose headers reveal loss: `producer` (id), `seq` (number within the key), `count` (of all events)."""

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

from kafka_demo.records.record import Batch, Headers, Record

USERS = ("ada", "alan", "barbara", "donald", "edsger", "grace", "katherine", "ken", "linus", "margaret")
TEXTS = ("good morning", "any news?", "lunch?", "it works!", "see you", "nice one", "on my way", "thank you")
BATCH = 1000  # events per batch if there is no period


def events(run: str, count: int | None = None) -> Iterator[Record]:
    """Yield `count` events (None: endlessly), keyed by user; the header `seq` counts from 0 for each key."""
    total: Headers = [] if count is None else [("count", b"%d" % count)]
    seqs: Counter[str] = Counter()
    for number in itertools.count() if count is None else range(count):
        user = random.choice(USERS)  # noqa: S311 (not a secret)
        event = {"messageId": f"{run}-{number}", "user": user, "text": random.choice(TEXTS)}  # noqa: S311
        headers: Headers = [("producer", run.encode()), ("seq", b"%d" % seqs[user]), *total]
        yield {"value": json.dumps(event).encode(), "key": user.encode(), "headers": headers}
        seqs[user] += 1


def batches(run: str, count: int | None, period: float, tick: float, stopped: Callable[[], object]) -> Iterator[Batch]:
    """Yield `count` events (None: endlessly), one every `period` seconds (0: as fast as possible).

    While it waits, yields an empty batch at least every `tick` seconds; ends once `stopped()` is true.
    """
    records = events(run, count)
    number, due = 1, time.monotonic()
    while not stopped() and (batch := list(itertools.islice(records, 1 if period else BATCH))):
        while (left := due - time.monotonic()) > 0 and not stopped():
            time.sleep(min(left, tick))
            yield Batch(number, [])
        if not stopped():
            yield Batch(number, batch)
        number += len(batch)
        due += period
