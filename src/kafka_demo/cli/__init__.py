"""The command line: commands, options, the environment, the exit status. The only package that knows click.

What a command needs is imported when it runs, so that `--help` and a wrong option answer at once.
"""

import os
from pathlib import Path

import click

from kafka_demo.cli.admin import topic
from kafka_demo.cli.commands import cli
from kafka_demo.cli.options import Context
from kafka_demo.stop import Stop
from kafka_demo.visible import tell

# A variable of the environment or of ./.env that stands for an option, and the option's parameter.
VARIABLES = {
    "KAFKA_BOOTSTRAP_SERVERS": "bootstrap_servers",
    "KAFKA_TOPIC": "topic",
    "KAFKA_GROUP": "group",
}


def run(arguments: list[str], stop: Stop) -> int:
    """Run a command and return its exit status; whatever goes wrong is told in words."""
    try:
        variables = _dotenv() | dict(os.environ)
        values = {parameter: variables[name] for name, parameter in VARIABLES.items() if variables.get(name)}
        # The precedence is click's own: option, environment, default map (which brings in .env), default.
        defaults = dict.fromkeys(cli.commands, values) | {topic.name: dict.fromkeys(topic.commands, values)}
        status = cli.main(
            arguments, "kafka-demo", standalone_mode=False, default_map=defaults, obj=Context(variables, stop)
        )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        begun = " ".join(["kafka-demo", *(word for word in arguments[:1] if word in cli.commands)])
        where = context.command_path if context and context.parent else begun  # click leaves it out now and then
        return _tell(error.format_message(), f"`{where} --help` lists what there is", 2)
    except SystemExit:  # click's answer to a reader that has gone away, as in `kafka-demo explain | head -1`
        return 0
    except OSError as error:  # `kafka-demo --help > /dev/full`
        return _tell(f"cannot write to standard output: {error.strerror}", "", 1)
    return int(status or 0)


def _tell(what: str, todo: str, status: int) -> int:
    for line in filter(None, (what, todo)):
        tell(line)
    return status


def _dotenv() -> dict[str, str]:
    """Read ./.env, and no parent folder's: one that somebody planted there could lead credentials astray."""
    try:
        if not Path(".env").exists():
            return {}
        from dotenv import dotenv_values

        values = dotenv_values(".env", interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f".env cannot be read: {error}") from None
    if any("\0" in f"{name}{value}" for name, value in values.items()):  # librdkafka would read no further
        raise click.UsageError(".env cannot be read: it has a NUL, as a file in UTF-16 has")
    return {name: value for name, value in values.items() if value}
