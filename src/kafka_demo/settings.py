"""Where the brokers are and how to talk to them, checked before anything connects."""

import os
import re
from dataclasses import dataclass, field, fields
from typing import Any

DEFAULT_PORT = 9092
# The settings that come from variables only, by the names of their fields: KAFKA_SASL_PASSWORD and so on.
SECURITY = ("security_protocol", "sasl_mechanism", "sasl_username", "sasl_password", "ssl_ca_location")
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")  # those that take a name and a password

# librdkafka checks addresses loosely: port 99999 wraps round to another one, ":abc" becomes port 0.
# A host is a name that DNS could know (Python's sockets raise UnicodeError for others), or an IPv6 address.
_NAME = r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?"
_IPV6 = rf"\[[0-9A-Fa-f:]{{2,39}}(?:\.[0-9]{{1,3}}){{0,3}}(?:%{_NAME})?\]"
_ADDRESS = re.compile(rf"(?P<host>{_NAME}|{_IPV6})(?::(?P<port>[0-9]{{1,5}}))?")
# org.apache.kafka.common.internals.Topic: the names that a broker accepts.
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_LONGEST_GROUP = 2**15 - 1
# What -X may not change, since the narration would not be true any more, and what to use for it.
_RESERVED = {
    "bootstrap.servers": "use -b",
    "metadata.broker.list": "use -b",
    "group.id": "use -g",
    "auto.offset.reset": "use -o",
    "enable.auto.commit": "leave -g out to commit nothing",
    "enable.auto.offset.store": "it stays off, so that nothing is committed before it is written",
    "enable.partition.eof": "it stays on, for -e",
    "delivery.report.only.error": "it is set as the narration needs it",
    "statistics.interval.ms": "it is set as the narration needs it",
    "acks": "a message counts when all in-sync replicas have it",
    "request.required.acks": "a message counts when all in-sync replicas have it",
    "share.acknowledgement.mode": "it stays explicit, so that nothing is acknowledged before it is written",
    "max.poll.records": "it is set as --slow needs it",
    "test.mock.num.brokers": "use `kafka-demo broker`",
    "transactional.id": "there are no transactions here",
    "logger": "-X debug=all brings the log",
    "default.topic.config": "give its properties one by one",
}


class _Silent:
    """A logger for what librdkafka writes even at level 0: errors after which a client cannot go on."""

    def log(self, *_words: object) -> None:
        """Drop it: the same comes as an exception."""


SILENT = _Silent()


