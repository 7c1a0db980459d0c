from collections import defaultdict

import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from kafka_demo.proof import Proof
from kafka_demo.record import Headers


def see(
    proof: Proof, seq: int, *, offset: int = 0, partition: int = 0, key: bytes = b"ada", run: bytes = b"r1"
) -> None:
    message = Message(partition=partition, offset=offset, key=key)
    proof.see(message, [("producer", run), ("seq", b"%d" % seq)])


def found(proof: Proof) -> tuple[int, int, int]:
    return proof.lost, proof.duplicated, proof.out_of_order


@pytest.mark.parametrize(
    ("seqs", "lost", "duplicated", "out_of_order"),
    [
        ([], 0, 0, 0),
        ([0, 1, 2], 0, 0, 0),
        ([1], 1, 0, 0),
        ([3], 3, 0, 0),
        ([0, 2], 1, 0, 0),
        ([0, 5, 9], 7, 0, 0),
        ([0, 0], 0, 1, 0),
        ([0, 1, 2, 1, 2, 0], 0, 3, 0),
        ([1, 0], 0, 0, 1),
        ([2, 1, 0], 0, 0, 2),
        ([0, 2, 1], 0, 0, 1),
        ([0, 2, 1, 1], 0, 1, 1),
        ([0, 9, 1], 7, 0, 1),
        ([0, 9, 8], 7, 0, 1),
        ([0, 9, 5, 4, 6, 5], 5, 1, 3),
        ([0, 3, 6, 4, 1], 2, 0, 2),
        ([0, 3, 6, 5, 3, 2], 2, 1, 2),
    ],
)
def test_a_sequence_from_the_beginning(seqs: list[int], lost: int, duplicated: int, out_of_order: int) -> None:
    proof = Proof()
    for offset, seq in enumerate(seqs):
        see(proof, seq, offset=offset)
    assert found(proof) == (lost, duplicated, out_of_order)
    assert proof.seen == len(seqs)


def test_each_key_and_each_producer_has_a_sequence_of_its_own() -> None:
    proof = Proof()
    see(proof, 0)
    see(proof, 0, key=b"bob")
    see(proof, 0, run=b"r2")
    see(proof, 1, key=b"bob")
    see(proof, 2, run=b"r2")
    assert found(proof) == (1, 0, 0)
    assert proof.producers == 2
    assert str(proof) == "5 sample messages from 2 producers, 1 lost, 0 duplicated, 0 out of order"


def test_the_proof_is_one_line() -> None:
    proof = Proof()
    for seq in (0, 4, 4, 4, 1):
        see(proof, seq)
    assert str(proof) == "5 sample messages from 1 producer, 2 lost, 2 duplicated, 1 out of order"


def test_the_proof_writes_large_numbers_as_the_receipts_do() -> None:
    proof = Proof()
    for seq in [0, 4000, *[0] * 1500, *range(1, 1501)]:
        see(proof, seq)
    words = "3,002 sample messages from 1 producer, 2,499 lost, 1,500 duplicated, 1,500 out of order"
    assert str(proof) == words


@pytest.mark.parametrize(("offset", "lost"), [(0, 5), (1, 0), (1000, 0)])
def test_who_begins_in_the_middle_misses_nothing_before_it(offset: int, lost: int) -> None:
    proof = Proof()
    see(proof, 5, offset=offset)
    assert proof.lost == lost


def test_who_began_in_the_middle_misses_what_comes_after_it() -> None:
    proof = Proof()
    see(proof, 5, offset=10)
    see(proof, 8, offset=11)
    see(proof, 3, offset=12, key=b"bob")
    assert found(proof) == (2, 0, 0)


def test_where_reading_began_is_known_for_each_partition() -> None:
    proof = Proof()
    see(proof, 0, offset=0, partition=0)
    see(proof, 7, offset=9, partition=1, key=b"bob")
    see(proof, 2, offset=9, partition=0, key=b"cid")
    assert proof.lost == 2


