"""
Notices as the store takes and gives them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from notifier.errors import describe


@frozen
class Outgoing:
    """
    A notice on its way to one topic; `id` once it is published there.
    """

    topic: str
    payload: Mapping[str, Any] = field(repr=describe)
    id: str | None = None


@frozen
class Sending:
    """
    One notice on its way, to one topic or to those of several users.
    """

    key: str
    sent_at: float
    expires_at: float | None
    outgoing: Sequence[Outgoing]
    reached: int = 0
    withdrawn_at: float | None = None

    @property
    def topics(self) -> list[str]:
        """
        The topics, in the order in which their locks are taken.
        """
        return sorted(one.topic for one in self.outgoing)


@frozen
class Waiting:
    """
    What a user's inbox holds for one join: what is to come, and how many are unseen.
    """

    notices: Sequence[tuple[str, Mapping[str, Any]]] = field(repr=describe)
    unread: int


@frozen
class Kept:
    """
    A notice that was sent, as a list of them shows it.
    """

    id: str
    room: str | None
    users: Sequence[str]
    """The first ones, none for a room."""
    user_count: int
    payload: Mapping[str, Any] = field(repr=describe)
    sent_at: float
    expires_at: float | None
    reached: int
    delivered: int
    read: int
    """These three are those of `Status`."""
    is_withdrawn: bool


@frozen
class Status:
    """
    What became of a notice.

    `reached` counts sessions at the sending. `delivered` and `read` count, of
    `users`, those one of whose sessions was handed it, and those who have marked
    it seen. A room has no `users`: there they count who came back later and
    recovered it from the log, and who have marked it seen.
    """

    id: str
    room: str | None
    sent_at: float
    expires_at: float | None
    reached: int
    users: int
    delivered: int
    read: int
    is_withdrawn: bool
