"""A service that accepts messages over HTTP and sends a `message-created` event to Kafka for each one.

It returns 201 only after the broker has acknowledged the event. Start a broker (`kafka-demo broker`), then try it:

    python examples/messages.py
    curl localhost:8080/messages -d '{"text": "hello"}'
"""

import json
import os
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

from kafka_demo.producer import Producer
from kafka_demo.shutdown import TICK, Stop, handle_signals

ADDRESS = ("localhost", int(os.environ.get("PORT", "8080")))
CONFIG = {
    "bootstrap.servers": os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"),
    "delivery.timeout.ms": 5_000,  # the HTTP client is waiting for the response
    "reconnect.backoff.ms": 1_000,  # while no broker is reachable, wait longer before the first retry
}
producer = Producer(CONFIG, "message-created")


class Handler(BaseHTTPRequestHandler):
    timeout = 5  # seconds to wait for a silent client; meanwhile, the others wait
    wbufsize = -1  # send the headers together with the body

    def do_POST(self) -> None:
        try:
            size = int(self.headers["Content-Length"] or 0)
            request = json.loads(self.rfile.read(size)) if size in range(100_000) else None
        except (ValueError, RecursionError):  # RecursionError: the JSON is nested too deeply
            request = None
        status, answer = 400, {"error": 'expected POST /messages with {"text": "..."}, at most 100 kB'}
        match self.path, request:
            case "/messages", {"text": str(text)}:
                status, answer = self.create({"messageId": str(uuid.uuid4()), "text": text})
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode() + b"\n")

    def create(self, event: dict[str, str]) -> tuple[int, dict[str, str]]:
        """Send the event. Return 201 if the broker acknowledged it, otherwise 503 (it may still have been stored)."""
        reports: list[object] = []  # the delivery report: an error, or None if acknowledged
        value, key = json.dumps(event).encode(), event["messageId"].encode()
        producer.send(value, key, on_delivery=lambda error, _message: reports.append(error and error.str()))
        producer.flush()  # returns after delivery.timeout.ms at the latest
        error = reports[0] if reports else producer.fatal
        return (503, {"error": f"the event was not acknowledged: {error}"}) if error else (201, event)


with handle_signals(Stop()) as stop, producer, HTTPServer(ADDRESS, Handler) as server:
    server.timeout = TICK  # seconds until a signal is noticed
    while not stop and not producer.fatal:
        server.handle_request()  # one at a time: only one thread may use the producer
raise SystemExit(producer.fatal)  # None: status 0
