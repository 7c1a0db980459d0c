"""The commands that send, read and explain, and those that need no broker to be there before."""

import os
import shutil
from typing import Any

import click

from kafka_demo.cli.admin import status, topic
from kafka_demo.cli.options import (
    BOOTSTRAP,
    NUMBER,
    TOPIC,
    Seconds,
    connect_options,
    headers,
    refuse,
    run_command,
    settings_of,
    variable,
)
from kafka_demo.visible import tell

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_INPUT = "What a line is: a text, or a record as `consume -f json` writes it.  [default: text]"
_INTERVAL = "With --sample: the time between two; 0 is as fast as it goes."
_OUTPUT = "How to show a message.  [default: text on a terminal, else value]"
_WHERE = (
    "Where to start: beginning, end, N (that offset), -N (the last N of each partition) or @TIME. "
    "A group goes on at its commit, and takes beginning or end where it has none."
)
_SLOW = "Pretend to work so long on each message."
_CRASH = "Die after N messages, before their commit, as by kill -9."
_QUEUE = "Make the group a share group: a queue that gives each message to one member (KIP-932, Kafka 4.2)."
_PORT = "Where to listen, on localhost only; 0 is any free port."
_PARTITIONS = "How many partitions the topic has; other topics have 4."


@click.group(context_settings=CONTEXT, no_args_is_help=True)
@click.version_option(package_name="kafka-demo", message="%(prog)s %(version)s")
def cli() -> None:
    """Learn Kafka: send messages, read them, stop, and see what Kafka does.

    Begin with `kafka-demo demo`. Then take two terminals: `kafka-demo produce` in one, and
    `kafka-demo consume --group g1` in the other.
    """


@cli.command()
@click.argument("messages", nargs=-1, metavar="[MESSAGE]...")
@connect_options
@TOPIC
@click.option("-k", "--key", metavar="KEY", help="The key of all messages.")
@click.option("-K", "--key-separator", metavar="SEP", help="What ends the key in a line: `ada:hi` with -K :")
@click.option("-H", "--header", "headers", metavar="NAME=VALUE", multiple=True, callback=headers, help="Repeatable.")
@click.option("-p", "--partition", type=NUMBER, metavar="N", help="The partition, instead of the key's choice.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", help=_INPUT)
@click.option("--sample", is_flag=True, help="Send made-up events, which prove loss and disorder.")
@click.option("-n", "--count", type=click.IntRange(1), metavar="N", help="With --sample: end after N.")
@click.option("--interval", type=Seconds(0), metavar="SECONDS", default=1.0, show_default=True, help=_INTERVAL)
@click.pass_context
def produce(context: click.Context, /, **given: Any) -> int:
    """Send messages: the arguments, or each line of standard input as soon as it is typed.

    \b
    kafka-demo produce hello           one message
    kafka-demo produce -k ada hello    ... with a key
    kafka-demo produce                 what you type, line by line; Ctrl-D ends
    kafka-demo produce < file          each line of a file
    kafka-demo produce --sample        a made-up event each second

    Exit status: 0 everything was acknowledged, 1 something was not, 2 wrong usage.
    """
    settings = settings_of(context, given)
    if given["sample"]:
        refuse(context, "does not go with --sample", "messages", "key", "key_separator", "headers", "form")
    else:
        refuse(context, "goes with --sample only", "count", "interval")
    if given["form"] == "json":
        refuse(context, "does not go with -f json: a record brings its own", "key", "key_separator", "headers")
    if given["key_separator"] is not None:
        refuse(context, "does not go with -K: either all messages have one key, or each has its own", "key")
    if given["key_separator"] == "":
        raise click.UsageError("-K needs at least one character", context)

    from kafka_demo import sending

    wanted = sending.Wanted(
        **{name: given[name] for name in ("topic", "sample", "count", "interval", "headers", "quiet", "explain")},
        messages=tuple(map(os.fsencode, given["messages"])),
        json=given["form"] == "json",
        key=None if given["key"] is None else os.fsencode(given["key"]),
        key_separator=os.fsencode((given["key_separator"] or "").replace("\\t", "\t")),
        partition=-1 if given["partition"] is None else given["partition"],
    )
    return run_command(context, lambda: sending.produce(wanted, settings, context.obj.stop))


