"""
The listening server: the front before aiohttp, opened and closed in order.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NoReturn

from aiohttp import web

from notifier.app import Notifier
from notifier.config import Config, flag
from notifier.errors import ConfigError
from notifier.transports import KEEP_ALIVE_S

BACKLOG: Final = 4_096
"""Connections that may wait to be accepted: clients reconnect all at once."""

GC_THRESHOLD: Final = (50_000, 20, 20)
"""Objects made before the youngest generation is looked through, and how often
before the next. A session that ends is freed by count, without the collector."""


@asynccontextmanager
async def listen(notifier: Notifier, app: web.Application, config: Config) -> AsyncIterator[int]:
    """
    Take connections until the block is left, then close them in order.

    Gives the port, which is another than the config's where that is 0. Raises
    ConfigError for an address that cannot be listened on.
    """
    _prepare_process()
    runner = web.AppRunner(
        app,
        access_log=None,  # its lines hold URLs, and those hold tokens
        handler_cancellation=True,
        keepalive_timeout=KEEP_ALIVE_S,
        # Waited for twice: until handlers end, then until they end though cancelled.
        shutdown_timeout=config.shutdown_timeout_s / 3,
    )
    try:
        await runner.setup()
        assert runner.server is not None
        front = notifier.front(runner.server)
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(front, config.host, config.port, backlog=BACKLOG)
        except OSError as error:
            _refuse_address(config, error)
        yield server.sockets[0].getsockname()[1]
        server.close()
        await app.shutdown()  # the API, and then the endpoint
        await front.shutdown(config.shutdown_timeout_s / 3)
    finally:
        await runner.cleanup()


def _prepare_process() -> None:
    """
    Allow as many connections as the system does, and keep the collector calm.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)


def _refuse_address(config: Config, error: OSError) -> NoReturn:
    if error.errno == errno.EADDRINUSE:
        raise ConfigError(
            f"port {config.port} of {config.host} is taken by another program: "
            f"stop that one, or choose another {flag('port')} (0 for any)"
        ) from error
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    raise ConfigError(f"cannot listen on {config.host} port {config.port}: {why}") from error
