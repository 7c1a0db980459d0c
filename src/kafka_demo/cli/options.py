"""What the commands share: options, types of options, and what is checked before a command runs."""

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from kafka_demo.stop import Stop
from kafka_demo.visible import tell

F = TypeVar("F", bound=Callable[..., Any])


class Context(NamedTuple):
    """What the commands get besides their options."""

    variables: dict[str, str]  # of the environment and of .env
    stop: Stop


def connect_options(command: F) -> F:
    """Add the options of every command that talks to Kafka."""
    for option in (EXPLAIN, QUIET, PROPERTY, BOOTSTRAP):  # decorators add from the last to the first
        command = option(command)
    return command


def variable(name: str) -> dict[str, Any]:
    """Make the part of an option that has an environment variable, which `--help` shows."""
    return {"envvar": name, "show_envvar": True, "metavar": "NAME"}


BOOTSTRAP = click.option(
    "-b",
    "--bootstrap-servers",
    **(variable("KAFKA_BOOTSTRAP_SERVERS") | {"metavar": "HOST:PORT,…"}),
    default="localhost:9092",
    help="Where to find a broker; several are separated by commas.  [default: localhost:9092]",
)
TOPIC = click.option(
    "-t",
    "--topic",
    **variable("KAFKA_TOPIC"),
    default="message-created",
    help="The topic (default: message-created), created on first use if the broker allows it.",
)
PROPERTY = click.option(
    "-X", "properties", metavar="NAME=VALUE", multiple=True, help="Set any librdkafka property (repeatable)."
)
EXPLAIN = click.option("--explain", is_flag=True, help="Say what each word of Kafka means, the first time it appears.")
QUIET = click.option("-q", "--quiet", is_flag=True, help="Say nothing but what went wrong.")


def settings_of(context: click.Context, given: dict[str, Any]) -> Any:
    """Check what all commands share, and make the settings of it."""
    from kafka_demo.settings import SECURITY, Settings, check_group, check_topic, parse_property

    if given.get("quiet") and given.get("explain"):
        raise click.UsageError("--explain has nothing to explain with -q", context)
    try:
        for name in (*(given[field] for field in ("topic", "name") if field in given), *given.get("topics", ())):
            check_topic(name)
        for name in (given.get("group", ""), *given.get("groups", ())):
            check_group(name)
        return Settings(
            given.get("bootstrap_servers", "localhost"),
            properties=dict(map(parse_property, given.get("properties", ()))),
            **{name: value for name in SECURITY if (value := context.obj.variables.get(f"KAFKA_{name.upper()}"))},
        )
    except ValueError as error:
        raise click.UsageError(str(error), context) from None


def refuse(context: click.Context, why: str, *parameters: str) -> None:
    """Fail if one of these parameters was given on the command line."""
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") == click.core.ParameterSource.COMMANDLINE
        if given and parameter.name in parameters:
            name = parameter.opts[-1] if isinstance(parameter, click.Option) else "a message"
            raise click.UsageError(f"{name} {why}", context)


def run_command(context: click.Context, command: Callable[[], int]) -> int:
    """Run a command; settings that librdkafka does not take are wrong usage."""
    from confluent_kafka import KafkaException

    try:
        return command()
    except KafkaException as error:
        raise click.UsageError(f"librdkafka says: {error.args[0].str().strip()}", context) from None
    except UnicodeDecodeError:  # Kafka refuses such a name; the broker in memory takes it from a client that sends it
        tell("the broker has a topic whose name is not UTF-8, and the client library cannot read its list of topics")
        return 1


def headers(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> list[tuple[str, bytes]]:
    """Read the values of -H, `name=value` each."""
    found = []
    for text in texts:
        from kafka_demo.record import check_header_name

        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not name=value")
        try:
            check_header_name(name)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
        found.append((name, os.fsencode(value)))
    return found


class Seconds(click.FloatRange):
    """A number of seconds, which may have a fraction."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        seconds = float(super().convert(value, param, context))
        if math.isnan(seconds):
            self.fail("that is no number of seconds", param, context)
        return seconds


NUMBER = click.IntRange(0, 2**31 - 1)
