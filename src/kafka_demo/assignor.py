"""Lets the members of a share group share each partition on the in-memory broker, as they do on a real one.

librdkafka's mock cluster knows share groups, but gives each partition to one member only, unless it is told
otherwise. It is told here: whoever joins gets all partitions of the topic. The groups and their topics are
known from the members' own requests.
"""

import ctypes
import time
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_void_p, cast
from threading import Lock
from typing import NamedTuple

from kafka_demo.librdkafka import declare

MEMORY = 20.0  # seconds after its last heartbeat: longer than a lock and a session last
SHARE_GROUP_HEARTBEAT = 76  # https://kafka.apache.org/protocol#protocol_api_keys


class Heartbeat(NamedTuple):
    """What a member of a share group says each second; it names its topics when it joins, and later only changes."""

    group: str
    member: str
    topics: list[str]


def heartbeat(request: bytes) -> Heartbeat | None:
    """Read a request as clients send it, without its length; None if it is no heartbeat of a share group.

    https://kafka.apache.org/protocol#The_Messages_ShareGroupHeartbeat
    """
    if int.from_bytes(request[:2]) != SHARE_GROUP_HEARTBEAT:
        return None
    try:
        return _read(request)
    except (IndexError, UnicodeDecodeError):
        return None  # the cluster will say what is wrong with it


def _read(request: bytes) -> Heartbeat:
    client_id = 10 + int.from_bytes(request[8:10])  # after key, version, correlation id and its own length
    group, rest = _text(request[client_id + 1 :])  # 1: no tagged fields
    member, rest = _text(rest)
    _rack, rest = _text(rest[4:])  # 4: the member's epoch
    number, rest = rest[0] - 1, rest[1:]  # of topics; a null list has -1
    topics: list[str] = []
    for _ in range(number):
        topic, rest = _text(rest)
        topics.append(topic)
    return Heartbeat(group, member, topics)


def _text(data: bytes) -> tuple[str, bytes]:
    """Take a compact string: its length plus 1 (0: null) in groups of seven bits, the lowest first, then its bytes."""
    length = shift = index = 0
    while True:
        length |= (data[index] & 0x7F) << shift
        index += 1
        if data[index - 1] < 0x80:  # noqa: PLR2004 (the highest bit says that another group follows)
            break
        shift += 7
    end = index + max(length - 1, 0)
    return data[index:end].decode(), data[end:]


class Assignor:
    """Assigns the partitions of share groups in one mock cluster."""

    def __init__(self, library: ctypes.CDLL, cluster: int, partitions: dict[str, int], otherwise: int) -> None:
        """Begin with no group; `partitions` says how many a topic has, and the others have `otherwise`."""
        self._library = library
        self._cluster = cluster
        self._partitions = partitions
        self._otherwise = otherwise
        self._topics: dict[bytes, list[str]] = {}  # by member
        self._members: dict[str, set[bytes]] = {}
        self._lock = Lock()  # each connection has a thread of its own
        self._heard = float("-inf")
        declare(
            library,
            ("topic_partition_list_new", c_void_p, c_int),
            ("topic_partition_list_add", c_void_p, c_void_p, c_char_p, c_int),
            ("topic_partition_list_destroy", None, c_void_p),
            ("mem_free", None, c_void_p, c_void_p),
            ("mock_sharegroup_get_member_ids", c_int, c_void_p, c_char_p, c_void_p, c_void_p),
            ("mock_sharegroup_target_assignment", None, c_void_p, c_char_p, c_void_p, c_void_p, c_size_t),
        )

    @property
    def busy(self) -> bool:
        """Whether there may be a member that holds a message."""
        return time.monotonic() - self._heard < MEMORY

    def hear(self, request: bytes) -> None:
        """Look at a request on its way to the cluster, and assign anew if the members have changed since the last."""
        said = heartbeat(request)
        if said is None:
            return
        self._heard = time.monotonic()
        with self._lock:
            if said.topics:
                self._topics[said.member.encode()] = said.topics
            members = self._ask_members(said.group)
            if members and members != self._members.get(said.group):
                self._members[said.group] = members
                self._assign(said.group, sorted(members))

    def _ask_members(self, group: str) -> set[bytes]:
        names, number = POINTER(c_void_p)(), c_size_t()
        if self._library.rd_kafka_mock_sharegroup_get_member_ids(
            self._cluster, group.encode(), byref(names), byref(number)
        ):
            return set()  # the group is not there yet
        pointers = names[: number.value]
        members = {cast(pointer, c_char_p).value or b"" for pointer in pointers}
        for pointer in (*pointers, cast(names, c_void_p)):
            self._library.rd_kafka_mem_free(None, pointer)
        return members

    def _assign(self, group: str, members: list[bytes]) -> None:
        assignments = [self._partitions_of(self._topics.get(member, [])) for member in members]
        self._library.rd_kafka_mock_sharegroup_target_assignment(
            self._cluster,
            group.encode(),
            (c_char_p * len(members))(*members),
            (c_void_p * len(members))(*assignments),
            len(members),
        )
        for assignment in assignments:
            self._library.rd_kafka_topic_partition_list_destroy(assignment)

    def _partitions_of(self, topics: list[str]) -> int:
        found: int = self._library.rd_kafka_topic_partition_list_new(0)
        for topic in topics:
            for partition in range(self._partitions.get(topic, self._otherwise)):
                self._library.rd_kafka_topic_partition_list_add(found, topic.encode(), partition)
        return found
