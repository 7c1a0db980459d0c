"""The state of a cluster, drawn as lines and tables for people."""

import math
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.segment import Segment, SegmentLines
from rich.table import Table
from rich.text import Text

from kafka_demo.cluster.inspect import OTHER, Data, topics_of
from kafka_demo.narration.text import colored, count, member_text, visible

Board = list[RenderableType]

WIDE = 100_000  # columns: more than any line needs, so that nothing is wrapped
CELLS = 17  # length of a bar
_BAR = "█ committed ░ lag"  # from the first offset of a partition to the last
TERMS = "broker, topic, partition, leader, replicas, in-sync replicas, group, group coordinator, committed, lag"
_LEFT = ("topic", "replicas", "in sync", _BAR, "member")  # left-aligned columns; the others are numbers
_NO_GROUPS = "the in-memory broker does not list groups: name one, as in `kafka-demo status -g g1`"
_REBALANCING = ("preparing rebalancing", "completing rebalancing")  # in a classic group; Kafka omits the assignments
_NO_PROGRESS = "  a share group's progress: kafka-share-groups.sh --describe (docs/answers.md)"


def draw(data: Data) -> Board:
    """Draw everything; after `compare()`, also messages per second, and partitions with a new member in color."""
    blocks = [_brokers(data), *map(_topic, data["topics"])]
    blocks += [_group(group, data) for group in data["groups"] or ()]
    blocks += [[Text(_NO_GROUPS, "dim")]] if data["groups"] is None else []
    return [line for block in blocks for line in (*block, Text())][:-1]


def text(board: Board, columns: int = WIDE) -> str:
    """Format a board for a terminal or a pipe; lines longer than `columns` are cut."""
    wide = Console(color_system="auto" if colored(1) else None, width=WIDE)
    lines = [line for part in board for line in wide.render_lines(part, pad=False)]
    cut = SegmentLines([Segment.adjust_line_length(line, columns, pad=False) for line in lines], new_lines=True)
    with wide.capture() as captured:
        wide.print(cut)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def redrawn(board: Board, columns: int, rows: int) -> str:
    """Format a board to overwrite the previous one; its last line counts the lines that do not fit."""
    lines = text(board, columns).splitlines()
    if (more := len(lines) - rows + 3) > 1:
        lines[max(rows - 3, 0) :] = [f"… {more} more lines: filter with -t or -g, or enlarge the window"[:columns]]
    return "\x1b[H" + "".join(f"\x1b[K{line}\n" for line in lines) + "\x1b[J"


def bar(beginning: int | None, committed: int | None, end: int | None) -> str:
    """Draw how much of a partition is committed; any lag above 0 gets at least one cell."""
    if beginning is None or committed is None or end is None:
        return ""
    lag = math.ceil(CELLS * min(max((end - committed) / max(end - beginning, 1), 0), 1))
    return "█" * (CELLS - lag) + "░" * lag


def compare(data: Data, before: Data, seconds: float) -> None:
    """Add to each partition its `rate` in messages per second since `before`, and whether it has `moved`."""
    earlier = dict(_partitions(before))
    for key, place in _partitions(data):
        field, old = "committed" if "committed" in place else "end", earlier.get(key, {})
        then, now = old.get(field), place[field]
        place["rate"] = 0 if then is None or now is None else max(now - then, 0) / seconds
        place["moved"] = place.get("member") != old.get("member")


def _partitions(data: Data) -> Iterator[tuple[tuple[str, str, int], Data]]:
    """Yield each partition of each topic and of each group; the key is the group (or ""), the topic and the number."""
    for topic in data["topics"]:
        yield from ((("", topic["name"], place["partition"]), place) for place in topic["partitions"])
    for group in data["groups"] or ():
        yield from (((group["name"], at["topic"], at["partition"]), at) for at in group["partitions"] or ())


