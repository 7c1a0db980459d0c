"""Made-up events that prove themselves: each says which producer made it, and the how-manieth of its key it is."""

import itertools
import json
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

from kafka_demo.record import Batch, Record

USERS = ("ada", "alan", "barbara", "donald", "edsger", "grace", "katherine", "ken", "linus", "margaret")
TEXTS = ("good morning", "any news?", "lunch?", "it works!", "see you", "nice one", "on my way", "thank you")
AT_ONCE = 1000  # events in a batch when there is no interval


def new_run() -> str:
    """Make a name for one run of a producer, short enough to read aloud."""
    return secrets.token_hex(3)


def events(run: str) -> Iterator[Record]:
    """Yield events without end, keyed by user, with the headers `producer` (the run) and `seq` (per key, from 0)."""
    seqs: Counter[str] = Counter()
    for number in itertools.count():
        user = random.choice(USERS)  # noqa: S311 (nothing here is a secret)
        event = {"messageId": f"{run}-{number}", "user": user, "text": random.choice(TEXTS)}  # noqa: S311
        headers: list[tuple[str, bytes | None]] = [("producer", run.encode()), ("seq", b"%d" % seqs[user])]
        seqs[user] += 1
        yield {"value": json.dumps(event).encode(), "key": user.encode(), "headers": headers}


def batches(
    run: str, count: int | None, interval: float, tick: float, stopped: Callable[[], object]
) -> Iterator[Batch]:
    """Yield `count` events (None: without end), one each `interval` seconds (0: as fast as it goes).

    Yields an empty batch at least each `tick` seconds, and ends once `stopped()` is true.
    """
    records = itertools.islice(events(run), None if count is None else min(count, sys.maxsize))
    number = 1
    due = time.monotonic()
    while not stopped() and (batch := list(itertools.islice(records, 1 if interval else AT_ONCE))):
        while (left := due - time.monotonic()) > 0 and not stopped():
            time.sleep(min(left, tick))
            yield Batch(number, [])
        if stopped():
            return
        yield Batch(number, batch)
        number += len(batch)
        due += interval
