"""
What travels between client and server, decoded.

`Message` goes both ways, `Reply` and `Broadcast` only to the client. Their
payloads are JSON values, or `bytes` where the peer speaks binary.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from notifier.errors import describe

Ref = str | int | float | None
"""A client's reference: echoed as it came, same JSON type."""

Payload = Any
"""A JSON value, or `bytes` for a binary payload."""


@frozen
class Message:
    """
    One message of a client to a channel, or of a channel to its client.

    `join_ref` names the join that the message belongs to; `ref` asks for a
    reply. Either may be None.
    """

    join_ref: Ref
    ref: Ref
    topic: str
    event: str
    payload: Payload = field(repr=describe)


@frozen
class Reply:
    """
    The answer to one message: `status` is "ok" or "error".
    """

    join_ref: Ref
    ref: Ref
    topic: str
    status: str
    response: Payload = field(repr=describe)


@frozen
class Broadcast:
    """
    One message to everyone on a topic; it has neither ref nor join_ref.
    """

    topic: str
    event: str
    payload: Payload = field(repr=describe)


Outgoing = Message | Reply | Broadcast
