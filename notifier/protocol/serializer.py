"""
What a serializer does, and the checks that both versions share.
"""

from __future__ import annotations

from typing import Any, Protocol

import orjson

from notifier.errors import ProtocolError, describe
from notifier.protocol.frame import Frame
from notifier.protocol.message import Message, Outgoing, Ref


class Serializer(Protocol):
    """
    Turns the bytes of one client into messages and back. Stateless, shared.
    """

    vsn: str

    def decode_text(self, data: str | bytes) -> Message:
        """
        Read one text message; raise ProtocolError for any other text.
        """
        ...

    def decode_binary(self, data: bytes) -> Message:
        """
        Read one binary message; raise ProtocolError for any other bytes.
        """
        ...

    def encode(self, message: Outgoing) -> Frame:
        """
        Make the frame of one message.

        Raises TypeError for a payload that JSON cannot hold, and ValueError
        for a binary message with a field over 255 bytes.
        """
        ...


def load_json(data: str | bytes) -> Any:
    """
    Parse JSON; raise ProtocolError that tells where it ends to be JSON.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ProtocolError("JSON", f"a mistake at character {error.pos}") from None


def check_fields(join_ref: Any, ref: Any, topic: Any, event: Any) -> tuple[Ref, Ref, str, str]:
    """
    Check the four fields around a payload; raise ProtocolError naming the bad one.
    """
    for name, value in (("join_ref", join_ref), ("ref", ref)):
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise ProtocolError(f"{name} to be a string, a number or null", describe(value))
    for name, value in (("topic", topic), ("event", event)):
        if not isinstance(value, str):
            raise ProtocolError(f"{name} to be a string", describe(value))
    return join_ref, ref, topic, event
