"""
Serializer 2.0.0: JSON arrays, and a binary form both ways.

Phoenix: `lib/phoenix/socket/serializers/v2_json_serializer.ex`.

Binary: a kind byte, one length byte for each field, the fields as UTF-8, then
the payload. Which fields, by kind:

    0 push, from a client    join_ref, ref, topic, event
    0 push, to a client      join_ref, topic, event
    1 reply                  join_ref, ref, topic, status
    2 broadcast              topic, event
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from notifier.errors import ProtocolError, describe
from notifier.protocol.events import PHX_REPLY
from notifier.protocol.frame import Frame
from notifier.protocol.json_text import dump
from notifier.protocol.message import Message, Outgoing, Ref, Reply
from notifier.protocol.serializer import check_fields, load_json

PUSH, REPLY, BROADCAST = 0, 1, 2
MAX_FIELD_BYTES = 255
"""What one length byte can say; a longer field cannot be sent in binary."""


class V2Serializer:
    """
    `[join_ref, ref, topic, event, payload]`, and the binary form.
    """

    vsn = "2.0.0"

    def decode_text(self, data: str | bytes) -> Message:
        """
        Read one JSON array of five; more elements are ignored.
        """
        value = load_json(data)
        if not isinstance(value, list) or len(value) < 5:
            expected = "a list of 5: [join_ref, ref, topic, event, payload] (vsn 2.0.0)"
            raise ProtocolError(expected, describe(value))
        fields = check_fields(*value[:4])
        return Message(*fields, value[4])

    def decode_binary(self, data: bytes) -> Message:
        """
        Read one push; its payload is `bytes`.
        """
        if len(data) < 5 or data[0] != PUSH:
            raise ProtocolError("a binary push: kind 0 and four length bytes", _head(data))
        start, fields = 5, []
        for size in data[1:5]:
            fields.append(data[start : start + size])
            start += size
        if start > len(data):
            raise ProtocolError(f"at least {start} bytes", describe(data))
        try:
            join_ref, ref, topic, event = (field.decode() for field in fields)
        except UnicodeDecodeError:
            raise ProtocolError("fields in UTF-8", "other bytes") from None
        return Message(join_ref, ref, topic, event, data[start:])

    def encode(self, message: Outgoing) -> Frame:
        """
        Make the text frame, or the binary one where the payload is `bytes`.
        """
        payload = message.response if isinstance(message, Reply) else message.payload
        if isinstance(payload, bytes):
            readable = {"base64": b64encode(payload).decode()}
            data = _binary_head(message) + payload
            return Frame(data, dump(_array(message, readable)), binary=True)
        text = dump(_array(message, payload))
        return Frame(text, text)


def _array(message: Outgoing, payload: Any) -> tuple[Ref, Ref, str, str, Any]:
    match message:
        case Reply(join_ref, ref, topic, status):
            return join_ref, ref, topic, PHX_REPLY, {"status": status, "response": payload}
        case Message(join_ref, ref, topic, event):
            return join_ref, ref, topic, event, payload
        case _:
            return None, None, message.topic, message.event, payload


def _binary_head(message: Outgoing) -> bytes:
    kind: int
    fields: tuple[str, ...]
    match message:
        case Reply(join_ref, ref, topic, status):
            kind, fields = REPLY, (_ref(join_ref), _ref(ref), topic, status)
        case Message(join_ref, _, topic, event):
            kind, fields = PUSH, (_ref(join_ref), topic, event)
        case _:
            kind, fields = BROADCAST, (message.topic, message.event)
    encoded = [field.encode() for field in fields]
    for field in encoded:
        if len(field) > MAX_FIELD_BYTES:
            raise ValueError(
                f"expected fields of at most {MAX_FIELD_BYTES} bytes in a binary message, "
                f"got one of {len(field)}"
            )
    return bytes((kind, *map(len, encoded))) + b"".join(encoded)


def _ref(ref: Ref) -> str:
    return "" if ref is None else str(ref)


def _head(data: bytes) -> str:
    return f"kind {data[0]} in {len(data)} bytes" if data else "nothing"
