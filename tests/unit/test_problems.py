from typing import Any

import pytest
from confluent_kafka import KafkaError

from kafka_demo.narration.problems import DELETED, QUEUE, TOPIC, WORDS, Words, broker_of, explain, no_broker, reason

CLOSED, SECURITY = "the connection was closed", "check KAFKA_SECURITY_PROTOCOL: the broker may expect TLS or SASL"
NAMES: dict[str, Any] = {"address": "kafka:1", "topic": "news", "group": "g1", "user": "ada", "instance": "i1"}
AUTH = "_AUTHENTICATION"
OWN_WORDS = "the broker's own words {user} {x}"
# Errors that a learner meets, each with words of its explanation; those that pass by themselves have no hint.
TOLD = """MSG_SIZE_TOO_LARGE too large|UNKNOWN_TOPIC_OR_PART topic news does not exist|_UNKNOWN_TOPIC topic news
TOPIC_EXCEPTION topic news: its name is invalid|TOPIC_AUTHORIZATION_FAILED ada is not authorized for topic news
GROUP_AUTHORIZATION_FAILED ada is not authorized for group g1|CLUSTER_AUTHORIZATION_FAILED for this operation on
NOT_ENOUGH_REPLICAS in-sync|_MSG_TIMED_OUT may have arrived|_PURGE_INFLIGHT may have arrived|_PURGE_QUEUE acknowledged
_DESTROY left the cluster|_UNKNOWN_PARTITION topic news no longer has|UNSUPPORTED_VERSION KIP-848|INVALID_RECORD accept
_UNSUPPORTED_FEATURE KIP-848|GROUP_ID_NOT_FOUND group g1 does not exist, or|INVALID_RECORD_STATE acquisition lock
INCONSISTENT_GROUP_PROTOCOL no assignor in common|UNRELEASED_INSTANCE_ID i1 is still in use
FENCED_INSTANCE_ID i1 in group g1|_AUTHENTICATION failed at kafka:1: the broker's own words {user} {x}"""
PASSING = """UNKNOWN_MEMBER_ID member|STALE_MEMBER_EPOCH rebalanced|FENCED_MEMBER_EPOCH rebalanced
ILLEGAL_GENERATION rebalanced|REBALANCE_IN_PROGRESS is rebalancing|COORDINATOR_NOT_AVAILABLE not available
_WAIT_COORD not available|COORDINATOR_LOAD_IN_PROGRESS loading|NOT_COORDINATOR moved
NOT_LEADER_FOR_PARTITION no longer the leader
_TIMED_OUT no response|REQUEST_TIMED_OUT did not finish|_TRANSPORT closed
INVALID_REQUIRED_ACKS Kafka error INVALID_REQUIRED_ACKS: the broker's own words {user} {x}"""


def error(name: str, text: str = OWN_WORDS) -> KafkaError:
    return KafkaError(getattr(KafkaError, name), text)


@pytest.mark.parametrize(("table", "hint"), [(TOLD, True), (PASSING, False)])
def test_a_kafka_error_is_explained_with_names_and_a_hint(table: str, hint: bool) -> None:
    for name, _, words in (row.partition(" ") for row in table.replace("\n", "|").split("|")):
        problem = explain(error(name), **NAMES)
        assert words in problem.what
        assert (bool(problem.hint), "{" in problem.hint) == (hint, False)


@pytest.mark.parametrize(
    ("name", "words", "what"),
    [
        ("UNKNOWN_TOPIC_OR_PART", DELETED, "topic news no longer exists"),
        ("_UNKNOWN_TOPIC", DELETED, "topic news no longer exists"),
        ("UNKNOWN_TOPIC_OR_PART", TOPIC, "topic news does not exist"),
        ("UNKNOWN_TOPIC_OR_PART", QUEUE, "the broker does not host the partition"),
        ("INVALID_CONFIG", TOPIC, f"the broker rejected the topic configs (-c): {OWN_WORDS}"),
        *((name, QUEUE, "the broker at kafka:1 does not support share groups (KIP-932)") for name in [*QUEUE][1:]),
    ],
)
def test_a_command_may_have_words_of_its_own(name: str, words: Words, what: str) -> None:
    assert explain(error(name), words, **NAMES).what == what


def test_every_error_with_words_is_a_kafka_error() -> None:
    for name in WORDS.keys() | QUEUE.keys() | DELETED.keys() | TOPIC.keys():
        assert error(name).name() == name


def test_without_names_the_text_says_this_client_and_the_group() -> None:
    assert explain(error("TOPIC_AUTHORIZATION_FAILED"), user="").what.startswith("this client is not ")
    assert explain(error("GROUP_ID_NOT_FOUND"), group="").what.startswith("the group does not exist")


