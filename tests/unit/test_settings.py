import re
from typing import Any

import pytest

from kafka_demo.cluster.settings import check_group, check_topic, client_config, host_and_port, parse_pair
from support import LOGIN

SEVERAL = "write host:port, and separate several with commas"
LENGTH = "a group name must be 1 to 32,767 bytes long"
PORT = "a port is between 1 and 65535"
MISSING = "^SASL_SSL needs KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD$"


def config(servers: str = "kafka:9092", security: Any = (), **properties: str) -> dict[str, Any]:
    return client_config(servers, dict(security), {name.replace("_", "."): value for name, value in properties.items()})


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("localhost", "localhost", "9092"),
        ("127.0.0.1:1", "127.0.0.1", "1"),
        ("kafka-1.example_net.org.:65535", "kafka-1.example_net.org.", "65535"),
        ("[::1]", "[::1]", "9092"),
        ("[fe80::1%e]:1", "[fe80::1%e]", "1"),
    ],
)
def test_an_address_is_a_host_with_or_without_a_port(address: str, host: str, port: str) -> None:
    assert host_and_port(address) == (host, port)


@pytest.mark.parametrize(
    ("addresses", "advice"),
    [
        (["http://localhost:9092"], "write host:port, without http://"),
        (["SASL_SSL://a:1"], "write host:port, without SASL_SSL://"),
        (["localhost:0", "localhost:65536", "localhost:99999"], PORT),
        (["", ":9092", ":abc", "localhost:", "localhost:abc", "localhost:-1", "localhost:100000", "a:1:2"], SEVERAL),
        (["::1", "::1:9092", "[]:1", "[::1", "[::1]9092", "a b", "a/b", "a:1\n", "a:\u0663", "a..b:1"], SEVERAL),
    ],
)
def test_any_other_address_is_refused_with_the_valid_form(addresses: list[str], advice: str) -> None:
    for address in addresses:
        with pytest.raises(ValueError, match=rf"^{re.escape(f'{address!r} is not a broker address: {advice}')}$"):
            host_and_port(address)


@pytest.mark.parametrize("servers", ["", "a:1,", ",a:1", "a:1,,b:2", "a:1,b:0", "a:1;b:2", "a:1, http://b:2"])
def test_every_address_of_a_list_is_checked(servers: str) -> None:
    with pytest.raises(ValueError, match="is not a broker address"):
        config(servers)


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 250, "a b", "a/b", "a\n", "\u00e4", "a,b", "\udcff"])
def test_a_topic_name_that_kafka_does_not_accept(name: str) -> None:
    for good in ("a", "message-created", "a.b_c-D9", "...", "x" * 249):
        check_topic(good)
    with pytest.raises(ValueError, match=f"^{re.escape(repr(name))} is not a topic name: use up to 249 letters"):
        check_topic(name)


@pytest.mark.parametrize(
    ("name", "words"), [("", LENGTH), ("\u00fc" * 16384, LENGTH), ("\udcff", "the group name is not UTF-8")]
)
def test_a_group_may_have_any_name_that_is_short_enough_for_kafka(name: str, words: str) -> None:
    for good in ("a b\n\x1b", "\u00fc" * 16383):
        check_group(good)
    with pytest.raises(ValueError, match=f"^{words}"):
        check_group(name)


PROPERTIES = {"linger.ms=5": ("linger.ms", "5"), "a=": ("a", ""), "a==b=c": ("a", "=b=c"), " a = b ": ("a", " b ")}
NO_PROPERTIES = {"": "", "=": "=", " =geheim": "=", "linger.ms": "linger.ms", "sasl.password:geheim": "sasl.password"}


def test_a_property_is_split_at_the_first_equals_sign_or_refused_without_showing_a_secret() -> None:
    for text, pair in PROPERTIES.items():
        assert parse_pair(text) == pair
    for text, told in NO_PROPERTIES.items() | {("ssl.key.password geheim", "ssl.key.password")}:
        with pytest.raises(ValueError, match=f"^{told!r} is not NAME=VALUE$"):
            parse_pair(text)


