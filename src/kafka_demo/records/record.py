"""Records from lines of text or JSON, and messages as lines of JSON."""

import base64
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from confluent_kafka import Message

Headers = list[tuple[str, bytes | None]]
_FIELDS = {"key", "value", "headers", "topic", "partition", "offset", "timestamp"}  # the last four are ignored

# Arguments of `Producer.send()`: value, key and headers. To Kafka, a null key or value differs from an empty one.
Record = dict[str, Any]


class Batch(NamedTuple):
    """Records from consecutive lines, and the first line's number, from 1. Plain bytes are a value without a key."""

    first: int
    records: Sequence[bytes | Record]


def from_line(line: bytes, separator: bytes = b"", key: bytes | None = None, headers: Headers | None = None) -> Record:
    """Make a record from a line: with separator `:`, `ada:hi` has key `ada` and value `hi`; `hi` has no key."""
    if separator and separator in line:
        key, _, line = line.partition(separator)
    return {"value": line, "key": key, "headers": headers}


def from_json(line: bytes) -> Record:
    """Make a record from a line of JSON as `to_json` writes it, or raise ValueError with the reason."""
    try:
        # Only ignored fields hold numbers, and Python's int refuses one with 5,000 digits.
        fields = json.loads(line.decode(), parse_int=float)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg.removesuffix(' at')} at column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start + 1}") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    if not isinstance(fields, dict):
        raise ValueError('not a JSON object: write {"key": "…", "value": "…"}')
    if {"topic", "offset", "payload"} <= fields.keys():
        raise ValueError("this is JSON of kcat -J: pipe it through `jq -c '{key, value: .payload}'` (drops headers)")
    if unknown := fields.keys() - _FIELDS:
        raise ValueError(f"unknown field {_quoted(min(unknown))}")
    if "value" not in fields:
        raise ValueError('no field "value"')
    record: Record = {"value": _to_bytes(fields["value"], '"value"'), "key": _to_bytes(fields.get("key"), '"key"')}
    if fields.get("headers") is not None:
        record["headers"] = _to_headers(fields["headers"])
    return record


def to_json(message: Message) -> bytes:
    """Format a message as one line of JSON, without a newline; headers are null if they cannot be read."""
    headers = headers_of([message])[0]
    fields = {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": message.timestamp()[1],  # milliseconds since 1970, UTC
        "key": _from_bytes(message.key()),
        "value": _from_bytes(message.value()),
        "headers": None if headers == [] else [[name, _from_bytes(value)] for name, value in headers or ()],
    }
    return json.dumps(fields, ensure_ascii=False).encode()


def headers_of(messages: Sequence[Message]) -> list[Headers | None]:
    """Return each message's headers; names may repeat. Empty if a name is not UTF-8: the binding cannot read it."""
    found: list[Any] = []  # the binding's types allow str values too, which never come from a broker
    while len(found) < len(messages):
        try:
            # Not `message.headers()`: once CPython has specialized it, it does not check whether the binding failed.
            found.extend(map(Message.headers, messages[len(found) :]))
        except SystemError:
            messages[len(found)].set_headers([])  # a second call would return a broken list and crash the process
    return found


def check_header_name(name: str) -> None:
    """Raise ValueError for a name that librdkafka would truncate (NUL) or crash on (not UTF-8)."""
    if "\0" in name or any("\ud800" <= char <= "\udfff" for char in name):
        raise ValueError(f"header name {_quoted(name)} contains NUL or is not UTF-8")


def _quoted(name: str) -> str:
    return json.dumps(name if len(name) <= 60 else f"{name[:60]}...")  # noqa: PLR2004 (most of an 80-column line)


def _from_bytes(data: bytes | None) -> str | dict[str, str] | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data or b"").decode()}


def _to_bytes(value: Any, name: str) -> bytes | None:
    try:
        match value:
            case None:
                return None
            case str():
                return value.encode()
            case {"base64": str(encoded), **rest} if not rest:
                return base64.b64decode(encoded, validate=True)
    except ValueError as error:  # a lone surrogate, or not base64
        raise ValueError(f"cannot read {name}: {error}") from None
    raise ValueError(f'{name} is not a string, null or {{"base64": "…"}}')


def _to_headers(pairs: Any) -> Headers:
    headers: Headers = []
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        match pair:
            case [str(name), value]:
                check_header_name(name)
                headers.append((name, _to_bytes(value, f"header {_quoted(name)}")))
            case _:
                raise ValueError('"headers" is not a list of [name, value]')
    return headers
