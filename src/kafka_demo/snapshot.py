"""What there is at one time, as plain data: brokers, topics, groups, and how far each group has come."""

import json
from collections.abc import Collection
from typing import Any, NamedTuple

Place = tuple[str, int]  # a topic and the number of one of its partitions


class Broker(NamedTuple):
    """A broker that is up."""

    id: int
    host: str
    port: int

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"{self.host}:{self.port}"


class Partition(NamedTuple):
    """One partition of a topic: the brokers that have it, by their ids, and the offsets between which messages are."""

    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    beginning: int | None = None
    end: int | None = None  # the offset that the next message gets

    @property
    def messages(self) -> int | None:
        """How many messages there are; at most so many, if the topic is compacted or has transactions."""
        return None if self.end is None or self.beginning is None else self.end - self.beginning

    @property
    def in_danger(self) -> bool:
        """Whether fewer brokers have all messages than should have them."""
        return self.leader is None or len(self.in_sync) < len(self.replicas)


class Topic(NamedTuple):
    """A topic; one without partitions does not exist."""

    name: str
    partitions: tuple[Partition, ...]


class Member(NamedTuple):
    """A consumer in a group."""

    id: str
    client_id: str
    host: str
    assignment: tuple[Place, ...]


class Progress(NamedTuple):
    """How far a group has come in a partition."""

    topic: str
    partition: int
    committed: int | None  # None: nothing yet
    end: int | None  # None: the topic is gone, or the partition has no leader
    member: str | None = None  # the id of the member that it is assigned to

    @property
    def lag(self) -> int | None:
        """How many messages are still to be read, where that can be said."""
        return None if self.end is None or self.committed is None else self.end - self.committed


class Group(NamedTuple):
    """A group; what the brokers do not tell is None."""

    name: str
    type: str | None  # consumer, classic or share
    state: str | None  # in Kafka's own words: stable, empty, …; dead: there is no such group
    members: tuple[Member, ...] | None
    progress: tuple[Progress, ...] | None


class Snapshot(NamedTuple):
    """All of it."""

    brokers: tuple[Broker, ...]
    topics: tuple[Topic, ...]
    groups: tuple[Group, ...]
    lists_groups: bool  # False: the broker is one in memory, and tells only of groups that it is asked for by name
    controller: int | None = None  # the id of the active controller, where that can be told

    def only(self, topics: Collection[str], groups: Collection[str]) -> "Snapshot":
        """Leave out other groups than these and what they do not read, or other topics and who does not read them.

        Where no names are given, nothing is left out.
        """
        kept = [group for group in self.groups if (group.name in groups if groups else _may_read(group, topics))]
        names = topics or {place.topic for group in kept for place in group.progress or ()}
        if not (topics or groups):
            return self
        found = {topic.name: topic for topic in self.topics}
        return self._replace(
            topics=tuple(found.get(name, Topic(name, ())) for name in sorted(names)), groups=tuple(kept)
        )

    def to_json(self) -> str:
        """Write it as one line of JSON; what the brokers do not tell is null."""
        document: dict[str, Any] = {
            "brokers": [{"id": broker.id, "address": broker.address} for broker in self.brokers],
            "controller": self.controller,
            "topics": [
                {
                    "name": topic.name,
                    "partitions": [found._asdict() | {"messages": found.messages} for found in topic.partitions],
                }
                for topic in self.topics
            ],
            "groups": [_document(group) for group in self.groups] if self.groups or self.lists_groups else None,
        }
        return json.dumps(document, ensure_ascii=False)


def _may_read(group: Group, topics: Collection[str]) -> bool:
    return group.progress is None or any(place.topic in topics for place in group.progress)


def _document(group: Group) -> dict[str, Any]:
    members = group.members and [
        member._asdict()
        | {"assignment": [{"topic": topic, "partition": number} for topic, number in member.assignment]}
        for member in group.members
    ]
    partitions = group.progress and [found._asdict() | {"lag": found.lag} for found in group.progress]
    return {
        "name": group.name,
        "type": group.type,
        "state": group.state,
        "members": members,
        "partitions": partitions,
    }