def _table(rows: list[tuple[str, dict[str, str]]]) -> RenderableType:
    """Draw rows, each with its style; the first row's cell names become the columns."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in rows[0][1]:
        table.add_column(name, justify="left" if name in _LEFT else "right", no_wrap=True)
    for style, cells in rows:
        table.add_row(*map(Text, cells.values()), style=style)
    return Padding.indent(table, 2)


def _brokers(data: Data) -> Board:
    up = {broker["id"]: visible(broker["address"]) for broker in data["brokers"]}
    every = {*up, *(id_ for topic in data["topics"] for place in topic["partitions"] for id_ in place["replicas"])}
    return [Text(f"broker {id_}  {up.get(id_, 'down')}", "" if id_ in up else "red") for id_ in sorted(every)]


def _topic(topic: Data) -> Board:
    name, places = f"topic {visible(topic['name'])}", topic["partitions"]
    if not places:
        return [Text(f"{name}: not found", "bold")]
    title = f"{name}: {count(len(places), 'partition')}"
    if not any(place["beginning"] is None or place["end"] is None for place in places):
        # Perhaps fewer messages: transaction markers, and messages that compaction removed, took offsets, too.
        size = sum(place["end"] - place["beginning"] for place in places)
        title += f", {count(size, 'offset')}" if size else ", no messages"
    rows = []
    for place in places:
        leader, in_sync, replicas = place["leader"], place["in_sync"], place["replicas"]
        missing = f" (only {len(in_sync)} of {len(replicas)})" if len(in_sync) < len(replicas) else ""
        cells = {"partition": str(place["partition"]), "leader": "none" if leader is None else str(leader)}
        cells["replicas"] = ",".join(map(str, replicas))
        cells["in sync"] = (",".join(map(str, in_sync)) or "none") + missing
        cells |= {name: _number(place[name]) for name in ("beginning", "end")}
        cells |= {"in/s": f"{place['rate']:,.0f}"} if "rate" in place else {}
        rows.append(("red" if missing or leader is None else "", cells))
    return [Text(title, "bold"), _table(rows)]


def _group(group: Data, data: Data) -> Board:
    name, members, topics = f"group {visible(group['name'])}", group["members"], sorted(topics_of(group))
    if group["state"] == "dead":
        return [Text(f"{name}: not found", "bold")]
    if group["type"] == OTHER:
        return [Text(f"{name} ({OTHER})", "bold"), Text(_NO_PROGRESS, "dim")]
    kind = ", ".join(filter(None, (group["type"], group["state"])))
    title = f"{name}{kind and f' ({kind})'}" + (f" reads {visible(topics[0])}" if len(topics) == 1 else "")
    facts = [] if members is None else [count(len(members), "member") if members else "no members"]
    facts += [] if group["coordinator"] is None else [f"coordinator broker {group['coordinator']}"]
    names = {m["id"]: f"{member_text(m['id'])} {visible(m['client_id'])}" for m in members or ()}
    known = () if group["state"] in _REBALANCING else members or ()
    idle = [Text(f"  member {names[m['id']]} has no partition") for m in known if not m["assignment"]]
    beginnings = {key: place["beginning"] for key, place in _partitions(data) if not key[0]}
    rows = []
    for place in group["partitions"] or ():
        cells = {"topic": visible(place["topic"])} if len(topics) > 1 else {}
        cells["partition"] = str(place["partition"])
        cells |= {name: _number(place[name]) for name in ("committed", "end", "lag")}
        cells |= {"out/s": f"{place['rate']:,.0f}"} if "rate" in place else {}
        cells[_BAR] = bar(beginnings.get(("", place["topic"], place["partition"])), place["committed"], place["end"])
        cells |= {"member": names.get(place["member"], "-")} if names else {}
        rows.append(("yellow" if place.get("moved") else "", cells))
    table = [_table(rows)] if rows else []
    return [Text(f"{title}: {', '.join([_lag(group, data), *facts])}", "bold"), *table, *idle]


def _lag(group: Data, data: Data) -> str:
    """Format a group's lag, and how many partitions with messages have no committed offset."""
    if group["partitions"] is None:
        return "committed offsets unknown"
    lags = {("", at["topic"], at["partition"]): at["lag"] for at in group["partitions"] if at["committed"] is not None}
    if not lags:
        return "nothing committed"
    if None in lags.values():
        return "lag unknown"
    filled = {key for key, at in _partitions(data) if at["end"] != at.get("beginning", at["end"])}
    rest = len({key for key in filled if key[1] in topics_of(group)} - lags.keys())
    uncounted = f" (not counting {count(rest, 'partition')} without a committed offset)" if rest else ""
    return f"lag {sum(max(lag, 0) for lag in lags.values()):,}{uncounted}"


def _number(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"  # "-", as in the output of Kafka's own tools
