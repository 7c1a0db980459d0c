import json
import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest

from kafka_demo.cli import COMMANDS, cli, run
from kafka_demo.cli.options import _session
from kafka_demo.narration.glossary import terms
from kafka_demo.shutdown import Stop
from support import COMMAND, LOGIN, NONSENSE, Broker, environment, new_name

pytestmark = pytest.mark.usefixtures("folder")
REFUSED = 'librdkafka does not accept the configuration: No such configuration property: "nonsense"'
PROPERTIES = "https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md lists all properties"
ALL_TERMS = "run `kafka-demo explain` to list all terms"
Env = pytest.MonkeyPatch
Capfd = pytest.CaptureFixture[str]


def set_variables(monkeypatch: Env, variables: dict[str, str], dotenv: dict[str, str] | None = None) -> None:
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in (dotenv or {}).items()))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def refused(capfd: Capfd, *arguments: str) -> tuple[str, str]:
    """Run a command with wrong usage, and return its error and hint."""
    assert run(list(arguments), Stop()) == 2
    out, err = capfd.readouterr()
    what, hint, end = err.split("\n")
    assert (out, what[:7], hint[:6], end) == ("", "error: ", "hint: ", "")
    return what[7:], hint[6:]


def parse(command: str, *arguments: str) -> click.Context:
    """Parse the options of a command without running it."""
    found: click.Command = getattr(import_module(f"kafka_demo.cli.{command}"), command)
    return found.make_context(command, list(arguments), click.Context(cli, obj=Stop(), **cli.context_settings))


OF_TEXT = {"-k ada": "--key", "-K :": "--key-separator", "-H a=1": "--header"}
DOTENV = "it contains NUL, is not UTF-8, or has = in a name"
ALONE = {"-o end": "--offset", "--from-beginning": "--from-beginning", "-e": "--exit-at-end"}
USAGE_ERRORS = {
    "": [
        ("prodce", "No such command 'prodce'. Did you mean 'produce'?"),
        ("\udcff", r"No such command '\udcff'"),
        ("-x produce", "No such option '-x'"),
    ],
    "produce": [
        ("-k", "Option '-k' requires an argument."),
        ("-X linger.ms=x", "Invalid value for configuration property"),
        ("-X linger.ms", "-X: 'linger.ms' is not NAME=VALUE"),
        ("-X acks=1", "-X acks is fixed: "),
        ("-H trace", "-H: 'trace' is not NAME=VALUE"),
        ("-H \udcff=1", r'header name "\udcff" contains NUL or is not UTF-8'),
        *((f"-p {number}", "'-p' / '--partition'") for number in ("-1", "x", "2147483648")),
        ("-f value", "'-f' / '--format'"),
        *((f"{option} 1", f"{option} needs --sample") for option in ("--count", "--interval")),
        ("--sample -n 0", "'-n' / '--count'"),
        ("--sample --interval -1", "'--interval'"),
        ("--sample --interval x", "'x' is not a valid "),
        ("--sample hello", "MESSAGE cannot be used with --sample"),
        ("--sample -f text", "--format cannot be used with --sample"),
        *((f"--sample {option}", f"{name} cannot be used with --sample") for option, name in OF_TEXT.items()),
        *((f"-f json {option}", f"{name} cannot be used with -f json: ") for option, name in OF_TEXT.items()),
        ("-K : -k ada", "--key cannot be used with -K"),
        ("--key-separator=", "-K needs at least one character"),
        ("--topic=", "'' is not a topic name"),
        ("-q --explain", "--explain cannot be used with -q"),
    ],
    "consume": [
        ("hello", "Got unexpected extra argument (hello)"),
        ("-g \udcff", "the group name is not UTF-8"),
        ("-o latest", "'latest' is not an offset"),
        *((f"-g g1 -o {where}", "in a group (-g or KAFKA_GROUP), -o takes only ") for where in ("5", "-5", "@0")),
        ("-g g1 -p 0", "--partition cannot be used with -g (or KAFKA_GROUP): "),
        ("--from-beginning -o end", "--offset cannot be used with --from-beginning"),
        ("-n 0", "'-n' / '--count'"),
        *((f"--slow {seconds}", "'--slow'") for seconds in ("-1", "241")),
        *((f"--crash-after {number}", "'--crash-after'") for number in ("0", "x")),
        ("--queue", "--queue needs a group: -g NAME"),
        *((f"--queue -g q {option}", f"{name} cannot be used with --queue: ") for option, name in ALONE.items()),
    ],
    "broker": [
        *((f"--port {number}", "'--port'") for number in ("-1", "65536")),
        *((f"--partitions {number}", "'--partitions'") for number in ("0", "1001")),
        ("-t a/b", "'a/b' is not a topic name"),
        ("-b a:1", "No such option '-b'"),
    ],
    "topic create": [(f"x --replication-factor {number}", "'--replication-factor'") for number in (0, 10_001)],
    "explain": [("fish", "the glossary has no term 'fish'")],
    "demo": [("-b a/b", "'a/b' is not a broker address")],
}


