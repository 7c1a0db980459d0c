"""What the commands share on the command line: options, their types, and what is checked before a command runs."""

import math
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from dotenv import dotenv_values

from kafka_demo.cli.session import Session
from kafka_demo.cluster.settings import check_group, check_topic, client_config, parse_property
from kafka_demo.narration.narrator import Narrator
from kafka_demo.narration.problems import Problem
from kafka_demo.shutdown import Timeout

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = {"bootstrap_servers": "KAFKA_BOOTSTRAP_SERVERS", "topic": "KAFKA_TOPIC", "group": "KAFKA_GROUP"}
NUMBER = click.IntRange(0, 2**31 - 1)


class KafkaCommand(click.Command):
    """A command that talks to Kafka: `click.pass_obj` gives it a Session, made from the options that all share.

    Options may come from ./.env as well: after the environment, before the default.
    """

    def make_context(self, info_name: str | None, args: list[str], *arguments: Any, **extra: Any) -> click.Context:
        """Read .env before the options are parsed; what is wrong with it waits until the command runs, not its help."""
        unreadable, dotenv = None, {}
        try:
            dotenv = _dotenv()
        except click.UsageError as error:
            unreadable = error
        variables = {name: value for name, value in (dotenv | os.environ).items() if value}
        extra["default_map"] = {option: variables[name] for option, name in _OPTIONS.items() if name in variables}
        context = super().make_context(info_name, args, *arguments, **extra)
        context.meta.update(variables=variables, unreadable=unreadable)
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and say what ends it before its time."""
        if ctx.meta["unreadable"]:
            raise ctx.meta["unreadable"]
        session = ctx.obj = _session(ctx)
        try:
            return super().invoke(ctx)
        except Timeout:  # a signal, before the command had a way of its own to stop
            session.narrator.stopping(session.undone, typed=session.stop.typed)
            return 1 if session.undone else 0
        except Problem as problem:
            session.narrator.problem(problem)
            return 1


def _session(ctx: click.Context) -> Session:
    bootstrap_servers = ctx.params.pop("bootstrap_servers", "localhost")
    properties = ctx.params.pop("properties", ())
    quiet, explain = ctx.params.pop("quiet", False), ctx.params.pop("explain", False)
    topic, group = ctx.params.pop("topic", ""), ctx.params.pop("group", "")
    if quiet and explain:
        raise click.UsageError("--explain does not go with -q", ctx)
    try:
        config = client_config(bootstrap_servers, ctx.meta["variables"], dict(map(parse_property, properties)))
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from None
    return Session(config, ctx.obj, Narrator(topic, group, quiet=quiet, explaining=explain), topic, group)


def _dotenv() -> dict[str, str]:
    """Read ./.env, and no parent folder's: one that somebody planted there could redirect credentials."""
    try:
        if not stat.S_ISREG(Path(".env").stat().st_mode):  # opening a FIFO would block
            raise click.UsageError("cannot read .env: it is not a regular file")
        values = dotenv_values(".env", interpolate=False)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise click.UsageError(f"cannot read .env: {why}") from None
    if any("\0" in f"{name}{value}" for name, value in values.items()):  # librdkafka would read no further
        raise click.UsageError("cannot read .env: it contains a NUL byte, as UTF-16 does")
    return {name: value for name, value in values.items() if value}


def checked(check: Callable[[str], None]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Make a click callback that checks one value or several; `check` raises ValueError."""

    def callback(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        try:
            for each in value if isinstance(value, tuple) else filter(None, [value]):
                check(each)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return value

    return callback


def variable_option(*names: str, default: str = "", **settings: Any) -> Callable[[F], F]:
    """Make an option that an environment variable, `envvar`, can set as well."""
    shared: dict[str, Any] = {"metavar": "NAME", "show_envvar": True, "show_default": bool(default)}
    return click.option(*names, default=default, **(shared | settings))


_BOOTSTRAP = "Address of a broker, or several separated by commas."
_ADDRESS: Any = {"envvar": "KAFKA_BOOTSTRAP_SERVERS", "default": "localhost:9092", "metavar": "HOST:PORT,…"}
_TOPIC = "The topic. It is created on first use if the broker allows it."
TOPIC: Any = {"envvar": "KAFKA_TOPIC", "default": "message-created", "callback": checked(check_topic)}
_GROUP = "Join this consumer group; without it, read on your own and commit nothing."
_PROPERTY = "Set a librdkafka property. Repeatable."
bootstrap_option = variable_option("-b", "--bootstrap-servers", **_ADDRESS, help=_BOOTSTRAP)
topic_option = variable_option("-t", "--topic", **TOPIC, help=_TOPIC)
group_option = variable_option("-g", "--group", envvar="KAFKA_GROUP", callback=checked(check_group), help=_GROUP)
_property = click.option("-X", "properties", metavar="NAME=VALUE", multiple=True, help=_PROPERTY)
_quiet = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
_explain = click.option("--explain", is_flag=True, help="Explain each Kafka term when it first appears.")


def kafka_options(command: F) -> F:
    """Add the options of every command that talks to Kafka: -b, -X, -q and --explain."""
    return bootstrap_option(_property(_quiet(_explain(command))))


def given(parameter: str) -> bool:
    """Whether a parameter was given on the command line."""
    return click.get_current_context().get_parameter_source(parameter) == click.core.ParameterSource.COMMANDLINE


def refuse(why: str, *parameters: str) -> None:
    """Raise click.UsageError if one of these parameters was given on the command line."""
    for parameter in click.get_current_context().command.params:
        if parameter.name in parameters and given(parameter.name):
            name = parameter.opts[-1] if isinstance(parameter, click.Option) else "MESSAGE"
            raise click.UsageError(f"{name} {why}")


class Seconds(click.FloatRange):
    """A number of seconds, which may have a fraction."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Refuse `nan`, which no range excludes."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds
