"""
One connection of the front: heads and bodies in, answers out.

A connection answers one request at a time. What is not plainly the front's
(see `head.py`) is given to aiohttp with the bytes as read, and the connection
stays with it from then on; a WebSocket goes to `websocket_protocol.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from enum import Enum, auto
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import define, field

from notifier.errors import ConnectionRefused
from notifier.session.poll import READY
from notifier.transports.answers import HEADERS
from notifier.transports.base import TOO_SLOW, Query, Request, Response
from notifier.transports.head import HandOver, Repeated, find_end, parse_head
from notifier.transports.longpoll import BODY_TIMEOUT_S, LongPoll
from notifier.transports.opening import Opening
from notifier.transports.posting import Posting, too_large
from notifier.transports.waiting import Waiting
from notifier.transports.websocket import WebSocket
from notifier.transports.websocket_protocol import WebSocketProtocol

if TYPE_CHECKING:
    from notifier.transports.front import Front

logger = logging.getLogger(__name__)

HEAD_TIMEOUT_S: Final = 10.0
"""How long a connection may take to send a whole head, from its first byte or its opening."""

LINGER_S: Final = 5.0
"""How long a client has to close after the last answer, before it is closed on."""

KEEP_ALIVE_S: Final = 75.0
"""How long a connection may rest between requests; longer than load balancers let it."""

MAX_AHEAD_BYTES: Final = 65_536
"""What is read ahead while a request is being answered; then reading stops."""


class State(Enum):
    """
    What a connection waits for.
    """

    HEAD = auto()  # the head of the next request, or its rest
    BODY = auto()  # the rest of a POST's body
    LINGER = auto()  # the end of what is sent though refused: it is not read
    BUSY = auto()  # an answer: a parked poll, an application that connects
    GONE = auto()  # closed, or another protocol's


_HEAD, _BODY, _BUSY, _GONE = State.HEAD, State.BODY, State.BUSY, State.GONE  # looked up once
_LINGER = State.LINGER


@define(eq=False, repr=False)
class FrontProtocol(asyncio.Protocol):
    """
    One connection, until it is a WebSocket's or aiohttp's.
    """

    front: Front
    _transport: asyncio.Transport = field(init=False)
    _peer: str = field(init=False, default="")
    _state: State = field(init=False, default=_HEAD)
    _buffer: bytearray = field(init=False, factory=bytearray)
    _keeps_alive: bool = field(init=False, default=False)
    _minor_version: int = field(init=False, default=1)
    _body_size: int = field(init=False, default=0)
    _answer_head: bytes = field(init=False, default=b"")
    _repeated: Repeated | None = field(init=False, default=None)
    _waiting: Waiting | None = field(init=False, default=None)
    _post: Posting | Opening | Response | None = field(init=False, default=None)
    _task: asyncio.Task[None] | None = field(init=False, default=None)
    _deadline: float = field(init=False, default=0.0)

    def __repr__(self) -> str:
        return f"<FrontProtocol {self._state.name}>"

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Begin: a whole head is due within `HEAD_TIMEOUT_S`.
        """
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._deadline = self.front.endpoint.now() + HEAD_TIMEOUT_S
        self.front.opened(self)
        self.front.endpoint.deadlines.watch(self)

    def data_received(self, data: bytes) -> None:
        """
        Read on.
        """
        begins = not self._buffer
        if begins and self._repeated is not None and self._state is _HEAD:
            cursor = self._repeated.number_in(data)
            if cursor is not None:
                self._poll_again(cursor)
                return
        self._buffer += data
        if self._state is _HEAD:
            self._read_head(begins)
        elif self._state is _BODY:
            self._read_body()
        elif self._state is _LINGER:
            self._buffer.clear()
        elif len(self._buffer) > MAX_AHEAD_BYTES:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """
        Let go of what was under way; nothing that was to be sent is lost.
        """
        self._let_go()
        if self._waiting is not None:
            self._waiting.abandon()
            self._waiting = None  # it holds on to us
        if isinstance(self._post, Posting):
            self._post.abandon()
        if self._task is not None:
            self._task.cancel()

    # --- for the wheel

    def deadline(self) -> float:
        """
        Tell when the connection has waited too long.
        """
        return self._deadline

    def expire(self, now: float) -> None:
        """
        Close a connection that waits; one that is being answered lives on.
        """
        if self._state is _BUSY:
            self._deadline = now + KEEP_ALIVE_S
            self.front.endpoint.deadlines.watch(self)
        elif self._state is _BODY or self._buffer:
            self._write(TOO_SLOW)
        else:
            self._let_go()
            self._transport.close()

    def close(self) -> None:
        """
        Close, unless a request is being answered. Idempotent.
        """
        if self._state in (_HEAD, _BODY, _LINGER):
            self._let_go()
            self._transport.close()

    def abort(self) -> None:
        """
        Cut the connection, whatever it waits for.
        """
        self._transport.abort()

    # --- heads and bodies

    def _read_head(self, begins: bool) -> None:
        try:
            end = find_end(self._buffer)
            if end < 0:
                if begins:
                    self._set_timeout(HEAD_TIMEOUT_S)
                return
            raw = bytes(self._buffer[:end])
            head = parse_head(raw)
            serves = self.front.paths.get(head.path)
            if serves is None:
                raise HandOver
        except HandOver:
            self._hand_over()
            return
        del self._buffer[:end]
        self._keeps_alive, self._minor_version = head.keeps_alive, head.minor_version
        self._body_size = head.body_size
        self._answer_head = _head_lines(head.minor_version, 200, HEADERS, head.keeps_alive)
        query = Query.parse(head.query)
        version = (1, head.minor_version)
        request = Request(head.method, head.path, query, head.headers, self._peer, version)
        if isinstance(serves, WebSocket):
            self._begin_websocket(serves, request)
        else:
            self._begin_longpoll(serves, request, raw)

    def _begin_longpoll(self, serves: LongPoll, request: Request, raw: bytes) -> None:
        response = serves.refuse_method(request)
        if request.method == "POST":
            self._begin_post(response or serves.post(request))
        elif response is not None:
            self._write(response)
        else:
            outcome = serves.poll(request, self._answer)
            if outcome is None:
                self._run(self._open(serves, request))
                return
            repeated = None
            if isinstance(outcome, Waiting) and self._waiting is not None:
                repeated = Repeated.of(raw, outcome.token)  # it polls on this connection
            self._finish(outcome, repeated)

    def _poll_again(self, cursor: int) -> None:
        """
        Start the poll that the last request was, from another cursor.
        """
        waiting = self._waiting
        assert waiting is not None
        waiting.again(cursor)
        self._state = _BUSY
        if waiting.state is READY:
            self._answer()

    def _begin_post(self, outcome: Posting | Opening | Response) -> None:
        if isinstance(outcome, Response):
            limit = self.front.endpoint.limits.max_message_bytes
            if self._body_size > limit:
                outcome, self._body_size = too_large(limit), 0
        elif self._body_size > outcome.max_bytes:
            outcome, self._body_size = outcome.too_large(), 0
        if isinstance(outcome, Posting):
            self.front.proven(self)
        self._post, self._state = outcome, _BODY
        if len(self._buffer) < self._body_size:
            self._set_timeout(BODY_TIMEOUT_S)
        self._read_body()

    def _read_body(self) -> None:
        """
        Hand in a body once its last byte is there; one that is refused is not kept.
        """
        post, size = self._post, self._body_size
        if isinstance(post, Response):
            take = min(size, len(self._buffer))
            del self._buffer[:take]
            self._body_size -= take
            if self._body_size == 0:
                self._post = None
                self._write(post)
        elif post is not None and len(self._buffer) >= size:
            self._post = None
            body = bytes(self._buffer[:size])
            del self._buffer[:size]
            if isinstance(post, Posting):
                self._write(post.receive(body))
            else:
                self._run(self._open_by_post(post, body))

    # --- answers

    def _finish(self, outcome: Waiting | Response, repeated: Repeated | None = None) -> None:
        """
        Answer what a GET came to. `repeated` is how to know the same poll again.
        """
        if isinstance(outcome, Response):
            self._write(outcome)
            return
        self.front.proven(self)
        self._waiting, self._repeated = outcome, repeated  # the one is of no use to another
        self._state = _BUSY
        self._answer()

    def _answer(self) -> None:
        """
        Write what a poll has been waiting for, if it is there.
        """
        waiting = self._waiting
        if waiting is not None and waiting.state is READY:
            self._send(self._answer_head, waiting.body(), self._keeps_alive)

    async def _open(self, serves: LongPoll, request: Request) -> None:
        try:
            outcome = await serves.open(request, self._answer)
            self.front.proven(self)
        except ConnectionRefused as refusal:
            outcome = serves.refused(refusal, request)
        except Exception:
            logger.exception("a request failed")
            self.abort()
            return
        self._task = None
        if self._state is not _GONE:
            self._finish(outcome)
        elif isinstance(outcome, Waiting):
            outcome.abandon()

    async def _open_by_post(self, post: Opening, body: bytes) -> None:
        try:
            response = await post.receive(body)
        except Exception:
            logger.exception("a request failed")
            self.abort()
            return
        self._task = None
        if self._state is not _GONE:
            self.front.proven(self)
            self._write(response)

    def _write(self, response: Response) -> None:
        keeps = self._keeps_alive and not response.closes
        head = _head_lines(self._minor_version, response.status, response.headers, keeps)
        self._send(head, response.body, keeps)

    def _send(self, head: bytes, body: bytes, keeps: bool) -> None:
        """
        Send a response, then wait for the next request or close.
        """
        front = self.front
        self._transport.write(
            b"%b%bcontent-length: %d\r\n\r\n%b" % (head, front.date, len(body), body)
        )
        if not keeps:
            self._linger()
            return
        self._state = _HEAD
        self._deadline = front.endpoint.now() + KEEP_ALIVE_S
        if self._buffer:
            self._hand_over()  # pipelined: aiohttp has the queue for it

    def _hand_over(self) -> None:
        """
        Give the connection to aiohttp, with the bytes as read.
        """
        self._let_go()
        protocol, data = self.front.fallback(), bytes(self._buffer)
        self._buffer.clear()
        self.front.handed_over(self._transport)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        self._transport.resume_reading()
        protocol.data_received(data)

    # --- WebSocket

    def _begin_websocket(self, serves: WebSocket, request: Request) -> None:
        response = serves.check(request)
        if response is not None:
            self._write(response)
        else:
            self._run(self._upgrade(serves, request))

    async def _upgrade(self, serves: WebSocket, request: Request) -> None:
        try:
            connection = await serves.open(request)
        except ConnectionRefused as refusal:
            self._task = None
            self._write(serves.refused(refusal))
            return
        except Exception:
            logger.exception("a request failed")
            self.abort()
            return
        self._task = None
        if self._state is _GONE:
            connection.abandon()
            return
        self._let_go()
        subprotocol = serves.subprotocol(request)
        protocol = WebSocketProtocol(self._transport, connection, self.front.websockets)
        self._transport.set_protocol(protocol)
        protocol.begin(request, subprotocol, self.front.date, bytes(self._buffer))
        self._buffer.clear()
        self._transport.resume_reading()

    # --- within

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._state = _BUSY
        self._task = asyncio.get_running_loop().create_task(work)

    def _linger(self) -> None:
        """
        Close once the client has; a close with bytes unread would take the answer back.
        """
        self._state = _LINGER
        self._buffer.clear()
        self._transport.write_eof()
        self._set_timeout(LINGER_S)

    def _set_timeout(self, seconds: float) -> None:
        self._deadline = self.front.endpoint.now() + seconds
        self.front.endpoint.deadlines.watch(self)

    def _let_go(self) -> None:
        """
        Have no more part in the connection. Idempotent.
        """
        self._state = _GONE
        self.front.endpoint.deadlines.forget(self)
        self.front.closed(self)


@lru_cache(maxsize=256)
def _head_lines(
    minor: int, status: int, headers: tuple[tuple[str, str], ...], keeps: bool
) -> bytes:
    lines = [f"HTTP/1.{minor} {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if keeps != (minor == 1):
        lines.append(f"connection: {'keep-alive' if keeps else 'close'}")
    return "\r\n".join([*lines, ""]).encode()