@pytest.mark.parametrize(
    ("command", "arguments", "words"), [(name, *error) for name, errors in USAGE_ERRORS.items() for error in errors]
)
def test_wrong_usage_is_an_error_and_a_hint(command: str, arguments: str, words: str, capfd: Capfd) -> None:
    what, hint = refused(capfd, *f"{command} {arguments}".lstrip().split(" "))
    assert words in what
    assert hint in (PROPERTIES, ALL_TERMS, f"try `{f'kafka-demo {command}'.rstrip()} --help`")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"KAFKA_BOOTSTRAP_SERVERS": "http://x"}, "'http://x' is not a broker address"),
        ({"KAFKA_TOPIC": "a b"}, "'a b' is not a topic name"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, 'Invalid value "TLS" for configuration property "security.protocol"'),
        (LOGIN | {"KAFKA_SASL_MECHANISM": "SCRAM"}, "Unsupported SASL mechanism: SCRAM"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_LOCATION": "missing.pem"}, "ssl.ca.location failed"),
    ],
)
def test_a_bad_variable_is_wrong_usage(variables: dict[str, str], words: str, monkeypatch: Env, capfd: Capfd) -> None:
    set_variables(monkeypatch, {}, dotenv=variables)
    what, hint = refused(capfd, "produce", "hello")
    assert words in what
    assert "geheim" not in what
    set_variables(monkeypatch, variables)
    assert refused(capfd, "produce", "hello") == (what, hint)


def test_the_group_from_the_environment_counts_unless_the_option_is_empty(monkeypatch: Env, capfd: Capfd) -> None:
    set_variables(monkeypatch, LOGIN | {"KAFKA_GROUP": "g1"})
    assert refused(capfd, "consume", "-o", "5")[0].startswith("in a group (-g or KAFKA_GROUP)")
    for accepted in ("-p 0 -o 5 --group=", "--from-beginning --slow 240", "-o end --crash-after 1"):
        assert refused(capfd, "consume", *accepted.split(), *NONSENSE)[0] == REFUSED


@pytest.mark.parametrize(
    ("arguments", "record"),
    [
        (["--", "-k"], {"value": "-k"}),
        ([""], {"value": ""}),
        (["-k", "\udcff", "w\udcffrld"], {"key": {"base64": "/w=="}, "value": {"base64": "d/9ybGQ="}}),
        (["--key", "", "hi"], {"key": ""}),
        (["-K", ":", "ada:hi"], {"key": "ada", "value": "hi"}),
        (["--key-separator", "\\t\udcff", "ada\t\udcffhi"], {"key": "ada", "value": "hi"}),
        (["-H", "a=1=\udcff", "--header", "a=", "hi"], {"headers": [["a", {"base64": "MT3/"}], ["a", ""]]}),
        (["--partition", "3", "hi"], {"partition": 3}),
        (["--format", "json", '{"key": "ada", "value": null}'], {"key": "ada", "value": None}),
        (["--sample", "--count", "1", "--interval", "0"], {"topic": "TOPIC"}),
    ],
)
def test_what_produce_sends(memory: Broker, arguments: list[str], record: dict[str, Any], capfd: Capfd) -> None:
    topic = new_name("topic")
    assert run(["produce", "--quiet", "-b", memory.address, "--topic", topic, *arguments], Stop()) == 0
    assert run(["consume", "-q", *memory.at(topic), "-n", "1", "--exit-at-end", "--format", "json"], Stop()) == 0
    out, err = capfd.readouterr()
    found = json.loads(out.replace(topic, "TOPIC"))
    assert ({name: found[name] for name in record}, err) == (record, "")


