"""An in-memory broker for other processes on this machine: librdkafka's mock cluster behind a fixed port.

It knows enough of Kafka to produce and to consume in groups, keeps the last 5 MiB or 100,000
batches of each partition, and forgets all when it ends.
https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h
"""

import ctypes
import ctypes.util
import errno
import socket
import socketserver
import time
from ctypes import c_char_p, c_int, c_size_t, c_void_p
from importlib.metadata import files
from threading import Thread

from kafka_demo.stop import TICK, Stop
from kafka_demo.visible import tell

# The timings of docker-compose.yml, so that a group is as quick here as there.
HEARTBEAT_MS = 1000
SESSION_MS = 6000
_PRODUCER = 0  # rd_kafka_type_t: a mock cluster needs some client to live in
_ERROR_SIZE = 512


def librdkafka() -> ctypes.CDLL:
    """Load the library that confluent-kafka brings along. Raises OSError if it cannot be found."""
    bundled = [
        file for file in files("confluent-kafka") or [] if file.name.startswith("librdkafka") and file.suffix != ".py"
    ]
    # Built against a librdkafka of the system, it brings none.
    path = str(bundled[0].locate()) if bundled else ctypes.util.find_library("rdkafka") or "librdkafka.so.1"
    library = ctypes.CDLL(path)
    for name, result, *arguments in (
        ("conf_new", c_void_p),
        ("conf_set", c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t),
        ("new", c_void_p, c_int, c_void_p, c_char_p, c_size_t),
        ("destroy", None, c_void_p),
        ("mock_cluster_new", c_void_p, c_void_p, c_int),
        ("mock_cluster_destroy", None, c_void_p),
        ("mock_cluster_bootstraps", c_char_p, c_void_p),
        ("mock_broker_set_host_port", None, c_void_p, c_int, c_char_p, c_int),
        ("mock_topic_create", c_int, c_void_p, c_char_p, c_int, c_int),
        ("mock_set_group_consumer_heartbeat_interval_ms", None, c_void_p, c_int),
        ("mock_set_group_consumer_session_timeout_ms", None, c_void_p, c_int),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class MemoryBroker:
    """A broker in this process, for clients at `address` (host:port), until `close()`."""

    def __init__(self, port: int = 0, topics: dict[str, int] | None = None) -> None:
        """Start it. Port 0 is any free one; `topics` says how many partitions a topic has, and others have 4.

        Raises OSError if the port is taken, or if librdkafka is not found.
        """
        self.library = librdkafka()
        self._relay = _Relay(("127.0.0.1", port), _Connection)
        error = ctypes.create_string_buffer(_ERROR_SIZE)
        conf = self.library.rd_kafka_conf_new()
        self.library.rd_kafka_conf_set(conf, b"bootstrap.servers", b"localhost", error, _ERROR_SIZE)
        self.library.rd_kafka_conf_set(conf, b"log_level", b"0", error, _ERROR_SIZE)
        self._client = self.library.rd_kafka_new(_PRODUCER, conf, error, _ERROR_SIZE)
        self.cluster = self.library.rd_kafka_mock_cluster_new(self._client, 1)
        self.library.rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(self.cluster, HEARTBEAT_MS)
        self.library.rd_kafka_mock_set_group_consumer_session_timeout_ms(self.cluster, SESSION_MS)
        for topic, partitions in (topics or {}).items():
            self.library.rd_kafka_mock_topic_create(self.cluster, topic.encode(), partitions, 1)
        host, _, real_port = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode().rpartition(":")
        self._relay.target = (host, int(real_port))
        # Clients are to come back through the relay, so that what they know is still true after a restart.
        self.library.rd_kafka_mock_broker_set_host_port(self.cluster, 1, b"localhost", self._relay.server_address[1])
        self.address = f"localhost:{self._relay.server_address[1]}"
        Thread(target=self._relay.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop answering and forget all messages."""
        self._relay.shutdown()
        self._relay.server_close()
        self.library.rd_kafka_mock_cluster_destroy(self.cluster)
        self.library.rd_kafka_destroy(self._client)


class _Relay(socketserver.ThreadingTCPServer):
    """Gives the mock cluster a port that one can choose; its own is a random one."""

    allow_reuse_address = True
    daemon_threads = True
    target = ("", 0)


class _Connection(socketserver.BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as upstream:
            Thread(target=_copy, args=(upstream, self.request), daemon=True).start()
            _copy(self.request, upstream)


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
    tell(f"broker in memory at {broker.address}: {topic} has {partitions} partitions")
    tell("it keeps the last 5 MiB or 100,000 batches of each partition, and forgets all at the end (Ctrl-C)")
    while not stop:
        time.sleep(TICK)
    tell("stopping: all messages are forgotten")
    broker.close()
    return 0
