"""What the words of Kafka mean: one sentence at a word's first use in the narration, more for `kafka-demo explain`."""

import re
import textwrap
from dataclasses import dataclass
from functools import cache

WIDTH = 80  # of a text that is read, however wide the terminal is

# Prose is kept as prose. `==` begins a part; then come the words in the order in which they are learnt, each as
#   its name | what else it is called or how a line puts it | what to read next | where Kafka's documentation has it
# (a KIP, or a chapter of https://kafka.apache.org/documentation), one sentence, and the text.
_TEXT = """
== where records are kept

cluster | kafka cluster | broker, KRaft, replica | Introduction
The brokers that work together as one Kafka; there may be only one of them.
A program needs the address of a single broker that is up: it learns the others from that one. A cluster of three can
lose a broker and go on, if its topics have replicas. `kafka-demo status` lists the brokers.

broker | kafka broker, bootstrap server | cluster, partition, leader | Introduction
A Kafka server: it stores records and hands them to the consumers that ask for them.
A broker is the leader of some partitions and a follower of others. If it dies, followers on other brokers take over;
when it comes back it is a follower at first. `kafka-demo broker` runs one in memory, which forgets everything when it
stops.

topic | | partition, record, retention | Introduction
A named place for records: producers write to it, consumers read from it.
It is split into partitions, which are spread over the brokers. Reading takes nothing away, so many groups can read the
same topic, each at its own pace. kafka-demo uses the topic `message-created` unless `-t` names another.

partition | topic partition | topic, key, offset, assignment | Introduction
One part of a topic: a log to which records are added at the end only, and in which they keep their order.
Order is guaranteed within a partition, never between two. In a consumer group each partition has one reader at a time,
so more members than partitions is too many. A topic can get more partitions later, but never fewer.

record | message, event | key, header, offset, topic | Introduction
One entry in a topic: a value and a time, if wanted a key and headers; also called a message or an event.
To Kafka key and value are bytes, and what they mean is for producer and consumer to agree on. A record never changes
once it is written. `kafka-demo produce` says where each one landed: topic, partition and offset.

key | record key | record, partition, producer | Design: The Producer
The part of a record that chooses its partition: records with one key stay together, in their order.
The producer takes a hash of the key (murmur2, in kafka-demo as in Java) modulo the number of partitions. So a key keeps
its partition for as long as that number stays the same. Without a key a record may go to any partition. A key need not
be unique. Try `kafka-demo produce -k ada hello`.

header | record header | record, key | KIP-82
A name and a value that travel with a record, beside its own key and value.
Kafka does not look into them, and a name may come twice. `kafka-demo produce -H source=web hello` sends one. The events
of `--sample` have the headers `producer` and `seq`, by which a consumer proves that nothing was lost.

retention | compaction | topic, offset, lag | Configuration: Topic Configs
How long, or up to what size, a topic keeps its records, whether anybody has read them or not.
Kafka's default is 7 days and no limit in size. When old records are deleted, a partition begins at a higher offset;
what a group had not read by then it never gets, and kafka-demo says so. The other policy is compaction, which keeps at
least the last record of each key.

== who writes and who reads

producer | | record, key, leader, in-sync replica | Design: The Producer
A program that writes records to topics, as `kafka-demo produce` does.
It sends each record to the broker that leads the partition, and waits for the acknowledgement. With acks=all, as here,
that comes when all in-sync replicas have the record. If it does not come, the producer sends again; an idempotent one,
as here, makes the broker drop the second copy (KIP-98).

consumer | member, group member, subscriber | consumer group, offset, producer | Design: The Consumer
A program that reads records from topics, as `kafka-demo consume` does; in a group it is called a member.
It asks for records from an offset on, at its own pace; a broker never pushes. It asks the leader of a partition, or,
where that is set up, a follower nearby (KIP-392). `kafka-demo consume` alone reads all partitions and commits nothing;
with `--group g1` it shares them with the other members and commits.

offset | | partition, commit, lag | Design: The Consumer
The number of a record in its partition, counted from 0.
Each partition counts for itself, so a place is a topic, a partition and an offset. An offset never changes and is not
used again; some may be missing, after compaction for one. The end offset is that of the record yet to come.
`kafka-demo consume -o 17` starts at offset 17.

publish-subscribe | pub/sub, publish/subscribe, pubsub | consumer group, message queue | Introduction
Every subscriber gets every record; in Kafka, a subscriber is a consumer group.
Run `kafka-demo consume --group g1` and `kafka-demo consume --group g2`: both get everything, and neither takes anything
from the other. Within one group, each record goes to one member. A consumer without a group gets everything, too.

== how a group shares the work

consumer group | group | consumer, assignment, rebalance, share group | Design: The Consumer
Consumers that share a topic under one name: each partition is read by one of them at a time.
Run `kafka-demo consume --group g1` in two terminals, and each reads some of the partitions. If there are more members
than partitions, some have nothing to do. The commits belong to the group: it goes on where it stopped, even if all its
members were away (for up to 7 days by default).

assignment | assigned, partition assignment | partition, rebalance, group coordinator | KIP-848
Which partitions each member of a group reads at the moment.
`assigned partitions 0, 1` means: these two are yours, and no other member of the group reads them. Since Kafka 4.0 the
group coordinator, a broker, can work it out (KIP-848), and kafka-demo asks for that. In the classic protocol one of the
members does it, the group leader.

group coordinator | coordinator | consumer group, heartbeat, commit | Implementation: Distribution
The broker that looks after a group: it knows the members and keeps the group's commits.
A hash of the group's name picks a partition of the topic `__consumer_offsets`, and the broker that leads this partition
is the coordinator. So different groups can have different ones. If that broker dies, the partition's next leader takes
over.

heartbeat | session timeout | group coordinator, rebalance | KIP-848
The sign of life that a member sends to its group coordinator every few seconds.
If none comes within the session timeout, the member counts as dead and its partitions go to others. Kafka's defaults
are 5 and 45 seconds; our docker-compose.yml says 1 and 6. A member that stops cleanly says that it leaves, so that
nobody has to wait; one that ends by `--crash-after 5` does not.

rebalance | rebalancing, revoked | assignment, commit, heartbeat | KIP-848
Partitions move between the members of a group, because one came, left or died.
It happens too when a topic gets more partitions. The new reader goes on at the group's commit: nothing is lost, but
what the old one had read and not committed is read again. With the protocol of KIP-848 only the partitions that move
pause; with the classic one, all of them may.

commit | committed, committing, uncommitted | offset, lag, group coordinator | Implementation: Distribution
A group's bookmark in a partition: the offset of the next record to read.
`committed: partition 2 up to offset 18` means that 17 is done and the group goes on at 18. kafka-demo commits only what
it has written out, so a crash can repeat records but not lose any: at least once. Of a record, `committed` means
something else: that all in-sync replicas have it.

lag | consumer lag | offset, commit, retention | Operations: Basic Kafka Operations
How many records a group has yet to read: the end offset of a partition minus the group's commit.
`kafka-demo status` shows it. A lag that keeps growing means that records come faster than the group reads them. Records
that were read but not yet committed count as well.

== how nothing gets lost

replica | replication, replication factor | leader, follower, in-sync replica | Design: Replication
One of the copies of a partition, each on a broker of its own.
The replication factor of a topic says how many there are. One of them is the leader, the others are followers. With
three, two brokers can die and one copy is still there; with one broker there is one copy.

leader | partition leader | follower, replica, in-sync replica | Design: Replication
The replica of a partition that takes all writes and, unless set up otherwise, serves all reads.
Each partition has its own leader, so that the work is spread over the brokers. If its broker dies, a follower that is
in sync becomes the leader. The old one comes back as a follower; if it is the preferred replica, it is made leader
again after a while. `kafka-demo status` shows the leaders.

follower | | leader, replica, in-sync replica | Design: Replication
A replica that copies its partition's leader and is ready to take over.
It fetches from the leader, much as a consumer does, and stores the same records at the same offsets. If it cannot keep
up for 30 seconds (`replica.lag.time.max.ms`), it is no longer in sync until it has caught up.

in-sync replica | ISR, in sync | replica, leader, follower, producer | Design: Replication
A replica that keeps up with its partition's leader; the leader is one, too. ISR for short.
With acks=all, a record is acknowledged when all in-sync replicas have it, so it survives as long as one of them does.
`min.insync.replicas` says how many there must be: with fewer, such writes are refused. A new leader is chosen from
among them if there is one.

== a topic as a queue

message queue | queue | share group, publish-subscribe, consumer group | Design: The Consumer
Each message goes to one of several workers, and is gone once that one has acknowledged it.
A topic is no queue: its records stay until retention deletes them, and can be read again. A consumer group shares the
work like a queue, but by the partition, and it notes one offset for each instead of every message. A share group comes
closest.

share group | queues for Kafka, share consumer | message queue, consumer group, record | KIP-932
Consumers that share a topic record by record: each record is locked for one of them until it acknowledges it.
Several members can read one partition, so there may be more members than partitions, and the order is not guaranteed.
What is not acknowledged before its lock ends (30 seconds by default) is delivered again, up to 5 times by default. The
records stay in the topic. Ready for production since Kafka 4.2. Try `kafka-demo consume --group q1 --queue`.

== how Kafka runs itself

KRaft | Kafka Raft, controller, raft | cluster, leader, ZooKeeper | KIP-500
How a Kafka cluster keeps its own data, such as its topics and their leaders, without another system.
Some nodes are controllers. They agree by the Raft method on a log of all that changes, and the brokers follow that log.
The active controller picks a new leader when a broker dies. Since Kafka 4.0 there is no other way. A small Kafka can be
broker and controller in one process.

ZooKeeper | zk | KRaft, cluster | KIP-500
The separate system in which Kafka kept its own data before KRaft; Kafka 4.0 removed it.
You need none. Older books and tutorials start it before Kafka and write `--zookeeper` in commands: take newer ones. An
old cluster has to change over to KRaft before it can move to Kafka 4.
"""


