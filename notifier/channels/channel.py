"""
What an application author writes for a topic: a `Channel`.

    class Room(Channel):
        async def join(self, payload):
            return Ok({"welcome": self.topic})

        @handle_in("new_msg")
        async def new_msg(self, payload):
            await self.broadcast("new_msg", payload)

One channel handles its messages one after the other; channels run beside each
other. A handler that raises ends its own channel only: the client is told
`phx_error` and joins again. The machinery is in `channel_server.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from attrs import frozen

from notifier.channels.replies import Backlog, Error, Ok, Result
from notifier.channels.roster import Meta, Presences
from notifier.engine import Publication, Receipt, Retention
from notifier.errors import describe
from notifier.protocol import Payload, Ref

if TYPE_CHECKING:
    from notifier.channels.channel_server import ChannelServer
    from notifier.channels.presence import Presence
    from notifier.channels.socket import Socket

Handler = TypeVar("Handler", bound=Callable[..., Any])


def handle_in(*events: str) -> Callable[[Handler], Handler]:
    """
    Mark `async def handler(self, payload)` as the handler of these events.

    It returns None for no reply, or Ok(response) or Error(reason).
    """
    return _mark("_handles_in", events)


def handle_out(*events: str) -> Callable[[Handler], Handler]:
    """
    Mark `async def handler(self, payload)` to stand between a broadcast of
    these events and the client.

    Nothing goes out by itself then: the handler pushes what it lets through. The
    payload is the same object for every client: push another instead of changing it.
    """
    return _mark("_handles_out", events)


@frozen
class SocketRef:
    """
    Names one message that is to be replied to later; see `Channel.socket_ref`.
    """

    join_ref: Ref
    ref: Ref
    topic: str


class Channel:
    """
    One client on one topic. Subclass it, and name it in `Socket.channels`.

    `topic`, `socket` and `assigns` (a copy of the socket's, free for your own
    use) are there from `join` on. Set `history` to have the topic logged.
    """

    history: ClassVar[Retention | None] = None
    handlers_in: ClassVar[Mapping[str, str]] = {}
    handlers_out: ClassVar[Mapping[str, str]] = {}

    topic: str
    socket: Socket
    assigns: dict[str, Any]
    _server: ChannelServer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not isinstance(cls.history, Retention | None):
            raise TypeError(
                f"{cls.__name__}.history must be Retention(…) or None, got {describe(cls.history)}"
            )
        cls.handlers_in = _collect(cls, "_handles_in")
        cls.handlers_out = _collect(cls, "_handles_out")

    # --- for the author to write

    async def join(self, payload: Payload) -> Result:
        """
        Accept (None or Ok) or refuse (Error) a client with its join's payload.

        Nothing can be pushed yet: `self.send("after_join")` and push from
        `handle_info`, which runs after the join's reply.
        """
        return None

    async def backlog(self, head: str, since: str | None) -> Backlog:
        """
        Bring the client what waits for it besides the log, on a topic with `history`.

        Asked once a join, after the subscription: what is published from then on
        and has an id above `head` comes by itself. `since` is the join's, None
        where it has none. What is returned goes out after the reply and before
        all else, through `handle_out`; what the log brings itself is left out.
        """
        return Backlog()

    def is_current(self, publication: Publication) -> bool:
        """
        Tell whether what comes from the log or the backlog is still to be handed on.

        Asked at the last moment, for each message; what is not is stepped over.
        """
        return True

    async def handle_other(self, event: str, payload: Payload) -> Result:
        """
        Handle an event that has no `handle_in` of its own. By default the
        channel crashes, as in Phoenix.
        """
        known = ", ".join(sorted(self.handlers_in)) or "none"
        raise LookupError(f"no handle_in for an event of the client's; there are: {known}")

    async def handle_info(self, message: Any) -> None:
        """
        Handle a message that this channel was sent with `send`.
        """
        raise NotImplementedError(f"{type(self).__name__} got a message but has no handle_info")

    async def terminate(self, reason: str) -> None:
        """
        Clean up: called once when a joined channel ends.

        `reason` is "left", "closed" (the session ended), "replaced" (joined
        anew), "stopped" or "crashed". Nothing can be pushed any more.
        """

    # --- for the author to call

    async def push(self, event: str, payload: Payload = None) -> None:
        """
        Send an event to this client.
        """
        self._server.push(event, {} if payload is None else payload)

    async def broadcast(self, event: str, payload: Payload = None) -> Receipt:
        """
        Send an event to everyone on the topic, this client too.

        On a topic with `history` it returns once that is stored, and raises
        EngineError if it could not be, on a full disk for instance: then nobody
        gets it.
        """
        return await self._server.broadcast(event, {} if payload is None else payload)

    async def broadcast_from(self, event: str, payload: Payload = None) -> Receipt:
        """
        Send an event to everyone on the topic but this client.
        """
        body = {} if payload is None else payload
        return await self._server.broadcast(event, body, from_self=True)

    async def track(self, key: str, meta: Meta) -> None:
        """
        Make this client present on the topic, until the channel ends.

        `key` names who it is, a user's id for instance; channels that track
        the same key are metas of one presence. `meta` is an object of your own.
        Everyone on the topic gets a `presence_diff`; where one has just gone
        out it is merged into the next. Raises TypeError or ValueError for what
        cannot be tracked. For a channel that has ended it does nothing.
        """
        await self._presence.track(self._server, key, meta)

    async def update(self, key: str, meta: Meta | Callable[[Meta], Meta]) -> None:
        """
        Give what this channel tracks a new meta, or a function of the old one:

            await self.update(user_id, lambda meta: {**meta, "status": "away"})

        Raises ValueError for a key that this channel does not track.
        """
        await self._presence.update(self._server, key, meta)

    async def untrack(self, key: str) -> None:
        """
        Track a key no longer. Idempotent; the end of the channel does it by itself.
        """
        await self._presence.untrack(self._server, key)

    async def presences(self) -> Presences:
        """
        List who is present on the topic: `{key: {"metas": [{"phx_ref": …, …}]}}`.

        Push it as `presence_state`, once the client is tracked:

            await self.push("presence_state", await self.presences())
        """
        return await self._presence.list(self.topic)

    @property
    def key(self) -> str:
        """
        What names this channel as the `sender` that `Endpoint.broadcast` leaves out.
        """
        return self._server.key

    def socket_ref(self) -> SocketRef:
        """
        Name the message being handled, to `reply` to it later.

        Raises RuntimeError outside of a handler and for a message without ref.
        """
        return self._server.socket_ref()

    async def reply(self, ref: SocketRef, result: Ok | Error) -> None:
        """
        Answer a message that was named with `socket_ref`. At most once each.
        """
        self._server.reply(ref, result)

    def send(self, message: Any) -> None:
        """
        Put a message into this channel's own queue, for `handle_info`.

        May be called from anywhere in the event loop, a timer for instance;
        for a channel that has ended it does nothing.
        """
        self._server.send(message)

    async def stop(self) -> None:
        """
        End this channel once the current handler is through and its reply sent.
        """
        self._server.stop_soon()

    # --- within

    @property
    def _presence(self) -> Presence:
        return self._server.owner.endpoint.presence


def _mark(attribute: str, events: tuple[str, ...]) -> Callable[[Handler], Handler]:
    if not events or not all(isinstance(event, str) for event in events):
        raise TypeError(
            "name the events that are handled, as in @handle_in('new_msg'), "
            f"got {', '.join(map(repr, events)) or 'none'}"
        )

    def mark(handler: Handler) -> Handler:
        setattr(handler, attribute, (*getattr(handler, attribute, ()), *events))
        return handler

    return mark


def _collect(cls: type[Channel], attribute: str) -> dict[str, str]:
    """
    Event to method name, over the class and its bases; the nearest wins.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            for event in getattr(member, attribute, ()):
                found[event] = name
    return found
