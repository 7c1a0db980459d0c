"""A record: from a line of text or of JSON on its way in, to a line of JSON on its way out.

What is sent is a `Record`, or plain bytes: the value of a record that has nothing else. A million lines
become a million records without a step between. What is read is the `Message` of confluent-kafka.
"""

import base64
import json
from collections.abc import Sequence
from operator import methodcaller
from typing import Any, NamedTuple, NotRequired, TypedDict

from confluent_kafka import Message

Headers = list[tuple[str, bytes | None]]


class Record(TypedDict):
    """The arguments of `Producer.produce()`. Kafka knows bytes only, or null, which is not the same as empty."""

    value: bytes | None
    key: NotRequired[bytes | None]
    headers: NotRequired[Headers]


class Batch(NamedTuple):
    """Records of consecutive lines of input, and the number of the first one, counted from 1."""

    first: int
    records: Sequence[bytes | Record]


def from_line(line: bytes, separator: bytes | None = None, key: bytes | None = None) -> Record:
    """Make a record of a line without its newline: `ada:hi` with separator `:` is key `ada`, value `hi`.

    A line without the separator is a value without a key.
    """
    if separator:
        before, found, after = line.partition(separator)
        return {"value": after, "key": before} if found else {"value": line}
    return {"value": line} if key is None else {"value": line, "key": key}


_SHOWN = 60  # characters of a name
# Where and when a record was read: `produce` takes what `consume` wrote, and ignores these.
_PLACE = {"topic": str, "partition": int, "offset": int, "timestamp": int}


def from_json(line: bytes) -> Record:
    """Make a record of one JSON line, as `to_json` writes it; `value` must be there, even if it is null.

    Raises ValueError, in words for a person, for anything else.
    """
    try:
        fields = json.loads(line.decode(), object_pairs_hook=_unique, parse_int=_short)
    except RecursionError:
        raise ValueError("not JSON: too deeply nested") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg.removesuffix(' at')} at column {error.colno}") from None
    except UnicodeDecodeError:
        raise ValueError("not JSON: it is not UTF-8") from None
    _check(fields)
    record: Record = {"value": _to_bytes(fields["value"], '"value"')}
    if "key" in fields:
        record["key"] = _to_bytes(fields["key"], '"key"')
    if fields.get("headers") is not None:
        record["headers"] = _to_headers(fields["headers"])
    return record


def to_json(message: Message) -> str:
    """Write a message as one line of JSON, without a newline; `from_json` gets key, value and headers back."""
    return json.dumps(
        {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "timestamp": message.timestamp()[1],  # milliseconds since 1970, UTC
            "key": _from_bytes(message.key()),
            "value": _from_bytes(message.value()),
            "headers": [[name, _from_bytes(value)] for name, value in headers_of([message])[0] or ()],
        },
        ensure_ascii=False,
    )


# Not message.headers(): from its eighth time on, Python does not look any more whether such a call has failed,
# and takes the list with holes.
_headers = methodcaller("headers")


def headers_of(messages: Sequence[Message]) -> list[Headers | None]:
    """The headers of each message, as bytes; Kafka allows several of one name.

    Headers with a name that is not UTF-8, which Kafka forbids, cannot be read through this library: none then.
    """
    found: list[Any] = []  # the type of headers allows for str too, which a broker never sends
    while len(found) < len(messages):
        try:
            found.extend(map(_headers, messages[len(found) :]))
        except SystemError:
            messages[len(found)].set_headers([])  # the next call would return a list with holes: using it is the end
    return found


def check_header_name(name: str) -> None:
    """Raise ValueError for a name that librdkafka would cut off or crash on."""
    if "\0" in name or any("\ud800" <= char <= "\udfff" for char in name):
        raise ValueError(f"a header's name is not UTF-8, or has a NUL: {_quoted(name)}")


def _quoted(name: str) -> str:
    """Write a name as JSON does; of one that would fill the screen, how it begins."""
    return json.dumps(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")


def _check(fields: Any) -> None:
    if not isinstance(fields, dict):
        raise ValueError('not a JSON object: write {"key": …, "value": …}')
    if unknown := fields.keys() - _PLACE.keys() - {"key", "value", "headers"}:
        raise ValueError(f"unknown field {_quoted(min(unknown))}")
    if "value" not in fields:
        raise ValueError('no field "value"')
    for name, kind in _PLACE.items():
        if name in fields and (not isinstance(fields[name], kind) or isinstance(fields[name], bool)):
            raise ValueError(f'"{name}" is not {"a string" if kind is str else "a whole number"}')


def _short(digits: str) -> int:
    if len(digits) > 20:  # noqa: PLR2004 (no number in Kafka has so many)
        raise ValueError("a number has too many digits")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is there twice")
    return fields


def _from_bytes(data: bytes | None) -> str | dict[str, str] | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _to_bytes(value: Any, name: str) -> bytes | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict) and value.keys() == {"base64"} and isinstance(value["base64"], str):
            return base64.b64decode(value["base64"], validate=True)
    except UnicodeEncodeError:
        raise ValueError(f"{name} has half a surrogate pair") from None
    except ValueError:  # of which binascii.Error is one
        raise ValueError(f"{name} is not base64") from None
    raise ValueError(f'{name} is not a string, null or {{"base64": "…"}}')


def _to_headers(pairs: Any) -> Headers:
    if not isinstance(pairs, list):
        raise ValueError('"headers" is not a list of [name, value]')
    headers: Headers = []
    for pair in pairs:
        match pair:
            case [str(name), value]:
                check_header_name(name)
                headers.append((name, _to_bytes(value, f"header {_quoted(name)}")))
            case _:
                raise ValueError('"headers" is not a list of [name, value]')
    return headers
