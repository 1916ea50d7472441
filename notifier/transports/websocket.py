"""
WebSocket: how a handshake is judged, and what its frames mean.

The framing itself belongs to the door. A connection ends its session, and the
session's end closes the connection, with the close code of its reason.

Phoenix: `lib/phoenix/transports/websocket.ex`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import define, evolve, field

from notifier.channels import SocketServer
from notifier.errors import ConnectionRefused, ProtocolError
from notifier.protocol import Message
from notifier.protocol.reasons import BAD_MESSAGE, CLIENT_CLOSED, IDLE, UNSUPPORTED_VSN, Reason
from notifier.protocol.versions import serializer_for
from notifier.session import Limits, Mailbox
from notifier.transports.base import JSON_TYPE, Request, Response, json_body
from notifier.transports.credentials import SUBPROTOCOL, subprotocols
from notifier.transports.mount import Mount

NAME: Final = "websocket"

_TEXT: Final = (("content-type", "text/plain; charset=utf-8"),)

CLOSE_TIMEOUT_S: Final = 5.0
"""How long a connection may take to close, before it is cut."""

MAX_CLOSE_REASON_BYTES: Final = 123
"""RFC 6455, 5.5.1: a control frame holds 125 bytes, the code takes two."""


@define(eq=False, repr=False)
class Connection:
    """
    One WebSocket of one session.

    The door is called with `on_wake`. It then writes what the mailbox gives
    (`take`), a ping where one is due, and closes once the mailbox has an `end`.
    It tells of every frame that comes with `receive_…`.
    """

    server: SocketServer
    on_wake: Callable[[], None]
    mailbox: Mailbox = field(init=False)
    is_ping_due: bool = field(init=False, default=False)
    _heard_at: float = field(init=False)
    _next_ping: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._heard_at = self.server.endpoint.now()
        self._schedule_ping(self._heard_at)
        self.mailbox = self.server.session.mailbox
        self.mailbox.listen(self.on_wake)
        self.server.endpoint.deadlines.watch(self)

    def __repr__(self) -> str:
        return f"<Connection of {self.server!r}>"

    # --- in

    def receive_text(self, data: str | bytes) -> None:
        """
        Handle a text message; one that cannot be read ends the session.
        """
        self._receive(self.server.session.serializer.decode_text, data)

    def receive_binary(self, data: bytes) -> None:
        """
        Handle a binary message; one that cannot be read ends the session.
        """
        self._receive(self.server.session.serializer.decode_binary, data)

    def receive_control(self) -> None:
        """
        Note a ping or a pong: the client is there.
        """
        self._heard_at = self.server.endpoint.now()

    def closed(self) -> None:
        """
        Note that the connection is gone: the session ends with it. Idempotent.
        """
        self.server.endpoint.deadlines.forget(self)
        self.mailbox.listen(None)
        self.on_wake = _sleep_on  # lets go of the door
        self.server.close(CLIENT_CLOSED)

    # --- for the wheel

    def deadline(self) -> float:
        """
        Tell when the client has been silent too long, or a ping is due.
        """
        return min(self._heard_at + self._limits.idle_timeout_ms / 1000, self._next_ping)

    def expire(self, now: float) -> None:
        """
        Ping, or end the session of a client that has been silent too long.
        """
        if self._heard_at + self._limits.idle_timeout_ms / 1000 <= now:
            self.server.close(IDLE)
            return
        self.is_ping_due = True
        self._schedule_ping(now)
        self.server.endpoint.deadlines.watch(self)
        self.on_wake()

    # --- within

    def _receive(self, decode: Callable[[Any], Message], data: str | bytes) -> None:
        self._heard_at = self.server.endpoint.now()
        try:
            message = decode(data)
        except ProtocolError as error:
            self.server.close(evolve(BAD_MESSAGE, text=str(error)))
        else:
            self.server.receive(message)

    def _schedule_ping(self, now: float) -> None:
        interval = self._limits.ping_interval_ms
        self._next_ping = now + interval / 1000 if interval else float("inf")

    @property
    def _limits(self) -> Limits:
        return self.server.session.limits


@define(eq=False)
class WebSocket:
    """
    The WebSocket transport of one mount.

    A door calls `check`, then `open`, then does the handshake, and runs a
    `Connection`.
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

    async def open(self, request: Request) -> SocketServer:
        """
        Connect the client of a handshake; raise ConnectionRefused, see `refused`.
        """
        return await self.mount.open(request, NAME)

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


def _sleep_on() -> None:
    """
    Wake nobody: the connection is gone.
    """


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
