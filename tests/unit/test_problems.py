import pytest
from confluent_kafka import KafkaError

from kafka_demo import problems
from kafka_demo.errors import DELETED
from kafka_demo.problems import Problem, broker_of, not_acknowledged, of_error, reason, too_few_in_sync
from kafka_demo.settings import Settings

PLAIN = Settings("kafka:1")
LOGIN = Settings("kafka:1", "SASL_SSL", "PLAIN", "ada", "geheim")


@pytest.mark.parametrize(
    ("code", "what", "todo"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, "the message is too large", "message.max.bytes"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "there is no topic news, and the broker may not create it", "-t"),
        (KafkaError._UNKNOWN_TOPIC, "there is no topic news, and the broker may not create it", "-t"),
        (KafkaError.TOPIC_EXCEPTION, "news is no topic name that this broker takes", "-t"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "ada is not authorised for topic news", "ACL"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "ada is not authorised for group g1", "ACL"),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, "ada is not authorised to write to this cluster", "ACL"),
        (KafkaError.NOT_ENOUGH_REPLICAS, "too few replicas of the partition are in sync", "min.insync.replicas"),
        (
            KafkaError._MSG_TIMED_OUT,
            "no acknowledgement came in time (delivery.timeout.ms)",
            "whether they arrived after all, before you send them again",
        ),
        (KafkaError._PURGE_QUEUE, "not sent before this command had to end", "send these messages again"),
        (
            KafkaError._PURGE_INFLIGHT,
            "sent, and not acknowledged before this command had to end",
            "whether they arrived, before you send them again",
        ),
        (KafkaError._UNKNOWN_PARTITION, "topic news was deleted meanwhile", "create it again"),
        (
            KafkaError.UNSUPPORTED_VERSION,
            "the broker at kafka:1 does not know the group protocol of KIP-848, which needs Kafka 4.0",
            "-X group.protocol=classic",
        ),
        (
            KafkaError._UNSUPPORTED_FEATURE,
            "the broker at kafka:1 does not know the group protocol of KIP-848, which needs Kafka 4.0",
            "-X group.protocol=classic",
        ),
        (KafkaError.GROUP_ID_NOT_FOUND, "g1 is the name of another kind of group", "name another one with -g"),
        (
            KafkaError.INVALID_RECORD_STATE,
            "this member took longer than the group waits, and has lost them",
            "they are delivered again",
        ),
        (KafkaError._DESTROY, "the broker that was to take it has left the cluster", "send these messages again"),
        (KafkaError.REBALANCE_IN_PROGRESS, "the group is sharing its partitions out anew", ""),
        (KafkaError._WAIT_COORD, "the group's coordinator is not there yet", ""),
        (KafkaError._TIMED_OUT, "no answer came in time", ""),
        (KafkaError.REQUEST_TIMED_OUT, "the brokers were not done with it in time", ""),
        (KafkaError._TRANSPORT, "the connection to the broker broke", ""),
        (KafkaError.NOT_LEADER_FOR_PARTITION, "the partition has another leader now, or none yet", ""),
        (
            KafkaError.INCONSISTENT_GROUP_PROTOCOL,
            "group g1 has members that use the other group protocol",
            "-X group.protocol=classic",
        ),
        (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, "the group's coordinator is still starting", ""),
        (KafkaError.COORDINATOR_NOT_AVAILABLE, "the group's coordinator is not there yet", ""),
        (KafkaError.NOT_COORDINATOR, "the group has another coordinator now", ""),
        (
            KafkaError._AUTHENTICATION,
            "kafka:1 did not let this client in: the broker's own words {user} {x}",
            "look at KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD",
        ),
        (
            KafkaError.INVALID_REQUIRED_ACKS,
            "Kafka says: the broker's own words {user} {x}",
            "its name for this is INVALID_REQUIRED_ACKS",
        ),
    ],
)
def test_an_error_of_kafka_is_told_with_names_and_what_to_do(code: int, what: str, todo: str) -> None:
    problem = of_error(KafkaError(code, "the broker's own words {user} {x}"), LOGIN, "news", "g1")
    assert problem.what == what.replace("{user}", "ada")
    assert todo in problem.todo
    assert "{" not in problem.todo
    assert "geheim" not in f"{problem.what} {problem.todo}"


def test_without_a_name_it_is_this_client_and_the_group() -> None:
    topic = of_error(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), PLAIN, "news")
    assert topic.what == "this client is not authorised for topic news"
    group = of_error(KafkaError(KafkaError.GROUP_ID_NOT_FOUND), PLAIN, "news")
    assert group.what == "the group is the name of another kind of group"


def test_the_reason_of_a_fatal_error_is_found_in_its_words() -> None:
    words = "Fatal error: Broker: The group id does not exist: ConsumerGroupHeartbeat fatal error"
    assert of_error(KafkaError(KafkaError._FATAL, words), PLAIN, "news", "g1").what.startswith("g1 is the name of")
    assert of_error(KafkaError(KafkaError._FATAL, "no reason"), PLAIN, "news").what == "Kafka says: no reason"