def test_after_another_member_has_read_on_a_partition_may_go_on_later_once() -> None:
    proof = Proof()
    for key, partition in ((b"ada", 0), (b"bob", 1), (b"cid", 2)):
        see(proof, 0, partition=partition, key=key)
    proof.resume([0, 2])
    see(proof, 5, partition=0, offset=9)
    assert proof.lost == 0
    see(proof, 7, partition=0, offset=10)
    assert proof.lost == 1
    see(proof, 2, partition=1, offset=9, key=b"bob")
    assert proof.lost == 2
    see(proof, 5, partition=2, offset=9, key=b"cid")
    assert proof.lost == 2


def test_after_another_member_has_read_on_what_comes_again_is_duplicated() -> None:
    proof = Proof()
    see(proof, 0)
    see(proof, 1, offset=1)
    proof.resume([0])
    see(proof, 1, offset=1)
    assert found(proof) == (0, 1, 0)


def test_going_on_in_other_partitions_allows_for_nothing() -> None:
    proof = Proof()
    see(proof, 0)
    proof.resume([1])
    see(proof, 2, offset=1)
    assert proof.lost == 1


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("producer", b"r1")],
        [("seq", b"0")],
        [("producer", None), ("seq", b"0")],
        [("producer", b"r1"), ("seq", None)],
        *(
            [("producer", b"r1"), ("seq", seq)]
            for seq in (b"", b"-1", b"x", b"1.0", b" 1", b"\xff", b"\xb2", b"9" * 19)
        ),
    ],
)
def test_a_message_that_is_no_sample_event_is_passed_over(headers: Headers) -> None:
    proof = Proof()
    proof.see(Message(partition=0, offset=0), headers)
    proof.see_all([(Message(partition=0, offset=1), headers)])
    assert (proof.seen, proof.producers, *found(proof)) == (0, 0, 0, 0, 0)


def test_a_sequence_may_be_very_long() -> None:
    proof = Proof()
    see(proof, 10**18 - 1)
    assert proof.seen == 1
    assert proof.lost == 10**18 - 1


def test_messages_come_with_their_headers() -> None:
    proof = Proof()
    headers: Headers = [("x", None), ("producer", b"r1"), ("seq", b"0")]
    proof.see_all((Message(partition=0, offset=offset), headers) for offset in range(2))
    assert (proof.seen, proof.duplicated) == (2, 1)


class NaiveProof:
    """The same with sets: what is seen, and what nobody has to see."""

    def __init__(self) -> None:
        self.seen: dict[int, set[int]] = defaultdict(set)
        self.passed_over: dict[int, set[int]] = defaultdict(set)
        self.resumed: set[int] = set()
        self.duplicated = self.out_of_order = 0

    def see(self, key: int, seq: int) -> None:
        known = self.seen[key] | self.passed_over[key]
        if key in self.resumed and seq > max(known, default=-1):
            self.passed_over[key] |= set(range(max(known, default=-1) + 1, seq))
            self.resumed.discard(key)
        elif seq in known:
            self.duplicated += 1
        elif known and seq < max(known):
            self.out_of_order += 1
        self.seen[key].add(seq)

    @property
    def lost(self) -> int:
        return sum(len(set(range(max(seen))) - seen - self.passed_over[key]) for key, seen in self.seen.items())


# A key and the next of its sequence, or None: another member of the group has read on.
STEPS = st.lists(st.tuples(st.integers(0, 1), st.none() | st.integers(0, 9)), max_size=30)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(0, 1))
def test_the_proof_counts_as_sets_do(steps: list[tuple[int, int | None]], first_offset: int) -> None:
    proof, naive = Proof(), NaiveProof()
    if first_offset:
        naive.resumed |= {0, 1}
    for key, seq in steps:
        if seq is None:
            proof.resume([key])
            if key in naive.seen:
                naive.resumed.add(key)
        else:
            see(proof, seq, offset=first_offset, partition=key, key=b"%d" % key)
            naive.see(key, seq)
        assert found(proof) == (naive.lost, naive.duplicated, naive.out_of_order)
