"""Logins, certificates and ACLs, right and wrong, on a real broker: an error and a hint."""

import base64
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trustme
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from conftest import need_docker
from secured import Secured, secured_broker
from support import Broker, new_name, run, said

pytestmark = pytest.mark.docker

PASSWORD = new_name("geheim")  # new for each run
PLAIN = {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}
TLS = {"KAFKA_SECURITY_PROTOCOL": "SSL"}
LOGIN = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
    "KAFKA_SASL_USERNAME": "ada",  # a super user
    "KAFKA_SASL_PASSWORD": PASSWORD,
}
BOTH = LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
OURS = {"KAFKA_SSL_CA_LOCATION": "ca.pem"}
ANOTHER = {"KAFKA_SSL_CA_LOCATION": "another.pem"}
WRONG = {"KAFKA_SASL_PASSWORD": "falsch-" + PASSWORD}

# Part of the error, and the variable that the hint names.
UNVERIFIED = ("the certificate of {} could not be verified", "KAFKA_SSL_CA_LOCATION")
REFUSED = ("authentication failed for user ada: the broker rejected the credentials", "KAFKA_SASL_PASSWORD")
NO_LOGIN = ("{} does not use SASL", "KAFKA_SECURITY_PROTOCOL")
MECHANISM = ("the broker does not support SASL mechanism PLAIN (it offers SCRAM-SHA-256)", "KAFKA_SASL_MECHANISM")
ACL = "hint: ask the broker's administrator for an ACL"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    need_docker()
    folder = tmp_path_factory.mktemp("certificates")
    trustme.CA().cert_pem.write_to_path(str(folder / "another.pem"))
    with secured_broker(folder) as secured:
        for user in ("ada", "bob", "eve"):
            secured.add_user(user, PASSWORD)
        # bob may write and read `ours`, in the group `ours`; bob and eve may describe `known`.
        broker = Broker(secured.address("PLAIN"))
        for topic in ("ours", "known", "secret"):
            broker.create(topic, 1)
            broker.send(topic, "hello")
        secured.allow("bob", ResourceType.TOPIC, "ours", AclOperation.WRITE, AclOperation.READ)
        secured.allow("bob", ResourceType.GROUP, "ours", AclOperation.READ)
        for user in ("bob", "eve"):
            secured.allow(user, ResourceType.TOPIC, "known", AclOperation.DESCRIBE)
        yield secured


