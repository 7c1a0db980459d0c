"""What a member says about its group, without a broker; for tests with one, see tests/contract."""

import json
import socket
import weakref
from queue import SimpleQueue
from threading import Thread, current_thread, main_thread

import pytest
from confluent_kafka import KafkaError, TopicPartition

from kafka_demo.cli import member as cli_member
from kafka_demo.cli.member import Member
from kafka_demo.cli.session import Session
from kafka_demo.narration.narrator import Narrator
from kafka_demo.narration.problems import Problem
from kafka_demo.records.proof import Proof
from kafka_demo.shutdown import Stop

BUSY, MOVED = map(KafkaError, (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE))
Capfd = pytest.CaptureFixture[str]


@pytest.fixture
def member() -> Member:
    config = {"bootstrap.servers": "localhost:1", "log_level": 0, "client.id": "test"}
    session = Session(config, Stop(), Narrator("news", "g1"), "news", "g1")
    return Member(session, config | {"group.id": "g1"}, "", Proof())


def test_a_failing_commit_is_reported_once_per_reason_until_one_succeeds(member: Member, capfd: Capfd) -> None:
    member.written = {1: 6}
    for error in (BUSY, BUSY, MOVED, MOVED, BUSY):
        member._on_commit(error, {1: 5})
    assert (member.committed, member.uncommitted) == ({}, {1: 6})
    for _ in range(2):
        member._on_commit(None, {1: 5})
    assert (member.committed, member.uncommitted) == ({1: 5}, {1: 6})
    member._on_commit(BUSY, {1: 6})
    words = [line.split(": ")[2] if "failed" in line else line for line in capfd.readouterr().err.splitlines()]
    busy, moved = "the group coordinator is still loading; will retry", "the group coordinator is not available"
    assert words == [busy, f"{moved}; will retry", busy, "committed: partition 1 at offset 5", busy]
    member._on_commit(None, {1: 6})
    assert member.uncommitted == {}


def test_a_revocation_is_reported_unless_the_member_is_leaving(member: Member, capfd: Capfd) -> None:
    for revoked in ([], [TopicPartition("news", 2)]):  # none, when a classic member joins
        member.consumer._removed(member._on_revoke, None, revoked)
        member.consumer._call_back()
    assert capfd.readouterr().err == "rebalance: partition 2 revoked\n"
    member.close(0)
    member._on_revoke([2])
    assert capfd.readouterr().err == ""


def test_what_the_group_has_committed_is_judged_when_partitions_are_assigned(
    member: Member, monkeypatch: pytest.MonkeyPatch, capfd: Capfd
) -> None:
    member._start_given = True
    for judged in ((None, 5, 100), (5, None)):  # 5 since -o took effect; 100 before the topic was created again
        member.written = {0: 50}  # of a topic that has been deleted
        for committed in judged:
            monkeypatch.setattr(member, "_look_up", lambda _, committed=committed: {0: (committed, (0, 0, 9))})
            member._on_assign([0])
        assert member.uncommitted == {}
        member.written = {0: 3}
        assert member.uncommitted == {0: 3}
    assert "no effect" not in capfd.readouterr().err


def test_waiting_for_partitions_is_reported_once_until_one_is_assigned(
    member: Member, monkeypatch: pytest.MonkeyPatch, capfd: Capfd
) -> None:
    for limit in ("IDLE", "LEFT_OUT"):
        monkeypatch.setattr(cli_member, limit, 0)
    for assigned in ({*()}, {*()}, {0}, {*()}):
        member.consumer.assigned = assigned
        member.read(1)
    assert capfd.readouterr().err.splitlines() == ["waiting for partitions of topic news"] * 2
    assert member.left_out
    member.consumer.assigned = {0}  # however long a message takes
    assert not member.left_out


def test_a_client_without_an_answer_is_replaced_and_closed_in_another_thread(member: Member) -> None:
    session, closing = member._session, SimpleQueue[Thread]()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        session.config["bootstrap.servers"] = f"127.0.0.1:{silent.getsockname()[1]}"
        closed = weakref.ref(session.admin, lambda _: closing.put(current_thread()))
        with pytest.raises(Problem, match=r"^no response in time$"):
            session.ask(lambda: session.admin.list_topics(timeout=0.1))
    assert session.admin is not closed()
    assert closing.get(timeout=60) is not main_thread()


def test_a_coordinator_is_unreachable_only_if_a_broker_is_lost(member: Member) -> None:
    connections, found = member._session.connections, []
    connections.brokers = {"localhost:1", "localhost:2"}
    for state in ("wait-coord", "query-coord", "up"):
        connections._on_statistics(json.dumps({"brokers": {}, "cgrp": {"state": state}}))
        found.append(connections.coordinated)
        connections._on_error(KafkaError(KafkaError._TRANSPORT, "localhost:1/1: Connect failed: Connection refused"))
    assert found == [True, False, True]
