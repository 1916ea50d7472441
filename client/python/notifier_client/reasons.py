"""
Why a session ended, and the codes with which a WebSocket is closed.

What the server says itself is passed on in its own words.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

GOODBYE: Final = 1000
"""Ends a session. Said on the live attachment only."""

GIVEN_UP: Final = 4000
"""A WebSocket that is given up while its session lives on: no goodbye."""

GONE: Final = 4410
"""The server refuses to attach: it has no such session."""

NOT_YOURS: Final = 4403
"""The server refuses to attach: the session is somebody else's."""

BATCH_TOO_LONG: Final = "batch_too_long"
"""The server's word for a POST with more lines than it takes."""


@frozen
class Reason:
    """
    Why a session ended. After a final one no other is opened.
    """

    code: str
    text: str = ""
    is_final: bool = False


CLOSED: Final = Reason("closed", "we closed it", is_final=True)
HOLE: Final = Reason("hole", "messages are missing between what came and what is to come")
STUCK: Final = Reason("stuck", "a message could not be sent for too long")
LOST: Final = Reason("lost", "the connection of a session that cannot be resumed is gone")
