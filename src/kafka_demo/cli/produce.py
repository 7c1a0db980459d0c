"""The produce command: records go from a source to the producer, and a receipt counts them."""

import os
from collections.abc import Iterator
from functools import partial

import click

from kafka_demo.cli.delivery import Delivery
from kafka_demo.cli.options import NUMBER, KafkaCommand, kafka_options, parsed, refuse, topic_option
from kafka_demo.cli.session import Session
from kafka_demo.cli.typed import typed_lines
from kafka_demo.cluster.settings import parse_pair
from kafka_demo.records import source
from kafka_demo.records.record import check_header_name, from_json, from_line
from kafka_demo.records.sample import batches
from kafka_demo.shutdown import TICK

MAX_LINE = 64 * 1024 * 1024  # bytes: as much as the producer's queue holds

_INPUT = "Message format: text, or JSON with key, value and headers, as `consume -f json` prints it.  [default: text]"
_HEADER = "Add a header. Repeatable."
_INTERVAL = "With --sample: time between events; 0 sends as fast as possible."


def _header(text: str) -> tuple[str, bytes]:
    name, value = parse_pair(text)
    check_header_name(name)
    return name, os.fsencode(value)


@click.command(cls=KafkaCommand)
@click.argument("messages", nargs=-1, metavar="[MESSAGE]...")
@kafka_options
@topic_option()
@click.option("-k", "--key", metavar="KEY", help="Key of every message.")
@click.option("-K", "--key-separator", metavar="SEP", help="Split each line into key and value: `ada:hi` with -K :")
@click.option("-H", "--header", "headers", metavar="NAME=VALUE", multiple=True, callback=parsed(_header), help=_HEADER)
@click.option("-p", "--partition", type=NUMBER, metavar="N", help="Send to this partition, whatever the key.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", help=_INPUT)
@click.option("--sample", is_flag=True, help="Send sample events, numbered so that consumers can detect missing ones.")
@click.option("-n", "--count", type=click.IntRange(1), metavar="N", help="With --sample: send N events, then exit.")
@click.option("--interval", type=click.FloatRange(0), metavar="SECONDS", default=1.0, show_default=True, help=_INTERVAL)
@click.pass_obj
def produce(
    session: Session,
    messages: tuple[str, ...],
    key: str | None,
    key_separator: str | None,
    headers: tuple[tuple[str, bytes], ...],
    partition: int | None,
    form: str,
    sample: bool,
    count: int | None,
    interval: float,
) -> int:
    """Send messages: the arguments, or each line of standard input as soon as it arrives.

    \b
    kafka-demo produce hello           one message
    kafka-demo produce -k ada hello    ... with a key
    kafka-demo produce                 what you type, line by line; Ctrl-D to finish
    kafka-demo produce < file          each line of a file
    kafka-demo produce --sample        one sample event a second

    Exit status: 0 every message was acknowledged, 1 some were not, 2 usage error.
    """
    if sample:
        refuse("cannot be used with --sample", "messages", "key", "key_separator", "headers", "form")
    else:
        refuse("needs --sample", "count", "interval")
    if form == "json":
        refuse("cannot be used with -f json: put the key and headers in the JSON", "key", "key_separator", "headers")
    if key_separator is not None:
        refuse("cannot be used with -K", "key")
    if key_separator == "":
        raise click.UsageError("-K needs at least one character")

    lines: Iterator[source.Lines] = iter([[os.fsencode(message) for message in messages]])
    session.config.setdefault("client.id", "kafka-demo-producer")
    session.if_stopped = "nothing was sent" if messages else ""
    tty = os.isatty(0)
    # Seconds to wait for a batch's delivery reports, if there is time between messages; a report usually takes 0.01.
    wait = min(TICK, interval / 2) if sample else TICK if messages or tty else 0.0
    unit = "argument" if messages else "message" if sample else "line"
    delivery = Delivery(session, unit, partition, wait)  # its client connects in the meantime
    if not (sample or messages):
        dropped = partial(session.narrator.say, "the incomplete last line was not sent")
        lines = typed_lines(session, dropped) if tty else source.lines(0, MAX_LINE, TICK, session.stopped, dropped)
        if tty:
            next(lines)  # sets up the terminal
    session.connect_to_topic(partition)
    if sample:
        run = os.urandom(3).hex()  # short enough to read aloud
        session.narrator.say(f"sending sample events as producer {run}")
        return delivery.send_all(batches(run, count, interval, TICK, session.stopped))
    if form == "json":
        session.narrator.say("sending key, value and headers; ignoring topic, partition, offset and timestamp")
        return delivery.send_all(source.records(lines, delivery.invalid, from_json))
    separator = os.fsencode((key_separator or "").replace("\\t", "\t"))
    parse = partial(from_line, separator=separator, key=None if key is None else os.fsencode(key), headers=[*headers])
    plain = key is None and not (separator or headers)  # then lines need no parsing
    return delivery.send_all(source.records(lines, delivery.invalid, None if plain else parse))
