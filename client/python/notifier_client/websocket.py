"""
WebSocket: how an attachment's frames go over a connection. A thin shell.

Tokens go as sub-protocols, so that none stands in a URL.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import (
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSMsgType,
    WSServerHandshakeError,
)
from attrs import define, field

from notifier_client.attachment import CANDIDATE_TIMEOUT_S, Attachment
from notifier_client.errors import ConnectionRefused
from notifier_client.ledger import Mode
from notifier_client.reasons import GIVEN_UP
from notifier_client.v2 import VSN, Frame

MAX_FRAME_BYTES: Final = 32_000_000
"""Bytes of one message; over it the WebSocket is closed with 1009."""

CLOSE_TIMEOUT_S: Final = 2.0
"""How long the server's answer to a close frame is waited for."""

FAILURES: Final = (ClientError, OSError, TimeoutError, ConnectionRefused)
"""What `WebSocket.open` raises."""


@define(eq=False)
class Connection:
    """
    One open WebSocket.
    """

    _socket: ClientWebSocketResponse

    @property
    def close_code(self) -> int | None:
        """
        The code with which it was closed, 1006 where it was cut.
        """
        return self._socket.close_code

    async def frames(self) -> AsyncIterator[Frame]:
        """
        Give what comes, until the end.
        """
        async for message in self._socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                yield message.data

    async def send(self, frame: Frame) -> None:
        """
        Write one frame, when there is room for it.
        """
        if isinstance(frame, bytes):
            await self._socket.send_bytes(frame)
        else:
            await self._socket.send_str(frame)

    async def close(self, code: int) -> None:
        """
        Close with this code, unless it is closed.
        """
        await self._socket.close(code=code)


@define(eq=False)
class WebSocket:
    """
    The WebSocket transport to one server. `url` is that of its socket.
    """

    http: ClientSession
    url: str
    params: Mapping[str, str] = field(repr=False)

    @asynccontextmanager
    async def open(
        self,
        attachment: Attachment,
        mode: Mode,
        session_token: str | None,
        user_token: str | None,
    ) -> AsyncIterator[Connection]:
        """
        Do the handshake; raise one of FAILURES.

        It is closed in the end: as given up, unless `close_code` says otherwise.
        """
        query = {**self.params, "vsn": VSN}
        if attachment.opens and mode is not Mode.PLAIN:
            query["notifier"] = "resume"
        try:
            async with asyncio.timeout(CANDIDATE_TIMEOUT_S):
                socket = await self.http.ws_connect(
                    self.url + "/websocket",
                    params=query,
                    protocols=_protocols(None if attachment.opens else session_token, user_token),
                    timeout=ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                    max_msg_size=MAX_FRAME_BYTES,
                )
        except WSServerHandshakeError as error:
            if error.status != 403:
                raise
            raise ConnectionRefused("connect_refused", "the handshake was refused") from error
        connection = Connection(socket)
        try:
            yield connection
        finally:
            await connection.close(attachment.close_code or GIVEN_UP)


def _protocols(session_token: str | None, user_token: str | None) -> list[str]:
    """
    Offer `phoenix`, and the tokens as phoenix.js does it.
    """
    offered = ["phoenix"]
    if user_token is not None:
        offered.append(f"base64url.bearer.phx.{_encoded(user_token)}")
    if session_token is not None:
        offered.append(f"base64url.session.notifier.{_encoded(session_token)}")
    return offered


def _encoded(token: str) -> str:
    return urlsafe_b64encode(token.encode()).decode().rstrip("=")
