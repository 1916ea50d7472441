"""
A numbered message each second, so that one sees whether any is missing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import define, field

from notifier.channels import Endpoint

TICK: Final = "tick"
"""`{"series", "number"}`: numbers go up by one within a series."""

TICKER: Final = "ticker"
"""`{"on"}`: it was switched, or has stopped by itself."""

INTERVAL_S: Final = 1.0
MAX_UNHEARD: Final = 30
"""Numbers in a row that reach no session; then it stops. Whoever comes back later
finds them in the topic's history, which keeps 100."""


@define(eq=False)
class Ticker:
    """
    Counts aloud on a topic while it is on, and somebody is there.
    """

    endpoint: Endpoint
    topic: str
    sleep: Callable[[float], Awaitable[object]] = field(default=asyncio.sleep, repr=False)
    series: str = field(init=False, factory=lambda: secrets.token_hex(4))
    number: int = field(init=False, default=0)
    is_on: bool = field(init=False, default=False)
    _task: asyncio.Task[None] | None = field(init=False, default=None, repr=False)

    async def switch(self, is_on: bool) -> None:
        """
        Go on with the next number, or pause; whoever is there is told. Idempotent.
        """
        if is_on is self.is_on:
            return
        self.is_on = is_on
        if is_on and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())
        await self.endpoint.broadcast(self.topic, TICKER, {"on": is_on})

    async def close(self) -> None:
        """
        Stop for good.
        """
        self.is_on = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        unheard = 0
        # It ends by the flag: cancelled while it publishes, a number would be missing.
        while unheard < MAX_UNHEARD:
            await self.sleep(INTERVAL_S)
            if not self.is_on or self.endpoint.is_down:
                return
            self.number += 1
            tick = {"series": self.series, "number": self.number}
            receipt = await self.endpoint.broadcast(self.topic, TICK, tick)
            unheard = 0 if receipt.reached else unheard + 1
        self._task = None  # from here on another may begin
        await self.switch(is_on=False)
