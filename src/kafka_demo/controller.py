"""Asks which node is the active controller.

The client library cannot: in answer to its requests (Metadata, DescribeCluster) a broker names any broker
that is up, at random, as the one to send requests to (https://issues.apache.org/jira/browse/KAFKA-17404).
So this sends the one request that knows, DescribeQuorum, as bytes: the controller is the leader of the
partition in which KRaft keeps the metadata. https://kafka.apache.org/protocol#The_Messages_DescribeQuorum
"""

import contextlib
import socket
import struct
from collections.abc import Iterable

ANSWER = 1.0  # seconds
_TOPIC = b"__cluster_metadata"
_DESCRIBE_QUORUM, _VERSION, _CORRELATION = 55, 0, 1
_CLIENT = b"kafka-demo-status"
# Numbers are big-endian; a compact string or array begins with its length plus one; each structure ends
# with its number of tagged fields, which is 0.
_HEAD = struct.pack(f">hhih{len(_CLIENT)}sb", _DESCRIBE_QUORUM, _VERSION, _CORRELATION, len(_CLIENT), _CLIENT, 0)
_BODY = struct.pack(f">bb{len(_TOPIC)}sbibbb", 2, len(_TOPIC) + 1, _TOPIC, 2, 0, 0, 0, 0)
# Correlation id and tagged fields; error, topics, the name; partitions, partition, error, leader.
_ANSWER = struct.Struct(f">ibhbb{len(_TOPIC)}sbihi")


def find_controller(addresses: Iterable[tuple[str, int]]) -> int | None:
    """Ask the brokers at these addresses (host and port), one after the other, for the id of the controller.

    Returns None if none of them says: they speak TLS or want a login, or are in memory.
    """
    for address in addresses:
        with (
            contextlib.suppress(OSError, UnicodeError, struct.error),
            socket.create_connection(address, ANSWER) as connection,
        ):
            connection.settimeout(ANSWER)
            connection.sendall(struct.pack(">i", len(_HEAD + _BODY)) + _HEAD + _BODY)
            with connection.makefile("rb") as answer:
                answer.read(4)  # its length
                _, _, error, _, _, _, _, _, refused, leader = _ANSWER.unpack(answer.read(_ANSWER.size))
            if not (error or refused) and leader >= 0:
                return int(leader)
    return None
