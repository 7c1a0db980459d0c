"""What Kafka's errors mean for the person at the terminal: data, by the names that Kafka gives them.

In a text, {address}, {topic}, {group}, {user} and {broker} stand for what the command is about (see problems.py).
"""

from collections.abc import Mapping
from types import MappingProxyType

Words = Mapping[str, tuple[str, str]]  # what happened and what to do, by Kafka's name of the error
NO_WORDS: Words = MappingProxyType({})

_ASK = "whoever runs the broker can allow it (an ACL)"
_NO_TOPIC = ("there is no topic {topic}, and the broker may not create it", "create it, or name another one with -t")
_OLD_BROKER = (
    "the broker at {address} does not know the group protocol of KIP-848, which needs Kafka 4.0",
    "use the one before it: -X group.protocol=classic",
)
_DELETED = ("topic {topic} was deleted meanwhile", "create it again, or name another one with -t")
_NO_COORDINATOR = ("the group's coordinator is not there yet", "")
_MOVED_ON = ("the group has moved on without this member", "")

# https://kafka.apache.org/protocol#protocol_error_codes
WORDS: Words = {
    "MSG_SIZE_TOO_LARGE": (
        "the message is too large",
        "the limit is 1 MB: -X message.max.bytes=… raises that of this client, max.message.bytes that of the topic",
    ),
    "UNKNOWN_TOPIC_OR_PART": _NO_TOPIC,
    "_UNKNOWN_TOPIC": _NO_TOPIC,
    "TOPIC_EXCEPTION": ("{topic} is no topic name that this broker takes", "name another one with -t"),
    "TOPIC_AUTHORIZATION_FAILED": ("{user} is not authorised for topic {topic}", _ASK),
    "GROUP_AUTHORIZATION_FAILED": ("{user} is not authorised for group {group}", _ASK),
    "CLUSTER_AUTHORIZATION_FAILED": ("{user} is not authorised to write to this cluster", _ASK),
    "NOT_ENOUGH_REPLICAS": (
        "too few replicas of the partition are in sync",
        "start the brokers that are down: a topic's min.insync.replicas says how many must have a message",
    ),
    "_MSG_TIMED_OUT": (
        "no acknowledgement came in time (delivery.timeout.ms)",
        "look whether the broker is up, and in the topic whether they arrived after all, before you send them again",
    ),
    "_DESTROY": ("the broker that was to take it has left the cluster", "send these messages again"),
    "_PURGE_QUEUE": ("not sent before this command had to end", "send these messages again"),
    "_PURGE_INFLIGHT": (
        "sent, and not acknowledged before this command had to end",
        "look in the topic whether they arrived, before you send them again",
    ),
    "_UNKNOWN_PARTITION": _DELETED,
    "UNSUPPORTED_VERSION": _OLD_BROKER,
    "_UNSUPPORTED_FEATURE": _OLD_BROKER,
    "GROUP_ID_NOT_FOUND": (
        "{group} is the name of another kind of group",
        "name another one with -g: a consumer group and a share group (--queue) cannot have the same name",
    ),
    "INVALID_RECORD_STATE": (
        "this member took longer than the group waits, and has lost them",
        "they are delivered again, to any member; share.record.lock.duration.ms of the group says how long it waits",
    ),
    "INCONSISTENT_GROUP_PROTOCOL": (
        "group {group} has members that use the other group protocol",
        "stop them first, or join with -X group.protocol=classic as they do",
    ),
    "UNKNOWN_MEMBER_ID": ("the group does not count this member in any more", ""),
    "STALE_MEMBER_EPOCH": _MOVED_ON,
    "FENCED_MEMBER_EPOCH": _MOVED_ON,
    "ILLEGAL_GENERATION": _MOVED_ON,
    "REBALANCE_IN_PROGRESS": ("the group is sharing its partitions out anew", ""),
    "_WAIT_COORD": _NO_COORDINATOR,
    "_TIMED_OUT": ("no answer came in time", ""),
    "REQUEST_TIMED_OUT": ("the brokers were not done with it in time", ""),
    "_TRANSPORT": ("the connection to the broker broke", ""),
    "NOT_LEADER_FOR_PARTITION": ("the partition has another leader now, or none yet", ""),
    "COORDINATOR_LOAD_IN_PROGRESS": ("the group's coordinator is still starting", ""),
    "COORDINATOR_NOT_AVAILABLE": _NO_COORDINATOR,
    "NOT_COORDINATOR": ("the group has another coordinator now", ""),
    "_AUTHENTICATION": (
        "{address} did not let this client in",
        "look at KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD",
    ),
}

NO_QUEUE = (
    "{address} has no share groups (KIP-932)",
    "--queue needs Kafka 4.2, or `kafka-demo broker`; do without it",
)
QUEUE: Words = {"UNSUPPORTED_VERSION": NO_QUEUE, "_UNSUPPORTED_FEATURE": NO_QUEUE}

# For who has seen the topic before.
DELETED: Words = {"UNKNOWN_TOPIC_OR_PART": _DELETED, "_UNKNOWN_TOPIC": _DELETED}

# For who creates and deletes topics. {broker} is what the broker says.
TOPIC: Words = {
    "TOPIC_ALREADY_EXISTS": (
        "there is a topic {topic} already",
        "take another name, or delete it first: `kafka-demo topic delete {topic}`",
    ),
    "TOPIC_EXCEPTION": ("{broker}", "take another name"),
    "INVALID_REPLICATION_FACTOR": (
        "there are not enough brokers for so many replicas",
        "each replica is on a broker of its own: take a smaller --replication-factor, or start more brokers",
    ),
    "INVALID_CONFIG": (
        "the broker does not take -c: {broker}",
        "https://kafka.apache.org/documentation/#topicconfigs lists what there is",
    ),
    "POLICY_VIOLATION": ("the broker's policy forbids it: {broker}", "ask whoever runs the broker"),
    "TOPIC_DELETION_DISABLED": ("the broker does not allow to delete topics", "its setting is delete.topic.enable"),
    "UNKNOWN_TOPIC_OR_PART": ("there is no topic {topic}", "`kafka-demo status` shows which there are"),
}

# Told of groups only: elsewhere another request is not supported.
GROUP_ONLY = ("UNSUPPORTED_VERSION", "_UNSUPPORTED_FEATURE")
