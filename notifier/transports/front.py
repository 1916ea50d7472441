"""
The front: a slim door before aiohttp, for the socket paths alone.

It answers by the same transport logic that the aiohttp door uses. Everything
before a token is checked is bounded: the head (`head.py`), the time it may
take (`front_protocol.py`), and here how many connections may be open that have
shown no session, or that aiohttp holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from attrs import define, field

from notifier.channels import Endpoint
from notifier.transports.front_protocol import FrontProtocol
from notifier.transports.longpoll import LongPoll
from notifier.transports.websocket import WebSocket
from notifier.transports.websocket_protocol import WebSocketProtocol

MAX_UNPROVEN: Final = 8_192
"""Connections that have shown no session yet; one more closes the oldest of them."""

MAX_HANDED_OVER: Final = 1_024
"""Connections that aiohttp holds for the front; one more cuts the oldest of them."""


@define(eq=False)
class Front:
    """
    Makes the protocol of each connection; call it, as `loop.create_server` does.

    `paths` are the socket paths with what serves them; `fallback` makes an
    aiohttp protocol for everything else.
    """

    endpoint: Endpoint
    paths: dict[str, LongPoll | WebSocket]
    fallback: Callable[[], asyncio.Protocol] = field(repr=False)
    connections: set[FrontProtocol] = field(init=False, factory=set, repr=False)
    websockets: set[WebSocketProtocol] = field(init=False, factory=set, repr=False)
    _unproven: dict[FrontProtocol, None] = field(init=False, factory=dict, repr=False)
    _handed_over: dict[asyncio.Transport, None] = field(init=False, factory=dict, repr=False)
    date: bytes = field(init=False, repr=False)
    _date_until: float = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.expire(self.endpoint.now())

    def deadline(self) -> float:
        """
        Tell when the Date header is to be made anew.
        """
        return self._date_until

    def expire(self, now: float) -> None:
        """
        Make the Date header anew.
        """
        self.date = b"date: " + formatdate(usegmt=True).encode() + b"\r\n"
        self._date_until = now + 1.0
        self.endpoint.deadlines.watch(self)

    def __call__(self) -> FrontProtocol:
        return FrontProtocol(self)

    def opened(self, connection: FrontProtocol) -> None:
        """
        Note a new connection; the oldest unproven one goes if there are too many.
        """
        self.connections.add(connection)
        self._unproven[connection] = None
        if len(self._unproven) > MAX_UNPROVEN:
            oldest = next(iter(self._unproven))
            self.proven(oldest)
            oldest.abort()

    def proven(self, connection: FrontProtocol) -> None:
        """
        Note that a connection has shown a session.
        """
        self._unproven.pop(connection, None)

    def closed(self, connection: FrontProtocol) -> None:
        """
        Forget a connection.
        """
        self.connections.discard(connection)
        self._unproven.pop(connection, None)

    def handed_over(self, transport: asyncio.Transport) -> None:
        """
        Note a connection that is aiohttp's now; the oldest goes if there are too many.
        """
        self._handed_over[transport] = None
        if len(self._handed_over) > MAX_HANDED_OVER:
            for other in [one for one in self._handed_over if one.is_closing()]:
                del self._handed_over[other]
            if len(self._handed_over) > MAX_HANDED_OVER:
                oldest = next(iter(self._handed_over))
                del self._handed_over[oldest]
                oldest.abort()

    async def shutdown(self, timeout_s: float) -> None:
        """
        Close what waits for a request, and let WebSockets end their handshake.
        """
        for connection in tuple(self.connections):
            connection.close()
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while self.websockets and loop.time() < until:  # noqa: ASYNC110 - once a process
            await asyncio.sleep(0.02)
