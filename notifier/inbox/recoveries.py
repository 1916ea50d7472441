"""
Who came back to a room, and is not noted in the database yet. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

MAX_WAITING: Final = 10_000
"""Recoveries that wait to be noted, some 4 MB; beyond that they are not noted."""

MAX_TAKEN: Final = 500
"""Recoveries noted in one transaction, so that a sender need not wait for a whole crowd."""


@frozen
class Recovery:
    """
    A user came back to a room, and gets what is above `since` up to `head`.
    """

    room: str
    user: str
    since: str
    head: str
    at: float = field(eq=False)
    """When, in seconds since 1970."""


@define(repr=False)
class Recoveries:
    """
    The recoveries that wait to be noted, each once.
    """

    _waiting: dict[Recovery, None] = field(init=False, factory=dict)

    def __len__(self) -> int:
        return len(self._waiting)

    def __repr__(self) -> str:
        return f"<Recoveries {len(self)} waiting>"

    def add(self, recovery: Recovery) -> None:
        """
        Note that somebody came back; one that brings nothing is not kept.
        """
        if recovery.since < recovery.head and len(self) < MAX_WAITING:
            self._waiting[recovery] = None

    def take(self, but: Callable[[str], bool]) -> list[Recovery]:
        """
        Take the oldest, without those of a room for which `but` is true; call until none comes.
        """
        taken = list[Recovery]()
        for one in self._waiting:
            if not but(one.room):
                taken.append(one)
                if len(taken) == MAX_TAKEN:
                    break
        for one in taken:
            del self._waiting[one]
        return taken
