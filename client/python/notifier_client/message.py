"""
One message, decoded.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen


def describe(value: object) -> str:
    """
    Tell what a value is without telling what is in it, for errors and `repr`.
    """
    match value:
        case bytes():
            return f"<{len(value)} bytes>"
        case str() | list() | tuple() | dict():
            return f"<{type(value).__name__} of {len(value)}>"
        case _:
            return f"<{type(value).__name__}>"


@frozen
class Message:
    """
    One message between client and server; `payload` is a JSON value or `bytes`.

    A reply has the event `phx_reply` and the payload
    `{"status": …, "response": …}`.
    """

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Any = field(repr=describe)

    @property
    def id(self) -> str | None:
        """
        The id that the server's log gave it, None for a message without one.
        """
        match self.payload:
            case {"id": str(id)}:
                return id
            case _:
                return None