@pytest.mark.parametrize("code", [KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC])
def test_a_topic_that_was_there_before_is_not_said_to_be_unknown(code: int) -> None:
    assert of_error(KafkaError(code), PLAIN, "news").what.startswith("there is no topic news")
    assert of_error(KafkaError(code), PLAIN, "news", words=DELETED).what == "topic news was deleted meanwhile"


def test_what_a_queue_leaves_undone() -> None:
    assert not_acknowledged("q", 1, left=True).what == "1 message was read and not acknowledged"
    late = not_acknowledged("q", 2000, left=False)
    assert late.what == "2,000 messages were read and not acknowledged: the group's coordinator did not answer"
    assert late.todo == "q delivers such messages again, to any member"
    assert (
        not_acknowledged("q", 0, left=False).what == "left q without a goodbye: the group's coordinator did not answer"
    )


@pytest.mark.parametrize(
    ("words", "what", "todo"),
    [
        ("SSL handshake failed: wrong version number", "kafka:1 does not speak TLS", "KAFKA_SECURITY_PROTOCOL"),
        ("SSL handshake failed: the peer is not SSL", "kafka:1 does not speak TLS", "KAFKA_SECURITY_PROTOCOL"),
        (
            "ssl://kafka:1/bootstrap: SSL handshake failed: {odd} (after 4ms in state SSL_HANDSHAKE)",
            "TLS with kafka:1 failed: SSL handshake failed: {odd}",
            "KAFKA_SECURITY_PROTOCOL",
        ),
    ],
)
def test_trouble_with_tls_is_told_apart(words: str, what: str, todo: str) -> None:
    problem = of_error(KafkaError(KafkaError._SSL, words), PLAIN, "news")
    assert problem.what == what
    assert todo in problem.todo


@pytest.mark.parametrize(
    ("words", "what", "todo"),
    [
        (
            "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256",
            "kafka:1 did not let ada in: wrong name or password",
            "look at KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        ),
        (
            "SASL authentication error: Authentication failed: Invalid username or password",
            "kafka:1 did not let ada in: wrong name or password",
            "look at KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        ),
        (
            "SASL PLAIN mechanism handshake failed: broker's supported mechanisms: GSSAPI,SCRAM-SHA-256 (after 4ms)",
            "kafka:1 does not take a login by PLAIN, but by GSSAPI,SCRAM-SHA-256",
            "change KAFKA_SASL_MECHANISM",
        ),
        (
            "SASL handshake failed: Broker: Request not valid in current SASL state",
            "kafka:1 asks for no login",
            "set KAFKA_SECURITY_PROTOCOL to PLAINTEXT, or with TLS to SSL, and unset KAFKA_SASL_USERNAME and _PASSWORD",
        ),
    ],
)
def test_trouble_with_a_login_is_told_apart(words: str, what: str, todo: str) -> None:
    problem = of_error(KafkaError(KafkaError._AUTHENTICATION, words), LOGIN, "news")
    assert (problem.what, problem.todo) == (what, todo)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("kafka:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms)", "connection refused"),
        ("kafka:1/2: Connect to ipv4#10.0.0.1:1 failed: No route to host", "no route to the host"),
        ("kafka:1/2: Connect to ipv4#10.0.0.1:1 failed: Network is unreachable", "the network is unreachable"),
        ("kafka:1/2: Connection setup timed out in state CONNECT (after 30028ms)", "timed out"),
        ("kafka:1/2: ApiVersionRequest timed out", "timed out"),
        (
            "kafka:1/2: Disconnected: might be caused by incorrect security.protocol configuration",
            "it hung up, as one that expects TLS or a login does",
        ),
        ("kafka:1/2: Disconnected: connecting to a SSL listener?", "it hung up, as one that expects TLS does"),
        (
            "ssl://kafka:1/bootstrap: Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required",
            "it asks for a certificate of this client",
        ),
        (
            "Failed to get metadata: Local: Broker transport failure",
            "it hung up, as a broker that still starts does, or something else",
        ),
        (
            "Failed to get metadata: Local: Timed out",
            "no answer, as from a broker that hangs or still starts, or from something else",
        ),
        ("kafka:1/2: Disconnected (after 3ms in state UP)", "it hung up"),
        ("sasl_ssl://kafka:1/bootstrap: SASL failed (after 12ms in state AUTH_REQ)", "SASL failed"),
        ("kafka:1/2: SASL failed (after 12ms in state UP, 3 identical error(s) suppressed)", "SASL failed"),
        ("GroupCoordinator: something else", "GroupCoordinator: something else"),
    ],
)
def test_the_reason_of_an_error_is_short(words: str, why: str) -> None:
    assert reason(KafkaError(KafkaError._TRANSPORT, words)) == why


