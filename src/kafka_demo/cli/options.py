"""Options that several commands share, and checks before a command runs."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from confluent_kafka import KafkaError, KafkaException
from dotenv import dotenv_values

from kafka_demo.cli.session import Session
from kafka_demo.cluster.settings import check_group, check_topic, client_config, parse_pair
from kafka_demo.narration.narrator import Narrator
from kafka_demo.narration.problems import Problem
from kafka_demo.shutdown import Timeout

NUMBER = click.IntRange(0, 2**31 - 1)


class KafkaCommand(click.Command):
    """A command that gets a Session, made from the shared options, through `click.pass_obj`."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """Read .env before the options are parsed."""
        _read_dotenv()
        return super().make_context(*arguments, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and report what ends it early."""
        session = ctx.obj = _session(ctx)
        try:
            return super().invoke(ctx)
        except Timeout:  # a signal, before the command handles it itself
            session.narrator.stopping(session.if_stopped)
            return 1 if session.if_stopped else 0
        except Problem as problem:
            session.narrator.problem(problem)
            return 1
        except KafkaException as error:  # raised when a client is created
            reason, wrong = error.args[0].str().strip(), error.args[0].code() == KafkaError._INVALID_ARG
            what = f"librdkafka does not accept the configuration: {reason}" if wrong else reason
            hint = "https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md lists all properties"
            session.narrator.problem(Problem(what, hint if wrong else ""))
            return 2 if wrong else 1


def _read_dotenv() -> None:
    """Set variables that the environment lacks, from ./.env only: a parent folder's could redirect credentials."""
    file = Path(".env")
    if file.exists() and not file.is_file():  # opening a FIFO would block
        raise click.FileError(".env", "it is not a regular file")
    try:
        for name, value in dotenv_values(file, interpolate=False).items():
            os.environ.setdefault(name, value or "")
    except OSError as error:
        raise click.FileError(".env", error.strerror) from None
    except ValueError:
        raise click.FileError(".env", "it contains NUL, is not UTF-8, or has = in a name") from None


def _session(ctx: click.Context) -> Session:
    variables = os.environ if "bootstrap_servers" in ctx.params else {}  # `broker` connects to nothing
    servers, properties = ctx.params.pop("bootstrap_servers", "localhost"), ctx.params.pop("properties", ())
    quiet, explain = ctx.params.pop("quiet", False), ctx.params.pop("explain", False)
    topic, group = ctx.params.pop("topic", ""), ctx.params.pop("group", "") or ""
    if quiet and explain:
        raise click.UsageError("--explain cannot be used with -q", ctx)
    try:
        config = client_config(servers, variables, dict(properties))
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from None
    return Session(config, ctx.obj, Narrator(topic, group, quiet=quiet, explaining=explain), topic, group)


def parsed(parse: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Make a click callback that applies `parse` to a value, or to each of several; `parse` raises ValueError."""

    def callback(_context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        try:
            return tuple(map(parse, value)) if isinstance(value, tuple) else None if value is None else parse(value)
        except ValueError as error:
            option = f"{parameter.opts[0]}: " if parameter.multiple and isinstance(parameter, click.Option) else ""
            raise click.UsageError(f"{option}{error}") from None

    return callback


_BOOTSTRAP = "Addresses of one or more brokers, separated by commas."
_ADDRESS: Any = {"envvar": "KAFKA_BOOTSTRAP_SERVERS", "default": "localhost:9092", "metavar": "HOST:PORT,…"}
_TOPIC = "The topic, created on first use if the broker allows it."
_NAME: Any = {"envvar": "KAFKA_TOPIC", "default": "message-created", "callback": parsed(check_topic)}
_GROUP = "Join this consumer group; without it, read on your own and commit nothing."
_JOINED: Any = {"envvar": "KAFKA_GROUP", "callback": parsed(lambda name: name and check_group(name))}  # -g "": none
_PROPERTY = "Set a configuration property of librdkafka, the client library used here. Repeatable."
_PAIR = parsed(parse_pair)
_SHOWN: Any = {"show_envvar": True, "show_default": True}
bootstrap_option = click.option("-b", "--bootstrap-servers", help=_BOOTSTRAP, **_ADDRESS, **_SHOWN)
topic_option = partial(click.option, "-t", "--topic", metavar="NAME", help=_TOPIC, **_NAME, **_SHOWN)
group_option = click.option("-g", "--group", metavar="NAME", help=_GROUP, **_JOINED, **_SHOWN)
_property = click.option("-X", "properties", metavar="NAME=VALUE", multiple=True, help=_PROPERTY, callback=_PAIR)
_quiet = click.option("-q", "--quiet", is_flag=True, help="Narrate only warnings and errors.")
_explain = click.option("--explain", is_flag=True, help="Explain each Kafka term when it first appears.")


def kafka_options(command: Any) -> Any:
    """Add the options that most commands share: -b, -X, -q and --explain."""
    return bootstrap_option(_property(_quiet(_explain(command))))


def refuse(why: str, *parameters: str) -> None:
    """Raise click.UsageError if one of these parameters was given on the command line."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in parameters and context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            shown = parameter.opts[-1] if isinstance(parameter, click.Option) else "MESSAGE"
            raise click.UsageError(f"{shown} {why}")
