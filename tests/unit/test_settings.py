from pathlib import Path
from typing import Any

import pytest

from kafka_demo.settings import SILENT, Settings, check_address, check_topic, parse_property

SASL: dict[str, Any] = {"sasl_mechanism": "PLAIN", "sasl_username": "ada", "sasl_password": "geheim"}


@pytest.mark.parametrize(
    "address",
    [
        "localhost",
        "localhost:9092",
        "127.0.0.1:1",
        "kafka-1.example_net.org:65535",
        "[::1]:9092",
        "[::1]",
        "[fe80::1%e]:1",
    ],
)
def test_an_address_is_a_host_with_or_without_a_port(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "http://localhost:9092",
            "'http://localhost:9092' is no broker address: write it as host:port, without http://",
        ),
        ("SASL_SSL://a:1", "'SASL_SSL://a:1' is no broker address: write it as host:port, without SASL_SSL://"),
        ("localhost:0", "'localhost:0' is no broker address: a port is between 1 and 65535"),
        ("localhost:65536", "'localhost:65536' is no broker address: a port is between 1 and 65535"),
        ("localhost:99999", "'localhost:99999' is no broker address: a port is between 1 and 65535"),
        *(
            (address, f"{address!r} is no broker address: write it as host:port, several separated by commas")
            for address in (
                *("", ":9092", ":abc", "localhost:", "localhost:abc", "localhost:-1", "localhost:100000"),
                *(
                    "::1",
                    "::1:9092",
                    "[]:1",
                    "[::1",
                    "[::1]9092",
                    "a b",
                    "a:1:2",
                    "a/b",
                    "localhost:9092\n",
                    "a:\u0663",
                ),
            )
        ),
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(address: str, words: str) -> None:
    with pytest.raises(ValueError, match="is no broker address") as refusal:
        check_address(address)
    assert str(refusal.value) == words


@pytest.mark.parametrize("servers", ["", "a:1,", ",a:1", "a:1,,b:2", "a:1,b:0", "a:1;b:2", "a:1, http://b:2"])
def test_every_address_of_a_list_is_checked(servers: str) -> None:
    with pytest.raises(ValueError, match="is no broker address"):
        Settings(servers)


@pytest.mark.parametrize("name", ["a", "message-created", "a.b_c-D9", "...", "x" * 249])
def test_a_topic_name_that_kafka_takes(name: str) -> None:
    check_topic(name)


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 250, "a b", "a/b", "a\n", "\u00e4", "a,b", "\udcff"])
def test_a_topic_name_that_kafka_does_not_take(name: str) -> None:
    with pytest.raises(ValueError, match="is no topic name: use up to 249 letters, digits") as refusal:
        check_topic(name)
    assert str(refusal.value).startswith(repr(name))


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("linger.ms=5", ("linger.ms", "5")),
        ("a=", ("a", "")),
        ("a==b=c", ("a", "=b=c")),
        (" a = b ", ("a", " b ")),
    ],
)
def test_a_property_is_split_at_the_first_equals_sign(text: str, pair: tuple[str, str]) -> None:
    assert parse_property(text) == pair


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ""),
        ("=", "="),
        ("=5", "=5"),
        (" =5", "=5"),
        ("linger.ms", "linger.ms"),
        ("sasl.password:geheim", "sasl.password"),
        ("ssl.key.password geheim", "ssl.key.password"),
    ],
)
def test_a_property_without_name_or_equals_sign_is_refused_and_what_may_be_secret_not_told(
    text: str, told: str
) -> None:
    with pytest.raises(ValueError, match="is not name=value") as refusal:
        parse_property(text)
    assert str(refusal.value) == f"{told!r} is not name=value"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bootstrap.servers", "use -b"),
        ("metadata.broker.list", "use -b"),
        ("group.id", "use -g"),
        ("auto.offset.reset", "use -o"),
        ("enable.auto.commit", "leave -g out to commit nothing"),
        ("enable.auto.offset.store", "it stays off, so that nothing is committed before it is written"),
        ("enable.partition.eof", "it stays on, for -e"),
        ("delivery.report.only.error", "it is set as the narration needs it"),
        ("statistics.interval.ms", "it is set as the narration needs it"),
    ],
)
def test_a_property_that_the_narration_relies_on_cannot_be_set(name: str, words: str) -> None:
    with pytest.raises(ValueError, match="is not for you to set") as refusal:
        Settings(properties={"linger.ms": "5", name: "x"})
    assert str(refusal.value) == f"-X {name} is not for you to set: {words}"


@pytest.mark.parametrize(
    ("protocol", "sasl", "tls"),
    [
        ("PLAINTEXT", False, False),
        ("SSL", False, True),
        ("SASL_PLAINTEXT", True, False),
        ("SASL_SSL", True, True),
        ("sasl_ssl", True, True),
        ("Ssl", False, True),
    ],
)
def test_a_protocol_says_whether_there_is_a_login_and_encryption(protocol: str, sasl: bool, tls: bool) -> None:
    settings = Settings(security_protocol=protocol, **(SASL if sasl else {}))
    assert (settings.sasl, settings.tls) == (sasl, tls)
    assert settings.to_config()["security.protocol"] == protocol.upper()


@pytest.mark.parametrize("protocol", ["", "TLS", "SASL", "SSL ", "SASL_SSLX"])
def test_an_unknown_protocol_is_refused_with_those_that_there_are(protocol: str) -> None:
    with pytest.raises(ValueError, match="is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL") as refusal:
        Settings(security_protocol=protocol)
    assert repr(protocol) in str(refusal.value)


