"""Logins, certificates and permissions, right and wrong, on a real broker: one line what happened, one what to do."""

import base64
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from conftest import need_docker
from secured import Secured, secured_broker
from support import new_name, run

pytestmark = pytest.mark.docker

PASSWORD = new_name("geheim")  # made up anew for each run
PLAIN = {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}
TLS = {"KAFKA_SECURITY_PROTOCOL": "SSL"}
LOGIN = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
    "KAFKA_SASL_USERNAME": "ada",  # who may do everything
    "KAFKA_SASL_PASSWORD": PASSWORD,
}
BOTH = LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
OURS = {"KAFKA_SSL_CA_LOCATION": "ca.pem"}
ANOTHER = {"KAFKA_SSL_CA_LOCATION": "another.pem"}
WRONG = {"KAFKA_SASL_PASSWORD": "falsch-" + PASSWORD}

EXPECTS_TLS = ("{} expects TLS", "set KAFKA_SECURITY_PROTOCOL to SSL, or with a login to SASL_SSL")
NO_TLS = (
    "{} does not speak TLS",
    "take another port, or set KAFKA_SECURITY_PROTOCOL to PLAINTEXT, or with a login to SASL_PLAINTEXT",
)
NOT_LET_IN = (
    "{} did not let ada in: wrong name or password",
    "look at KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
)
UNSET = "set KAFKA_SECURITY_PROTOCOL to PLAINTEXT, or with TLS to SSL, and unset KAFKA_SASL_USERNAME and _PASSWORD"
ASK = "whoever runs the broker can allow it (an ACL)"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    need_docker()
    folder = tmp_path_factory.mktemp("certificates")
    trustme.CA().cert_pem.write_to_path(str(folder / "another.pem"))
    with secured_broker(folder) as secured:
        for name in ("ada", "bob", "eve"):
            secured.add_user(name, PASSWORD)
        yield secured


