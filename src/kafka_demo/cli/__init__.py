"""The command line: one file per command, and what they share; only this package uses click, rich and dotenv."""

import os
import sys
from importlib import import_module
from typing import Any

import click

from kafka_demo.narration import text
from kafka_demo.shutdown import Stop

# In the order of the help. A command is imported only when it is named: `kafka-demo --help` needs none.
COMMANDS = {
    "demo": "Watch a group share the work, in 15 seconds.",
    "produce": "Send messages.",
    "consume": "Read messages, in a group or on your own.",
    "status": "Show brokers, topics and groups, and how far consumer groups have read.",
    "topic": "List, create and delete topics.",
    "explain": "Explain a Kafka term, or list all terms.",
    "broker": "Run an in-memory broker, to learn without Docker.",
}


class LazyGroup(click.Group):
    """A group that imports commands lazily: click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and getattr(import_module(f"kafka_demo.cli.{name}"), str(name)), rest

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)


@click.group(
    cls=LazyGroup,
    commands={name: click.Command(name, short_help=words) for name, words in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(package_name="kafka-demo", message="%(prog)s %(version)s")
def cli() -> None:
    """Learn Kafka: send and read messages, and watch what Kafka does.

    Start with `kafka-demo demo`. Then open two terminals: `kafka-demo produce` in one, and
    `kafka-demo consume --group g1` in the other.
    """


def run(arguments: list[str], stop: Stop) -> int:
    """Run a command and return its exit status; every error becomes one line, and a hint where there is one."""
    try:
        return int(cli.main(arguments, "kafka-demo", standalone_mode=False, obj=stop) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        begun = " ".join(["kafka-demo", *(word for word in arguments[:1] if word in COMMANDS)])
        where = context.command_path if context and context.parent else begun  # some errors have no context
        hint = "" if isinstance(error, click.FileError) else f"try `{where} --help`"
        text.error(error.format_message(), hint)
        return error.exit_code
    except SystemExit:  # by click: the reader has gone, as in `kafka-demo explain | head -1`
        return 0
    except Exception as error:  # noqa: BLE001 (the last resort: two lines instead of a traceback)
        if os.environ.get("KAFKA_DEMO_DEBUG"):
            sys.excepthook(*sys.exc_info())
        if isinstance(error, OSError):
            text.error(error.strerror or str(error))
        else:
            text.error(f"unexpected {type(error).__name__}: {error}", "set KAFKA_DEMO_DEBUG=1 to see the traceback")
        return 1
    return 2
