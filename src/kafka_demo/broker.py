"""An in-memory broker for other processes on this machine: librdkafka's mock cluster behind a fixed port.

It knows enough of Kafka to produce and to consume in groups, keeps the last 5 MiB or 100,000
batches of each partition, and forgets all when it ends.
https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h
"""

import contextlib
import ctypes
import errno
import socket
import socketserver
import time
from collections import deque
from ctypes import c_char_p, c_int, c_size_t, c_void_p
from threading import Lock, Thread
from typing import Any

from kafka_demo.assignor import Assignor
from kafka_demo.librdkafka import declare, load
from kafka_demo.stop import TICK, Stop
from kafka_demo.visible import tell
from kafka_demo.words import count

# As in docker-compose.yml, so that a group is as quick here as there, in milliseconds; and a new share
# group starts at the beginning, which on a real broker is for each group to choose.
_SETTINGS = {
    "set_group_consumer_heartbeat_interval_ms": 1000,
    "set_group_consumer_session_timeout_ms": 6000,
    "sharegroup_set_heartbeat_interval": 1000,
    "sharegroup_set_session_timeout": 6000,
    "sharegroup_set_record_lock_duration": 10_000,
    "sharegroup_set_auto_offset_reset": 1,
}
_PRODUCER = 0  # rd_kafka_type_t: a mock cluster needs some client to live in
_ERROR_SIZE = 512
_PARTITIONS = 4  # of a topic that nobody has made before its first use
_KEPT = 32  # connections whose client is gone, at most
_LONGEST = 128 * 1024 * 1024  # bytes of a request


class MemoryBroker:
    """A broker in this process, for clients at `address` (host:port), until `close()`."""

    def __init__(self, port: int = 0, topics: dict[str, int] | None = None) -> None:
        """Start it. Port 0 is any free one; `topics` says how many partitions a topic has, and others have 4.

        Raises OSError if the port is taken, or if librdkafka is not found.
        """
        self.library = load()
        declare(
            self.library,
            ("conf_new", c_void_p),
            ("conf_set", c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t),
            ("new", c_void_p, c_int, c_void_p, c_char_p, c_size_t),
            ("destroy", None, c_void_p),
            ("mock_cluster_new", c_void_p, c_void_p, c_int),
            ("mock_cluster_destroy", None, c_void_p),
            ("mock_cluster_bootstraps", c_char_p, c_void_p),
            ("mock_broker_set_host_port", None, c_void_p, c_int, c_char_p, c_int),
            ("mock_topic_create", c_int, c_void_p, c_char_p, c_int, c_int),
            *((f"mock_{setting}", None, c_void_p, c_int) for setting in _SETTINGS),
        )
        self._relay = _Relay(("127.0.0.1", port), _Connection)
        error = ctypes.create_string_buffer(_ERROR_SIZE)
        conf = self.library.rd_kafka_conf_new()
        self.library.rd_kafka_conf_set(conf, b"bootstrap.servers", b"localhost", error, _ERROR_SIZE)
        self.library.rd_kafka_conf_set(conf, b"log_level", b"0", error, _ERROR_SIZE)
        self._client = self.library.rd_kafka_new(_PRODUCER, conf, error, _ERROR_SIZE)
        self.cluster = self.library.rd_kafka_mock_cluster_new(self._client, 1)
        for setting, value in _SETTINGS.items():
            getattr(self.library, f"rd_kafka_mock_{setting}")(self.cluster, value)
        for topic, partitions in (topics or {}).items():
            self.library.rd_kafka_mock_topic_create(self.cluster, topic.encode(), partitions, 1)
        host, _, real_port = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode().rpartition(":")
        self._relay.target = (host, int(real_port))
        self._relay.assignor = Assignor(self.library, self.cluster, topics or {}, _PARTITIONS)
        # Clients are to come back through the relay, so that what they know is still true after a restart.
        self.library.rd_kafka_mock_broker_set_host_port(self.cluster, 1, b"localhost", self._relay.server_address[1])
        self.address = f"localhost:{self._relay.server_address[1]}"
        Thread(target=self._relay.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop answering and forget all messages."""
        self._relay.end()  # before the cluster, which its threads use
        self.library.rd_kafka_mock_cluster_destroy(self.cluster)
        self.library.rd_kafka_destroy(self._client)


class _Relay(socketserver.ThreadingTCPServer):
    """Gives the mock cluster a port that one can choose; its own is a random one."""

    allow_reuse_address = True
    target = ("", 0)
    assignor: Assignor

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._clients: set[socket.socket] = set()
        self._retired: deque[socket.socket] = deque()
        self._lock = Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._clients.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._clients.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """Close all connections, and wait until their threads have ended."""
        self.shutdown()
        for client in list(self._clients):
            _wake(client)
        self.server_close()
        self.close_retired()

    def retire(self, upstream: socket.socket) -> None:
        """Close a connection to the cluster whose client is gone, later if it does harm now.

        With any connection the mock cluster drops the locks of all members of all share groups.
        """
        with self._lock:
            self._retired.append(upstream)
        self.close_retired(_KEPT if self.assignor.busy else 0)

    def close_retired(self, but: int = 0) -> None:
        """Close them, the oldest first, but so many."""
        with self._lock:
            while len(self._retired) > but:
                upstream = self._retired.popleft()
                _wake(upstream)
                upstream.close()


class _Connection(socketserver.BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # one side is gone
            upstream = socket.create_connection(self.server.target)
            try:
                Thread(target=_copy, args=(upstream, self.request), daemon=True).start()
                self._copy_requests(upstream)
            finally:
                self.server.retire(upstream)

    def _copy_requests(self, upstream: socket.socket) -> None:
        with self.request.makefile("rb") as stream:
            # Each request has its length before it; what is longer is none, but HTTP, say, or TLS.
            while 0 < (length := int.from_bytes(head := stream.read(4))) < _LONGEST:
                request = stream.read(length)
                self.server.assignor.hear(request)
                upstream.sendall(head + request)


def _wake(connection: socket.socket) -> None:
    """End it for the thread that reads from it, which close() does not."""
    with contextlib.suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(64 * 1024):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side is gone, and so the other will be


def serve(port: int, topic: str, partitions: int, stop: Stop) -> int:
    """Run a broker until a signal; returns the exit status."""
    try:
        broker = MemoryBroker(port, {topic: partitions})
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        tell(f"port {port} is taken: a broker may be running already" if taken else f"no broker in memory: {error}")
        tell("use that one, or choose another port with --port" if taken else "use the one of docker-compose.yml")
        return 1
    tell(f"broker in memory at {broker.address}: {topic} has {count(partitions, 'partition')}")
    tell("it keeps the last 5 MiB or 100,000 batches of each partition, and forgets all at the end (Ctrl-C)")
    while not stop:
        time.sleep(TICK)
    tell("stopping: all messages are forgotten")
    broker.close()
    return 0
