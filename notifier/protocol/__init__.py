"""
Phoenix Channels on the wire: messages, serializers, reserved words. Pure.
"""

from __future__ import annotations

from notifier.protocol.frame import Frame
from notifier.protocol.message import Broadcast, Message, Outgoing, Payload, Ref, Reply
from notifier.protocol.serializer import Serializer
from notifier.protocol.versions import serializer_for

__all__ = [
    "Broadcast",
    "Frame",
    "Message",
    "Outgoing",
    "Payload",
    "Ref",
    "Reply",
    "Serializer",
    "serializer_for",
]
