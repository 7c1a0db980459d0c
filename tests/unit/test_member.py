import time
from collections.abc import Callable

import pytest
from confluent_kafka import Message

from kafka_demo.member import IDLE, LEFT_OUT, Member
from kafka_demo.problems import Problem

WAITS, IN_VAIN = "no partition so far: ", "(still none: "


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def go_on(seconds: float) -> None:
        now[0] += seconds

    return go_on


@pytest.fixture
def member(clock: Callable[[float], None], capfd: pytest.CaptureFixture[str]) -> Member:  # noqa: ARG001 (it has to stand)
    found = Member("news", lambda error: Problem(error.str()), group="g1", quiet=False)
    found.joining()
    capfd.readouterr()
    return found


def read(*offsets: int, partition: int = 0) -> list[Message]:
    return [Message("news", partition, offset) for offset in offsets]


def test_one_who_waits_in_vain_hears_of_it_twice_and_not_again(
    member: Member, clock: Callable[[float], None], capfd: pytest.CaptureFixture[str]
) -> None:
    told = []
    for seconds in (IDLE, 0.1, LEFT_OUT - IDLE - 0.1, 0.1, IDLE, LEFT_OUT):
        clock(seconds)
        member.look(set(), [])
        told.append(capfd.readouterr().err[: len(IN_VAIN)])
    assert told == ["", WAITS[: len(IN_VAIN)], "", IN_VAIN, "", ""]
    assert member.left_out


def test_one_who_has_partitions_does_not_wait(
    member: Member, clock: Callable[[float], None], capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(20):
        clock(1)
        member.look({0}, [])
    assert not capfd.readouterr().err
    assert not member.left_out


def test_one_whose_partitions_were_taken_waits_from_then_on(
    member: Member, clock: Callable[[float], None], capfd: pytest.CaptureFixture[str]
) -> None:
    clock(100)
    member.look({0}, [])
    for _ in range(2):
        clock(LEFT_OUT - 0.1)
        member.look(set(), [])
        assert capfd.readouterr().err.startswith(WAITS)
        assert not member.left_out
        member.look({0}, [])


def test_a_gap_between_the_commit_and_the_first_message_is_told_once(
    member: Member, capfd: pytest.CaptureFixture[str]
) -> None:
    member.assigned([0, 1, 2], {0: 17, 1: 5})
    capfd.readouterr()
    member.look({0, 1, 2}, [*read(20, 30), *read(5, partition=1), *read(9, partition=2)])
    member.look({0, 1, 2}, [*read(40), *read(50, partition=1)])
    assert capfd.readouterr().err.splitlines() == [
        "partition 0 goes on at offset 20 and not at 17: what was between was deleted before g1 read it (retention)"
    ]


def test_a_commit_from_before_another_member_read_on_makes_no_gap(
    member: Member, capfd: pytest.CaptureFixture[str]
) -> None:
    member.assigned([0, 1], {0: 17, 1: 5})
    member.assigned([0], None)  # it was taken away meanwhile, and came back without word of the commit
    capfd.readouterr()
    member.look({0, 1}, [*read(50), *read(9, partition=1)])
    assert [line[:11] for line in capfd.readouterr().err.splitlines()] == ["partition 1"]


def test_where_the_commits_are_not_known_there_is_no_gap(member: Member, capfd: pytest.CaptureFixture[str]) -> None:
    member.assigned([0], None)
    capfd.readouterr()
    member.look({0}, read(20))
    assert not capfd.readouterr().err


def test_the_proof_hears_where_other_members_may_have_read_on(member: Member) -> None:
    def see(*seqs: int) -> None:
        for seq in seqs:
            member.proof.see(Message("news", 0, seq, b"ada"), [("producer", b"r1"), ("seq", b"%d" % seq)])

    see(0, 1)
    member.assigned([0], {})
    see(7)
    assert member.proof.lost == 0
    see(9)
    assert member.proof.lost == 1
