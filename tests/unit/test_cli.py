import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from kafka_demo import broker, demo, reading, sending
from kafka_demo.cli import run
from kafka_demo.offsets import Start
from kafka_demo.settings import Settings
from kafka_demo.stop import Stop

# The last thing that is checked, so that all the rest must have been taken, and no broker is looked for.
NONSENSE = ("-X", "nonsense=1")
NO_NONSENSE = 'librdkafka says: No such configuration property: "nonsense"'
LOGIN = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": "ada",
    "KAFKA_SASL_PASSWORD": "geheim",
}
COMMANDS = ("produce", "consume", "broker", "demo")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has an empty folder, and no variable of Kafka's."""
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    for name in [name for name in os.environ if name.startswith("KAFKA_")]:
        monkeypatch.delenv(name)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """Run what is wrong usage, and return the two lines that say so."""
    status = run(list(arguments), Stop())
    out, err = capfd.readouterr()
    assert (status, out) == (2, "")
    what, todo, end = err.split("\n")
    assert end == ""
    assert what
    return what, todo


class Wanted(list[Any]):
    """What the commands would do, instead of doing it."""

    def __call__(self, wanted: Any, *more: Any) -> int:
        self[:] = [wanted, *more]
        return 42


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> Wanted:
    wanted = Wanted()
    for module, function in ((sending, "produce"), (reading, "consume"), (broker, "serve"), (demo, "tour")):
        monkeypatch.setattr(module, function, wanted)
    return wanted


