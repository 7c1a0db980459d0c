"""librdkafka itself, by ctypes: for what it exports and confluent-kafka does not offer, such as its mock cluster."""

import ctypes
import ctypes.util
from importlib.metadata import files
from typing import Any


def load() -> ctypes.CDLL:
    """Load the library that confluent-kafka brings along. Raises OSError if it cannot be found."""
    bundled = [
        file for file in files("confluent-kafka") or [] if file.name.startswith("librdkafka") and file.suffix != ".py"
    ]
    # Built against a librdkafka of the system, it brings none.
    path = str(bundled[0].locate()) if bundled else ctypes.util.find_library("rdkafka") or "librdkafka.so.1"
    return ctypes.CDLL(path)


def declare(library: ctypes.CDLL, *signatures: tuple[Any, ...]) -> None:
    """Say of functions what they return and take: each name, without `rd_kafka_`, then types of ctypes."""
    for name, result, *arguments in signatures:
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
