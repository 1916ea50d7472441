"""
One WebSocket after its handshake, as a door sees it, and the plain kind: a
connection ends its session, and the session's end closes the connection.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import define, evolve, field

from notifier.channels import Endpoint, SocketServer
from notifier.errors import ProtocolError
from notifier.protocol import Frame, Message
from notifier.protocol.reasons import BAD_MESSAGE, CLIENT_CLOSED, IDLE, Reason
from notifier.session import Limits


class Outbox(Protocol):
    """
    What a WebSocket is to write, and then, if there is one, its end.
    """

    @property
    def end(self) -> Reason | None:
        """
        Why the WebSocket is to be closed once nothing is left to take.
        """
        ...

    def take(self, max_bytes: int) -> Sequence[Frame]:
        """
        Take what is to be written next, about `max_bytes` of it.
        """
        ...


def _sleep_on() -> None:
    """
    Wake nobody: the connection has not begun, or is gone.
    """


@define(eq=False, repr=False)
class Connection(ABC):
    """
    One WebSocket, whatever it carries.

    The door calls `begin` after the handshake, or `abandon` if that fails.
    Whenever `on_wake` is called it writes what the outbox gives, a ping where
    one is due, and closes once the outbox has an end. It tells of every frame
    that comes with `receive_…`, and of the end with `closed`.
    """

    endpoint: Endpoint
    outbox: Outbox = field(init=False)
    on_wake: Callable[[], None] = field(init=False, default=_sleep_on)
    is_ping_due: bool = field(init=False, default=False)
    _heard_at: float = field(init=False, default=0.0)
    _next_ping: float = field(init=False, default=0.0)

    @property
    def limits(self) -> Limits:
        """
        The bounds that it keeps.
        """
        return self.endpoint.limits

    def begin(self, on_wake: Callable[[], None]) -> None:
        """
        Begin to listen, and to call `on_wake`.
        """
        self.on_wake = on_wake
        self._heard_at = self.endpoint.now()
        self._schedule_ping(self._heard_at)

    @abstractmethod
    def abandon(self) -> None:
        """
        Forget what was opened for a handshake that has failed.
        """

    # --- in

    @abstractmethod
    def receive_text(self, data: str | bytes) -> None:
        """
        Handle a text message.
        """

    @abstractmethod
    def receive_binary(self, data: bytes) -> None:
        """
        Handle a binary message.
        """

    def receive_control(self) -> None:
        """
        Note a ping or a pong: the client is there.
        """
        self._heard_at = self.endpoint.now()

    def receive_too_large(self) -> None:  # noqa: B027 - most have nothing to do
        """
        Note a message over its bound, for which the door closes.
        """

    @abstractmethod
    def closed(self, code: int | None = None) -> None:
        """
        Note that the connection is gone, by the client's close `code` or without
        one. Idempotent.
        """

    # --- for the wheel

    def deadline(self) -> float:
        """
        Tell when the client has been silent too long, or a ping is due.
        """
        return min(self._heard_at + self.limits.idle_timeout_ms / 1000, self._next_ping)

    def expire(self, now: float) -> None:
        """
        Ping, or give up a client that has been silent too long.
        """
        if self._heard_at + self.limits.idle_timeout_ms / 1000 <= now:
            self._give_up()
            return
        if self._next_ping <= now:
            self.is_ping_due = True
            self._schedule_ping(now)
        self.endpoint.deadlines.watch(self)
        self.on_wake()

    # --- within

    @abstractmethod
    def _give_up(self) -> None:
        """
        Close with IDLE.
        """

    def _schedule_ping(self, now: float) -> None:
        interval = self.limits.ping_interval_ms
        self._next_ping = now + interval / 1000 if interval else float("inf")


@define(eq=False, repr=False)
class PlainConnection(Connection):
    """
    The one WebSocket of a session as in Phoenix.
    """

    server: SocketServer

    def __attrs_post_init__(self) -> None:
        self.outbox = self.server.session.mailbox

    def __repr__(self) -> str:
        return f"<PlainConnection of {self.server!r}>"

    def begin(self, on_wake: Callable[[], None]) -> None:
        """
        Begin to listen, and to call `on_wake`.
        """
        Connection.begin(self, on_wake)
        self.server.session.mailbox.listen(on_wake)
        self.endpoint.deadlines.watch(self)

    def abandon(self) -> None:
        """
        End the session whose handshake has failed.
        """
        self.server.close(CLIENT_CLOSED)

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

    def closed(self, code: int | None = None) -> None:
        """
        Note that the connection is gone: the session ends with it. Idempotent.
        """
        self.endpoint.deadlines.forget(self)
        self.server.session.mailbox.listen(None)
        self.on_wake = _sleep_on  # lets go of the door
        self.server.close(CLIENT_CLOSED)

    def _give_up(self) -> None:
        self.server.close(IDLE)

    def _receive(self, decode: Callable[[Any], Message], data: str | bytes) -> None:
        self._heard_at = self.endpoint.now()
        try:
            message = decode(data)
        except ProtocolError as error:
            self.server.close(evolve(BAD_MESSAGE, text=str(error)))
        else:
            self.server.receive(message)


@define(eq=False, repr=False)
class RefusedConnection(Connection):
    """
    A WebSocket that is closed right after its handshake, since browsers cannot
    read why a handshake was refused.
    """

    end: Reason

    def __attrs_post_init__(self) -> None:
        self.outbox = self

    def __repr__(self) -> str:
        return f"<RefusedConnection {self.end.code}>"

    def begin(self, on_wake: Callable[[], None]) -> None:
        """
        Have it closed.
        """
        on_wake()

    def take(self, max_bytes: int) -> Sequence[Frame]:
        """
        Nothing is ever to be written.
        """
        return ()

    def abandon(self) -> None:
        """
        Nothing was opened.
        """

    def receive_text(self, data: str | bytes) -> None:
        """
        Drop what comes.
        """

    def receive_binary(self, data: bytes) -> None:
        """
        Drop what comes.
        """

    def closed(self, code: int | None = None) -> None:
        """
        Nothing was held.
        """

    def _give_up(self) -> None:
        """
        It is not watched.
        """
