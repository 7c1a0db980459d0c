"""Turns what went wrong into one line that says what happened, and one that says what to do."""

import re
from collections.abc import Callable

from confluent_kafka import KafkaError

from kafka_demo import errors
from kafka_demo.settings import Settings
from kafka_demo.words import count

SECURITY = "set KAFKA_SECURITY_PROTOCOL (and what goes with it) in the environment or in .env"
_NO_TLS = (
    "{address} does not speak TLS",
    "take another port, or set KAFKA_SECURITY_PROTOCOL to PLAINTEXT, or with a login to SASL_PLAINTEXT",
)
HUNG_UP = "it hung up"  # and maybe what one who does that may be
_NO_CERTIFICATE = "it asks for a certificate of this client"
_HINTS = {
    "unknown host": "look at how it is spelt; a name that only Docker's networks know does not help here",
    _NO_CERTIFICATE: "give it with -X ssl.certificate.location=… and its key with -X ssl.key.location=…",
}
START_ONE = "start one with `docker compose up -d --wait`, or without Docker with `kafka-demo broker`"


class Problem(Exception):  # noqa: N818 (it is told to a person, who has a problem)
    """What ends a command: what happened, and what to do about it."""

    def __init__(self, what: str, todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


Explain = Callable[[KafkaError], Problem]


def of_error(
    error: KafkaError, settings: Settings, topic: str, group: str | None = None, words: errors.Words = errors.NO_WORDS
) -> Problem:
    """Say what a Kafka error means for the person at the terminal; `words` are of the command, and go before."""
    # What the words below do not cover is at least told as Kafka tells it, with the name to search for.
    name = _cause(error) if error.code() == KafkaError._FATAL else error.name()
    if name in errors.GROUP_ONLY and not group:
        name = ""
    unknown = (f"Kafka says: {error.str()}", f"its name for this is {error.name()}")
    what, todo = words.get(name) or errors.WORDS.get(name, unknown)
    if error.code() == KafkaError._SSL:
        what, todo = _tls(error)
    elif error.code() == KafkaError._AUTHENTICATION:
        what, todo = _login(error)
    names = {
        "address": settings.bootstrap_servers,
        "topic": topic,
        "group": group or "the group",
        "user": settings.sasl_username or "this client",
        "broker": error.str(),
    }
    return Problem(_fill(what, names), _fill(todo, names))


def no_broker(address: str, why: str) -> Problem:
    """Say that nobody answers at this address."""
    return Problem(
        f"no broker answers at {address}: {why}",
        _HINTS.get(why, SECURITY if why.startswith(f"{HUNG_UP}, as one") else START_ONE),
    )


def mismatch(address: str, spoken: str, tls: bool) -> Problem:
    """Say that the listener at this address speaks TLS, or `plain`, and hangs up on a client with or without `tls`."""
    if spoken == "TLS" and not tls:
        return Problem(f"{address} expects TLS", "set KAFKA_SECURITY_PROTOCOL to SSL, or with a login to SASL_SSL")
    if spoken == "plain" and tls:
        return Problem(_fill(_NO_TLS[0], {"address": address}), _NO_TLS[1])
    protocol = "SASL_SSL" if tls else "SASL_PLAINTEXT"
    return Problem(
        f"{address} expects a login",
        f"set KAFKA_SECURITY_PROTOCOL to {protocol}, and KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD",
    )


def untrusted(address: str, authority: str, why: str) -> Problem:
    """Say why a certificate is not trusted: `why` is in OpenSSL's words, `authority` the file to judge by, if any."""
    certificate = f"the certificate of {address}"
    if "expired" in why:
        return Problem(
            f"{certificate} has expired", "whoever runs the broker can renew it; is this machine's clock right?"
        )
    if "not valid for" in why:
        return Problem(f"{certificate} is for another name", "give -b a name that is in the certificate")
    if not re.search("issuer|self.signed|unable to verify", why):
        return Problem(f"{certificate} is not trusted{why and ': '}{why}", "whoever runs the broker can look into it")
    if authority:
        return Problem(
            f"{certificate} is not signed by the authority in {authority}",
            "ask whoever runs the broker for the certificate of its authority (CA)",
        )
    return Problem(
        f"{certificate} is signed by an authority that this machine does not know",
        "set KAFKA_SSL_CA_LOCATION to the file with the certificate of that authority (CA)",
    )


def no_answer() -> Problem:
    """Say that a broker that has answered before answers no more."""
    return Problem("the broker does not answer any more")


def reason(error: KafkaError) -> str:
    """Cut librdkafka's words down to why a connection failed, as in `connection refused`."""
    text = error.str()
    if error.code() == KafkaError._RESOLVE:
        return "unknown host"
    for pattern, words in _REASONS:
        if pattern in text:
            return words
    text = re.sub(r" \(after \d+ms in state \w+(, \d+ identical error\(s\) suppressed)?\)", "", text)
    return re.sub(r"^[^ ]+/(bootstrap|\d+): ", "", text)


def not_acknowledged(group: str, messages: int, left: bool) -> Problem:
    """Say that messages were read, and that the group does not know it, or that it could not be left."""
    why = "" if left else ": the group's coordinator did not answer"
    if not messages:
        return Problem(f"left {group} without a goodbye{why}")
    number = f"{count(messages, 'message')} {'was' if messages == 1 else 'were'}"
    return Problem(f"{number} read and not acknowledged{why}", f"{group} delivers such messages again, to any member")


def too_few_in_sync(why: str) -> Problem:
    """Say that nothing is acknowledged while brokers are down."""
    return Problem(f"{errors.WORDS['_MSG_TIMED_OUT'][0]}: {why}", errors.WORDS["NOT_ENOUGH_REPLICAS"][1])


def broker_of(error: KafkaError) -> str:
    """Find the address (host:port) of the broker that an error is about; empty if it is about none."""
    match = re.match(r"(?:\w+: |\w+://)?([^ ]+:\d+)[:/]", error.str())
    return match[1] if match else ""


def wrong_address(asked: str, advertised: str) -> Problem:
    """Say that the addresses which the brokers give for themselves lead nowhere."""
    return Problem(
        f"{asked} answers, but sends clients on to where no broker can be reached: {advertised}",
        "the broker's setting advertised.listeners must name an address that this machine can reach",
    )


def no_partition(partition: int, topic: str, partitions: int) -> Problem:
    """Say that the topic has no such partition."""
    return Problem(f"{topic} has no partition {partition}", f"it has {partitions}, numbered from 0")


def left_out(group: str, topic: str) -> Problem:
    """Say that a member that was to read up to the end got nothing to read."""
    return Problem(
        f"nothing was read: other members of {group} hold all partitions of {topic}",
        "stop one of them, or wait without -e until one leaves",
    )


def not_committed(group: str, left: bool, offsets: str) -> Problem:
    """Say that the group's coordinator did not take the last commit, or did not even answer."""
    what = "did not take the last commit" if left else "did not answer in time"
    return Problem(
        f"the coordinator of group {group} {what}{offsets and ': not committed '}{offsets}",
        "the next member to read these partitions gets what is not committed again",
    )


_REASONS = (
    ("Connection refused", "connection refused"),
    ("No route to host", "no route to the host"),
    ("Network is unreachable", "the network is unreachable"),
    ("timed out", "timed out"),
    ("PLAINTEXT broker listener", f"{HUNG_UP}, as one that does not speak TLS does"),
    ("alert certificate required", _NO_CERTIFICATE),
    ("metadata: Local: Broker transport failure", f"{HUNG_UP}, as a broker that still starts does, or something else"),
    ("Failed to get metadata", "no answer, as from a broker that hangs or still starts, or from something else"),
    ("Invalid response size", "no answer that Kafka would give"),
    ("might be caused by incorrect security.protocol", f"{HUNG_UP}, as one that expects TLS or a login does"),
    ("connecting to a SSL listener", f"{HUNG_UP}, as one that expects TLS does"),
    ("Disconnected", HUNG_UP),
)


def _cause(error: KafkaError) -> str:
    """Find the name of the error that was fatal, of which librdkafka's message has only the words."""
    names = (name for name in errors.WORDS if KafkaError(getattr(KafkaError, name)).str() in error.str())
    return next(names, error.name())


def _tls(error: KafkaError) -> tuple[str, str]:
    text = error.str()
    if "wrong version number" in text or "not SSL" in text:
        return _NO_TLS
    return f"TLS with {{address}} failed: {reason(error)}", SECURITY


def _login(error: KafkaError) -> tuple[str, str]:
    text = error.str()
    if "current SASL state" in text:
        return (
            "{address} asks for no login",
            "set KAFKA_SECURITY_PROTOCOL to PLAINTEXT, or with TLS to SSL, and unset KAFKA_SASL_USERNAME and _PASSWORD",
        )
    if match := re.search(r"SASL (\S+) mechanism handshake failed.*supported mechanisms: ([\w, -]*\w)", text):
        return f"{{address}} does not take a login by {match[1]}, but by {match[2]}", "change KAFKA_SASL_MECHANISM"
    # What brokers say of a wrong name or password: by SCRAM, and by PLAIN.
    if "invalid credentials" in text or "Invalid username or password" in text:
        return (
            "{address} did not let {user} in: wrong name or password",
            "look at KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        )
    return f"{{address}} did not let this client in: {reason(error)}", errors.WORDS["_AUTHENTICATION"][1]


def _fill(text: str, names: dict[str, str]) -> str:
    """Put names into a text; not str.format(), since an error's own words may have braces."""
    return re.sub(r"\{(\w+)\}", lambda match: names.get(match[1], match[0]), text)
