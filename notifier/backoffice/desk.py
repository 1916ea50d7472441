"""
What the form asks of the rest of Notifier, and nothing more.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen


@frozen
class OnlineUser:
    """
    A user who is connected; `age_s` is that of the oldest session of theirs.
    """

    id: str
    sessions: int
    transports: tuple[str, ...]
    age_s: float


@frozen
class Online:
    """
    Who is online: some users, the newest first, and how many there are of all.
    """

    users: tuple[OnlineUser, ...]
    user_count: int
    session_count: int
    sessions_without_user: int
    """Among `session_count`: connected by a socket class that names no user."""


class Desk(Protocol):
    """
    Carries out what an operator asks for.

    Each act answers with the number of sessions concerned, 0 when nobody is
    there, and is called at most once for each form that was sent in; `online`
    is called for each page. What they raise is told as the server's failure.
    """

    async def send_to_all(self, body: str, sender: str) -> int:
        """
        Send a notice to every session in the lobby.
        """
        ...

    async def send_to_user(self, user_id: str, body: str, sender: str) -> int:
        """
        Send a notice to one user, for whom it waits where no session is reached.
        """
        ...

    async def throw_out(self, user_id: str) -> int:
        """
        End the sessions of one user.
        """
        ...

    async def online(self, limit: int) -> Online:
        """
        Tell who is online, `limit` users at most.
        """
        ...
