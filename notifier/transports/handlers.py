"""
The aiohttp door: handlers that give both transports a place in an application.

No rule of the protocol is here; see `longpoll.py` and `websocket.py`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import WSMessage, WSMsgType, web
from attrs import define, field
from multidict import CIMultiDict

from notifier.errors import ConnectionRefused
from notifier.protocol.framing import TOO_BIG
from notifier.transports.base import TOO_SLOW, Query, Request, Response
from notifier.transports.connection import Connection
from notifier.transports.longpoll import BODY_TIMEOUT_S, LongPoll
from notifier.transports.mount import Mount
from notifier.transports.paths import socket_paths
from notifier.transports.posting import Posting
from notifier.transports.waiting import Waiting
from notifier.transports.websocket import CLOSE_TIMEOUT_S, WebSocket, close_reason

WRITE_AHEAD_BYTES: Final = 65_536
"""About what is taken from the mailbox at a time; the rest waits there."""


def add_routes(app: web.Application, path: str, mount: Mount) -> None:
    """
    Serve both transports of a mount below `path`.
    """
    for place, transport in socket_paths(path, mount).items():
        if isinstance(transport, WebSocket):
            app.router.add_route("*", place, WebSocketDoor(transport).handle)
        else:
            app.router.add_route("*", place, LongPollDoor(transport).handle)


@define(eq=False)
class LongPollDoor:
    """
    Serves long-polling from aiohttp.
    """

    transport: LongPoll

    async def handle(self, http: web.Request) -> web.Response:
        """
        Answer one request.
        """
        request = _request(http)
        response = self.transport.refuse_method(request)
        if response is None:
            response = await (self._get if request.method == "GET" else self._post)(http, request)
        return _response(response)

    async def _get(self, http: web.Request, request: Request) -> Response:
        ready = asyncio.Event()
        outcome = self.transport.poll(request, ready.set)
        if outcome is None:
            try:
                outcome = await self.transport.open(request, ready.set)
            except ConnectionRefused as refusal:
                return self.transport.refused(refusal, request)
        return await _finish(outcome, ready) if isinstance(outcome, Waiting) else outcome

    async def _post(self, http: web.Request, request: Request) -> Response:
        outcome = self.transport.post(request)
        if isinstance(outcome, Response):
            return outcome
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await _read(http, outcome.max_bytes)
            if body is None:
                return outcome.too_large()
            if isinstance(outcome, Posting):
                return outcome.receive(body)
        except TimeoutError:
            return TOO_SLOW
        finally:
            outcome.abandon()
        return await outcome.receive(body)


async def _finish(waiting: Waiting, ready: asyncio.Event) -> Response:
    try:
        if not waiting.is_ready:
            await ready.wait()
        return waiting.response()
    finally:
        waiting.abandon()


async def _read(http: web.Request, max_bytes: int) -> bytes | None:
    """
    Read a body; None, with the rest unread, if it is over the bound.
    """
    if http.content_length is not None and http.content_length > max_bytes:
        return None
    body = bytearray()
    async for chunk in http.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            return None
    return bytes(body)


@define(eq=False)
class WebSocketDoor:
    """
    Serves WebSockets from aiohttp.
    """

    transport: WebSocket

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """
        Answer one request; after a handshake, until the WebSocket ends.
        """
        request = _request(http)
        response = self.transport.check(request)
        if response is not None:
            return _response(response)
        try:
            connection = await self.transport.open(request)
        except ConnectionRefused as refusal:
            return _response(self.transport.refused(refusal))
        subprotocol = self.transport.subprotocol(request)
        websocket = web.WebSocketResponse(
            protocols=(subprotocol,) if subprotocol else (),
            timeout=CLOSE_TIMEOUT_S,
            autoping=False,
            compress=False,
            max_msg_size=connection.limits.max_message_bytes + 1,  # aiohttp refuses from it on
        )
        try:
            await websocket.prepare(http)
        except BaseException:
            connection.abandon()
            raise
        await Shell(http, websocket, connection).run()
        return websocket


@define(eq=False)
class Shell:
    """
    Carries frames between one aiohttp WebSocket and its connection.

    A writer task runs only while there is something to write.
    """

    http: web.Request
    websocket: web.WebSocketResponse
    connection: Connection
    _writer: asyncio.Task[None] | None = field(init=False, default=None)
    _code: int | None = field(init=False, default=None)  # of the client's own close, not of an echo
    _cut: asyncio.TimerHandle | None = field(init=False, default=None)

    async def run(self) -> None:
        """
        Read until the WebSocket has ended.
        """
        self.connection.begin(self._wake)
        if self.connection.outbox.end is not None:
            self._wake()  # it ended during the handshake
        try:
            while not self.websocket.closed:
                await self._receive(await self.websocket.receive())
        finally:
            self.connection.closed(self._code)
            if self._writer is not None:
                await asyncio.wait({self._writer})
            if self._cut is not None:
                self._cut.cancel()

    async def _receive(self, message: WSMessage) -> None:
        match message.type:
            case WSMsgType.TEXT:
                self.connection.receive_text(message.data)
            case WSMsgType.BINARY:
                self.connection.receive_binary(message.data)
            case WSMsgType.PING:
                self.connection.receive_control()
                await self.websocket.pong(message.data)
            case WSMsgType.PONG:
                self.connection.receive_control()
            case WSMsgType.CLOSE:
                self._code = message.data
            case WSMsgType.ERROR if getattr(message.data, "code", None) == TOO_BIG:
                self.connection.receive_too_large()

    def _wake(self) -> None:
        if self._writer is None:
            self._writer = self.connection.endpoint.spawn(self._write())
        if self.connection.outbox.end is not None and self._cut is None:
            loop = asyncio.get_running_loop()
            self._cut = loop.call_later(CLOSE_TIMEOUT_S, self._abort)

    async def _write(self) -> None:
        connection, outbox = self.connection, self.connection.outbox
        try:
            while (frames := outbox.take(WRITE_AHEAD_BYTES)) or connection.is_ping_due:
                for frame in frames:
                    kind = WSMsgType.BINARY if frame.binary else WSMsgType.TEXT
                    await self.websocket.send_frame(frame.data, kind)
                if not frames:
                    connection.is_ping_due = False
                    await self.websocket.ping()
            end = outbox.end
            if end is not None and not self.websocket.closed:
                await self.websocket.close(code=end.close_code, message=close_reason(end))
        except ConnectionError:
            pass  # the reader sees the end of it
        finally:
            self._writer = None

    def _abort(self) -> None:
        if self.http.transport is not None:
            self.http.transport.abort()


def _request(http: web.Request) -> Request:
    headers: dict[str, str] = {}
    for name, value in http.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(
        http.method,
        http.path,
        Query.parse(http.raw_path.partition("?")[2]),
        headers,
        http.remote or "",
        (http.version.major, http.version.minor),
    )


def _response(response: Response) -> web.Response:
    headers = CIMultiDict(response.headers)
    answer = web.Response(status=response.status, headers=headers, body=response.body)
    if response.closes:
        answer.force_close()
    return answer
