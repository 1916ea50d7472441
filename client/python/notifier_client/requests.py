"""
What a session asks over HTTP, and what it is answered. Values only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import field, frozen

from notifier_client.errors import ProtocolError
from notifier_client.message import describe
from notifier_client.v2 import Frame, from_line

MAX_LINES: Final = 1_000
"""Messages in one POST."""

MAX_PLAIN_LINES: Final = 100
"""The same for a Phoenix server, which drops the others and says 200."""

MAX_BATCH_BYTES: Final = 65_536
"""Bytes in one POST; a message that is larger goes alone."""


@frozen
class Opening:
    """
    A POST that opens a resumable session; `frames` are its messages from 1 on.
    """

    key: str
    frames: Sequence[Frame] = field(repr=describe)


@frozen
class PlainOpening:
    """
    A GET that opens a session as Phoenix has them.
    """


@frozen
class Poll:
    """
    A GET that waits for messages. A plain session has neither `ack` nor `turn`.
    """

    token: str = field(repr=False)
    ack: int | None
    turn: int
    sent_at: float


@frozen
class Post:
    """
    A POST of messages: the first is number `seq`, the last `last`.

    In a plain session `is_numbered` is false and the server is told neither.
    """

    token: str = field(repr=False)
    seq: int
    last: int
    frames: Sequence[Frame] = field(repr=describe)
    is_numbered: bool


@frozen
class Goodbye:
    """
    A POST that ends the session.
    """

    token: str = field(repr=False)


Request = Opening | PlainOpening | Poll | Post | Goodbye


@frozen
class Answer:
    """
    The JSON of an answer; what is not in it is None, or empty.

    `seq` is the number of the first of `frames`. `transport` is "websocket"
    where that holds the session now. `reason` and `text` say why not.
    """

    status: int
    token: str | None = field(default=None, repr=False)
    frames: Sequence[Frame] = field(default=(), repr=describe)
    seq: int | None = None
    received: int | None = None
    transport: str | None = None
    reason: str = ""
    text: str = ""


def read_answer(body: Any) -> Answer:
    """
    Read parsed JSON; raise ProtocolError where it is no answer of a server's.

    Unknown keys are ignored.
    """
    match body:
        case {"status": int(status)}:
            return Answer(
                status,
                _optional(body, "token", str),
                [from_line(line) for line in _messages(body)],
                _optional(body, "seq", int),
                _optional(body, "received", int),
                _optional(body, "transport", str),
                _optional(body, "reason", str) or "",
                _optional(body, "message", str) or "",
            )
        case _:
            raise ProtocolError("an object with a status", describe(body))


def _optional(body: dict[str, Any], name: str, kind: type) -> Any:
    value = body.get(name)
    if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    raise ProtocolError(f"{name} to be of type {kind.__name__}", describe(value))


def _messages(body: dict[str, Any]) -> list[str]:
    messages = body.get("messages") or []
    if isinstance(messages, list) and all(isinstance(one, str) for one in messages):
        return messages
    raise ProtocolError("messages to be a list of strings", describe(messages))
