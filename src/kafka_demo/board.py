"""Shows what there is, in lines for a person."""

import math

from kafka_demo.layout import Line, Row, table
from kafka_demo.snapshot import Group, Member, Partition, Snapshot, Topic
from kafka_demo.visible import visible
from kafka_demo.words import count

CELLS = 10  # the length of a bar
WORDS = "broker, topic, partition, leader, replicas, in-sync replicas, group, committed, lag"  # of Kafka, used below
NONE = "-"  # as Kafka's own tools write what is not there


def draw(snapshot: Snapshot, full: int = 0) -> list[Line]:
    """Show it all; a bar is full at a lag of `full`, or at the biggest one there is."""
    full = max(full, biggest_lag(snapshot))
    shares = [group for group in snapshot.groups if group.type == "share"]
    others = [group for group in snapshot.groups if group.type != "share"]
    parts = [_brokers(snapshot), *map(_topic, snapshot.topics), *(_group(group, full, snapshot) for group in others)]
    if shares:
        parts.append([Line(f"group {visible(group.name)} (share)", "title") for group in shares])
        parts[-1].append(Line("  how far a share group has come is told by Kafka's kafka-share-groups.sh only", "dim"))
    if not snapshot.lists_groups:
        parts.append([Line("in memory: this broker does not tell which groups there are, nor their members", "dim")])
        if not snapshot.groups:
            parts[-1].append(Line("`kafka-demo status -g NAME` shows how far a group has come", "dim"))
    return [line for part in parts for line in (*part, Line())][:-1]


def biggest_lag(snapshot: Snapshot) -> int:
    """Find the lag at which a bar is full: so big that a cell is at least one message."""
    return max([CELLS, *(place.lag or 0 for group in snapshot.groups for place in group.progress or ())])


def bar(lag: int | None, full: int) -> str:
    """Draw a lag; one that is not 0 has at least one cell."""
    if lag is None:
        return ""
    filled = math.ceil(CELLS * min(max(lag, 0), full) / full)
    return "█" * filled + "░" * (CELLS - filled)


def _brokers(snapshot: Snapshot) -> list[Line]:
    replicas = {id_ for topic in snapshot.topics for partition in topic.partitions for id_ in partition.replicas}
    nodes = {} if snapshot.controller is None else {snapshot.controller: (f"node {snapshot.controller}", "no broker")}
    nodes |= {id_: (f"broker {id_}", "down") for id_ in replicas}
    nodes |= {broker.id: (f"broker {broker.id}", visible(broker.address)) for broker in snapshot.brokers}
    rows: list[Row] = [(*nodes[id_], "controller" if id_ == snapshot.controller else "") for id_ in sorted(nodes)]
    return [Line(text, "alarm" if "down" in row else "") for row, text in table(rows)]


def _topic(topic: Topic) -> list[Line]:
    name = f"topic {visible(topic.name)}"
    if not topic.partitions:
        return [Line(f"{name}: there is no such topic", "title")]
    messages = sum(partition.messages or 0 for partition in topic.partitions)
    title = f"{name}: {count(len(topic.partitions), 'partition')}, {count(messages, 'message')}"
    head: Row = ("partition", "leader", "replicas", "in sync", "messages")
    rows = [
        (
            str(partition.partition),
            "none" if partition.leader is None else str(partition.leader),
            ",".join(map(str, partition.replicas)),
            _in_sync(partition),
            _number(partition.messages),
        )
        for partition in topic.partitions
    ]
    (_, head_text), *body = table([head, *rows], right={0, 1, 4}, indent=2)
    styles = ("alarm" if partition.in_danger else "" for partition in topic.partitions)
    texts = (text for _, text in body)
    return [Line(title, "title"), Line(head_text, "dim"), *map(Line, texts, styles)]


def _in_sync(partition: Partition) -> str:
    ids = ",".join(map(str, partition.in_sync)) or "none"
    missing = len(partition.in_sync) < len(partition.replicas)
    return f"{ids} (only {len(partition.in_sync)} of {len(partition.replicas)})" if missing else ids


def _group(group: Group, full: int, snapshot: Snapshot) -> list[Line]:
    name = f"group {visible(group.name)}"
    if group.state == "dead":
        return [Line(f"{name}: there is no such group", "title")]
    what = ", ".join(filter(None, (group.type, group.state)))
    read = sorted({place.topic for place in group.progress or ()})
    words = [f"{name} ({what})" if what else name]
    words += [f"reads {visible(read[0])}"] if len(read) == 1 else []
    facts = [] if group.members is None else [count(len(group.members), "member") if group.members else "no members"]
    lags = [place.lag for place in group.progress or () if place.lag is not None]
    facts += [f"lag {sum(lags):,}" if lags else "nothing committed"]
    facts += _uncounted(group, read, snapshot) if lags else []
    idle = (member for member in group.members or () if not member.assignment)
    return [
        Line(f"{' '.join(words)}: {', '.join(facts)}", "title"),
        *_progress(group, full, several=len(read) > 1),
        *(Line(f"  member {_short(member)} has no partition") for member in idle),
    ]


def _uncounted(group: Group, read: list[str], snapshot: Snapshot) -> list[str]:
    """Say in how many partitions there are messages, and no commit that the lag could be counted from."""
    counted = {(place.topic, place.partition) for place in group.progress or () if place.lag is not None}
    topics = (topic for topic in snapshot.topics if topic.name in read)
    places = {(topic.name, found.partition) for topic in topics for found in topic.partitions if found.messages}
    number = len(places - counted)
    return [f"and what is in {count(number, 'partition')} without a commit"] if number else []


def _progress(group: Group, full: int, *, several: bool) -> list[Line]:
    if not group.progress:
        return []
    names = {member.id: _short(member) for member in group.members or ()}
    head: Row = ("topic", "partition", "committed", "end", "lag", "", "member" if names else "")
    rows = [
        (
            visible(place.topic),
            str(place.partition),
            _number(place.committed),
            _number(place.end),
            _number(place.lag),
            bar(place.lag, full),
            names.get(place.member or "", NONE) if names else "",
        )
        for place in group.progress
    ]
    first = 0 if several else 1  # the topic is in the title
    found = table([row[first:] for row in (head, *rows)], right={n - first for n in (1, 2, 3, 4)}, indent=2)
    return [Line(text, "" if number else "dim") for number, (_, text) in enumerate(found)]


def _short(member: Member) -> str:
    """Name a member by the beginning of its id, which tells two of the same program apart."""
    return visible(f"{member.id.removeprefix(f'{member.client_id}-')[:6]} ({member.client_id})")


def _number(number: int | None) -> str:
    return NONE if number is None else f"{number:,}"
