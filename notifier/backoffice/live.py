"""
Parts of pages that keep themselves up to date, by long-polling of their own.

A script asks for the part, saying which state it shows (`If-None-Match`), and is
answered once there is another, or 304 after a while.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import web
from attrs import define, field

WAIT_S: Final = 20.0
"""How long a script waits for its answer; shorter than what proxies cut off."""

GATHER_S: Final = 0.25
"""
How long news is gathered before a script is told: a notice that thousands read at once
changes all the time, and each look asks the database.
"""

Render = Callable[[], Awaitable[str]]
Changed = Callable[[], Awaitable[object]]


@define(repr=False)
class Live:
    """
    Answers what asks for parts of pages, until the server goes down.
    """

    wait_s: float = WAIT_S
    gather_s: float = GATHER_S
    _is_over: asyncio.Event = field(factory=asyncio.Event, init=False)

    async def answer(
        self, request: web.Request, render: Render, changed: Changed
    ) -> web.StreamResponse:
        """
        Answer with what `render` gives, once that is other than what the script has.

        `changed` is awaited between two looks: it returns when something may have
        happened, and may be cancelled.
        """
        has = request.headers.get("If-None-Match")
        with suppress(TimeoutError):
            async with asyncio.timeout(self.wait_s):
                if has:
                    await self._first(self._gather)
                while (tag := tag_of(html := await render())) == has and not self._is_over.is_set():
                    await self._first(changed)
                    await self._first(self._gather)
                if tag != has:
                    return web.Response(text=html, content_type="text/html", headers={"ETag": tag})
        return web.Response(status=304, headers={"ETag": has or ""})

    async def _gather(self) -> None:
        await asyncio.sleep(self.gather_s)

    async def _first(self, changed: Changed) -> None:
        """
        Wait for a change or the end.
        """
        waiting = [asyncio.ensure_future(one) for one in (changed(), self._is_over.wait())]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                await one  # raises what it failed with, or this would be asked ever again
        finally:
            for one in waiting:
                one.cancel()

    async def stop(self, _app: web.Application) -> None:
        """
        Answer whoever waits: the server goes down.
        """
        self._is_over.set()


def tag_of(html: str) -> str:
    """
    Name what is shown, for a script that asks for what is other than that.
    """
    return f'"{hashlib.sha256(html.encode()).hexdigest()[:16]}"'
