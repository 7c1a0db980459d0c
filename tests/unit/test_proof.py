import re
from typing import Any

import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from kafka_demo.records.proof import Proof
from kafka_demo.records.sample import events


def message(offset: int, headers: Any, partition: int = 0, key: bytes | None = None) -> Message:
    return Message(partition=partition, offset=offset, key=key, headers=headers)


def event(
    seq: int, offset: int = 0, partition: int = 0, key: bytes = b"ada", *, run: bytes = b"r1", total: int | None = None
) -> Message:
    totals = [] if total is None else [("count", b"%d" % total)]
    return message(offset, [("x", None), ("producer", run), ("seq", b"%d" % seq), *totals], partition, key)


def counts(*messages: Message) -> tuple[int, int, int, int]:
    proof = Proof()
    proof.see(messages)
    return proof.seen, proof.missing, proof.duplicated, proof.out_of_order


@pytest.mark.parametrize(
    ("messages", "missing"),
    [
        ([event(5, 0)], 5),
        ([event(5, 1)], 0),
        ([message(0, None), event(5, 1)], 5),  # the partition's first message decides, not the first event
        ([message(7, None), event(5, 8)], 0),
        ([event(5, 10), event(8, 11), event(3, 12, key=b"bob")], 2),  # gaps after the first event count as missing
        ([event(0, 0), event(7, 9, 1, b"bob"), event(2, 9, 0, b"cid")], 2),  # each partition has its own beginning
    ],
)
def test_first_events_count_as_missing_only_if_read_from_offset_0(messages: list[Message], missing: int) -> None:
    assert counts(*messages)[1] == missing
    proof = Proof()
    for message in messages:  # the same in batches of one
        proof.see([message])
    assert proof.missing == missing


def test_after_another_member_has_read_a_partition_its_sequences_may_skip_once() -> None:
    proof = Proof()
    proof.see([event(0, 0, partition, key) for partition, key in enumerate((b"ada", b"bob", b"cid"))])
    proof.resume(iter([0, 2, 3]))
    for message, missing in (
        (event(5, 9, 0), 0),
        (event(7, 10, 0), 1),
        (event(2, 9, 1, b"bob"), 2),  # only other partitions were reassigned
        (event(5, 9, 2, b"cid"), 2),
        (event(4, 10, 2, b"dan"), 2),  # a new key may have begun in the meantime
        (event(1, 0, 3, b"eve"), 3),  # not read before
    ):
        proof.see([message])
        assert proof.missing == missing
    proof.see([event(5, 9, 0)])
    assert (proof.missing, proof.duplicated, proof.out_of_order) == (3, 1, 0)


NUMBERS = (None, b"", b"-1", b"x", b"1.0", b" 1", b"\xb2", b"9" * 19)
NO_EVENTS: list[Any] = [None, [("producer", b"r1")], [("seq", b"0")], [("producer", None), ("seq", b"0")]]


def test_a_message_that_is_not_a_sample_event_is_not_counted() -> None:
    for headers in [*NO_EVENTS, *([("producer", b"r1"), ("seq", number)] for number in NUMBERS)]:
        assert counts(*[message(0, headers)] * 2) == (0, 0, 0, 0)


ADA, BOB = event(0, 0, total=5), event(1, 1, key=b"bob", total=5)  # missing: bob 0, and two after the last

THREE = [ADA, BOB, event(3, run=b"r2"), event(0, run=b"r3", total=2)]


@pytest.mark.parametrize(
    ("messages", "complete", "text"),
    [
        ([event(0, total=1)], True, "1 event: 0 missing, 0 duplicated, 0 out of order"),
        ([event(1, total=2)], True, "1 event: 1 missing, "),
        ([event(10**18 - 1)], True, "1 event: 999,999,999,999,999,999 missing, "),
        ([ADA, BOB], False, "2 events: 1 missing, "),
        ([ADA, BOB, ADA], True, "3 events: 3 missing or not sent, 1 duplicated, "),
        (THREE, True, "4 events from 3 producers: 7 missing or not sent, "),
        ([event(3, total=2)], True, "1 event: 3 missing, "),  # a forged count
    ],
)
def test_the_proof_in_words(messages: list[Message], complete: bool, text: str) -> None:
    proof = Proof()
    proof.see(messages)
    words, *receipt = proof.lines("it", complete)
    assert words.startswith(f"it saw {text}")
    assert bool(receipt) == (" 0 missing" not in words)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 39)), st.integers(0, 40))
def test_in_a_complete_run_exactly_the_undelivered_events_are_missing(lost: set[int], sent: int) -> None:
    delivered = [record for number, record in enumerate(events("r1", 40)) if number not in lost and number < sent]
    proof = Proof()
    proof.see([message(0, record["headers"], key=record["key"]) for record in delivered])
    missing = [f" {40 - len(delivered)} missing"] if delivered else []  # if nothing was seen, nothing is known
    assert re.findall(r" \d+ missing\b", " ".join(proof.lines("it", complete=True))) == missing
    assert proof.missing <= len({number for number in lost if number < sent})


def test_a_sequence_with_thousands_of_gaps_is_counted_quickly() -> None:
    seqs = [*range(0, 40_000, 2), *[39_998] * 20_000, *range(1, 40_000, 2)]
    assert counts(*map(event, seqs)) == (60_000, 0, 20_000, 19_999)


# A key and the next number of its sequence, or None: another member has read in between.
STEPS = st.lists(st.tuples(st.integers(0, 1), st.none() | st.integers(0, 9)), max_size=30)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.booleans())
def test_the_counts_match_a_model_made_of_sets(steps: list[tuple[int, int | None]], from_start: bool) -> None:
    proof, missing, duplicated, out_of_order = Proof(), 0, 0, 0
    known: dict[int, set[int]] = {0: set(), 1: set()}  # by key: what was seen, and what need not be seen
    may_skip = set() if from_start else {0, 1}
    for key, seq in steps:
        if seq is None:
            proof.resume([key])
            may_skip |= {key} if known[key] else set()
            continue
        proof.see([event(seq, 0 if from_start else 1, key, b"%d" % key)])
        highest = max(known[key], default=-1)
        duplicated += seq in known[key]
        out_of_order += seq < highest and seq not in known[key]
        if seq > highest and key in may_skip:
            known[key] |= {*range(highest + 1, seq)}
            may_skip.discard(key)
        known[key].add(seq)
        missing = sum(len({*range(max(seqs, default=0))} - seqs) for seqs in known.values())
        assert (proof.missing, proof.duplicated, proof.out_of_order) == (missing, duplicated, out_of_order)