@dataclass(frozen=True)
class Term:
    """A word, and what there is to say about it."""

    name: str
    also: tuple[str, ...]
    see: tuple[str, ...]
    source: str
    part: str
    meaning: str
    text: str


# What people ask for beside these, and where they find it.
_ASKED = {
    "at least once": "commit",
    "at most once": "commit",
    "acks": "producer",
    "acknowledgement": "producer",
    "idempotence": "producer",
    "log": "partition",
    "partition key": "key",
    "end offset": "offset",
    "lock": "share group",
    "min.insync.replicas": "in-sync replica",
}


class UnknownTermError(LookupError):
    """The glossary lacks a word; `nearest` has those that are spelt much like it, the best first."""

    def __init__(self, term: str, nearest: list[str]) -> None:
        super().__init__(f"no such word in the glossary: {term}")
        self.nearest = nearest


@cache
def terms() -> dict[str, Term]:
    """Return all terms by name, in the order in which they are learnt."""
    found = {}
    part = ""
    for block in _TEXT.strip().split("\n\n"):
        if block.startswith("== "):
            part = block.removeprefix("== ")
            continue
        head, meaning, text = block.split("\n", 2)
        name, also, see, source = (field.strip() for field in head.split("|"))
        found[name] = Term(name, _listed(also), _listed(see), source, part, meaning, text.replace("\n", " "))
    return found


