import json
import time
from collections import defaultdict
from itertools import islice
from typing import cast

import pytest

from kafka_demo.records.record import Record
from kafka_demo.records.sample import TEXTS, USERS, batches, events


def test_events_are_complete_and_each_key_counts_from_0_without_gaps() -> None:
    seqs = defaultdict(list)
    for number, record in enumerate(islice(events("r1"), 300)):
        event = json.loads(record["value"] or b"")
        assert event == {"messageId": f"r1-{number}", "user": event["user"], "text": event["text"]}
        assert (event["user"] in USERS, event["text"] in TEXTS, record["key"]) == (True, True, event["user"].encode())
        (producer, run), (name, seq) = record["headers"]
        assert (producer, run, name) == ("producer", b"r1", "seq")
        seqs[record["key"]].append(int(seq or b""))
    assert len(seqs) > 1
    assert all(found == list(range(len(found))) for found in seqs.values())


def test_without_an_interval_events_come_in_large_batches_until_the_count() -> None:
    found = list(batches("r1", 2500, 0, 60, lambda: False))
    assert [(batch.first, len(batch.records)) for batch in found] == [(1, 1000), (1001, 1000), (2001, 500)]
    records = [cast("Record", record) for batch in found for record in batch.records]
    assert [json.loads(it["value"] or b"")["messageId"] for it in records] == [f"r1-{number}" for number in range(2500)]
    assert all(record["headers"][2:] == [("count", b"2500")] for record in records)
    assert next(batches("r1", 10**30, 0, 0.1, lambda: False)).first == 1
    assert sum(len(batch.records) for batch in islice(batches("r1", None, 0, 60, lambda: False), 5)) == 5000


def test_with_an_interval_events_come_one_by_one_until_the_count_and_ticks_until_it_is_time() -> None:
    began = time.monotonic()
    sizes = [(batch.first, len(batch.records)) for batch in batches("r1", 3, 0.01, 60, lambda: False)]
    assert time.monotonic() - began >= 0.02
    assert [size for size in sizes if size[1]] == [(1, 1), (2, 1), (3, 1)]
    found = batches("r1", None, 3600, 0.001, lambda: False)
    assert [(batch.first, len(batch.records)) for batch in islice(found, 4)] == [(1, 1), (2, 0), (2, 0), (2, 0)]


@pytest.mark.parametrize("interval", [0, 3600])
@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_stopping_ends_it_without_another_event(before: int, interval: float) -> None:
    stopped: list[bool] = []
    found = batches("r1", None, interval, 0.001, lambda: stopped)
    assert len(list(islice(found, before))) == before
    stopped.append(True)
    assert list(found) == []