# Values of the option, the environment and .env, and which one counts.
SOURCES = [
    ("", None, "", ""),
    ("", None, "dotenv", "dotenv"),
    ("", "", "dotenv", ""),  # an empty variable overrides the one in .env
    ("", "environment", "dotenv", "environment"),
    ("option", None, "dotenv", "option"),
    ("option", "environment", "dotenv", "option"),
]
SHARED = {
    "bootstrap_servers": ("-b", "KAFKA_BOOTSTRAP_SERVERS", "localhost:9092", ("produce", "consume", "demo", "status")),
    "topic": ("-t", "KAFKA_TOPIC", "message-created", ("produce", "consume", "broker")),
    "group": ("-g", "KAFKA_GROUP", None, ("consume",)),
}


@pytest.mark.parametrize(("option", "environ", "dotenv", "winner"), SOURCES)
@pytest.mark.parametrize(("command", "parameter"), [(name, each) for each in SHARED for name in SHARED[each][3]])
def test_an_option_overrides_the_environment_which_overrides_dotenv(
    command: str, parameter: str, option: str, environ: str | None, dotenv: str, winner: str, monkeypatch: Env
) -> None:
    flag, variable, default, _ = SHARED[parameter]
    set_variables(monkeypatch, {} if environ is None else {variable: environ}, {variable: dotenv})
    assert parse(command, *([flag, option] if option else [])).params[parameter] == (winner or default)


def test_the_environment_overrides_dotenv_where_a_dollar_is_literal(monkeypatch: Env) -> None:
    dotenv = LOGIN | {"KAFKA_SASL_USERNAME": "a${HOME}b", "KAFKA_SASL_PASSWORD": "x"}
    set_variables(monkeypatch, {"KAFKA_SASL_PASSWORD": "geheim"}, dotenv)
    found = _session(parse("produce", "-b", "a:1,b:2", "-X", "linger.ms=1", "-X", "client.id=a=b", "-X", "linger.ms=2"))
    assert (found.config["sasl.username"], found.config["sasl.password"]) == ("a${HOME}b", "geheim")
    assert (found.address, found.config["linger.ms"], found.config["client.id"]) == ("a:1,b:2", "2", "a=b")


def test_the_dotenv_of_a_parent_folder_is_not_read(folder: Path, monkeypatch: Env) -> None:
    set_variables(monkeypatch, {}, {"KAFKA_BOOTSTRAP_SERVERS": "evil:1"})
    (folder / "inner").mkdir()
    monkeypatch.chdir("inner")
    assert parse("produce").params["bootstrap_servers"] == "localhost:9092"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.mkdir(), "it is not a regular file"),
        (os.mkfifo, "it is not a regular file"),
        (lambda path: path.write_bytes(b"KAFKA_TOPIC=\xff\n"), DOTENV),
        (lambda path: path.write_text("KAFKA_GROUP=g1\n", encoding="utf-16"), DOTENV),
        (lambda path: path.write_text("KAFKA_GROUP=g1\n", encoding="utf-16-le"), DOTENV),
    ],
)
def test_a_dotenv_that_cannot_be_read_is_an_error(make: Any, why: str, capfd: Capfd) -> None:
    make(Path(".env"))
    assert run(["produce", "hello"], Stop()) == 1
    assert capfd.readouterr().err == f"error: Could not open file '.env': {why}\n"


HELP = {
    "": [*COMMANDS],
    "produce": ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_TOPIC", "localhost:9092", "message-created", "default: text"],
    "consume": ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_TOPIC", "KAFKA_GROUP", "default: beginning", "Exit status"],
    "broker": ["KAFKA_TOPIC", "9092", "default: 4"],
    "demo": ["KAFKA_BOOTSTRAP_SERVERS"],
}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_names_variables_and_defaults(command: str, capfd: Capfd) -> None:
    assert run([*command.split(), "-h"], Stop()) == 0
    out, err = capfd.readouterr()
    assert (out.partition(" [")[0], err) == (f"Usage: {f'kafka-demo {command}'.rstrip()}", "")
    assert [word for word in HELP.get(command, []) if word not in " ".join(out.split())] == []
    if command == "produce":  # each example is on its own line
        assert "  kafka-demo produce < file          each line of a file\n" in out


