"""
What a POST's body holds: one message, or lines of them.

A line is JSON, or base64 of a binary message, which begins with neither
bracket. Blank lines are none.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from notifier.errors import ProtocolError, describe
from notifier.protocol import Message, Serializer

BATCH_TYPE: Final = "application/x-ndjson"

Line = tuple[int, bytes]
"""A line's place in the body, counted from 1, and the line."""


def is_batch(content_type: str) -> bool:
    """
    Whether a body of this type holds lines, whatever parameters stand behind it.
    """
    return content_type.partition(";")[0].strip().lower() == BATCH_TYPE


def split(body: bytes) -> list[Line]:
    """
    Take a batch apart.
    """
    lines = ((number, line.strip()) for number, line in enumerate(body.split(b"\n"), 1))
    return [(number, line) for number, line in lines if line]


def read(serializer: Serializer, lines: list[Line]) -> list[Message]:
    """
    Read lines; raise ProtocolError naming the first that is no good.
    """
    if not lines:
        raise ProtocolError("a message", "an empty body")
    return [read_line(serializer, *line) for line in lines]


def read_line(serializer: Serializer, number: int, line: bytes) -> Message:
    """
    Read one line; raise ProtocolError naming it.
    """
    try:
        if line.startswith((b"[", b"{")):
            return serializer.decode_text(line)
        return serializer.decode_binary(_decode(line))
    except ProtocolError as error:
        error.line = number
        raise


def read_whole(serializer: Serializer, body: bytes) -> Message:
    """
    Read a body that is one message; raise ProtocolError.
    """
    if body.startswith(b"\0"):  # phoenix.js 1.6 posts a binary push as it is
        return serializer.decode_binary(body)
    return serializer.decode_text(body)


def _decode(line: bytes) -> bytes:
    try:
        return b64decode(line, validate=True)
    except binascii.Error:
        raise ProtocolError("JSON or base64", describe(line)) from None
