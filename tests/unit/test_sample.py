import json
import time
from collections import defaultdict
from itertools import islice
from typing import cast

import pytest
from confluent_kafka import Message

from kafka_demo.proof import Proof
from kafka_demo.record import Record
from kafka_demo.sample import TEXTS, USERS, batches, events, new_run


def some(number: int) -> list[Record]:
    return list(islice(events("r1"), number))


def test_an_event_says_what_it_is() -> None:
    for number, record in enumerate(some(50)):
        event = json.loads(record["value"] or b"")
        assert event.keys() == {"messageId", "user", "text"}
        assert event["messageId"] == f"r1-{number}"
        assert event["user"] in USERS
        assert event["text"] in TEXTS
        assert record["key"] == event["user"].encode()


def test_each_key_counts_from_0_without_a_gap() -> None:
    seqs = defaultdict(list)
    for record in some(300):
        (first, run), (second, seq) = record["headers"]
        assert (first, run, second) == ("producer", b"r1", "seq")
        seqs[record["key"]].append(seq)
    assert len(seqs) > 1
    for found in seqs.values():
        assert found == [b"%d" % number for number in range(len(found))]


def test_the_proof_finds_nothing_wrong_with_sample_events() -> None:
    proof = Proof()
    for offset, record in enumerate(some(1300)):
        proof.see(Message(partition=0, offset=offset, key=record["key"]), record["headers"])
    assert str(proof) == "1,300 sample messages from 1 producer, 0 lost, 0 duplicated, 0 out of order"


def test_each_run_has_a_name_of_its_own() -> None:
    runs = {new_run() for _ in range(20)}
    assert len(runs) > 1
    assert all(len(run) == 6 and run.isalnum() for run in runs)


def test_without_an_interval_events_come_in_large_batches() -> None:
    found = list(batches("r1", 2500, 0, 60, lambda: False))
    assert [(batch.first, len(batch.records)) for batch in found] == [(1, 1000), (1001, 1000), (2001, 500)]
    records = [cast("Record", record) for batch in found for record in batch.records]
    numbers = [json.loads(record["value"] or b"")["messageId"] for record in records]
    assert numbers == [f"r1-{number}" for number in range(2500)]


@pytest.mark.parametrize("interval", [0, 0.001])
def test_a_count_ends_it(interval: float) -> None:
    assert sum(len(batch.records) for batch in batches("r1", 3, interval, 60, lambda: False)) == 3


def test_without_a_count_there_is_no_end() -> None:
    assert sum(len(batch.records) for batch in islice(batches("r1", None, 0, 60, lambda: False), 5)) == 5000


def test_with_an_interval_events_come_one_by_one() -> None:
    began = time.monotonic()
    found = [batch for batch in batches("r1", 3, 0.01, 60, lambda: False) if batch.records]
    assert time.monotonic() - began >= 0.02
    assert [(batch.first, len(batch.records)) for batch in found] == [(1, 1), (2, 1), (3, 1)]


def test_there_is_no_tick_before_it_is_time() -> None:
    found = [len(batch.records) for batch in batches("r1", 2, 0.02, 60, lambda: False)]
    assert found in ([1, 0, 1], [1, 1])  # the latter on a machine that is busy just then


def test_in_the_time_between_two_events_there_are_ticks() -> None:
    found = batches("r1", None, 3600, 0.001, lambda: False)
    assert [(batch.first, len(batch.records)) for batch in islice(found, 4)] == [(1, 1), (2, 0), (2, 0), (2, 0)]


@pytest.mark.parametrize("interval", [0, 3600])
def test_once_stopped_no_event_is_made(interval: float) -> None:
    assert list(batches("r1", None, interval, 0.001, lambda: True)) == []


@pytest.mark.parametrize("before", [1, 2, 3])
def test_stopping_ends_the_time_between_two_events(before: int) -> None:
    stopped: list[bool] = []
    found = batches("r1", None, 3600, 0.001, lambda: stopped)
    assert len(list(islice(found, before))) == before
    stopped.append(True)
    assert list(found) == []
