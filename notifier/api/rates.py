"""
How often somebody may ask: token buckets, and the brake on wrong keys. Pure but for a sleep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import ceil
from typing import Final

from attrs import define, field

FREE_WRONG_KEYS: Final = 10
"""Wrong keys that are refused at once: somebody is setting a server up."""

WRONG_KEYS_PER_S: Final = 1.0
"""How fast those ten come back."""

WRONG_KEY_DELAY_S: Final = 1.0
"""What a wrong key beyond them waits for its refusal. Right keys never wait for wrong ones."""

MAX_DELAYED: Final = 100
"""Refusals that wait at once; a further wrong key is told 429 at once."""


@define(eq=False)
class Bucket:
    """
    A token bucket: `burst` at once, and `per_s` a second in the long run.
    """

    per_s: float
    burst: float
    _level: float = field(init=False)
    _at: float = field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        self._level = self.burst

    def take(self, now: float) -> float:
        """
        Take one and return 0, or return the seconds until there is one.
        """
        self._level = min(self.burst, self._level + max(0.0, now - self._at) * self.per_s)
        self._at = now
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self.per_s


@define(eq=False, repr=False)
class Rates:
    """
    A bucket for each API key, by its id. There are as many as there are keys.
    """

    per_s: int
    burst: int
    now: Callable[[], float]
    _buckets: dict[int, Bucket] = field(init=False, factory=dict)

    def __repr__(self) -> str:
        return f"<Rates keys={len(self._buckets)}>"

    def wait_s(self, key_id: int) -> int:
        """
        Count a request and return 0, or return the whole seconds it has to wait.
        """
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = self._buckets[key_id] = Bucket(self.per_s, self.burst)
        return ceil(bucket.take(self.now()))


@define(eq=False, repr=False)
class WrongKeys:
    """
    Slows down whoever tries keys; it knows no addresses, which behind a proxy are all one.
    """

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    _bucket: Bucket = field(init=False, factory=lambda: Bucket(WRONG_KEYS_PER_S, FREE_WRONG_KEYS))
    _delayed: int = field(init=False, default=0)

    def __repr__(self) -> str:
        return f"<WrongKeys delayed={self._delayed}>"

    async def slow_down(self) -> bool:
        """
        Wait as long as a wrong key has to; False where too many wait already.
        """
        if not self._bucket.take(self.now()):
            return True
        if self._delayed >= MAX_DELAYED:
            return False
        self._delayed += 1
        try:
            await self.sleep(WRONG_KEY_DELAY_S)
        finally:
            self._delayed -= 1
        return True