def test_the_cause_of_a_fatal_error_is_found_in_its_text() -> None:
    text = "Fatal error: Broker: The group id does not exist: ConsumerGroupHeartbeat fatal error"
    assert explain(error("_FATAL", text), **NAMES).what == "group g1 does not exist, or is a group of another type"
    assert explain(error("_FATAL", "no cause")).what == "Kafka error _FATAL: no cause"


@pytest.mark.parametrize(
    ("name", "text", "what", "hint"),
    [
        ("_SSL", "SSL handshake failed: wrong version number", "kafka:1 does not use TLS", "PLAINTEXT"),
        ("_SSL", "SSL handshake failed: the peer is not SSL", "kafka:1 does not use TLS", "PLAINTEXT"),
        ("_SSL", "error:0A000086:certificate verify failed: self-signed", "could not be verified", "KAFKA_SSL_CA"),
        ("_SSL", "ssl://kafka:1/bootstrap: {odd} (after 4ms in state SSL_HANDSHAKE)", ": {odd}", "KAFKA_SSL_CA"),
        (
            AUTH,
            "failed due to invalid credentials with SCRAM-SHA-256",
            "user ada: the broker rejected the",
            "KAFKA_SASL_M",
        ),
        (AUTH, "error: Invalid username or password", "user ada: wrong username", "KAFKA_SASL_USERNAME"),
        (AUTH, "SASL PLAIN mechanism handshake failed: supported mechanisms: A,B (", "PLAIN (it offers A,B)", "SASL"),
        (AUTH, "Request not valid in current SASL state", "kafka:1 does not use SASL", "or SSL"),
    ],
)
def test_causes_of_tls_and_login_errors_are_distinguished(name: str, text: str, what: str, hint: str) -> None:
    problem = explain(error(name, text), **NAMES)
    assert what in problem.what
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kafka:1/bootstrap: Failed to resolve 'kafka:1': Name or service not known (after 3ms)", "unknown host"),
        ("kafka:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms)", "connection refused"),
        ("kafka:1/2: Connect to ipv4#10.0.0.1:1 failed: No route to host", "no route to host"),
        ("kafka:1/2: Connect to ipv4#10.0.0.1:1 failed: Network is unreachable", "network unreachable"),
        ("kafka:1/2: Connection setup timed out in state CONNECT (after 30028ms)", "no response"),
        ("Failed to get metadata: Local: Timed out", "no response"),
        ("kafka:1/2: Receive failed: tlsv13 alert certificate required", "the broker requires a client certificate"),
        ("kafka:1/2: Receive failed: Invalid response size 1213486160", "the response is not a Kafka response"),
        ("kafka:1/2: Disconnected (after 3ms in state UP)", CLOSED),
        ("kafka:1/2: Disconnected: connecting to a SSL listener?", CLOSED),
        ("3/3 brokers are down", CLOSED),
        ("sasl_ssl://kafka:1/bootstrap: SASL failed (after 12ms in state AUTH_REQ)", "SASL failed"),
        ("kafka:1/2: SASL failed (after 12ms in state UP, 3 identical error(s) suppressed)", "SASL failed"),
        ("GroupCoordinator: something else", "GroupCoordinator: something else"),
    ],
)
def test_the_reason_for_an_error_is_short(text: str, why: str) -> None:
    assert reason(error("_TRANSPORT", text)) == why


@pytest.mark.parametrize(
    ("address", "texts"),
    [
        ("kafka-1.example.org:9092", ["{}/12: Disconnected"]),
        ("kafka:1", ["{}/bootstrap: x", "sasl_ssl://{}/bootstrap: x", "GroupCoordinator: {}/2: x", "Group: {}: x"]),
        ("[::1]:9092", ["{}/1: Disconnected"]),
        ("", ["GroupCoordinator: Disconnected at kafka:1/2", "3/3 brokers are down", ""]),
    ],
)
def test_an_error_names_its_broker(address: str, texts: list[str]) -> None:
    assert {broker_of(error("_TRANSPORT", text.format(address))) for text in texts} == {address}


def test_if_no_broker_answers_the_hint_fits_the_reason() -> None:
    certificate = "the broker requires a client certificate"
    reasons = {"no response": "`kafka-demo broker`", "unknown host": "spelling", certificate: "ssl.key.location="}
    for why, hint in reasons.items() | {(CLOSED, f"starting or stopping; otherwise {SECURITY}")}:
        assert hint in no_broker("a:1", why).hint