@dataclass(frozen=True)
class Settings:
    """How to reach the brokers. Raises ValueError, in words for a person, when a value cannot be right.

    `properties` are librdkafka's own and win over everything else:
    https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
    """

    bootstrap_servers: str = f"localhost:{DEFAULT_PORT}"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    ssl_ca_location: str = ""
    properties: dict[str, str] = field(default_factory=dict, repr=False)  # may hold a password too

    def __post_init__(self) -> None:
        texts = (value for field in fields(self) if isinstance(value := getattr(self, field.name), str))
        for text in [*texts, *self.properties, *self.properties.values()]:
            if not is_utf8(text):
                raise ValueError("a setting is not UTF-8")  # librdkafka's binding would crash
        for address in self.bootstrap_servers.split(","):
            check_address(address.strip())
        if self.security_protocol.upper() not in PROTOCOLS:
            raise ValueError(f"security protocol {self.security_protocol!r} is none of {', '.join(PROTOCOLS)}")
        self._check_login()
        self._check_authority()
        for name in self.properties.keys() & _RESERVED.keys():
            raise ValueError(f"-X {name} is not for you to set: {_RESERVED[name]}")

    def _check_login(self) -> None:
        if self.sasl and not (self.sasl_mechanism and self.sasl_username and self.sasl_password):
            raise ValueError(
                f"{self.security_protocol.upper()} needs KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME "
                "and KAFKA_SASL_PASSWORD"
            )
        if self.sasl and self.sasl_mechanism.upper() not in MECHANISMS:
            raise ValueError(f"SASL mechanism {self.sasl_mechanism!r} is none of {', '.join(MECHANISMS)}")
        if not self.sasl and (self.sasl_username or self.sasl_password):
            raise ValueError(
                "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD would not be used: "
                "set KAFKA_SECURITY_PROTOCOL to SASL_SSL (or to SASL_PLAINTEXT)"
            )

    def _check_authority(self) -> None:
        if self.ssl_ca_location and not self.tls:
            raise ValueError("KAFKA_SSL_CA_LOCATION would not be used: set KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL")
        # Not Path.exists(), to which a name that is too long is an error of its own.
        if self.ssl_ca_location and not os.path.exists(self.ssl_ca_location):  # noqa: PTH110
            raise ValueError(f"KAFKA_SSL_CA_LOCATION: there is no file {self.ssl_ca_location}")

    @property
    def longest_line(self) -> int:
        """How many bytes of input can at most make a message: an escape in JSON takes 6 for one."""
        largest = self.properties.get("message.max.bytes", "")
        return 8 * (int(largest) if largest.isdecimal() else 1_000_000)

    @property
    def sasl(self) -> bool:
        """Whether a name and a password are asked for."""
        return self.security_protocol.upper().startswith("SASL_")

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.security_protocol.upper().endswith("SSL")

    def to_config(self) -> dict[str, Any]:
        """Build the configuration of a client for librdkafka."""
        config: dict[str, Any] = {
            "bootstrap.servers": ",".join(address.strip() for address in self.bootstrap_servers.split(",")),
            "security.protocol": self.security_protocol.upper(),
            # Try again soon, also when a broker has been away for long: the defaults are 100 ms, growing to 10 s.
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 1000,
            # Without it librdkafka writes some 20 lines a second to stderr while a broker is down.
            # What matters of them comes through error_cb. Who asks for -X debug=… gets the log.
            **({} if "debug" in self.properties else {"log_level": 0, "logger": SILENT}),
        }
        if self.sasl:
            config["sasl.mechanism"] = self.sasl_mechanism.upper()
            config["sasl.username"] = self.sasl_username
            config["sasl.password"] = self.sasl_password
        if self.tls and self.ssl_ca_location:
            config["ssl.ca.location"] = self.ssl_ca_location
        return config | self.properties


def is_utf8(text: str) -> bool:
    """Whether a text can be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:  # Python writes the bytes of a wrong argument as half a surrogate pair
        return False
    return True


def check_address(address: str) -> None:
    """Raise ValueError unless `address` is `host`, `host:port` or `[ipv6]:port`."""
    if "://" in address:
        raise ValueError(
            f"{address!r} is no broker address: write it as host:port, without {address.partition('://')[0]}://"
        )
    match = _ADDRESS.fullmatch(address)
    if not match:
        raise ValueError(f"{address!r} is no broker address: write it as host:port, several separated by commas")
    if match["port"] and not 1 <= int(match["port"]) <= 65535:  # noqa: PLR2004 (the highest port there is)
        raise ValueError(f"{address!r} is no broker address: a port is between 1 and 65535")


def split_address(address: str) -> tuple[str, int]:
    """Split an address that has been checked into host and port."""
    match = _ADDRESS.fullmatch(address.strip())
    return (match["host"].strip("[]"), int(match["port"] or DEFAULT_PORT)) if match else (address, DEFAULT_PORT)


def check_topic(name: str) -> None:
    """Raise ValueError unless a Kafka topic may have this name."""
    if not _TOPIC.fullmatch(name) or name in (".", ".."):
        raise ValueError(f"{name!r} is no topic name: use up to 249 letters, digits, dots, hyphens and underscores")


def check_group(name: str) -> None:
    """Raise ValueError unless a group may have this name; Kafka minds nothing but its length, a number of 16 bits."""
    if not is_utf8(name):
        raise ValueError("the group's name is not UTF-8")
    if len(name.encode()) > _LONGEST_GROUP:
        raise ValueError(f"the group's name has more than {_LONGEST_GROUP:,} bytes")


def parse_property(text: str) -> tuple[str, str]:
    """Split `name=value`; raises ValueError when it is something else."""
    name, equals, value = text.partition("=")
    if not (name.strip() and equals):
        # No more of it than the name of a property can be: the rest may be a password, as in sasl.password:geheim.
        begin = re.match(r"=?[\w.]*", text.strip())
        raise ValueError(f"{begin and begin[0]!r} is not name=value")
    if name.strip().endswith("_cb"):
        raise ValueError(f"-X {name.strip()} is not for you to set: it takes a function")
    return name.strip(), value
