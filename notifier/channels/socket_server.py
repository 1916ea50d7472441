"""
Runs one client's connection: its session, its socket and its channels.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from attrs import define, field

from notifier.channels.channel_server import ChannelServer, End
from notifier.channels.pubsub import Encodings
from notifier.channels.socket import Socket
from notifier.channels.topics import Routes
from notifier.engine import Publication
from notifier.protocol import Message
from notifier.protocol.events import DISCONNECT
from notifier.protocol.reasons import (
    DETACHED_TOO_LONG,
    DISCONNECTED,
    JOIN_CRASHED,
    SESSION_EXPIRED,
    Reason,
)
from notifier.session import Deliver, Join, Seat, Session

if TYPE_CHECKING:
    from notifier.channels.channel import Channel
    from notifier.channels.endpoint import Endpoint

logger = logging.getLogger(__name__)


@define(eq=False, repr=False)
class SocketServer:
    """
    One connected client, as a transport sees it.

    A transport calls `receive` for each message of the client and drains
    `session.mailbox`; `close` ends everything.
    """

    endpoint: Endpoint
    session: Session
    socket: Socket
    routes: Routes
    transport: str
    token: str = field(repr=False)
    key: str = field(init=False)
    id: str | None = field(init=False)
    opened_at: float = field(init=False)
    _channels: dict[Seat, ChannelServer] = field(init=False, factory=dict)
    _joins: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self.key, self.id = self.session.id, self.socket.id
        self.opened_at = self.endpoint.now()
        self.session.mailbox.on_close = self._session_ended

    def __repr__(self) -> str:
        return f"<SocketServer {self.transport} {self.session!r}>"

    def receive(self, message: Message) -> None:
        """
        Handle one message of the client: at once, or in its channel's turn.
        """
        match self.session.receive(message):
            case Join(seat, payload, replaced):
                self._start(seat, payload, replaced)
            case Deliver(seat, message):
                self._channels[seat].receive(message)

    def receive_publication(self, publication: Publication, encodings: Encodings) -> int:
        """
        Take a publication on the socket's id: `disconnect` ends the session.
        """
        if publication.event != DISCONNECT:
            return 0
        self.close(DISCONNECTED)
        return 1

    def close(self, reason: Reason) -> None:
        """
        End the session and its channels; only the first close counts.
        """
        self.session.close(reason)

    @property
    def carrier(self) -> str:
        """
        Name the transport that carries the session now.
        """
        resume = self.session.resume
        if resume is None:
            return self.transport
        return "longpoll" if resume.live is None else "websocket"

    def detached_since(self) -> float:
        """
        Tell since when nothing carries a resumable session; infinity while
        something does, and for any other.
        """
        session = self.session
        return float("inf") if session.resume is None else session.mailbox.quiet_since

    async def wait_for_channels(self, timeout_s: float) -> None:
        """
        Wait until each channel has done what it was asked so far, or for `timeout_s`.
        """
        tasks = [channel.task for channel in self._channels.values() if channel.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)

    def channel_ended(self, channel: ChannelServer) -> None:
        """
        Forget a channel that is through.
        """
        self._channels.pop(channel.seat, None)

    # --- for the wheel, where a poll carries the session

    def deadline(self) -> float:
        """
        Tell when to look at the mailbox: when it is due, or a window from now.

        A poll that parks later is due a window later at the earliest, so
        whoever is watched by the wheel need not tell it of each poll.
        """
        mailbox = self.session.mailbox
        return min(mailbox.deadline(), self.endpoint.now() + mailbox.window_s)

    def expire(self, now: float) -> None:
        """
        Let polls go whose window is over; end a session that nobody asks for.
        """
        if self.session.mailbox.expire(now):
            self.close(SESSION_EXPIRED if self.session.resume is None else DETACHED_TOO_LONG)
            self.endpoint.drained(self)
        else:
            self.endpoint.deadlines.watch(self)

    def _start(self, seat: Seat, payload: object, replaced: Seat | None) -> None:
        old = None if replaced is None else self._channels.get(replaced)
        if old is not None:
            old.close(End.REPLACED)
        channel = self._make_channel(seat)
        if channel is None:
            self.session.refuse(seat, {"reason": JOIN_CRASHED})
            return
        self._joins += 1
        server = ChannelServer(self, seat, channel, f"{self.session.id}/{self._joins}")
        channel._server = server
        self._channels[seat] = server
        server.start(payload, old)

    def _make_channel(self, seat: Seat) -> Channel | None:
        channel_class = self.routes.match(seat.topic)
        assert channel_class is not None
        try:
            channel = channel_class()
            channel.topic, channel.socket = seat.topic, self.socket
            channel.assigns = dict(self.socket.assigns)
        except Exception:
            logger.exception("channel %s cannot be made", channel_class.__name__)
            return None
        return channel

    def _session_ended(self, reason: Reason) -> None:
        for channel in tuple(self._channels.values()):
            channel.close(End.CLOSED)
        if self.session.resume is not None:
            self.session.resume.session_ended(reason, self.endpoint.now())
        self.endpoint.session_ended(self, reason)
