"""
WebSocket: how a handshake is judged, and what it opens.

    GET                     open a session that ends with this WebSocket, as in Phoenix
    GET ?notifier=resume    open one that survives it
    GET ?notifier=TOKEN     attach to one, as a candidate

The framing itself belongs to the door, what the frames mean to a `Connection`.

Phoenix: `lib/phoenix/transports/websocket.ex`.
"""

from __future__ import annotations

from typing import Final

from attrs import define, evolve

from notifier.errors import ConnectionRefused
from notifier.protocol.reasons import (
    NO_SUCH_SESSION,
    NOT_RESUMABLE,
    NOT_YOURS,
    SESSION_GONE,
    UNSUPPORTED_VSN,
    Reason,
)
from notifier.protocol.versions import serializer_for
from notifier.session.tokens import split_cursor
from notifier.transports.attached import AttachedConnection
from notifier.transports.base import JSON_TYPE, Request, Response, json_body
from notifier.transports.connection import Connection, PlainConnection, RefusedConnection
from notifier.transports.credentials import SUBPROTOCOL, attach_token, subprotocols
from notifier.transports.mount import Mount

NAME: Final = "websocket"

_TEXT: Final = (("content-type", "text/plain; charset=utf-8"),)

CLOSE_TIMEOUT_S: Final = 5.0
"""How long a connection may take to close, before it is cut."""

MAX_CLOSE_REASON_BYTES: Final = 123
"""RFC 6455, 5.5.1: a control frame holds 125 bytes, the code takes two."""


@define(eq=False)
class WebSocket:
    """
    The WebSocket transport of one mount.

    A door calls `check`, then `open`, then does the handshake, and runs the
    `Connection` that it was given.
    """

    mount: Mount

    def check(self, request: Request) -> Response | None:
        """
        Judge a handshake before anything is opened; None if it is one.
        """
        if request.method != "GET":
            return Response(400)
        refusal = self.mount.check_origin(request)
        if refusal is not None:
            return self.refused(refusal)
        if serializer_for(request.query.last("vsn")) is None:
            self.mount.endpoint.count_refusal(UNSUPPORTED_VSN.code)
            return self.refused(UNSUPPORTED_VSN.refusal())
        mistake = _handshake_mistake(request)
        return None if mistake is None else Response(400, _TEXT, mistake.encode(errors="replace"))

    async def open(self, request: Request) -> Connection:
        """
        Connect the client of a handshake; raise ConnectionRefused, see `refused`.

        An attach is not refused so, but by a connection that closes at once.
        """
        endpoint, token = self.mount.endpoint, attach_token(request)
        if token is not None:
            return await self._attach(request, token)
        server = await self.mount.open(request, NAME)
        resume = server.session.resume
        if resume is None:
            return PlainConnection(endpoint, server)
        return AttachedConnection(endpoint, server, resume, opens=True)

    async def _attach(self, request: Request, token: str) -> Connection:
        endpoint = self.mount.endpoint
        parts = split_cursor(token)
        found = SESSION_GONE if parts is None else endpoint.find(parts[0])
        if not isinstance(found, Reason):
            found = found.session.end or found
        if isinstance(found, Reason):
            return self._closing(evolve(found, close_code=NO_SUCH_SESSION))
        resume = found.session.resume
        if resume is None:
            return self._closing(NOT_RESUMABLE)
        try:
            await self.mount.check_owner(found, request)
        except ConnectionRefused as refusal:
            reason = Reason(refusal.code, refusal.text, NOT_YOURS.close_code)
            return self._closing(reason)
        return AttachedConnection(endpoint, found, resume, opens=False)

    def _closing(self, reason: Reason) -> Connection:
        self.mount.endpoint.count_refusal(reason.code)
        return RefusedConnection(self.mount.endpoint, reason)

    def refused(self, refusal: ConnectionRefused) -> Response:
        """
        Say no to a connect, and why. Browsers cannot read it, curl can.
        """
        body = {**refusal.response, "reason": refusal.code, "message": refusal.text}
        return Response(403, (("content-type", JSON_TYPE),), json_body(body))

    def subprotocol(self, request: Request) -> str | None:
        """
        Choose the sub-protocol: `phoenix`, if the client offers it.
        """
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols(request) else None


def close_reason(reason: Reason) -> bytes:
    """
    Give the text of a close frame: what fits of the reason's sentence.
    """
    return reason.text.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore").encode()


def _handshake_mistake(request: Request) -> str | None:
    """
    Say what a request lacks to be a handshake, in Phoenix's words.
    """
    headers = request.headers
    if request.http_version < (1, 1):
        return "HTTP version HTTP/1.0 unsupported"
    for name, wanted in (("connection", "upgrade"), ("upgrade", "websocket")):
        values = [value.strip().lower() for value in headers.get(name, "").split(",")]
        if wanted not in values:
            got = f'["{headers[name]}"]' if name in headers else "[]"
            return f"'{name}' header must contain '{wanted}', got {got}"
    if "sec-websocket-key" not in headers:
        return "'sec-websocket-key' header is absent"
    if not headers["sec-websocket-key"].isascii():  # else any will do, as in Phoenix
        return "'sec-websocket-key' header must be ASCII"
    version = headers.get("sec-websocket-version")
    if version != "13":
        got = "[]" if version is None else f'["{version}"]'
        return f"'sec-websocket-version' header must equal '13', got {got}"
    return None
