"""
All the sessions of this process, and the ways to reach them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from base64 import urlsafe_b64encode
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import define, field, frozen

from notifier.channels.author import call
from notifier.channels.presence import Presence
from notifier.channels.pubsub import PubSub, Subscriber
from notifier.channels.replay import Turns
from notifier.channels.replies import Error, check_result
from notifier.channels.socket import ConnectInfo, Socket
from notifier.channels.socket_server import SocketServer
from notifier.channels.topics import Routes, first_match
from notifier.engine import Engine, Publication, Receipt, Retention
from notifier.errors import ConnectionRefused, describe
from notifier.protocol import Broadcast, Payload, Serializer, serializer_for
from notifier.protocol.events import DISCONNECT
from notifier.protocol.reasons import (
    CLIENT_CLOSED,
    CONNECT_CRASHED,
    CONNECT_REFUSED,
    DISPLACED,
    NOT_YOURS,
    RESTARTING,
    SESSION_FOREIGN,
    SESSION_GONE,
    TOO_MANY_SESSIONS,
    UNSUPPORTED_VSN,
    Reason,
)
from notifier.protocol.v2 import V2Serializer
from notifier.session import Claims, Deadlines, Limits, Session, Tokens, User
from notifier.session.deadlines import SLOT_S

logger = logging.getLogger(__name__)

_V2: Final = V2Serializer()

SESSION_ID_BYTES: Final = 18
"""Random bytes of a session's id: nobody guesses them, and base64 needs no padding."""

MAX_REMEMBERED_ENDS: Final = 10_000
"""Ended sessions whose reason is remembered for the client's next request."""

SHUTDOWN_GRACE_S: Final = 0.5
"""What a channel's end may take beyond its two bounds."""

LoadUser = Callable[[Claims], Awaitable[User | Error]]
"""
Makes a user of what a token says, or refuses: at each connect, and when a
WebSocket attaches to a session.
"""

MAX_COUNTED_REASONS: Final = 100
"""Reasons that refusals are counted by; an author may make one up for each connect."""


async def take_at_word(claims: Claims) -> User:
    """
    Load the user that a token names, and ask nobody.
    """
    return claims.user


@frozen
class SessionInfo:
    """
    What `Endpoint.sessions` tells of a session: `transport` is what carries it now.
    """

    id: str | None
    transport: str
    age_s: float


@frozen
class Crowd:
    """
    How many are on a topic: `people` by their `Socket.id`, and sessions in all.
    """

    people: int
    sessions: int


