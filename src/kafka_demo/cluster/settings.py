"""Client configuration for librdkafka, checked before anything connects."""

import logging
import re
from collections.abc import Mapping
from typing import Any

# librdkafka checks addresses loosely: port 99999 wraps around to another, and ":abc" becomes port 0.
_NAME = r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?"
_IPV6 = rf"\[[0-9A-Fa-f:]{{2,39}}(?:\.[0-9]{{1,3}}){{0,3}}(?:%{_NAME})?\]"
_ADDRESS = re.compile(rf"(?P<host>{_NAME}|{_IPV6})(?::(?P<port>[0-9]{{1,5}}))?")
# Properties that -X may not change, since narration or commits depend on them, each with a reason or an alternative.
_FIXED = {
    **dict.fromkeys(("bootstrap.servers", "metadata.broker.list"), "use -b"),
    "group.id": "use `consume -g`",
    "auto.offset.reset": "use `consume -o`",
    "enable.auto.commit": "`consume` without -g commits nothing",
    "enable.partition.eof": "it is on, because -e needs it",
    "test.mock.num.brokers": "use `kafka-demo broker`",
    **dict.fromkeys(("default.topic.config", "logger"), "its value is not text"),
    "transactional.id": "kafka-demo does not use transactions",
    **dict.fromkeys(("enable.auto.offset.store", "share.acknowledgement.mode"), "unwritten messages could be lost"),
    **dict.fromkeys(("acks", "request.required.acks"), '"delivered" means that all in-sync replicas have the message'),
    **dict.fromkeys(("delivery.report.only.error", "statistics.interval.ms", "max.poll.records"), "kafka-demo sets it"),
}
Pair = tuple[str, str]  # name and value
_LOGIN = ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
_SILENT = logging.getLogger("librdkafka")
_SILENT.disabled = True  # error_cb and exceptions report what matters; log_level=0 lets fatal errors through


def client_config(servers: str, variables: Mapping[str, str], properties: Mapping[str, str]) -> dict[str, Any]:
    """Build the configuration that all clients share, from the environment's `variables` and librdkafka's `properties`.

    `servers` are addresses, separated by commas. Properties take precedence. Raises ValueError, worded for the user.
    """
    if "@" in servers:  # without showing it, since it may be a password
        raise ValueError("a broker address has no login: set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
    addresses = [host_and_port(address.strip()) for address in servers.split(",")]
    local = {host for host, _ in addresses} <= {"localhost", "127.0.0.1"}
    for name in (name.removeprefix("topic.") for name in properties):  # librdkafka ignores that prefix
        if name in _FIXED or name.endswith("_cb"):
            raise ValueError(f"-X {name} is fixed: {_FIXED.get(name, 'it takes a function')}")
    security = [value for name, value in variables.items() if name.startswith("KAFKA_S")]
    check_utf8("".join([*security, *properties, *properties.values()]), "a setting")
    return {
        "bootstrap.servers": ",".join(map(":".join, addresses)),
        **({"broker.address.family": "v4"} if local else {}),  # librdkafka may prefer ::1, where Docker does not listen
        # Reconnect soon, even after a long outage: the defaults are 100 ms, growing to 10 s.
        "reconnect.backoff.ms": 10,
        "reconnect.backoff.max.ms": 1000,
        # Otherwise librdkafka writes about 20 lines a second to standard error while a broker is down.
        **({} if "debug" in properties else {"log_level": 0, "logger": _SILENT}),
        **_security(variables, properties),
        **properties,
    }


def _security(variables: Mapping[str, str], properties: Mapping[str, str]) -> dict[str, str]:
    protocol = properties.get("security.protocol") or variables.get("KAFKA_SECURITY_PROTOCOL") or "PLAINTEXT"
    config = {"security.protocol": protocol.upper()}
    if authority := variables.get("KAFKA_SSL_CA_LOCATION"):
        config["ssl.ca.location"] = authority
    if not config["security.protocol"].startswith("SASL"):
        return config
    login = {name.removeprefix("KAFKA_").replace("_", ".").lower(): variables.get(name, "") for name in _LOGIN}
    login["sasl.mechanism"] = login["sasl.mechanism"].upper()
    if not (all(login.values()) or any(name.startswith("sasl.") for name in properties)):
        raise ValueError(f"{protocol.upper()} needs {', '.join(_LOGIN)}")
    return config | {name: value for name, value in login.items() if value}


def check_utf8(text: str, what: str) -> str:
    """Return `text`; raises ValueError if bytes in it were not UTF-8: Python turns those into lone surrogates."""
    if re.search("[\ud800-\udfff]", text):
        raise ValueError(f"{what} is not UTF-8")
    return text


def host_and_port(address: str) -> tuple[str, str]:
    """Split `host`, `host:port` or `[ipv6]:port`; the port is 9092 by default. Raises ValueError for anything else."""
    if scheme := re.match(r"\w+://", address):
        raise ValueError(f"{address!r} is not a broker address: write host:port, without {scheme[0]}")
    if not (match := _ADDRESS.fullmatch(address)):
        raise ValueError(f"{address!r} is not a broker address: write host:port, and separate several with commas")
    host, port = match["host"], match["port"] or "9092"
    if not 0 < int(port) < 2**16:
        raise ValueError(f"{address!r} is not a broker address: a port is between 1 and 65535")
    return host, port


def check_topic(name: str) -> str:
    """Return a valid topic name (org.apache.kafka.common.internals.Topic), or raise ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", name) or name in (".", ".."):
        raise ValueError(f"{name!r} is not a topic name: use up to 249 letters, digits, dots, hyphens and underscores")
    return name


def check_group(name: str) -> str:
    """Return a valid group name, or raise ValueError; Kafka limits only its length."""
    check_utf8(name, "the group name")
    if not 0 < len(name.encode()) < 2**15:  # the protocol gives the length as a signed 16-bit number
        raise ValueError("a group name must be 1 to 32,767 bytes long")
    return name


def parse_pair(text: str) -> Pair:
    """Split `name=value` at the first equals sign. Raises ValueError for anything else."""
    name, equals, value = text.partition("=")
    if not (name.strip() and equals):
        # Show only the name: the rest may be a password, as in sasl.password:secret.
        shown = re.findall(r"^[\w.]*=?", text.strip())[0]
        raise ValueError(f"{shown!r} is not NAME=VALUE")
    return name.strip(), value
