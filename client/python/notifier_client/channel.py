"""
One topic that we have joined: messages come, pushes go.

    async with socket.channel("room:lobby") as room:
        reply = await room.push("new_msg", {"body": "hello"})
        async for message in room:
            print(message.event, message.payload)
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Protocol, Self

from attrs import define, field

from notifier_client.backoff import Backoff
from notifier_client.errors import (
    ChannelClosed,
    ErrorReply,
    JoinRefused,
    NotifierClientError,
    ReplyTimeout,
    Unreachable,
    reason_of,
)
from notifier_client.events import PHX_JOIN
from notifier_client.message import Message
from notifier_client.presence import Change, Presence
from notifier_client.seat import Closed, Crashed, Joined, Refused, Seat, State

TIMEOUT_S: Final = 10.0
"""How long a reply is waited for, unless the caller says otherwise."""

LEAVE_TIMEOUT_S: Final = 2.0
"""How long the reply to a leave is waited for."""

TRANSIENT: Final = frozenset({"join crashed", "channel busy"})
"""Reasons of a refused rejoin after which another is tried."""

logger = logging.getLogger("notifier_client")


class Carrier(Protocol):
    """
    What a channel needs of its socket.
    """

    url: str

    def next_ref(self) -> str: ...
    def send(self, message: Message) -> None: ...
    def expect_reply(self, ref: str) -> asyncio.Future[Any]: ...
    def forget_reply(self, ref: str) -> None: ...
    def enter(self, channel: Channel) -> None: ...
    def depart(self, channel: Channel) -> None: ...
    def trouble(self) -> str | None: ...

    @property
    def is_open(self) -> bool: ...


@define(eq=False, repr=False)
class Channel:
    """
    One topic. Join it with `async with`, or with `join` and `leave`.

    Iterating gives each message once and in order, and ends after `leave`. It
    raises what ended the channel otherwise: JoinRefused for a rejoin, ChannelClosed,
    ConnectionRefused, SocketClosed.

    At most `max_queue` messages wait for the reader. Over it the channel takes
    no more, and joins again once the reader has read those: with a history the
    rest comes then, without one `on_rejoin` tells that messages were missed.

    `on_rejoin` is called after each join but the first, and after a first one
    with `since`, with a `Joined`. By default a warning is logged where
    `recovered` is not true.
    """

    seat: Seat
    max_queue: int
    on_rejoin: Callable[[Joined], object] | None
    carrier: Carrier = field(repr=False)
    backoff: Backoff = field(repr=False)
    presence: Presence = field(init=False, factory=Presence)
    on_presence: Callable[[Change], object] | None = field(init=False, default=None)
    joined: Joined | None = field(init=False, default=None)
    _is_wanted: bool = field(init=False, default=False)
    _is_left: bool = field(init=False, default=False)
    _has_joined: bool = field(init=False, default=False)
    _failure: NotifierClientError | None = field(init=False, default=None)
    _queue: deque[Message] = field(init=False, factory=deque)
    _changed: asyncio.Event = field(init=False, factory=asyncio.Event)
    _rejoin: asyncio.TimerHandle | None = field(init=False, default=None)

    def __repr__(self) -> str:
        return f"<Channel {self.topic} {self.seat.state.name} {len(self._queue)} waiting>"

    @property
    def topic(self) -> str:
        return self.seat.topic

    @property
    def last_id(self) -> str | None:
        """
        The last id seen, for `since` another time; None on a topic without history.
        """
        return self.seat.last_id

    # --- joining and leaving

    async def __aenter__(self) -> Self:
        await self.join()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.leave()

    async def join(self, timeout_s: float = TIMEOUT_S) -> Any:
        """
        Join, and give the response of the reply.

        Raises JoinRefused; Unreachable or ReplyTimeout where it takes too long;
        and ConnectionRefused and TokenFailed, with which the socket is over.
        After any of these the channel is left. Can be done once.
        """
        if self._is_wanted or self._is_left:
            raise RuntimeError(f"expected one join of a channel, got a second of {self.topic}")
        self._is_wanted = True
        self.carrier.enter(self)
        try:
            async with asyncio.timeout(timeout_s):
                await self._until_joined()
        except TimeoutError:
            why = self.carrier.trouble()
            self._abandon()
            if why is None:
                raise ReplyTimeout(self.topic, PHX_JOIN, timeout_s) from None
            raise Unreachable(self.carrier.url, why, timeout_s) from None
        except BaseException:
            self._abandon()
            raise
        assert self.joined is not None
        return self.joined.response

    async def leave(self) -> None:
        """
        Leave, and wait a moment for the reply. Idempotent, and never raises.
        """
        if self._is_left:
            return
        self._is_left = True
        is_joined = self.seat.state in (State.JOINED, State.LAGS, State.JOINING)
        self._end_rejoin()
        self._changed.set()
        if is_joined and self.carrier.is_open:
            ref = self.carrier.next_ref()
            replied = self.carrier.expect_reply(ref)
            with suppress(NotifierClientError, TimeoutError):  # the session's end does it too
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    self.carrier.send(self.seat.leave(ref))
                    await replied
            self.carrier.forget_reply(ref)
        self.seat.state = State.CLOSED
        self.carrier.depart(self)

    def _abandon(self) -> None:
        """
        Take a join back that came to nothing, without waiting.
        """
        self._is_left = True
        self._end_rejoin()
        if self.seat.state in (State.JOINING, State.JOINED) and self.carrier.is_open:
            with suppress(NotifierClientError):
                self.carrier.send(self.seat.leave(self.carrier.next_ref()))
        self.seat.state = State.CLOSED
        self.carrier.depart(self)
        self._changed.set()

    async def _until_joined(self) -> None:
        while self.seat.state not in (State.JOINED, State.LAGS):
            self._check()
            self._changed.clear()
            await self._changed.wait()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._is_left:
            raise ChannelClosed(self.topic, by_server=False)

    # --- messages

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        while not self._queue:
            if self._is_left and self._failure is None:
                raise StopAsyncIteration
            self._check()
            if self.seat.state is State.LAGS:
                self._send_join()
            self._changed.clear()
            await self._changed.wait()
        return self._queue.popleft()

    async def push(self, event: str, payload: Any, timeout_s: float = TIMEOUT_S) -> Any:
        """
        Send a message, and give the response of the reply to it.

        `payload` is a JSON value or `bytes`. While the channel is out it waits
        for the rejoin. Raises ErrorReply; ReplyTimeout; SessionLost where the
        session ended first; MailboxFull; and what ended the channel. A handler
        that replies nothing is for `send`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._until_joined()
                reply = await self._ask(event, payload)
        except TimeoutError:
            raise ReplyTimeout(self.topic, event, timeout_s) from None
        match reply:
            case {"status": "ok", "response": response}:
                return response
            case {"response": response}:
                raise ErrorReply(self.topic, event, response)
            case _:
                raise ErrorReply(self.topic, event, None)

    async def _ask(self, event: str, payload: Any) -> Any:
        ref = self.carrier.next_ref()
        replied = self.carrier.expect_reply(ref)
        try:
            self.carrier.send(self.seat.push(ref, event, payload))
            return await replied
        finally:
            self.carrier.forget_reply(ref)

    async def send(self, event: str, payload: Any, timeout_s: float = TIMEOUT_S) -> None:
        """
        Send a message without waiting for a reply, once the channel is joined.

        It is sent again until the server has it, as long as the session lives.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._until_joined()
        except TimeoutError:
            raise ReplyTimeout(self.topic, event, timeout_s) from None
        self.carrier.send(self.seat.push(self.carrier.next_ref(), event, payload))

    # --- called by the socket

    def session_began(self) -> None:
        """
        Join on a new session.
        """
        if self._is_wanted and not self._is_left and self._failure is None:
            self._send_join()

    def session_ended(self) -> None:
        """
        Wait for the next session.
        """
        self._end_rejoin()
        self.seat.lost()

    def failed(self, failure: NotifierClientError) -> None:
        """
        End with what the socket ended with, once the queue is read.
        """
        self._failure = self._failure or failure
        self._end_rejoin()
        self._changed.set()

    def receive(self, message: Message) -> None:
        """
        Take a message of this topic.
        """
        for news in self.seat.receive(message):
            match news:
                case Message():
                    self._queue_up(news)
                case Joined():
                    self._receive_joined(news)
                case Refused(response):
                    self._receive_refused(response)
                case Crashed():
                    self._join_later()
                case Closed():
                    self.failed(ChannelClosed(self.topic, by_server=True))
        self._changed.set()

    # --- within

    def _queue_up(self, message: Message) -> None:
        change = self.presence.receive(message)
        if change and self.on_presence is not None:
            _call(self.on_presence, change)
        self._queue.append(message)
        if len(self._queue) >= self.max_queue:
            self.seat.lag()

    def _receive_joined(self, joined: Joined) -> None:
        is_first, self._has_joined = not self._has_joined, True
        self.joined = joined
        self.backoff.reset()
        self._end_rejoin()
        if is_first and joined.since is None:
            return
        if self.on_rejoin is not None:
            _call(self.on_rejoin, joined)
        elif not joined.recovered:
            logger.warning("joined %s again: messages may have been missed", self.topic)

    def _receive_refused(self, response: Any) -> None:
        if self._has_joined and reason_of(response) in TRANSIENT:
            self._join_later()
        else:
            self.failed(JoinRefused(self.topic, response))

    def _send_join(self) -> None:
        """
        Join, and again if there is no reply.
        """
        self._end_rejoin()
        self.presence.rejoined()
        try:
            self.carrier.send(self.seat.join(self.carrier.next_ref()))
        except NotifierClientError:
            self.seat.lost()
        self._join_later(TIMEOUT_S)

    def _join_later(self, at_least_s: float = 0.0) -> None:
        self._end_rejoin()
        if not self._is_left:
            pause = at_least_s + self.backoff.next()
            self._rejoin = asyncio.get_running_loop().call_later(pause, self._join_again)

    def _join_again(self) -> None:
        if self.carrier.is_open and self.seat.state in (State.OUT, State.JOINING):
            self._send_join()

    def _end_rejoin(self) -> None:
        if self._rejoin is not None:
            self._rejoin.cancel()
            self._rejoin = None


def _call(callback: Callable[[Any], object], argument: object) -> None:
    try:
        callback(argument)
    except Exception:
        logger.exception("a callback failed: %r", callback)