@pytest.mark.parametrize("missing", SASL)
def test_a_login_needs_mechanism_name_and_password(missing: str) -> None:
    with pytest.raises(
        ValueError, match=r"^SASL_SSL needs KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD$"
    ):
        Settings(security_protocol="sasl_ssl", **(SASL | {missing: ""}))


@pytest.mark.parametrize("mechanism", ["PLAIN ", "GSSAPI", "OAUTHBEARER", "SCRAM-SHA-1"])
def test_a_login_without_name_and_password_is_refused_with_those_that_there_are(mechanism: str) -> None:
    with pytest.raises(ValueError, match="is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512") as refusal:
        Settings(security_protocol="SASL_SSL", **(SASL | {"sasl_mechanism": mechanism}))
    assert repr(mechanism) in str(refusal.value)


def test_a_mechanism_may_be_written_small() -> None:
    settings = Settings(security_protocol="SASL_SSL", **(SASL | {"sasl_mechanism": "scram-sha-512"}))
    assert settings.to_config()["sasl.mechanism"] == "SCRAM-SHA-512"


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
@pytest.mark.parametrize("name", ["sasl_username", "sasl_password"])
def test_a_name_or_a_password_without_a_login_is_refused(protocol: str, name: str) -> None:
    with pytest.raises(ValueError, match="would not be used: set KAFKA_SECURITY_PROTOCOL to SASL_SSL") as refusal:
        Settings(security_protocol=protocol, **dict[str, Any]({name: "geheim"}))
    assert "geheim" not in str(refusal.value)


def test_the_file_with_the_authority_must_be_there(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    with pytest.raises(ValueError, match=r"^KAFKA_SSL_CA_LOCATION: there is no file .*ca\.pem$"):
        Settings(security_protocol="SSL", ssl_ca_location=str(missing))
    missing.touch()
    assert Settings(security_protocol="SSL", ssl_ca_location=str(missing)).ssl_ca_location == str(missing)


def test_no_secret_is_in_the_representation() -> None:
    settings = Settings(security_protocol="SASL_SSL", **SASL, properties={"ssl.key.password": "tresor"})
    assert "ada" in repr(settings)
    assert "geheim" not in repr(settings)
    assert "tresor" not in repr(settings)


def test_the_default_is_a_broker_on_this_machine() -> None:
    assert Settings().to_config() == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "PLAINTEXT",
        "reconnect.backoff.ms": 10,
        "reconnect.backoff.max.ms": 1000,
        "log_level": 0,
        "logger": SILENT,
    }


def test_blanks_around_addresses_are_taken_away() -> None:
    assert Settings(" a:1 , [::1]:2").to_config()["bootstrap.servers"] == "a:1,[::1]:2"


def test_a_login_and_an_authority_are_in_the_configuration(tmp_path: Path) -> None:
    settings = Settings(security_protocol="SASL_SSL", ssl_ca_location=str(tmp_path), **SASL)
    assert settings.to_config() == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SASL_SSL",
        "reconnect.backoff.ms": 10,
        "reconnect.backoff.max.ms": 1000,
        "log_level": 0,
        "logger": SILENT,
        "sasl.mechanism": "PLAIN",
        "sasl.username": "ada",
        "sasl.password": "geheim",
        "ssl.ca.location": str(tmp_path),
    }


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_without_a_login_a_mechanism_is_not_in_the_configuration(protocol: str) -> None:
    config = Settings(security_protocol=protocol, sasl_mechanism="PLAIN").to_config()
    assert not [name for name in config if name.startswith(("sasl", "ssl"))]


def test_an_authority_is_in_the_configuration_only_with_encryption(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="would not be used"):
        Settings(ssl_ca_location=str(tmp_path))
    assert Settings(security_protocol="SSL", ssl_ca_location=str(tmp_path)).to_config()["ssl.ca.location"]


def test_properties_win_over_the_settings() -> None:
    config = Settings(properties={"linger.ms": "7", "security.protocol": "SSL"}).to_config()
    assert config["linger.ms"] == "7"
    assert config["security.protocol"] == "SSL"


@pytest.mark.parametrize(
    "settings",
    [{"sasl_username": "\udcff"}, {"properties": {"\udcff": "1"}}, {"properties": {"client.id": "\udcff"}}],
)
def test_what_is_not_utf_8_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not UTF-8"):
        Settings(**settings)


@pytest.mark.parametrize(("given", "longest"), [("2000", 16000), ("0x200", 8_000_000)])
def test_a_line_may_be_longer_than_the_largest_message(given: str, longest: int) -> None:
    assert Settings(properties={"message.max.bytes": given}).longest_line == longest
    assert Settings().longest_line == 8_000_000


def test_who_asks_to_debug_gets_the_log() -> None:
    assert not {"log_level", "logger"} & Settings(properties={"debug": "broker"}).to_config().keys()


@pytest.mark.parametrize(("properties", "longest"), [({}, 8_000_000), ({"message.max.bytes": "2000"}, 16_000)])
def test_a_line_may_be_eight_times_as_long_as_a_message(properties: dict[str, str], longest: int) -> None:
    assert Settings(properties=properties).longest_line == longest


def test_what_librdkafka_still_logs_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    SILENT.log(50, "%s", "fatal")
    assert capfd.readouterr() == ("", "")