def at(
    secured: Secured, listener: str, variables: dict[str, Any], *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a command against this listener, in the folder of the CA certificates."""
    return run(
        *arguments,
        stdin=stdin,
        cwd=secured.folder,
        **{"KAFKA_BOOTSTRAP_SERVERS": secured.address(listener)} | variables,
    )


@pytest.mark.parametrize(
    ("listener", "variables"), [("PLAIN", PLAIN), ("TLS", TLS | OURS), ("LOGIN", LOGIN), ("BOTH", BOTH | OURS)]
)
def test_the_right_settings_work_on_every_listener(secured: Secured, listener: str, variables: dict[str, str]) -> None:
    topic, group = new_name("topic"), new_name("group")
    sent = at(secured, listener, variables, "produce", "-t", topic, "hello")
    assert (sent.returncode, said(sent)[-1]) == (0, "delivered 1 message")
    read = at(secured, listener, variables, "consume", "-t", topic, "-g", group, "-e")
    assert (read.returncode, read.stdout) == (0, b"hello\n")
    seen = at(secured, listener, variables, "status", "-t", topic)
    assert (seen.returncode, said(seen)) == (0, [])
    assert group in seen.stdout.decode()


def test_a_mismatched_security_protocol_closes_the_connection(secured: Secured) -> None:
    cases = [
        ("TLS", PLAIN, ("produce", "hello")),
        ("BOTH", LOGIN, ("produce", "hello")),
        ("PLAIN", TLS | OURS, ("consume", "-g", "g1")),
        ("LOGIN", BOTH | OURS, ("consume",)),
        ("LOGIN", PLAIN, ("status",)),
        ("BOTH", TLS | OURS, ("topic", "list")),
    ]
    with ThreadPoolExecutor(len(cases)) as pool:  # each retries for 10 s
        done = list(pool.map(lambda case: at(secured, case[0], case[1], *case[2], "-q"), cases))
    words = ("no broker answers at {}: the connection was closed", "KAFKA_SECURITY_PROTOCOL")
    for (listener, *_), each in zip(cases, done, strict=True):
        assert_told(each, secured.address(listener), words)


@pytest.mark.parametrize("command", [("produce", "hello"), ("consume", "-g", "g1"), ("status",)])
@pytest.mark.parametrize(
    ("listener", "variables", "words"),
    [
        pytest.param("PLAIN", LOGIN, NO_LOGIN, id="login-where-there-is-none"),
        pytest.param("LOGIN", LOGIN | WRONG, REFUSED, id="wrong-password"),
        pytest.param("BOTH", BOTH | OURS | WRONG, REFUSED, id="wrong-password-over-TLS"),
        pytest.param("LOGIN", LOGIN | {"KAFKA_SASL_MECHANISM": "PLAIN"}, MECHANISM, id="wrong-mechanism"),
        pytest.param("TLS", TLS, UNVERIFIED, id="missing-CA"),
        pytest.param("BOTH", BOTH | ANOTHER, UNVERIFIED, id="wrong-CA"),
        pytest.param("EXPIRED", TLS | OURS, UNVERIFIED, id="expired"),
    ],
)
def test_wrong_settings_end_a_command_with_the_reason_and_a_hint(
    secured: Secured, listener: str, variables: dict[str, str], words: tuple[str, str], command: tuple[str, ...]
) -> None:
    assert_told(at(secured, listener, variables, *command, "-q"), secured.address(listener), words)


def test_a_certificate_for_another_host_is_refused(secured: Secured) -> None:
    address = f"127.0.0.1:{secured.ports['TLS']}"  # not localhost, the name in the certificate
    assert_told(at(secured, "TLS", TLS | OURS, "produce", "-q", "-b", address, "hello"), address, UNVERIFIED)


def assert_told(done: subprocess.CompletedProcess[bytes], address: str, words: tuple[str, str]) -> None:
    what, hint = said(done)
    assert what == f"error: {words[0].format(address)}"
    assert hint.startswith("hint: ")
    assert words[1] in hint
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("variables", [LOGIN, LOGIN | WRONG])
@pytest.mark.parametrize("command", [("produce", "hello"), ("consume", "-g", "g1", "-e"), ("status",)])
def test_no_secret_is_printed_or_logged(secured: Secured, variables: dict[str, str], command: tuple[str, ...]) -> None:
    key = new_name("tresor")
    done = at(secured, "LOGIN", variables, *command, "-X", "debug=all", "-X", f"ssl.key.password={key}")
    log = done.stdout + done.stderr
    assert b"sasl.password = [redacted]" in log  # the log is complete
    assert b"ssl.key.password = [redacted]" in log
    password = variables["KAFKA_SASL_PASSWORD"].encode()
    for secret in (password, base64.b64encode(password).rstrip(b"="), key.encode(), PASSWORD.encode()):
        assert secret not in log


# --- permissions


def by(secured: Secured, user: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command as this user; it prints errors only."""
    return at(secured, "LOGIN", LOGIN | {"KAFKA_SASL_USERNAME": user}, *arguments, "-q", stdin=stdin)


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (("produce", "-t", "ours", "again"), b""),
        (("consume", "-t", "ours", "-g", "ours", "-n", "1"), b"hello\n"),
        (("consume", "-t", "ours", "-n", "1"), b"hello\n"),  # needs no group
    ],
)
def test_what_acls_allow_works(secured: Secured, command: tuple[str, ...], data: bytes) -> None:
    done = by(secured, "bob", *command)
    assert (done.returncode, said(done), done.stdout) == (0, [], data)


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("produce", "-t", "secret", "hello"), "topic secret"),
        (("consume", "-t", "secret"), "topic secret"),
        (("consume", "-t", "secret", "-g", "ours"), "topic secret"),
        (("topic", "create", "secret"), "topic secret"),
        (("topic", "delete", "secret", "--yes"), "topic secret"),
        (("consume", "-t", "known", "-g", "ours"), "topic known"),
        (("consume", "-t", "ours", "-g", "theirs"), "group theirs"),
        (("consume", "-t", "ours", "-g", "theirs", "-X", "group.protocol=classic"), "group theirs"),
        (("consume", "-t", "ours", "-g", "theirs", "--queue"), "group theirs"),
        (("status", "-g", "theirs"), "group theirs"),  # not shown as empty
    ],
)
def test_what_acls_forbid_ends_the_command(secured: Secured, command: tuple[str, ...], what: str) -> None:
    done = by(secured, "bob", *command)
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"error: bob is not authorized for {what}" in said(done)
    assert said(done).count(ACL) == 1
    # A queue first says that it cannot start at the beginning.
    assert len(said(done)) == 2 + ("--queue" in command)


def test_many_unauthorized_lines_are_counted_but_not_all_reported(secured: Secured) -> None:
    done = by(secured, "bob", "produce", "-t", "known", stdin=b"line\n" * 2000)
    assert said(done)[:2] == ["error: a message: bob is not authorized for topic known", ACL]
    assert (done.returncode, said(done)[-1]) == (1, "delivered 0 of 2,000 messages: 2,000 refused")
    assert len(said(done)) < 15


def test_a_user_who_may_not_write_at_all_is_told_at_once(secured: Secured) -> None:
    done = by(secured, "eve", "produce", "-t", "known", "hello")
    assert (done.returncode, said(done)[-3][:26]) == (1, "delivered 0 of 1 message: ")
    assert said(done)[-2:] == ["error: eve is not authorized for this operation on the cluster", ACL]


def test_status_shows_only_what_the_user_may_describe(secured: Secured) -> None:
    done = by(secured, "bob", "status", "-f", "json")
    assert (done.returncode, said(done)) == (0, [])
    names = {topic["name"] for topic in json.loads(done.stdout)["topics"]}
    assert {"ours", "known"} <= names
    assert "secret" not in names
