"""
The two doors, each with an application behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from notifier import Notifier

DOORS = ("front", "aiohttp")


@asynccontextmanager
async def serving(
    door: str, app: web.Application, *notifiers: Notifier, port: int = 0
) -> AsyncIterator[int]:
    """
    Serve an application, with what `notifier.setup` gave for it, behind a door; give the port.
    """
    if door == "aiohttp":
        server = TestServer(app, port=port)
        await server.start_server(access_log=None)
        try:
            yield server.port or 0
        finally:
            await server.close()
        return
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    assert runner.server is not None
    front = notifiers[0].front(runner.server)
    for other in notifiers[1:]:
        front.paths.update(other.front(runner.server).paths)
    listener = await asyncio.get_running_loop().create_server(front, "127.0.0.1", port)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for notifier in notifiers:
            await notifier.endpoint.shutdown()
        await front.shutdown(1.0)
        await runner.cleanup()
