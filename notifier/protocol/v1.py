"""
Serializer 1.0.0: JSON objects, text only, no join_ref towards the client.

Phoenix: `lib/phoenix/socket/serializers/v1_json_serializer.ex`.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from notifier.errors import ProtocolError, describe
from notifier.protocol.events import PHX_REPLY
from notifier.protocol.frame import Frame
from notifier.protocol.json_text import dump
from notifier.protocol.message import Message, Outgoing, Payload, Reply
from notifier.protocol.serializer import check_fields, load_json

_REQUIRED = ("topic", "event", "payload", "ref")


class V1Serializer:
    """
    `{"topic","event","payload","ref"}`; a client may add `join_ref`.
    """

    vsn = "1.0.0"

    def decode_text(self, data: str | bytes) -> Message:
        """
        Read one JSON object; unknown keys are ignored, missing ones named.
        """
        value = load_json(data)
        if not isinstance(value, dict):
            raise ProtocolError("an object (vsn 1.0.0)", describe(value))
        missing = [key for key in _REQUIRED if key not in value]
        if missing:
            raise ProtocolError(
                f"an object with {', '.join(_REQUIRED)}", f"one without {', '.join(missing)}"
            )
        fields = check_fields(value.get("join_ref"), value["ref"], value["topic"], value["event"])
        return Message(*fields, value["payload"])

    def decode_binary(self, data: bytes) -> Message:
        """
        Refuse: this version has no binary messages.
        """
        raise ProtocolError("text (vsn 1.0.0 has no binary messages)", describe(data))

    def encode(self, message: Outgoing) -> Frame:
        """
        Make the text frame; a binary payload becomes `{"base64": …}`.
        """
        ref = event = payload = None
        if isinstance(message, Reply):
            ref, event = message.ref, PHX_REPLY
            payload = {"status": message.status, "response": _readable(message.response)}
        else:
            ref = message.ref if isinstance(message, Message) else None
            event, payload = message.event, _readable(message.payload)
        body: dict[str, Any] = {
            "topic": message.topic,
            "event": event,
            "payload": payload,
            "ref": ref,
        }
        text = dump(body)
        return Frame(text, text)


def _readable(payload: Payload) -> Payload:
    return {"base64": b64encode(payload).decode()} if isinstance(payload, bytes) else payload
