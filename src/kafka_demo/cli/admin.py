"""The commands that ask the brokers, and have them create and delete topics: `status` and `topic`."""

import os
from typing import Any

import click

from kafka_demo.cli.options import connect_options, run_command, settings_of

_WATCH = "Show it again each second, in place, until Ctrl-C."
_FORM = "Text for a person, or JSON: one document, and with --watch one a line."
_SHOW_TOPIC = "Show only this topic and the groups that read it (repeatable)."
_SHOW_GROUP = "Show only this group and the topics that it reads (repeatable)."


# Parameters with other names than `topic` and `group`: KAFKA_TOPIC and KAFKA_GROUP choose nothing here.
@click.command()
@connect_options
@click.option("-t", "--topic", "topics", metavar="NAME", multiple=True, help=_SHOW_TOPIC)
@click.option("-g", "--group", "groups", metavar="NAME", multiple=True, help=_SHOW_GROUP)
@click.option("-w", "--watch", is_flag=True, help=_WATCH)
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", help=_FORM)
@click.pass_context
def status(context: click.Context, /, **given: Any) -> int:
    """Show brokers, topics, groups, and how far each group is behind.

    \b
    kafka-demo status                  all there is
    kafka-demo status --watch          ... again each second
    kafka-demo status -g g1            group g1, and the topics that it reads

    Each partition of a topic has a leader, the broker that clients write to, and replicas; those in sync have
    all its messages. A group's lag is what it has not committed yet: the end of the partition less its commit.

    Exit status: 0 shown, 1 no answer or not allowed, 2 wrong usage.
    """
    settings = settings_of(context, given)
    if "" in given["groups"]:
        raise click.UsageError("-g needs the name of a group", context)
    from kafka_demo import status as command

    if given["explain"] and (given["watch"] or given["form"] == "json"):
        raise click.UsageError("--explain does not go with --watch or -f json", context)
    options = {name: given[name] for name in ("watch", "quiet", "explain")}
    wanted = command.Wanted(given["topics"], given["groups"], json=given["form"] == "json", **options)
    return run_command(context, lambda: command.status(wanted, settings, context.obj.stop))


@click.group()
def topic() -> None:
    """Create and delete topics."""


_PARTITIONS = "How many partitions.  [default: the broker's num.partitions]"
_REPLICAS = "How many brokers have each partition.  [default: the broker's default.replication.factor]"
_CONFIG = "A setting of the topic, such as retention.ms=60000 (repeatable)."


@topic.command()
@click.argument("name")
@connect_options
@click.option("--partitions", type=click.IntRange(1, 100_000), metavar="N", help=_PARTITIONS)
@click.option("--replication-factor", "replicas", type=click.IntRange(1, 32_767), metavar="N", help=_REPLICAS)
@click.option("-c", "--config", "config", metavar="NAME=VALUE", multiple=True, help=_CONFIG)
@click.pass_context
def create(context: click.Context, /, **given: Any) -> int:
    """Create a topic, and wait until it can be written to.

    Exit status: 0 it is there, 1 it is not, 2 wrong usage.
    """
    settings = settings_of(context, given)
    from kafka_demo.settings import is_utf8

    for text in given["config"]:
        if not is_utf8(text):
            raise click.UsageError(f"{text!r} is not UTF-8", context)
        if not text.partition("=")[0] or "=" not in text:
            raise click.UsageError(f"-c {text!r} is not name=value", context)
    from kafka_demo import topics

    config = dict(text.split("=", 1) for text in given["config"])
    new = topics.New(given["name"], given["partitions"] or -1, given["replicas"] or -1, config)
    options = {name: given[name] for name in ("quiet", "explain")}
    return run_command(context, lambda: topics.create(new, settings, context.obj.stop, **options))


@topic.command()
@click.argument("name")
@connect_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def delete(context: click.Context, /, **given: Any) -> int:
    """Delete a topic with all its messages, after asking, and wait until it is gone.

    Exit status: 0 it is gone, 1 it is not, 2 wrong usage.
    """
    settings = settings_of(context, given)
    if not (given["yes"] or os.isatty(0)):
        raise click.UsageError("it asks first, and there is no terminal to answer: say --yes", context)
    from kafka_demo import topics

    options = {"quiet": given["quiet"], "explain": given["explain"], "sure": given["yes"]}
    return run_command(context, lambda: topics.delete(given["name"], settings, context.obj.stop, **options))
