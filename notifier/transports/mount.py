"""
One place where clients connect: a socket class, and who may come in.
"""

from __future__ import annotations

import asyncio

from attrs import define, field

from notifier.channels import ConnectInfo, Endpoint, Socket, SocketServer
from notifier.errors import ConnectionRefused
from notifier.protocol.reasons import ORIGIN_FORBIDDEN
from notifier.transports.base import Request
from notifier.transports.credentials import RESUME, mode, user_token
from notifier.transports.origin import OriginCheck
from notifier.transports.peer import TrustedProxies
from notifier.transports.refusals import Refusals


@define(eq=False)
class Mount:
    """
    Connects clients of either transport to one socket class.
    """

    endpoint: Endpoint
    socket_class: type[Socket]
    origins: OriginCheck = field(factory=OriginCheck)
    proxies: TrustedProxies = field(factory=TrustedProxies)
    _refusals: Refusals = field(init=False, factory=Refusals)

    def __attrs_post_init__(self) -> None:
        self.endpoint.serve(self.socket_class)

    def check_origin(self, request: Request) -> ConnectionRefused | None:
        """
        Tell what to answer to a page that may not connect, None if it may.
        """
        if self.origins.allows(request.headers.get("origin")):
            return None
        self.endpoint.count_refusal(ORIGIN_FORBIDDEN.code)
        return ORIGIN_FORBIDDEN.refusal()

    async def open(self, request: Request, transport: str) -> SocketServer:
        """
        Connect the client of a request; raise ConnectionRefused, late if it is a
        repeated one: see `refusal_delay_s`.
        """
        info = self._info(request, transport)
        params = request.query.params()
        if info.token is not None:
            params["token"] = info.token
        vsn = request.query.last("vsn")
        is_resumable = mode(request) == RESUME
        try:
            return await self.endpoint.open(
                self.socket_class, vsn, params, info, is_resumable=is_resumable
            )
        except ConnectionRefused:
            await asyncio.sleep(self.refusal_delay_s(request))
            raise

    async def check_owner(self, server: SocketServer, request: Request) -> None:
        """
        Make sure that a request may have somebody's session; raise ConnectionRefused.
        """
        await self.endpoint.check_owner(server, self._info(request, server.transport))

    def refusal_delay_s(self, request: Request) -> float:
        """
        Note a refused connect; tell how long its answer is to wait.
        """
        return self._refusals.delay(user_token(request), self.endpoint.now())

    def peer(self, request: Request) -> str:
        """
        Tell the address of a request's client.
        """
        return self.proxies.client(request.peer, request.headers)

    def _info(self, request: Request, transport: str) -> ConnectInfo:
        return ConnectInfo(transport, self.peer(request), user_token(request), request.headers)