def explain(word: str, width: int = WIDTH) -> str:
    """Return the text about a word, in lines of at most `width` columns; raise UnknownTermError if there is none."""
    term = _find(word)
    where = term.source if term.source.startswith("KIP-") else f"kafka.apache.org/documentation, {term.source}"
    notes = {"also": ", ".join(term.also), "see also": ", ".join(term.see), "source": where}
    lines = [f"{label}: {note}" for label, note in notes.items() if note]
    return "\n".join(_wrapped(line, width) for line in (term.name, term.meaning, "", term.text, "", *lines))


def overview(width: int = WIDTH) -> str:
    """Return all words by part, each with its sentence, in lines of at most `width` columns."""
    column = max(map(len, terms())) if width >= 60 else 0  # noqa: PLR2004 (a narrower table is hard to read)
    lines = []
    part = ""
    for term in terms().values():
        if term.part != part:
            part = term.part
            lines += ["", part]
        lines.append(_wrapped(f"{term.name.ljust(column)}  {term.meaning}", width, "  ", " " * (column + 4)))
    return "\n".join(lines[1:])


def first_uses(line: str, known: set[str]) -> list[tuple[str, str]]:
    """Find the terms in a line of narration that are not in `known`, and add them to it.

    Returns the name and the sentence of each. A part of a name, as in `message-created`, is not one of our words.
    """
    used = (_find(match[0]) for match in _in_a_line().finditer(line))
    new = {term.name: term.meaning for term in used if term.name not in known}
    known.update(new)
    return list(new.items())


@cache
def _spellings() -> dict[str, Term]:
    found = {_squeezed(word): term for term in terms().values() for word in (term.name, *term.also)}
    return found | {_squeezed(word): terms()[name] for word, name in _ASKED.items()}


@cache
def _in_a_line() -> re.Pattern[str]:
    # The longest first, so that the coordinator in `group coordinator` belongs to the group.
    words = sorted((word for term in terms().values() for word in (term.name, *term.also)), key=len, reverse=True)
    any_word = "|".join(re.escape(word).replace(r"\ ", "[ -]").replace(r"\-", "[ -]") for word in words)
    return re.compile(rf"(?<![\w.:/=@-])(?ai:(?:{any_word})s?)(?![\w-]|[.:/=@]\w)")


def _find(word: str) -> Term:
    spelling = _squeezed(word)
    for candidate in (spelling, spelling.removesuffix("s")):
        if candidate in _spellings():
            return _spellings()[candidate]

    from difflib import get_close_matches

    near = get_close_matches(spelling, _spellings(), cutoff=0.75)
    raise UnknownTermError(word, list(dict.fromkeys(_spellings()[each].name for each in near)))


def _squeezed(word: str) -> str:
    return re.sub(r"[\W_]", "", word.lower())


def _listed(field: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in field.split(",") if word.strip())


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> str:
    whole = re.sub(r"`[^`]*`", lambda command: command[0].replace(" ", "\xa0"), text)  # a command stays on one line
    width = max(20, min(width, WIDTH))  # a terminal that does not know its width says 0
    lines = textwrap.wrap(whole, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return "\n".join(lines).replace("\xa0", " ")