def test_explain_finds_the_nearest_term_or_lists_all(capfd: Capfd) -> None:
    assert run(["explain", "share", "gruop"], Stop()) == 0
    out, err = capfd.readouterr()
    assert (out[:12], err) == ("share group\n", "the glossary has no term 'share gruop'; the nearest is share group\n")
    assert run(["explain"], Stop()) == 0
    assert capfd.readouterr().out.startswith(next(iter(terms().values())).part)


def test_an_unexpected_exception_shows_no_traceback_unless_asked_for(monkeypatch: Env, capfd: Capfd) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("x\x1b")

    monkeypatch.setattr(cli, "main", fail)
    assert run(["produce"], Stop()) == 1
    what, hint = "unexpected ZeroDivisionError: x\\x1b", "set KAFKA_DEMO_DEBUG=1 to see the traceback"
    assert (told := capfd.readouterr().err) == f"error: {what}\nhint: {hint}\n"
    monkeypatch.setenv("KAFKA_DEMO_DEBUG", "1")
    assert run(["produce"], Stop()) == 1
    assert re.fullmatch(f"Traceback .*{re.escape(told)}", capfd.readouterr().err, re.DOTALL)


# --- whole processes

INTERRUPTED = """
import runpy, signal, sys
ours = lambda event, about: event == "import" and about[0] == sys.argv[1]
sys.addaudithook(lambda *event: ours(*event) and signal.raise_signal(signal.SIGINT))
runpy.run_module("kafka_demo", run_name="__main__")
"""
MODULES = """
import sys, kafka_demo.cli, kafka_demo.shutdown
kafka_demo.cli.run(sys.argv[1:], kafka_demo.shutdown.Stop())
print("modules:", *sys.modules)
"""


def process(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, **options, capture_output=True, timeout=60, check=False, text=True)


@pytest.mark.parametrize("module", ["gc", "kafka_demo.cli", "click"])
def test_ctrl_c_during_imports_ends_it_without_a_traceback(module: str) -> None:
    done = process(sys.executable, "-c", INTERRUPTED, module)
    assert (done.returncode, done.stdout, done.stderr) == (-2, "", "")


COMPLETION = {"_KAFKA_DEMO_COMPLETE": "bash_complete", "COMP_WORDS": "kafka-demo pr", "COMP_CWORD": "1"}


@pytest.mark.parametrize(
    ("arguments", "variables", "words", "imported"),
    [
        ("--help", {}, "produce ", set()),
        ("", COMPLETION, "plain,produce\n", set()),
        ("prodce", {}, "Did you mean 'produce'?", set()),
        ("produce --help", {}, "--sample", {"produce"}),
        ("consume --help", {}, "--queue", {"consume"}),
        ("produce -t .", {}, "is not a topic name", {"produce"}),
    ],
)
def test_only_what_is_used_is_loaded(arguments: str, variables: dict[str, str], words: str, imported: set[str]) -> None:
    done = process(sys.executable, "-c", MODULES, *arguments.split(), env=environment(**variables))
    out, _, modules = done.stdout.rpartition("modules:")
    assert words in out + done.stderr
    assert {name for name in COMMANDS if f"kafka_demo.cli.{name}" in modules.split()} == imported
    assert "rich" not in modules.split()
    assert ("confluent_kafka" in modules.split()) == bool(imported)


@pytest.mark.parametrize(
    ("command", "status", "out", "err"),
    [
        ("--version", 0, f"kafka-demo {version('kafka-demo')}\n", ""),
        ("", 2, "", "Usage: kafka-demo [OPTIONS] COMMAND"),
        ("produce --nope", 2, "", "error: No such option '--nope'"),
        ("--help >/dev/full", 1, "", "error: No space left on device\n"),
        ("produce -t . hi <&-", 2, "", "error: '.' is not a topic name"),
        ("produce -t . hi >&-", 2, "", "error: '.' is not a topic name"),
        ("produce -t . hi 2>&-", 2, "", ""),
    ],
)
def test_a_process_ends_with_its_status_and_without_a_traceback(command: str, status: int, out: str, err: str) -> None:
    done = process("bash", "-c", f"{' '.join(COMMAND)} {command}")
    assert (done.returncode, done.stdout, done.stderr[: len(err)]) == (status, out, err)
    assert "Traceback" not in done.stderr