def test_an_address_that_does_not_resolve_is_an_unknown_host() -> None:
    assert reason(KafkaError(KafkaError._RESOLVE, "kafka:1/bootstrap: Failed to resolve: timed out")) == "unknown host"


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("kafka:1/bootstrap: Connection refused", "kafka:1"),
        ("kafka-1.example.org:9092/12: Disconnected", "kafka-1.example.org:9092"),
        ("sasl_ssl://kafka:1/bootstrap: Disconnected", "kafka:1"),
        ("[::1]:9092/1: Disconnected", "[::1]:9092"),
        ("GroupCoordinator: kafka:1: Connection refused", "kafka:1"),
        ("GroupCoordinator: kafka:1/2: Disconnected", "kafka:1"),
        ("GroupCoordinator: Disconnected at kafka:1/2", ""),
        ("3/3 brokers are down", ""),
        ("", ""),
    ],
)
def test_an_error_names_its_broker(words: str, address: str) -> None:
    assert broker_of(KafkaError(KafkaError._TRANSPORT, words)) == address


@pytest.mark.parametrize(
    ("problem", "what", "todo"),
    [
        (
            problems.no_broker("kafka:1", "timed out"),
            "no broker answers at kafka:1: timed out",
            "start one with `docker compose up -d --wait`, or without Docker with `kafka-demo broker`",
        ),
        (
            problems.wrong_address("kafka:1", "inside:2 (unknown host)"),
            "kafka:1 answers, but sends clients on to where no broker can be reached: inside:2 (unknown host)",
            "the broker's setting advertised.listeners must name an address that this machine can reach",
        ),
        (
            problems.no_broker("kafka:1", "it hung up, as a broker that still starts does, or something else"),
            "no broker answers at kafka:1: it hung up, as a broker that still starts does, or something else",
            "start one with `docker compose up -d --wait`, or without Docker with `kafka-demo broker`",
        ),
        (
            problems.no_broker("kafka:1", "it asks for a certificate of this client"),
            "no broker answers at kafka:1: it asks for a certificate of this client",
            "give it with -X ssl.certificate.location=… and its key with -X ssl.key.location=…",
        ),
        (
            problems.mismatch("kafka:1", "TLS", tls=False),
            "kafka:1 expects TLS",
            "set KAFKA_SECURITY_PROTOCOL to SSL, or with a login to SASL_SSL",
        ),
        (
            problems.mismatch("kafka:1", "plain", tls=True),
            "kafka:1 does not speak TLS",
            "take another port, or set KAFKA_SECURITY_PROTOCOL to PLAINTEXT, or with a login to SASL_PLAINTEXT",
        ),
        (
            problems.mismatch("kafka:1", "plain", tls=False),
            "kafka:1 expects a login",
            "set KAFKA_SECURITY_PROTOCOL to SASL_PLAINTEXT, and KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD",
        ),
        (
            problems.mismatch("kafka:1", "TLS", tls=True),
            "kafka:1 expects a login",
            "set KAFKA_SECURITY_PROTOCOL to SASL_SSL, and KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD",
        ),
        (
            problems.untrusted("kafka:1", "", "certificate has expired"),
            "the certificate of kafka:1 has expired",
            "whoever runs the broker can renew it; is this machine's clock right?",
        ),
        (
            problems.untrusted("kafka:1", "", "Hostname mismatch, certificate is not valid for 'kafka'."),
            "the certificate of kafka:1 is for another name",
            "give -b a name that is in the certificate",
        ),
        (
            problems.untrusted("kafka:1", "ca.pem", "self-signed certificate in certificate chain"),
            "the certificate of kafka:1 is not signed by the authority in ca.pem",
            "ask whoever runs the broker for the certificate of its authority (CA)",
        ),
        (
            problems.untrusted("kafka:1", "", "unable to get local issuer certificate"),
            "the certificate of kafka:1 is signed by an authority that this machine does not know",
            "set KAFKA_SSL_CA_LOCATION to the file with the certificate of that authority (CA)",
        ),
        (
            problems.untrusted("kafka:1", "", "certificate is not yet valid"),
            "the certificate of kafka:1 is not trusted: certificate is not yet valid",
            "whoever runs the broker can look into it",
        ),
        (
            problems.untrusted("kafka:1", "", ""),
            "the certificate of kafka:1 is not trusted",
            "whoever runs the broker can look into it",
        ),
        (problems.no_partition(7, "news", 4), "news has no partition 7", "it has 4, numbered from 0"),
        (
            problems.not_committed("g1", False, "partition 0 up to offset 4"),
            "the coordinator of group g1 did not answer in time: not committed partition 0 up to offset 4",
            "the next member to read these partitions gets what is not committed again",
        ),
        (
            problems.not_committed("g1", False, ""),
            "the coordinator of group g1 did not answer in time",
            "the next member to read these partitions gets what is not committed again",
        ),
    ],
)
def test_a_problem_says_what_happened_and_what_to_do(problem: Problem, what: str, todo: str) -> None:
    assert (problem.what, problem.todo) == (what, todo)
    assert str(problem) == what


def test_a_problem_may_have_no_remedy() -> None:
    assert Problem("it rains").todo == ""


def test_too_few_replicas_in_sync_are_told_with_their_number() -> None:
    problem = too_few_in_sync("only 1 of 3 replicas in sync")
    assert problem.what == "no acknowledgement came in time (delivery.timeout.ms): only 1 of 3 replicas in sync"
    assert problem.todo.startswith("start the brokers that are down")