@define(eq=False, repr=False)
class Endpoint:
    """
    Opens sessions, broadcasts to them, and ends them.

    `now` is a monotonic clock in seconds. `assigns` is free for what the
    application's sockets and channels share. Call `start` in the event loop
    that is to run it, and `shutdown` at the end.
    """

    engine: Engine
    tokens: Tokens
    limits: Limits = field(factory=Limits)
    now: Callable[[], float] = field(default=time.monotonic)
    load_user: LoadUser = field(default=take_at_word)
    assigns: dict[str, Any] = field(init=False, factory=dict)
    deadlines: Deadlines = field(init=False, factory=Deadlines)
    pubsub: PubSub = field(init=False)
    turns: Turns = field(init=False, factory=Turns)
    presence: Presence = field(init=False)
    refused: Counter[str] = field(init=False, factory=Counter)
    _sessions: dict[str, SocketServer] = field(init=False, factory=dict)
    _per_id: Counter[str] = field(init=False, factory=Counter)
    _draining: dict[str, SocketServer] = field(init=False, factory=dict)
    _ends: OrderedDict[str, Reason] = field(init=False, factory=OrderedDict)
    _routes: dict[type[Socket], Routes] = field(init=False, factory=dict)
    _tasks: set[asyncio.Task[None]] = field(init=False, factory=set)
    is_down: bool = field(init=False, default=False)
    _ticking: asyncio.TimerHandle | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.pubsub = PubSub(self.engine)
        self.presence = Presence(self)

    def __repr__(self) -> str:
        return f"<Endpoint {len(self._sessions)} sessions>"

    # --- reaching clients

    async def broadcast(
        self,
        topic: str,
        event: str,
        payload: Payload,
        *,
        sender: str | None = None,
        is_logged: bool = True,
    ) -> Receipt:
        """
        Send an event to everyone on a topic, on every node.

        `payload` is a JSON value or `bytes`; raises TypeError for any other.
        `sender` names the one channel that is not to get it. What is not
        `is_logged` goes out at once and is not kept, also on a topic with history.
        """
        _V2.encode(Broadcast(topic, event, payload))  # the author's mistake, not the fan-out's
        publication = Publication(topic, event, payload, sender=sender)
        return await self.engine.publish(publication, self.retention(topic) if is_logged else None)

    async def disconnect(self, id: str) -> int:
        """
        End every session whose `Socket.id` is `id`; tell how many there were.
        """
        return (await self.broadcast(id, DISCONNECT, {})).reached

    def retention(self, topic: str) -> Retention | None:
        """
        Tell how much of a topic is kept, None where its channel asks for none.
        """
        channel_class = first_match(self._routes.values(), topic)
        return None if channel_class is None else channel_class.history

    def serves(self, topic: str) -> bool:
        """
        Whether any channel serves a topic, so that clients may be on it.
        """
        return first_match(self._routes.values(), topic) is not None

    def count(self, transport: str | None = None) -> int:
        """
        Tell how many sessions live here, on one transport or on all.
        """
        if transport is None:
            return len(self._sessions)
        return sum(server.carrier == transport for server in self._sessions.values())

    def count_by_id(self) -> Mapping[str, int]:
        """
        Tell how many sessions live here by `Socket.id`, without those that have none.
        """
        return MappingProxyType(self._per_id)

    def topics(self, prefix: str) -> Iterator[str]:
        """
        Name the topics of a prefix that a session of this process is on; do not await meanwhile.
        """
        return self.pubsub.topics(prefix)

    def crowd(self, topic: str) -> Crowd:
        """
        Count who is on a topic in this process.
        """
        ids = [one.id for one in self.pubsub.subscribers(topic)]
        return Crowd(people=len({id for id in ids if id is not None}), sessions=len(ids))

    def sessions(self) -> Iterator[SessionInfo]:
        """
        Look at the sessions that live here, newest first; do not await meanwhile.
        """
        now = self.now()
        for server in reversed(self._sessions.values()):
            yield SessionInfo(server.id, server.carrier, now - server.opened_at)

    # --- sessions

    def serve(self, socket_class: type[Socket]) -> None:
        """
        Take a socket class into service; raises for a `channels` table amiss.
        """
        self._routes[socket_class] = Routes(socket_class.channels)

    async def open(
        self,
        socket_class: type[Socket],
        vsn: str | None,
        params: Mapping[str, str],
        info: ConnectInfo,
        *,
        is_resumable: bool = False,
    ) -> SocketServer:
        """
        Connect a client; raise ConnectionRefused with what it is to be told.
        """
        try:
            serializer = self._admit(vsn)
            socket = await self._connect(socket_class, params, info)
            self._check_room(socket)
        except ConnectionRefused as refusal:
            self.count_refusal(refusal.code)
            logger.info("refused a %s connect from %s: %s", info.transport, info.peer, refusal)
            raise
        routes = self._routes[socket_class]
        id = urlsafe_b64encode(os.urandom(SESSION_ID_BYTES)).decode()
        session = Session(id, serializer, self.limits, routes.serve)
        if is_resumable:
            session.survive()
            socket.opened_with = info.token
        token = self.tokens.sign_session(id)
        server = SocketServer(self, session, socket, routes, info.transport, token)
        self._sessions[token] = server
        if socket.id is not None:
            self._per_id[socket.id] += 1
            try:
                work = self.pubsub.subscribe(socket.id, server)
                if work is not None:
                    await work
            except BaseException:
                server.close(CLIENT_CLOSED)
                raise
        return server

    async def check_owner(self, server: SocketServer, info: ConnectInfo) -> None:
        """
        Make sure that whoever brings `info` may have a session that is open; raise
        ConnectionRefused.
        """
        socket = server.socket
        where = f"{type(socket).__name__}.resume"
        try:
            result = check_result(await call(where, socket.resume, info), where)
        except ConnectionRefused:
            raise
        except Exception as error:
            logger.exception("%s crashed", where)
            raise NOT_YOURS.refusal() from error
        if isinstance(result, Error):
            raise refused_by(result)

    def count_refusal(self, code: str) -> None:
        """
        Count a refused connect by its reason, for `/health`.
        """
        is_known = code in self.refused or len(self.refused) < MAX_COUNTED_REASONS
        self.refused[code if is_known else CONNECT_REFUSED.code] += 1

    def find(self, token: str) -> SocketServer | Reason:
        """
        Find a session by the signed part of its token, else why it is gone.

        One that has ended is found while something put before is left to poll. A
        token among those given out needs no other proof; for any other the
        signature tells a session that has ended from one that never was ours.
        """
        found = self._sessions.get(token) or self._draining.get(token) or self._ends.get(token)
        if found is not None:
            return found
        return SESSION_GONE if self.tokens.verify_session(token) else SESSION_FOREIGN

    def session_ended(self, server: SocketServer, reason: Reason) -> None:
        """
        Count a session no more, and forget it once nobody asks for what is left in it.
        """
        self._sessions.pop(server.token, None)
        if server.session.mailbox.is_through:
            self.deadlines.forget(server)
        else:
            self._draining[server.token] = server
            self.deadlines.watch(server)
        self._ends[server.token] = reason
        if len(self._ends) > MAX_REMEMBERED_ENDS:
            self._ends.popitem(last=False)
        id = server.id
        if id is not None:
            self._per_id[id] -= 1
            if not self._per_id[id]:
                del self._per_id[id]
            self.unsubscribe(id, server)

    def drained(self, server: SocketServer) -> None:
        """
        Forget a session that has ended and that nobody asks for any more.
        """
        self._draining.pop(server.token, None)
        self.deadlines.forget(server)

    # --- time and tasks

    def start(self) -> None:
        """
        Let time pass: look for what is due, again and again.
        """
        self._ticking = asyncio.get_running_loop().call_later(SLOT_S, self.start)
        self.tick(self.now())

    def tick(self, now: float) -> None:
        """
        Do what is due at `now`.
        """
        for owner in self.deadlines.due(now):
            try:
                owner.expire(now)
            except Exception:
                logger.exception("%r could not do what was due", owner)

    def unsubscribe(self, topic: str, subscriber: Subscriber) -> None:
        """
        Take a subscriber out of a topic, at once; the engine learns of it later.
        """
        work = self.pubsub.unsubscribe(topic, subscriber)
        if work is not None:
            self.spawn(work)

    def run_channel(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """
        Run a channel's coroutine as a task, until it says `channel_ran`.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        return task

    def channel_ran(self, task: asyncio.Task[None]) -> None:
        """
        Forget a channel's task that is through.
        """
        self._tasks.discard(task)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """
        Run a coroutine as a task that is held on to until it is done.
        """
        task = self.run_channel(work)
        task.add_done_callback(self.channel_ran)
        return task

    async def shutdown(self) -> None:
        """
        Refuse connects, end every session as restarting, wait for the channels.

        Each channel ends within `channel_stop_timeout_ms`, and again as much
        for its `terminate`; one that does not let itself be cancelled is left.
        """
        self.is_down = True
        for server in tuple(self._sessions.values()):
            server.close(RESTARTING)
        loop = asyncio.get_running_loop()
        until = loop.time() + 2 * self.limits.channel_stop_timeout_ms / 1000 + SHUTDOWN_GRACE_S
        while self._tasks and loop.time() < until:
            done, _ = await asyncio.wait(tuple(self._tasks), timeout=until - loop.time())
            self._tasks -= done
        for server in tuple(self._draining.values()):
            self.drained(server)
        if self._ticking is not None:
            self._ticking.cancel()
        await self.engine.close()

    # --- within

    def _admit(self, vsn: str | None) -> Serializer:
        serializer = serializer_for(vsn)
        if serializer is None:
            raise UNSUPPORTED_VSN.refusal()
        self._check_room()
        return serializer

    async def _connect(
        self, socket_class: type[Socket], params: Mapping[str, str], info: ConnectInfo
    ) -> Socket:
        name = socket_class.__name__
        try:
            socket = socket_class(self)
            where = f"{name}.connect"
            result = check_result(await call(where, socket.connect, params, info), where)
            if isinstance(result, Error):
                raise refused_by(result)
            if not isinstance(socket.id, str | None):
                raise TypeError(f"{name}.id must be a string or None, got {describe(socket.id)}")
        except ConnectionRefused:
            raise
        except Exception as error:
            logger.exception("%s crashed in connect", name)
            raise CONNECT_CRASHED.refusal() from error
        return socket

    def _check_room(self, socket: Socket | None = None) -> None:
        """
        Raise ConnectionRefused if there is no place, before an author's connect
        and after it: that takes time.
        """
        if self.is_down:
            raise RESTARTING.refusal()
        if len(self._sessions) >= self.limits.max_sessions:
            raise TOO_MANY_SESSIONS.refusal()
        if socket is None:
            return
        limit = self.limits.max_sessions_per_user
        if limit and socket.id is not None and self._per_id[socket.id] >= limit:
            self._make_room(socket.id)

    def _make_room(self, id: str) -> None:
        """
        Close the session of one user's that has been detached longest; raise
        ConnectionRefused if none is.
        """
        detached = [
            server
            for server in self.pubsub.subscribers(id)
            if isinstance(server, SocketServer) and server.detached_since() != float("inf")
        ]
        if not detached:
            raise TOO_MANY_SESSIONS.refusal()
        min(detached, key=SocketServer.detached_since).close(DISPLACED)


def refused_by(result: Error) -> ConnectionRefused:
    """
    Make a refusal of the Error that an author has returned; raise TypeError if JSON cannot hold it.
    """
    response = result.response if isinstance(result.response, dict) else {}
    _V2.encode(Broadcast("", "", response))
    code = str(response.get("reason", CONNECT_REFUSED.code))
    text = str(response.get("message", CONNECT_REFUSED.text))
    return ConnectionRefused(code, text, response)
