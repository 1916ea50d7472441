"""
What was handed to users' sessions and is not noted in the database yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field

MAX_WAITING: Final = 10_000
"""
Deliveries that wait to be noted, some 2 MB; beyond that they are not noted, and a
notice may come to its user once more.
"""


@define(repr=False)
class Deliveries:
    """
    The ids that wait to be noted as delivered, by topic.
    """

    _waiting: dict[str, set[str]] = field(init=False, factory=dict)
    _count: int = field(init=False, default=0)

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<Deliveries {self._count} waiting>"

    def add(self, topic: str, id: str) -> None:
        """
        Note that a copy was handed to a session of its user's.
        """
        if self._count < MAX_WAITING:
            ids = self._waiting.setdefault(topic, set())
            self._count += id not in ids
            ids.add(id)

    def take(self, topic: str) -> list[str]:
        """
        Take what waits of one topic.
        """
        ids = self._waiting.pop(topic, set())
        self._count -= len(ids)
        return sorted(ids)

    def take_all(self, but: Callable[[str], bool]) -> list[str]:
        """
        Take what waits of all topics but those for which `but` is true.
        """
        topics = [topic for topic in self._waiting if not but(topic)]
        return [id for topic in topics for id in self.take(topic)]
