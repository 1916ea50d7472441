"""
One connection to a server, for as many topics as are wanted.

    async with connect("https://notices.example/socket", token=TOKEN) as socket:
        async with socket.channel("room:lobby") as room:
            async for message in room:
                print(message.event, message.payload)
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from attrs import define, field

from notifier_client.backoff import Backoff
from notifier_client.channel import Channel
from notifier_client.driver import Driver
from notifier_client.errors import (
    ConnectionRefused,
    NotifierClientError,
    SessionLost,
    SocketClosed,
    TokenFailed,
)
from notifier_client.events import PHX_REPLY
from notifier_client.ledger import Mode
from notifier_client.longpoll import LongPoll
from notifier_client.message import Message
from notifier_client.reasons import Reason
from notifier_client.seat import Joined, Seat
from notifier_client.session import TRANSPORTS, Session
from notifier_client.websocket import WebSocket

logger = logging.getLogger("notifier_client")

MAX_QUEUE: Final = 1_000
"""Messages that wait for the reader of a channel; see `Channel` for what happens then."""

Token = str | Callable[[], str | Awaitable[str]] | None
"""A user token, or what gives one, each time that it is needed; None for none."""


@define(eq=False, repr=False)
class Socket:
    """
    A connection. Made by `connect`, used with `async with`.

    Nothing goes over the network before the first channel is joined: the
    session is opened and the channel joined in one request.

    It comes back by itself, for as long as it takes, until it is closed or the
    server refuses: then every channel raises what it ended with.
    """

    url: str
    token: Token = field(repr=False)
    params: Mapping[str, str] = field(repr=False)
    transport: str
    _given_http: aiohttp.ClientSession | None
    _http: aiohttp.ClientSession | None = field(init=False, default=None)
    _channels: dict[str, Channel] = field(init=False, factory=dict)
    _replies: dict[str, asyncio.Future[Any]] = field(init=False, factory=dict)
    _refs: int = field(init=False, default=0)
    _driver: Driver | None = field(init=False, default=None)
    _task: asyncio.Task[None] | None = field(init=False, default=None)
    _failure: NotifierClientError | None = field(init=False, default=None)
    _mode: Mode = field(init=False, default=Mode.UNKNOWN)
    _has_opened: bool = field(init=False, default=False)
    _wanted: asyncio.Event = field(init=False, factory=asyncio.Event)
    _backoff: Backoff = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._backoff = Backoff(random.random, 0.1, 30.0)

    def __repr__(self) -> str:
        return f"<Socket {len(self._channels)} channels, {self._driver!r}>"

    # --- its life

    async def __aenter__(self) -> Self:
        if self._http is not None:
            raise RuntimeError("expected one `async with` of a socket, got a second")
        self._http = self._given_http or aiohttp.ClientSession(trust_env=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """
        Send what waits, say goodbye, and end; a few seconds at most. Idempotent.
        """
        self._fail(SocketClosed())
        if self._driver is not None:
            await self._driver.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._http is not None and self._given_http is None:
            await self._http.close()

    def channel(
        self,
        topic: str,
        params: Mapping[str, Any] | None = None,
        *,
        since: str | None = None,
        max_queue: int = MAX_QUEUE,
        on_rejoin: Callable[[Joined], object] | None = None,
    ) -> Channel:
        """
        Make the channel of a topic, to be joined. One a topic at a time.

        `params` go with the join; `since` asks for what came after that id.
        """
        if max_queue < 1:
            raise ValueError(f"expected a max_queue of 1 or more, got {max_queue}")
        seat = Seat(topic, dict(params or {}), since)
        return Channel(seat, max_queue, on_rejoin, self, Backoff(random.random, 1.0, 30.0))

    # --- for channels

    @property
    def is_open(self) -> bool:
        """
        Whether there is a session right now.
        """
        return self._driver is not None and self._driver.session.is_open

    @property
    def carried_by(self) -> str | None:
        """
        What carries the session right now: "websocket", "longpoll" or None.
        """
        if self._driver is None or not self._driver.session.is_open:
            return None
        is_websocket = self._driver.session.attachments.current is not None
        return "websocket" if is_websocket else "longpoll"

    def next_ref(self) -> str:
        self._refs += 1
        return str(self._refs)

    def send(self, message: Message) -> None:
        """
        Send a message on the session of this moment; raise SessionLost where there is none.
        """
        if self._driver is None:
            raise self._failure or SessionLost("no_session", "there is no session at the moment")
        self._driver.session.put(message)
        self._driver.pump_soon()

    def expect_reply(self, ref: str) -> asyncio.Future[Any]:
        self._replies[ref] = asyncio.get_running_loop().create_future()
        return self._replies[ref]

    def forget_reply(self, ref: str) -> None:
        self._replies.pop(ref).cancel()

    def enter(self, channel: Channel) -> None:
        """
        Take a channel in, and open a session if there is none.
        """
        if self._failure is not None:
            raise self._failure
        if self._http is None:
            raise RuntimeError("expected the socket to be entered first: async with connect(…)")
        if channel.topic in self._channels:
            raise RuntimeError(f"expected one channel a topic, got a second of {channel.topic}")
        self._channels[channel.topic] = channel
        self._wanted.set()
        if self._driver is not None:
            channel.session_began()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def depart(self, channel: Channel) -> None:
        if self._channels.get(channel.topic) is channel:
            del self._channels[channel.topic]
        if not self._channels:
            self._wanted.clear()

    def trouble(self) -> str | None:
        """
        Tell the last failure while there is no session, else None.
        """
        if self._driver is None:
            return "between two sessions"
        return None if self.is_open else self._driver.session.ledger.trouble

    # --- one session after the other

    async def _run(self) -> None:
        while self._failure is None:
            await self._wanted.wait()
            began = asyncio.get_running_loop().time()
            end = await self._run_session()
            if end.is_final:
                self._fail(ConnectionRefused(end.code, end.text))
                return
            if asyncio.get_running_loop().time() > began + 30.0:
                self._backoff.reset()
            await asyncio.sleep(self._backoff.next())

    async def _run_session(self) -> Reason:
        assert self._http is not None
        session = Session(secrets.token_urlsafe(24), self.transport, random.random, self._mode)
        longpoll = LongPoll(self._http, self.url, self.params)
        websocket = WebSocket(self._http, self.url, self.params)
        driver = Driver(session, longpoll, websocket, self._receive, self._ask_token)
        self._driver = driver
        for channel in tuple(self._channels.values()):
            channel.session_began()
        try:
            return await driver.run()
        except TokenFailed as failure:
            if not self._has_opened:
                self._fail(failure)
            return Reason("token_failed", str(failure))
        except Exception:
            logger.exception("a mistake of this package's: the socket is closed")
            self._fail(SocketClosed())
            return Reason("failed")
        finally:
            is_plain = session.is_open and session.ledger.mode is Mode.PLAIN
            self._mode = Mode.PLAIN if is_plain else Mode.UNKNOWN
            self._has_opened |= session.is_open
            self._driver = None
            self._session_ended(session.end or Reason("closed"))

    def _session_ended(self, end: Reason) -> None:
        for future in self._replies.values():
            if not future.done():
                future.set_exception(SessionLost(end.code, end.text))
        for channel in tuple(self._channels.values()):
            channel.session_ended()

    def _fail(self, failure: NotifierClientError) -> None:
        """
        End for good; every channel is told.
        """
        if self._failure is None:
            self._failure = failure
            for channel in tuple(self._channels.values()):
                channel.failed(failure)

    def _receive(self, message: Message) -> None:
        if message.event == PHX_REPLY and message.ref is not None:
            future = self._replies.get(message.ref)
            if future is not None and not future.done():
                future.set_result(message.payload)
                return
        channel = self._channels.get(message.topic)
        if channel is not None:
            channel.receive(message)

    async def _ask_token(self) -> str | None:
        if self.token is None:
            return None
        try:
            token = self.token() if callable(self.token) else self.token
            token = await token if inspect.isawaitable(token) else token
            if not isinstance(token, str):
                raise TypeError(f"expected a token that is a string, got {type(token).__name__}")
            if not (token.isascii() and token.isprintable()):
                raise ValueError("expected a token of printable ASCII, got other characters")
        except Exception as error:
            raise TokenFailed from error
        return token


def connect(
    url: str,
    *,
    token: Token = None,
    params: Mapping[str, str] | None = None,
    transport: str = "auto",
    http: aiohttp.ClientSession | None = None,
) -> Socket:
    """
    Make a socket, to be used with `async with`.

    `url` is that of the socket, without `/longpoll` or `/websocket`. `token`
    opens the door; a function, which may be async, is asked anew at each
    opening, and when a WebSocket is attached. `params` go into the query. `http`
    is a session of your own, which is not closed; without one the environment's
    proxies are used.

    `transport` is "auto": open by long-polling, move to a WebSocket once one
    has proved to work, and back when it stops working; or "longpoll", or
    "websocket".
    """
    if transport not in TRANSPORTS:
        raise ValueError(f"expected a transport of {', '.join(TRANSPORTS)}, got {transport!r}")
    return Socket(_base(url), token, dict(params or {}), transport, http)


def _base(url: str) -> str:
    parsed = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parsed.scheme, parsed.scheme)
    if scheme not in ("http", "https") or not parsed.hostname:
        raise ValueError("expected a URL such as https://notices.example/socket, got another")
    path = parsed.path.rstrip("/").removesuffix("/longpoll").removesuffix("/websocket")
    return urlunsplit((scheme, parsed.netloc, path, "", ""))
