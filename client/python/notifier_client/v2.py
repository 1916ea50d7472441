"""
Serializer 2.0.0: JSON arrays, and a binary form both ways.

The same as the server's `notifier/protocol/v2.py`, seen from the other side.
Binary, by kind byte, then one length byte for each field:

    0 push, to the server    join_ref, ref, topic, event
    0 push, from the server  join_ref, topic, event
    1 reply                  join_ref, ref, topic, status
    2 broadcast              topic, event
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from typing import Any, Final

from notifier_client.errors import ProtocolError
from notifier_client.events import PHX_REPLY
from notifier_client.message import Message, describe

VSN: Final = "2.0.0"
PUSH, REPLY, BROADCAST = 0, 1, 2
_FIELDS: Final = {PUSH: 3, REPLY: 4, BROADCAST: 2}
MAX_FIELD_BYTES: Final = 255
"""What one length byte can say; a longer field cannot be sent in binary."""

Frame = str | bytes
"""One encoded message: text, or the binary form."""


def encode(message: Message) -> Frame:
    """
    Make the text of a message, or the binary form where its payload is `bytes`.

    Raises TypeError or ValueError for a payload that JSON cannot hold, and
    ValueError for a binary message with a field over 255 bytes.
    """
    fields = message.join_ref, message.ref, message.topic, message.event
    if not isinstance(message.payload, bytes):
        values = [*fields, message.payload]
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    encoded = [(value or "").encode() for value in fields]
    for value in encoded:
        if len(value) > MAX_FIELD_BYTES:
            raise ValueError(
                f"expected fields of at most {MAX_FIELD_BYTES} bytes in a binary message, "
                f"got one of {len(value)}"
            )
    return bytes((PUSH, *map(len, encoded))) + b"".join(encoded) + message.payload


def decode(frame: Frame) -> Message:
    """
    Read one message of the server; raise ProtocolError for anything else.
    """
    return _decode_binary(frame) if isinstance(frame, bytes) else _decode_text(frame)


def to_line(frame: Frame) -> str:
    """
    Make the line of a POST: text as it is, binary in base64.
    """
    return b64encode(frame).decode() if isinstance(frame, bytes) else frame


def from_line(line: str) -> Frame:
    """
    Undo `to_line` for a message of a poll answer.
    """
    if line.startswith("["):
        return line
    try:
        return b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("JSON or base64", describe(line)) from None


def _decode_text(text: str) -> Message:
    try:
        value: Any = json.loads(text)
    except ValueError:
        raise ProtocolError("JSON", describe(text)) from None
    match value:
        case [join_ref, ref, str(topic), str(event), payload, *_]:
            return Message(_ref(join_ref), _ref(ref), topic, event, payload)
        case _:
            raise ProtocolError("[join_ref, ref, topic, event, payload]", describe(value))


def _ref(value: object) -> str | None:
    return None if value is None else str(value)


def _decode_binary(data: bytes) -> Message:
    count = _FIELDS.get(data[0]) if data else None
    if count is None or len(data) <= count:
        raise ProtocolError("a push, a reply or a broadcast", describe(data))
    at, fields = 1 + count, []
    for size in data[1 : 1 + count]:
        fields.append(data[at : at + size].decode(errors="replace"))
        at += size
    if at > len(data):
        raise ProtocolError(f"at least {at} bytes", describe(data))
    payload = data[at:]
    match fields:
        case [join_ref, ref, topic, status]:
            return Message(join_ref, ref, topic, PHX_REPLY, {"status": status, "response": payload})
        case [join_ref, topic, event]:
            return Message(join_ref, None, topic, event, payload)
        case _:
            return Message(None, None, fields[0], fields[1], payload)