FIXED = """bootstrap.servers metadata.broker.list group.id auto.offset.reset enable.auto.commit enable.auto.offset.store
enable.partition.eof delivery.report.only.error statistics.interval.ms acks request.required.acks max.poll.records
share.acknowledgement.mode test.mock.num.brokers transactional.id
default.topic.config logger"""


def test_properties_that_commits_and_narration_need_are_fixed_and_settings_are_utf_8() -> None:
    for name in [*FIXED.split(), "error_cb", "topic.acks"]:
        with pytest.raises(ValueError, match=f"^-X {name.removeprefix('topic.')} is fixed: .*[a-z]"):
            client_config("a:1", {}, {"linger.ms": "5", name: "x"})
    assert client_config("a:1", {}, {"sasl.oauthbearer.config": "x"})["sasl.oauthbearer.config"] == "x"
    for properties in ({"\udcff": "1"}, {"client.id": "\udcff"}):
        with pytest.raises(ValueError, match=r"^a setting is not UTF-8$"):
            client_config("a:1", {}, properties)


@pytest.mark.parametrize("servers", ["kafka://ada:geh/eim@a:1", "ada:geh,eim@a:1"])
def test_an_address_with_a_login_is_refused_without_showing_it(servers: str) -> None:
    with pytest.raises(ValueError, match=r"^a broker address has no login: set KAFKA_SASL_") as refusal:
        client_config(servers, {}, {})
    assert "geh" not in str(refusal.value)


@pytest.mark.parametrize(
    ("security", "words"),
    [
        *((LOGIN | {f"KAFKA_SASL_{name}": ""}, MISSING) for name in ("MECHANISM", "USERNAME", "PASSWORD")),
        (LOGIN | {"KAFKA_SASL_USERNAME": "\udcff"}, "^a setting is not UTF-8$"),
    ],
)
def test_invalid_security_settings_are_refused(security: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refusal:
        config(security=security)
    assert "geheim" not in str(refusal.value)


IPV4 = {"broker.address.family": "v4"}
PLAIN = {"bootstrap.servers": "kafka:9092", "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 1000}
SILENT = PLAIN | {"log_level": 0, "security.protocol": "PLAINTEXT"}
SASL = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "ada", "sasl.password": "geheim"}
WITH_CA = LOGIN | {"KAFKA_SSL_CA_LOCATION": "ca.pem", "KAFKA_SECURITY_PROTOCOL": "sasl_ssl"}
WITHOUT_TLS = LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "plain"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (config(), SILENT),
        (config(" localhost , 127.0.0.1:2"), SILENT | {"bootstrap.servers": "localhost:9092,127.0.0.1:2"} | IPV4),
        (config(" localhost:1 , [::1]:2"), SILENT | {"bootstrap.servers": "localhost:1,[::1]:2"}),
        (config(linger_ms="7"), SILENT | {"linger.ms": "7"}),
        (config(security_protocol="SSL"), SILENT | {"security.protocol": "SSL"}),
        (config(sasl_mechanism="PLAIN", security=LOGIN | {"KAFKA_SASL_MECHANISM": ""}), SILENT | SASL),
        (config(security_protocol="SASL_SSL", security=LOGIN | {"KAFKA_SECURITY_PROTOCOL": ""}), SILENT | SASL),
        (config(security={"KAFKA_SASL_MECHANISM": "PLAIN"}), SILENT),  # not needed without a login
        (config(security={"KAFKA_SECURITY_PROTOCOL": "Ssl"}), SILENT | {"security.protocol": "SSL"}),
        (config(security=WITHOUT_TLS), SILENT | SASL | {"security.protocol": "SASL_PLAINTEXT"}),
        (config(security=WITH_CA), SILENT | SASL | {"ssl.ca.location": "ca.pem"}),
        (config(debug="broker"), PLAIN | {"security.protocol": "PLAINTEXT", "debug": "broker"}),
    ],
)
def test_the_configuration(found: dict[str, Any], expected: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    logger = found.pop("logger", None)
    assert (found, bool(logger)) == (expected, ("debug" not in found))
    if logger:  # which prints nothing
        logger.log(50, "%s", "fatal")
    assert capfd.readouterr() == ("", "")