def at(
    secured: Secured, listener: str, variables: dict[str, Any], *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a command at this listener, where the certificates of the authorities are."""
    return run(
        *arguments,
        stdin=stdin,
        cwd=secured.folder,
        **{"KAFKA_BOOTSTRAP_SERVERS": secured.address(listener)} | variables,
    )


def said(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    return done.stderr.decode().splitlines()


@pytest.mark.parametrize(
    ("listener", "variables"),
    [("PLAIN", PLAIN), ("TLS", TLS | OURS), ("LOGIN", LOGIN), ("BOTH", BOTH | OURS)],
)
def test_with_what_the_listener_expects_everything_works(
    secured: Secured, listener: str, variables: dict[str, str]
) -> None:
    topic, group = new_name("topic"), new_name("group")
    sent = at(secured, listener, variables, "produce", "-t", topic, "hello")
    assert (sent.returncode, said(sent)[-1]) == (0, "delivered 1 message")
    read = at(secured, listener, variables, "consume", "-t", topic, "-g", group, "-e")
    assert (read.returncode, read.stdout) == (0, b"hello\n")
    seen = at(secured, listener, variables, "status", "-t", topic)
    assert (seen.returncode, said(seen)) == (0, [])
    assert f"group {group} (consumer, empty) reads {topic}: no members, lag 0" in seen.stdout.decode()


@pytest.mark.parametrize(
    ("listener", "variables", "words"),
    [
        pytest.param("TLS", PLAIN, EXPECTS_TLS, id="plain-to-TLS"),
        pytest.param("BOTH", LOGIN, EXPECTS_TLS, id="login-to-TLS"),
        pytest.param("PLAIN", TLS | OURS, NO_TLS, id="TLS-to-plain"),
        pytest.param("LOGIN", BOTH | OURS, NO_TLS, id="TLS-to-login"),
        pytest.param(
            "LOGIN",
            PLAIN,
            (
                "{} expects a login",
                "set KAFKA_SECURITY_PROTOCOL to SASL_PLAINTEXT, and KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD",
            ),
            id="no-login",
        ),
        pytest.param(
            "BOTH",
            TLS | OURS,
            (
                "{} expects a login",
                "set KAFKA_SECURITY_PROTOCOL to SASL_SSL, and KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD",
            ),
            id="TLS-and-no-login",
        ),
        pytest.param(
            "PLAIN",
            LOGIN,
            (
                "{} asks for no login",
                UNSET,
            ),
            id="login-where-there-is-none",
        ),
        pytest.param("LOGIN", LOGIN | WRONG, NOT_LET_IN, id="wrong-password"),
        pytest.param("BOTH", BOTH | OURS | WRONG, NOT_LET_IN, id="wrong-password-over-TLS"),
        pytest.param(
            "LOGIN",
            LOGIN | {"KAFKA_SASL_MECHANISM": "PLAIN"},
            ("{} does not take a login by PLAIN, but by SCRAM-SHA-256", "change KAFKA_SASL_MECHANISM"),
            id="wrong-mechanism",
        ),
        pytest.param(
            "TLS",
            TLS,
            (
                "the certificate of {} is signed by an authority that this machine does not know",
                "set KAFKA_SSL_CA_LOCATION to the file with the certificate of that authority (CA)",
            ),
            id="missing-CA",
        ),
        pytest.param(
            "BOTH",
            BOTH | ANOTHER,
            (
                "the certificate of {} is not signed by the authority in another.pem",
                "ask whoever runs the broker for the certificate of its authority (CA)",
            ),
            id="wrong-CA",
        ),
        pytest.param(
            "EXPIRED",
            TLS | OURS,
            (
                "the certificate of {} has expired",
                "whoever runs the broker can renew it; is this machine's clock right?",
            ),
            id="expired",
        ),
    ],
)
def test_who_comes_with_something_else_hears_what_is_wrong_and_what_to_do(
    secured: Secured, listener: str, variables: dict[str, str], words: tuple[str, str]
) -> None:
    done = at(secured, listener, variables, "produce", "hello")
    assert said(done) == [words[0].format(secured.address(listener)), words[1]]
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_certificate_for_another_name_is_not_taken(secured: Secured) -> None:
    address = f"127.0.0.1:{secured.ports['TLS']}"  # and not localhost, which is the name in the certificate
    done = at(secured, "TLS", TLS | OURS, "produce", "-b", address, "hello")
    assert said(done) == [
        f"the certificate of {address} is for another name",
        "give -b a name that is in the certificate",
    ]
    assert done.returncode == 1


@pytest.mark.parametrize("command", [("consume", "-g", "g1"), ("status",)])
def test_the_other_commands_say_the_same(secured: Secured, command: tuple[str, ...]) -> None:
    for listener, variables, words in (("LOGIN", LOGIN | WRONG, NOT_LET_IN), ("TLS", PLAIN, EXPECTS_TLS)):
        done = at(secured, listener, variables, *command)
        assert said(done) == [words[0].format(secured.address(listener)), words[1]]
        assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("variables", [LOGIN, LOGIN | WRONG])
@pytest.mark.parametrize("command", [("produce", "hello"), ("consume", "-g", "g1", "-e"), ("status",)])
def test_no_secret_is_in_what_is_said_not_even_in_the_log(
    secured: Secured, variables: dict[str, str], command: tuple[str, ...]
) -> None:
    key = new_name("tresor")
    done = at(secured, "LOGIN", variables, *command, "-X", "debug=all", "-X", f"ssl.key.password={key}")
    log = done.stdout + done.stderr
    assert b"sasl.password = [redacted]" in log  # it is the whole log
    assert b"ssl.key.password = [redacted]" in log
    password = variables["KAFKA_SASL_PASSWORD"].encode()
    for secret in (password, base64.b64encode(password).rstrip(b"="), key.encode(), PASSWORD.encode()):
        assert secret not in log


# --- permissions: bob may write and read here, may only know that the other topic exists, and has a group


@pytest.fixture(scope="module")
def ours(secured: Secured) -> str:
    topic = secured.add_topic()
    secured.allow("bob", ResourceType.TOPIC, topic, AclOperation.WRITE, AclOperation.READ)
    secured.allow("bob", ResourceType.GROUP, "ours", AclOperation.READ)
    assert at(secured, "PLAIN", PLAIN, "produce", "-t", topic, "hello").returncode == 0
    return topic


@pytest.fixture(scope="module")
def known(secured: Secured) -> str:
    """A topic that bob and eve may know, and nothing else."""
    topic = secured.add_topic()
    for user in ("bob", "eve"):
        secured.allow(user, ResourceType.TOPIC, topic, AclOperation.DESCRIBE)
    return topic


def by(secured: Secured, user: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command as this user; it says only what went wrong."""
    return at(secured, "LOGIN", LOGIN | {"KAFKA_SASL_USERNAME": user}, *arguments, "-q", stdin=stdin)


def test_what_is_allowed_works(secured: Secured, ours: str) -> None:
    sent = by(secured, "bob", "produce", "-t", ours, "hello")
    assert (sent.returncode, said(sent)) == (0, [])
    read = by(secured, "bob", "consume", "-t", ours, "-g", "ours", "-n", "2")
    assert (read.returncode, said(read), read.stdout) == (0, [], b"hello\nhello\n")


@pytest.mark.parametrize(
    "command",
    [
        ("produce", "-t", "secret", "hello"),
        ("consume", "-t", "secret"),
        ("consume", "-t", "secret", "-g", "ours"),
        ("topic", "create", "secret"),
        ("topic", "delete", "secret", "--yes"),
    ],
)
def test_a_topic_that_is_forbidden_ends_the_command(secured: Secured, command: tuple[str, ...]) -> None:
    done = by(secured, "bob", *command)
    assert said(done) == ["bob is not authorised for topic secret", ASK]
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.usefixtures("ours")
def test_who_may_know_a_topic_and_not_read_it_hears_so(secured: Secured, known: str) -> None:
    done = by(secured, "bob", "consume", "-t", known, "-g", "ours")
    assert said(done) == [f"bob is not authorised for topic {known}", ASK]
    assert done.returncode == 1


@pytest.mark.parametrize("options", [(), ("-X", "group.protocol=classic"), ("--queue",)])
def test_a_group_that_is_forbidden_ends_the_command(secured: Secured, ours: str, options: tuple[str, ...]) -> None:
    done = by(secured, "bob", "consume", "-t", ours, "-g", "theirs", *options)
    assert said(done)[-2:] == ["bob is not authorised for group theirs", ASK]
    # A queue says before that it cannot have the group begin with the oldest message.
    assert len(said(done)) == 2 + ("--queue" in options)
    assert (done.returncode, done.stdout) == (1, b"")


def test_who_reads_alone_needs_no_group(secured: Secured, ours: str) -> None:
    done = by(secured, "bob", "consume", "-t", ours, "-n", "1")
    assert (done.returncode, said(done), done.stdout) == (0, [], b"hello\n")


@pytest.mark.usefixtures("ours")  # bob may write somewhere: else the first line would not even get as far
def test_lines_that_are_all_forbidden_are_counted_and_not_all_told(secured: Secured, known: str) -> None:
    done = by(secured, "bob", "produce", "-t", known, stdin=b"line\n" * 2000)
    assert said(done)[:2] == [f"a message was not delivered: bob is not authorised for topic {known}", ASK]
    assert said(done)[-1] == "delivered 0 of 2,000 messages: 2,000 failed"
    assert len(said(done)) < 15
    assert done.returncode == 1


def test_who_may_write_nowhere_hears_so_at_once(secured: Secured, known: str) -> None:
    done = by(secured, "eve", "produce", "-t", known, "hello")
    assert said(done)[:2] == ["eve is not authorised to write to this cluster", ASK]
    assert said(done)[-1] in ("delivered 0 of 1 message: 1 unsent", "delivered 0 of 1 message: 1 failed")
    assert done.returncode == 1


def test_status_shows_what_may_be_seen(secured: Secured, ours: str, known: str) -> None:
    hidden = secured.add_topic()
    done = by(secured, "bob", "status")
    assert (done.returncode, said(done)) == (0, [])
    shown = done.stdout.decode()
    assert f"topic {ours}: 1 partition" in shown
    assert f"topic {known}: 1 partition" in shown
    assert hidden not in shown


def test_a_group_that_may_not_be_seen_is_not_shown_as_empty(secured: Secured) -> None:
    done = by(secured, "bob", "status", "-g", "theirs")
    assert (done.returncode, done.stdout) == (1, b"")
    assert said(done)[-2:] == ["bob is not authorised for group theirs", ASK]