PRODUCE_REFUSES = [
    (("--nope",), "No such option '--nope'"),
    (("-k",), "Option '-k' requires an argument."),
    (("-b", "http://x"), "'http://x' is no broker address: write it as host:port, without http://"),
    (("-b", ""), "'' is no broker address"),
    (("-b", "localhost:99999"), "a port is between 1 and 65535"),
    (("-b", "a:1,:abc"), "':abc' is no broker address"),
    (("-t", "a/b"), "'a/b' is no topic name"),
    (("-t", ""), "'' is no topic name"),
    (("-t", "\udcff"), r"'\udcff' is no topic name"),
    (("-t", "a\nb\x1b"), r"'a\nb\x1b' is no topic name"),
    (("-X", "nonsense=1"), NO_NONSENSE),
    (("-X", "linger.ms=x"), "librdkafka says: Invalid value for configuration property"),
    (("-X", "linger.ms"), "'linger.ms' is not name=value"),
    (("-X", "=1"), "'=1' is not name=value"),
    (("-X", "linger.ms=1", "-X", "group.id=x"), "-X group.id is not for you to set: use -g"),
    (("-H", "trace"), "Invalid value for '-H' / '--header': 'trace' is not name=value"),
    (("-H", "\udcff=1"), "a header's name is not UTF-8, or has a NUL"),
    (("-p", "-1"), "'-p' / '--partition'"),
    (("-p", "x"), "'-p' / '--partition'"),
    (("-p", "2147483648"), "'-p' / '--partition'"),
    (("-f", "value"), "'-f' / '--format'"),
    (("-n", "1"), "--count goes with --sample only"),
    (("--interval", "1"), "--interval goes with --sample only"),
    (("--sample", "-n", "0"), "'-n' / '--count'"),
    (("--sample", "--interval", "-1"), "'--interval'"),
    (("--sample", "--interval", "nan"), "Invalid value for '--interval': that is no number of seconds"),
    (("--sample", "--interval", "x"), "'--interval'"),
    (("--sample", "hello"), "a message does not go with --sample"),
    (("--sample", "-k", "ada"), "--key does not go with --sample"),
    (("--sample", "-K", ":"), "--key-separator does not go with --sample"),
    (("--sample", "-H", "a=1"), "--header does not go with --sample"),
    (("--sample", "-f", "text"), "--format does not go with --sample"),
    (("-f", "json", "-k", "ada"), "--key does not go with -f json: a record brings its own"),
    (("-f", "json", "-K", ":"), "--key-separator does not go with -f json: a record brings its own"),
    (("-f", "json", "-H", "a=1"), "--header does not go with -f json: a record brings its own"),
    (("-K", ":", "-k", "ada"), "--key does not go with -K: either all messages have one key, or each has its own"),
    (("-K", ""), "-K needs at least one character"),
]
CONSUME_REFUSES = [
    (("hello",), "Got unexpected extra argument (hello)"),
    (("-g", "\udcff"), "the group's name is not UTF-8"),
    (("-b", "localhost:0"), "a port is between 1 and 65535"),
    (("-t", ".."), "'..' is no topic name"),
    (NONSENSE, NO_NONSENSE),
    (("-X", "auto.offset.reset=latest"), "-X auto.offset.reset is not for you to set: use -o"),
    (("-o", "latest"), "'latest' is no offset: write beginning, end, N (that offset), -N (the last N), or @TIMESTAMP"),
    (("-o", ""), "'' is no offset"),
    (("-o", "\udcff"), r"'\udcff' is no offset"),
    (("-o", "@tomorrow"), "'@tomorrow' is no time: write @2026-01-31T09:30, or @ and the milliseconds since 1970"),
    *(
        (
            ("-g", "g1", "-o", offset),
            "with -g (or KAFKA_GROUP), -o takes beginning or end: a group goes on at its commit",
        )
        for offset in ("5", "-5", "@0")
    ),
    (("-g", "g1", "-p", "0"), "--partition does not go with -g (or KAFKA_GROUP): the group assigns the partitions"),
    (("--from-beginning", "-o", "end"), "--offset does not go with --from-beginning"),
    (("-p", "-1"), "'-p' / '--partition'"),
    (("-n", "0"), "'-n' / '--count'"),
    (("-f", "xml"), "'-f' / '--format'"),
    (("--slow", "-1"), "'--slow'"),
    (("--slow", "241"), "'--slow'"),
    (("--slow", "nan"), "that is no number of seconds"),
    (("--crash-after", "0"), "'--crash-after'"),
    (("--crash-after", "x"), "'--crash-after'"),
    (("--queue",), "--queue needs a name for the group: -g NAME"),
    (("--queue", "-g", "q", "-p", "0"), "--partition does not go with -g"),
    (("--queue", "-g", "q", "-o", "end"), "--offset does not go with --queue: a new queue starts at the beginning"),
    (("--queue", "-g", "q", "--from-beginning"), "--from-beginning does not go with --queue"),
    (("--queue", "-g", "q", "-e"), "--exit-at-end does not go with --queue: a queue has no end"),
    (("-q", "--explain"), "--explain has nothing to explain with -q"),
]
OTHERS_REFUSE = [
    (("broker", "--port", "-1"), "'--port'"),
    (("broker", "--port", "65536"), "'--port'"),
    (("broker", "--partitions", "0"), "'--partitions'"),
    (("broker", "--partitions", "1001"), "'--partitions'"),
    (("broker", "-t", "a b"), "'a b' is no topic name"),
    (("broker", "x"), "unexpected extra argument"),
    (("broker", "-b", "a:1"), "No such option '-b'"),
    (("demo", "-b", "a b"), "'a b' is no broker address"),
    (("demo", "x"), "unexpected extra argument"),
]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("produce", *arguments), words) for arguments, words in PRODUCE_REFUSES]
    + [(("consume", *arguments), words) for arguments, words in CONSUME_REFUSES]
    + OTHERS_REFUSE,
)
def test_wrong_usage_is_one_line_and_a_hint(
    arguments: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    what, todo = refused(capfd, *arguments)
    assert words in what
    assert todo in (
        f"`kafka-demo {arguments[0]} --help` lists what there is",
        "`kafka-demo --help` lists what there is",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("prodce",), "No such command 'prodce'"),
        (("\udcff",), r"No such command '\udcff'"),
        (("--nope",), "No such option '--nope'"),
        (("-x", "produce"), "No such option '-x'"),
    ],
)
def test_an_unknown_command_is_one_line_and_a_hint(
    arguments: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    what, todo = refused(capfd, *arguments)
    assert words in what
    assert todo == "`kafka-demo --help` lists what there is"


@pytest.mark.parametrize("command", COMMANDS[:2])
def test_the_hint_names_the_command(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert refused(capfd, command, *NONSENSE)[1] == f"`kafka-demo {command} --help` lists what there is"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"KAFKA_BOOTSTRAP_SERVERS": "http://x"}, "'http://x' is no broker address"),
        ({"KAFKA_TOPIC": "a b"}, "'a b' is no topic name"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "security protocol 'TLS' is none of PLAINTEXT, SSL"),
        ({"KAFKA_SASL_USERNAME": "ada"}, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD would not be used"),
        ({"KAFKA_SASL_PASSWORD": "geheim"}, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD would not be used"),
        *(
            (LOGIN | {missing: ""}, "SASL_SSL needs KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
            for missing in ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
        ),
        ({"KAFKA_SSL_CA_LOCATION": "missing.pem"}, "KAFKA_SSL_CA_LOCATION would not be used"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_LOCATION": "missing.pem"},
            "KAFKA_SSL_CA_LOCATION: there is no file missing.pem",
        ),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_wrong_variable_is_wrong_usage(
    place: str, variables: dict[str, str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if place == ".env":
        Path(".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        variables = {}
    with environment(variables):
        what, _ = refused(capfd, "produce", "hello")
    assert words in what
    assert "geheim" not in what


def test_a_group_of_the_environment_assigns_the_partitions_too(capfd: pytest.CaptureFixture[str]) -> None:
    with environment({"KAFKA_GROUP": "g1"}):
        assert "with -g" in refused(capfd, "consume", "-o", "5")[0]
        assert "the group assigns the partitions" in refused(capfd, "consume", "-p", "0")[0]
        assert refused(capfd, "consume", "-p", "0", "-o", "5", "-g", "", *NONSENSE)[0] == NO_NONSENSE


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("produce", "hello"), {}),
        (("produce", "-k", "ada", "-H", "a=1", "-H", "a=", "-p", "0", "-q", "hello"), {}),
        (("produce", "-K", ":"), {}),
        (("produce", "-f", "json"), {}),
        (("produce", "--sample", "-n", "1", "--interval", "0"), {}),
        (("produce", "hello"), LOGIN),
        (("consume", "-o", "-5", "-e", "-p", "0", "-n", "1", "-f", "json"), {}),
        (("consume", "-g", "g1", "-o", "end", "--slow", "240", "--crash-after", "1"), {}),
        (("consume", "-g", "g1", "--from-beginning"), {}),
        (("consume", "-g", "g1"), LOGIN),
        (("consume", "-g", "g1", "--queue", "--slow", "1", "-n", "3"), {}),
    ],
)
def test_right_usage_with_a_property_that_librdkafka_does_not_know(
    arguments: tuple[str, ...], variables: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    with environment(variables):
        assert refused(capfd, *arguments, *NONSENSE)[0] == NO_NONSENSE


PRODUCES: list[tuple[list[str], dict[str, object]]] = [
    (["hello", "w\udcffrld"], {"messages": (b"hello", b"w\xffrld")}),
    (["-t", "news"], {"topic": "news"}),
    (["--topic", "news"], {"topic": "news"}),
    (["-k", "\udcff"], {"key": b"\xff"}),
    (["--key", ""], {"key": b""}),
    (["-K", ":"], {"key_separator": b":"}),
    (["--key-separator", "\\t\udcff"], {"key_separator": b"\t\xff"}),
    (["-H", "a=1=\udcff", "--header", "a="], {"headers": [("a", b"1=\xff"), ("a", b"")]}),
    (["-p", "0"], {"partition": 0}),
    (["--partition", "2147483647"], {"partition": 2**31 - 1}),
    (["-f", "json"], {"json": True}),
    (["--format", "text"], {}),
    (["-q"], {"quiet": True}),
    (["--explain"], {"explain": True}),
    (["--sample"], {"sample": True}),
    (["--sample", "-n", "3", "--interval", "0"], {"sample": True, "count": 3, "interval": 0.0}),
    (["--sample", "--count", "1", "--interval", "0.5"], {"sample": True, "count": 1, "interval": 0.5}),
    (["--", "-k"], {"messages": (b"-k",)}),
]


@pytest.mark.parametrize(("arguments", "changes"), PRODUCES)
def test_what_produce_sends(wanted: Wanted, arguments: list[str], changes: dict[str, Any]) -> None:
    stop = Stop()
    assert run(["produce", *arguments], stop) == 42
    defaults: dict[str, Any] = {"topic": "message-created", "key_separator": b""}
    assert wanted == [sending.Wanted(**defaults | changes), Settings(), stop]
    assert wanted[2] is stop


CONSUMES: list[tuple[list[str], dict[str, object]]] = [
    ([], {}),
    (["-t", "news"], {"topic": "news"}),
    (["-g", "g1"], {"group": "g1"}),
    (["--group", "g1", "-o", "end"], {"group": "g1", "start": Start("end")}),
    (["-o", "17"], {"start": Start("offset", 17)}),
    (["--offset", "-5"], {"start": Start("last", 5)}),
    (["-o", "@0"], {"start": Start("time", 0)}),
    (["--from-beginning"], {}),
    (["-p", "0"], {"partition": 0}),
    (["-n", "3"], {"count": 3}),
    (["-e"], {"exit_at_end": True}),
    (["--exit-at-end"], {"exit_at_end": True}),
    (["-f", "json"], {"form": "json"}),
    (["--format", "text"], {"form": "text"}),
    (["--slow", "0.5"], {"slow": 0.5}),
    (["--crash-after", "3"], {"crash_after": 3}),
    (["--quiet"], {"quiet": True}),
    (["--explain"], {"explain": True}),
]


@pytest.mark.parametrize(("arguments", "changes"), CONSUMES)
@pytest.mark.usefixtures("capfd")  # standard output is no terminal
def test_what_consume_reads(wanted: Wanted, arguments: list[str], changes: dict[str, Any]) -> None:
    stop = Stop()
    assert run(["consume", *arguments], stop) == 42
    assert wanted == [reading.Wanted(**{"topic": "message-created", "form": "value"} | changes), Settings(), stop]


def test_on_a_terminal_consume_shows_text(wanted: Wanted) -> None:
    controller, terminal = os.openpty()
    before = os.dup(1)
    os.dup2(terminal, 1)
    run(["consume"], Stop())
    os.dup2(before, 1)
    for fd in (controller, terminal, before):
        os.close(fd)
    assert wanted[0].form == "text"


def test_what_broker_serves(wanted: Wanted) -> None:
    stop = Stop()
    assert run(["broker"], stop) == 42
    assert wanted == [9092, "message-created", 4, stop]
    run(["broker", "--port", "0", "--partitions", "1", "-t", "news"], stop)
    assert wanted == [0, "news", 1, stop]


def test_where_demo_plays(wanted: Wanted) -> None:
    stop = Stop()
    assert run(["demo"], stop) == 42
    assert wanted == [Settings(), stop]
    run(["demo", "-b", "a:1"], stop)
    assert wanted == [Settings("a:1"), stop]


@pytest.mark.parametrize("command", ["produce", "consume"])
def test_what_is_known_of_the_brokers(wanted: Wanted, command: str) -> None:
    Path("ca.pem").touch()
    with environment(LOGIN | {"KAFKA_SSL_CA_LOCATION": "ca.pem"}):
        run([command, "-b", "a:1,b:2", "-X", "linger.ms=1", "-X", "client.id=a=b", "-X", "linger.ms=2"], Stop())
    assert wanted[1] == Settings(
        "a:1,b:2", "SASL_SSL", "PLAIN", "ada", "geheim", "ca.pem", {"linger.ms": "2", "client.id": "a=b"}
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_the_status_is_that_of_the_command(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, function in ((sending, "produce"), (reading, "consume"), (broker, "serve"), (demo, "tour")):
        monkeypatch.setattr(module, function, lambda *_: 0)
    assert run([command], Stop()) == 0


# What the option, the environment and .env say, and what counts.
SOURCES = [
    ("", "", "", ""),
    ("", "", "dotenv", "dotenv"),
    ("", "environment", "", "environment"),
    ("", "environment", "dotenv", "environment"),
    ("flag", "", "", "flag"),
    ("flag", "", "dotenv", "flag"),
    ("flag", "environment", "dotenv", "flag"),
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("command", "option", "default"),
    [
        ("produce", ("-b", "KAFKA_BOOTSTRAP_SERVERS"), "localhost:9092"),
        ("consume", ("-b", "KAFKA_BOOTSTRAP_SERVERS"), "localhost:9092"),
        ("demo", ("-b", "KAFKA_BOOTSTRAP_SERVERS"), "localhost:9092"),
        ("produce", ("-t", "KAFKA_TOPIC"), "message-created"),
        ("consume", ("-t", "KAFKA_TOPIC"), "message-created"),
        ("broker", ("-t", "KAFKA_TOPIC"), "message-created"),
        ("consume", ("-g", "KAFKA_GROUP"), ""),
    ],
)
def test_an_option_wins_over_the_environment_and_that_over_dotenv(
    wanted: Wanted, command: str, option: tuple[str, str], default: str, source: tuple[str, str, str, str]
) -> None:
    (name, variable), (flag, of_environment, of_dotenv, winner) = option, source
    if of_dotenv:
        Path(".env").write_text(f"{variable}={of_dotenv}\n")
    with environment({variable: of_environment} if of_environment else {}):
        run([command, *([name, flag] if flag else [])], Stop())
    fields = ("bootstrap_servers", "topic", "group")
    assert (winner or default) in [getattr(thing, field, thing) for thing in wanted for field in fields]


def test_security_of_the_environment_wins_over_dotenv(wanted: Wanted) -> None:
    Path(".env").write_text("".join(f"{name}=x\n" for name in LOGIN))
    with environment(LOGIN):
        run(["produce"], Stop())
    assert wanted[1].sasl_password == "geheim"
    assert wanted[1].sasl_mechanism == "PLAIN"


def test_an_empty_variable_is_none(wanted: Wanted) -> None:
    Path(".env").write_text("KAFKA_TOPIC=\nKAFKA_SECURITY_PROTOCOL=\n")
    with environment({"KAFKA_BOOTSTRAP_SERVERS": "", "KAFKA_GROUP": "", "KAFKA_SASL_PASSWORD": ""}):
        run(["consume"], Stop())
    assert (wanted[0].topic, wanted[0].group, wanted[1]) == ("message-created", "", Settings())


def test_a_dollar_in_dotenv_is_a_dollar(wanted: Wanted) -> None:
    lines = LOGIN | {"KAFKA_SASL_PASSWORD": "a${HOME}b"}
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    run(["produce"], Stop())
    assert wanted[1].sasl_password == "a${HOME}b"


def test_dotenv_does_not_change_the_environment(wanted: Wanted) -> None:
    Path(".env").write_text("KAFKA_TOPIC=news\n")
    run(["produce"], Stop())
    assert wanted[0].topic == "news"
    assert "KAFKA_TOPIC" not in os.environ


def test_the_dotenv_of_a_parent_folder_is_not_read(wanted: Wanted) -> None:
    Path("../.env").write_text("KAFKA_BOOTSTRAP_SERVERS=evil:1\n")
    run(["produce"], Stop())
    assert wanted[1] == Settings()


def test_a_folder_of_that_name_is_no_dotenv(wanted: Wanted) -> None:
    Path(".env").mkdir()
    run(["produce"], Stop())
    assert wanted[1] == Settings()


def test_a_dotenv_that_is_not_utf8_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    Path(".env").write_bytes(b"KAFKA_TOPIC=\xff\n")
    what, _ = refused(capfd, "produce", "hello")
    assert what.startswith(".env cannot be read: 'utf-8' codec can't decode byte 0xff")


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
def test_help(command: tuple[str, ...], option: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run([*command, option], Stop()) == 0
    out, err = capfd.readouterr()
    assert out.startswith(f"Usage: {' '.join(('kafka-demo', *command))} ")
    assert err == ""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), COMMANDS),
        (
            ("produce",),
            ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_TOPIC", "localhost:9092", "message-created", "default: text"),
        ),
        (("consume",), ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_TOPIC", "KAFKA_GROUP", "default: beginning", "Exit status")),
        (("broker",), ("KAFKA_TOPIC", "9092", "default: 4")),
        (("demo",), ("KAFKA_BOOTSTRAP_SERVERS",)),
    ],
)
def test_help_names_variables_and_defaults(
    command: tuple[str, ...], words: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    run([*command, "--help"], Stop())
    out = " ".join(capfd.readouterr().out.split())
    assert [word for word in words if word not in out] == []


def test_the_examples_in_a_help_text_have_lines_of_their_own(capfd: pytest.CaptureFixture[str]) -> None:
    run(["produce", "--help"], Stop())
    assert "  kafka-demo produce < file          each line of a file\n" in capfd.readouterr().out


def test_without_a_command_the_help_is_shown_as_wrong_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert run([], Stop()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Usage: kafka-demo ")


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"], Stop()) == 0
    assert capfd.readouterr() == (f"kafka-demo {version('kafka-demo')}\n", "")


def test_the_command_ends_with_its_status() -> None:
    command = [sys.executable, "-m", "kafka_demo", "produce", "--nope"]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, b"", 2)


def test_help_onto_a_full_disk_is_told() -> None:
    command = [sys.executable, "-m", "kafka_demo", "--help"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (1, b"cannot write to standard output: No space left on device\n")


def test_closed_standard_streams_do_not_end_in_a_traceback() -> None:
    command = f"{sys.executable} -m kafka_demo produce -t . hi"
    for closed in ("<&-", ">&-", "2>&-"):
        ended = subprocess.run(["bash", "-c", f"{command} {closed}"], capture_output=True, timeout=60, check=False)
        assert ended.returncode == 2
        assert b"Traceback" not in ended.stderr


def test_help_and_wrong_options_do_not_wait_for_the_library_of_kafka() -> None:
    code = (
        "import sys; from kafka_demo.cli import run; from kafka_demo.stop import Stop; "
        "run(['produce', '--help'], Stop()); run(['produce', '--nope'], Stop()); run(['consume', '-t', '.'], Stop()); "
        "assert 'confluent_kafka' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)


def test_a_word_that_is_not_explained_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "fish"], Stop()) == 2
    assert capfd.readouterr().err.splitlines() == [
        "no such word in the glossary: fish",
        "`kafka-demo explain` lists the words there are",
    ]


def test_a_word_that_is_misspelt_gets_the_nearest_one(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "consumer", "gruop"], Stop()) == 0
    said = capfd.readouterr()
    assert said.err == "no such word in the glossary: consumer gruop; the nearest is consumer group\n"
    assert said.out.startswith("consumer group\n")


def test_without_a_word_all_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["explain"], Stop()) == 0
    assert "in-sync replica" in capfd.readouterr().out
