"""An in-memory broker for any process on this machine: librdkafka's mock cluster behind a fixed port.

It supports producers and consumer groups, keeps at most 5 MiB and 100,000 batches of each partition, and forgets
everything when it stops. It supports neither share groups nor requests that create, describe or delete topics.
https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h
"""

import contextlib
import ctypes
import ctypes.util
import socket
import socketserver
from importlib.metadata import files
from threading import Thread

_PRODUCER = 0  # rd_kafka_type_t: a mock cluster belongs to a client
_NO_ERROR_TEXT = (None, ctypes.c_size_t(0))  # a buffer and its size


class MemoryBroker:
    """A broker that runs at `address` (host:port) from its creation until `close()`."""

    def __init__(self, port: int = 0, topics: dict[str, int] | None = None) -> None:
        """Start the broker on `port` of localhost (0: any free port).

        `topics` maps topics to numbers of partitions; other topics are created on first use, with 4 partitions.
        Raises OSError if the port is in use, or if librdkafka cannot be loaded.
        """
        library = self.library = _load()
        self._relay = _Relay(("127.0.0.1", port), _Connection)
        conf = library.rd_kafka_conf_new()
        library.rd_kafka_conf_set(conf, b"log_level", b"0", *_NO_ERROR_TEXT)
        self._client = library.rd_kafka_new(_PRODUCER, conf, *_NO_ERROR_TEXT)
        self.cluster = library.rd_kafka_mock_cluster_new(self._client, 1)
        # As in docker-compose.yml, so that groups react equally fast on both brokers.
        library.rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(self.cluster, 1000)
        library.rd_kafka_mock_set_group_consumer_session_timeout_ms(self.cluster, 6000)
        for topic, partitions in (topics or {}).items():
            library.rd_kafka_mock_topic_create(self.cluster, topic.encode(), partitions, 1)
        host, _, cluster_port = library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode().rpartition(":")
        self._relay.target = (host, int(cluster_port))
        # Advertise the relay's port, so that a client finds the broker again after a restart.
        relay_port = self._relay.server_address[1]
        library.rd_kafka_mock_broker_set_host_port(self.cluster, 1, b"localhost", relay_port)
        self.address = f"localhost:{relay_port}"
        Thread(target=self._relay.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def close(self) -> None:
        """Stop the broker: connections are closed and all messages are forgotten."""
        self._relay.shutdown()
        self.library.rd_kafka_mock_cluster_destroy(self.cluster)  # closes its connections, and thereby the relay's
        self.library.rd_kafka_destroy(self._client)
        self._relay.server_close()


class _Relay(socketserver.ThreadingTCPServer):
    """A relay from a chosen port to the mock cluster, whose own port is random."""

    allow_reuse_address = True
    daemon_threads = True  # else close() would wait for a client that does not read its answers
    target = ("", 0)


class _Connection(socketserver.BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self.server.target) as cluster:
            responses = Thread(target=_copy, args=(cluster, self.request))
            responses.start()
            _copy(self.request, cluster)
            responses.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until one side closes its connection; then close the other one."""
    with contextlib.suppress(OSError):
        while data := source.recv(64 * 1024):
            target.sendall(data)
    for connection in (source, target):
        with contextlib.suppress(OSError):  # already closed
            connection.shutdown(socket.SHUT_RDWR)


def _load() -> ctypes.CDLL:
    """Load the librdkafka bundled with confluent-kafka, or else the system's. Raises OSError if there is none."""
    bundled = [file for file in files("confluent-kafka") or [] if "libs/librdkafka" in str(file)]
    path = str(bundled[0].locate()) if bundled else ctypes.util.find_library("rdkafka") or "librdkafka.so.1"
    library = ctypes.CDLL(path)
    pointer = ctypes.POINTER(ctypes.c_byte)  # ctypes turns a plain c_void_p into an int, and then passes only 32 bits
    for name in ("conf_new", "new", "mock_cluster_new"):
        getattr(library, f"rd_kafka_{name}").restype = pointer
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library