@cli.command()
@connect_options
@TOPIC
@click.option(
    "-g", "--group", **variable("KAFKA_GROUP"), default="", help="Be a member of this group; else read alone."
)
@click.option("-o", "--offset", metavar="WHERE", default="beginning", show_default=True, help=_WHERE)
@click.option("--from-beginning", is_flag=True, help="The same as -o beginning.")
@click.option("-p", "--partition", type=NUMBER, metavar="N", help="Alone: read this partition only.")
@click.option("-n", "--count", type=click.IntRange(1), metavar="N", help="End after N messages.")
@click.option("-e", "--exit-at-end", is_flag=True, help="End when all that is there has been read.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "value", "json"]), help=_OUTPUT)
@click.option("--slow", type=Seconds(0, 240), metavar="SECONDS", default=0.0, help=_SLOW)
@click.option("--crash-after", type=click.IntRange(1), metavar="N", help=_CRASH)
@click.option("--queue", is_flag=True, help=_QUEUE)
@click.pass_context
def consume(context: click.Context, /, **given: Any) -> int:
    """Read messages, in a group that shares the work, or alone.

    \b
    kafka-demo consume --group g1      as a member of group g1
    kafka-demo consume                 alone, from the beginning
    kafka-demo consume -o -5 -e        the last 5 messages of each partition
    kafka-demo consume -f json -e      all there is of each message, as JSON

    Messages go to standard output; what Kafka does meanwhile is told on standard error.

    Exit status: 0 everything read in a group is committed, 1 something is not, 2 wrong usage.
    """
    settings = settings_of(context, given)
    from kafka_demo import offsets

    if given["from_beginning"]:
        refuse(context, "does not go with --from-beginning", "offset")
    try:
        start = offsets.parse("beginning" if given["from_beginning"] else given["offset"])
    except ValueError as error:
        raise click.UsageError(str(error), context) from None
    if given["group"] and not start.for_groups:
        raise click.UsageError(
            "with -g (or KAFKA_GROUP), -o takes beginning or end: a group goes on at its commit", context
        )
    if given["group"]:
        refuse(context, "does not go with -g (or KAFKA_GROUP): the group assigns the partitions", "partition")
    if given["queue"]:
        if not given["group"]:
            raise click.UsageError("--queue needs a name for the group: -g NAME", context)
        refuse(context, "does not go with --queue: a new queue starts at the beginning", "offset", "from_beginning")
        refuse(context, "does not go with --queue: a queue has no end that a member could see", "exit_at_end")

    from kafka_demo import reading

    names = ("topic", "group", "partition", "count", "exit_at_end", "slow", "crash_after", "quiet", "explain")
    form = given["form"] or ("text" if os.isatty(1) else "value")
    wanted = reading.Wanted(**{name: given[name] for name in names}, start=start, form=form)
    if not given["queue"]:
        return run_command(context, lambda: reading.consume(wanted, settings, context.obj.stop))
    from kafka_demo import sharing

    return run_command(context, lambda: sharing.share(wanted, settings, context.obj.stop))


@cli.command()
@click.argument("term", nargs=-1)
def explain(term: tuple[str, ...]) -> int:
    """Say what a word of Kafka means, or list all of them.

    \b
    kafka-demo explain                 the words, in an order to learn them
    kafka-demo explain consumer group  what that is
    """
    from kafka_demo import glossary

    width = shutil.get_terminal_size().columns
    word = " ".join(term)
    try:
        click.echo(glossary.explain(word, width) if word else glossary.overview(width))
    except glossary.UnknownTermError as error:
        if not error.nearest:
            tell(str(error))
            tell("`kafka-demo explain` lists the words there are")
            return 2
        tell(f"{error}; the nearest is {error.nearest[0]}")
        click.echo(glossary.explain(error.nearest[0], width))
    return 0


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), default=9092, show_default=True, help=_PORT)
@click.option("--partitions", type=click.IntRange(1, 1000), metavar="N", default=4, show_default=True, help=_PARTITIONS)
@click.option(
    "-t", "--topic", **variable("KAFKA_TOPIC"), default="message-created", help="The topic that has so many partitions."
)
@click.pass_context
def broker(context: click.Context, port: int, partitions: int, topic: str) -> int:
    """Run a broker in memory, to learn without Docker, until Ctrl-C.

    It keeps the last 5 MiB or 100,000 batches of each partition, and forgets all when it ends.
    """
    settings_of(context, {"topic": topic})
    from kafka_demo.broker import serve

    return serve(port, topic, partitions, context.obj.stop)


@cli.command()
@BOOTSTRAP
@click.pass_context
def demo(context: click.Context, bootstrap_servers: str) -> int:
    """See it in 15 seconds: a group shares the work, hands it over, and loses nothing.

    It uses the broker that answers, or else one of its own, in memory.
    """
    settings = settings_of(context, {"bootstrap_servers": bootstrap_servers})
    from kafka_demo.demo import tour

    return run_command(context, lambda: tour(settings, context.obj.stop))


cli.add_command(status)
cli.add_command(topic)
