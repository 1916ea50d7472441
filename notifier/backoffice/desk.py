"""
What the form asks of the rest of Notifier, and nothing more.
"""

from __future__ import annotations

from typing import Protocol


class Desk(Protocol):
    """
    Carries out what an operator asks for.

    Each method answers with the number of sessions concerned, 0 when nobody
    is there, and is called at most once for each form that was sent in.
    Whatever it raises is told to the operator as a failure of the server.
    """

    async def send_to_all(self, body: str, sender: str) -> int:
        """
        Send a notice to every session in the lobby.
        """
        ...

    async def send_to_user(self, user_id: str, body: str, sender: str) -> int:
        """
        Send a notice to the sessions of one user.
        """
        ...

    async def throw_out(self, user_id: str) -> int:
        """
        End the sessions of one user.
        """
        ...
