"""The consume command: messages go from the consumer, through the sink, to standard output."""

import os

import click

from kafka_demo.cli.options import NUMBER, KafkaCommand, group_option, kafka_options, parsed, refuse, topic_option
from kafka_demo.cli.queue import take
from kafka_demo.cli.reading import Reading, read_alone, read_in_group
from kafka_demo.cli.session import Session
from kafka_demo.cluster import offsets
from kafka_demo.records.sink import FORMATS, Sink

_WHERE = "Where to start: beginning, end, offset N, -N (the last N offsets per partition) or @TIME (from then on)."
_RESUMES = "In a group: beginning or end, for partitions without a committed offset.  [default: beginning]"
_OUTPUT = "How to print a message.  [default: text on a terminal, else value]"
_SLOW = "Pretend to spend SECONDS on each message."
_CRASH = "Crash like kill -9 after N messages, before committing them (with --queue: some may be acknowledged)."
_QUEUE = "Join a share group, not a consumer group: members share partitions message by message (KIP-932, Kafka 4.2)."


@click.command(cls=KafkaCommand)
@kafka_options
@topic_option()
@group_option
@click.option("-o", "--offset", metavar="WHERE", callback=parsed(offsets.parse), help=f"{_WHERE} {_RESUMES}")
@click.option("--from-beginning", is_flag=True, help="The same as -o beginning.")
@click.option("-p", "--partition", type=NUMBER, metavar="N", help="Without a group: read this partition only.")
@click.option("-n", "--count", type=click.IntRange(1), metavar="N", help="Exit after N messages.")
@click.option("-e", "--exit-at-end", is_flag=True, help="Exit at the end of the partitions that are read.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "value", "json"]), help=_OUTPUT)
@click.option("--slow", type=click.FloatRange(0, 240), metavar="SECONDS", default=0.0, help=_SLOW)
@click.option("--crash-after", type=click.IntRange(1), metavar="N", help=_CRASH)
@click.option("--queue", is_flag=True, help=_QUEUE)
@click.pass_obj
def consume(
    session: Session,
    offset: offsets.Start | None,
    from_beginning: bool,
    partition: int | None,
    count: int | None,
    exit_at_end: bool,
    form: str | None,
    slow: float,
    crash_after: int | None,
    queue: bool,
) -> int:
    """Read messages, in a group that shares the work, or on your own.

    \b
    kafka-demo consume --group g1      as a member of group g1
    kafka-demo consume                 on your own, from the beginning
    kafka-demo consume -o -5 -e        the last 5 offsets of each partition
    kafka-demo consume -f json -e      each message with all its fields, as JSON

    Messages go to standard output, narration to standard error.

    Exit status: 0 success; 1 an error, or messages read in a group but not committed; 2 usage error.
    """
    if from_beginning:
        refuse("cannot be used with --from-beginning", "offset")
    start = ("beginning", 0) if from_beginning else offset
    if session.group:
        refuse("cannot be used with -g (or KAFKA_GROUP): the group assigns the partitions", "partition")
        if start and start[0] not in ("beginning", "end"):
            raise click.UsageError("in a group (-g or KAFKA_GROUP), -o takes only beginning or end")
    if queue:
        if not session.group:
            raise click.UsageError("--queue needs a group: -g NAME")
        refuse("cannot be used with --queue: a new share group starts at the beginning", "offset", "from_beginning")
        refuse("cannot be used with --queue: members are not told where partitions end", "exit_at_end")
    session.config.setdefault("client.id", "kafka-demo-consumer")
    sink = Sink(1, FORMATS[form or ("text" if os.isatty(1) else "value")], session.stopped)
    reading = Reading(session, sink, count, slow, crash_after, exit_at_end=exit_at_end)
    if queue:
        return take(reading)
    if session.group:
        return read_in_group(reading, start[0] if start else "")
    return read_alone(reading, partition, start or ("beginning", 0))
