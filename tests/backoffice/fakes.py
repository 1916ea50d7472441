"""
Stand-ins: a desk that remembers, a clock that is set, a quick hash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

from argon2 import PasswordHasher
from attrs import define, field

from notifier.backoffice import Online, OnlineUser
from notifier.inbox import EVERYONE, NoticeStore
from notifier.inbox.recipients import user_topic
from notifier.inbox.records import Outgoing, Sending

NUMBERS = count()


@define
class Clock:
    """
    A clock that moves when it is told to.
    """

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@define
class FakeDesk:
    """
    A desk that remembers what it was asked for and answers as it is told.
    """

    reached: int = 3
    asked: list[tuple[str, ...]] = field(factory=list)
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    started: asyncio.Event = field(factory=asyncio.Event)
    is_blind: bool = False
    users: list[OnlineUser] = field(factory=list)
    user_count: int | None = None
    sessions_without_user: int = 0
    notices: NoticeStore | None = None
    wall_clock: Callable[[], float] = field(factory=Clock)

    async def send_to_all(self, body: str, sender: str) -> int:
        reached = await self._answer("all", body, sender)
        self._keep(sender, None, body, reached)
        return reached

    async def send_to_user(self, user_id: str, body: str, sender: str) -> int:
        reached = await self._answer("user", user_id, body, sender)
        self._keep(sender, user_id, body, reached)
        return reached

    async def throw_out(self, user_id: str) -> int:
        return await self._answer("out", user_id)

    async def online(self, limit: int) -> Online:
        if self.is_blind:
            raise RuntimeError("cannot look")
        sessions = sum(user.sessions for user in self.users) + self.sessions_without_user
        count = len(self.users) if self.user_count is None else self.user_count
        return Online(tuple(self.users[:limit]), count, sessions, self.sessions_without_user)

    def _keep(self, sender: str, user_id: str | None, body: str, reached: int) -> None:
        if self.notices is not None:
            keep(self.notices, sender, user_id, body, reached, self.wall_clock())

    async def _answer(self, *asked: str) -> int:
        self.asked.append(asked)
        self.started.set()
        if self.gate:
            await self.gate.wait()
        if self.failure:
            raise self.failure
        return self.reached


def keep(
    notices: NoticeStore,
    sender: str,
    user_id: str | None,
    body: str,
    reached: int = 1,
    at: float = 1_800_000_000.0,
) -> None:
    """
    Keep a notice as sent, `user_id` None for everyone.
    """
    topic = EVERYONE if user_id is None else user_topic(user_id)
    number = next(NUMBERS)
    payload = {"body": body, "from": sender, "at": "then"}
    outgoing = [Outgoing(topic, payload, f"{number:012x}-00000")]
    notices.file([Sending(str(number), at, None, outgoing, reached)])


def quick_hasher(rounds: int = 1) -> PasswordHasher:
    """
    Make a hasher that is fast because it is weak.
    """
    return PasswordHasher(time_cost=rounds, memory_cost=8, parallelism=1)
