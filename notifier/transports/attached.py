"""
A WebSocket of a resumable session: a candidate that is probed, then what
carries the session, until something newer does or it is gone.

What it decides is `session/resume.py`'s. Here are the three control frames,
which are not counted, and the closing of what cannot go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define, evolve, field

from notifier.channels import SocketServer
from notifier.errors import ProtocolError, describe
from notifier.protocol import Frame, Message
from notifier.protocol.events import ACK, CONTROL_EVENTS, PHOENIX_TOPIC, PROBE, RESUMED
from notifier.protocol.reasons import BAD_MESSAGE, CLIENT_CLOSED, IDLE, MESSAGE_TOO_LARGE, Reason
from notifier.session import Attachment, AttachmentState, Resume
from notifier.session.tokens import with_cursor
from notifier.transports.connection import Connection, _sleep_on

GOODBYE: Final = 1000
"""The close code that ends a session, on the attachment that carries it."""

_CANDIDATE, _LIVE, _ENDED = (
    AttachmentState.CANDIDATE,
    AttachmentState.LIVE,
    AttachmentState.ENDED,
)


@define(eq=False, repr=False)
class AttachedConnection(Connection):
    """
    One WebSocket of a resumable session. One that `opens` the session is probed
    by nothing: it carries the session from the start.
    """

    server: SocketServer
    resume: Resume
    opens: bool
    _attachment: Attachment = field(init=False)
    _control: list[Frame] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self.outbox = self
        self._attachment = Attachment(self._wake)

    def __repr__(self) -> str:
        return f"<AttachedConnection {self._attachment.state.name} of {self.resume!r}>"

    def begin(self, on_wake: Callable[[], None]) -> None:
        """
        Begin with a probe, or with the session itself.
        """
        Connection.begin(self, on_wake)
        now = self.endpoint.now()
        if self.opens:
            self._confirm(0, 0)
            self.endpoint.deadlines.watch(self.server)
        else:
            self._say(PROBE, {})
            self.resume.attach(self._attachment, now)
        self.endpoint.deadlines.watch(self)
        self.on_wake()

    def abandon(self) -> None:
        """
        End the session that was opened for a handshake that has failed.
        """
        if self.opens:
            self.server.close(CLIENT_CLOSED)

    # --- out

    @property
    def end(self) -> Reason | None:
        """
        Why the WebSocket is to be closed once nothing is left to take.
        """
        return self._attachment.end or self.resume.mailbox.end

    def take(self, max_bytes: int) -> Sequence[Frame]:
        """
        Take what is to be written next: control frames first.
        """
        control, self._control = self._control, []
        return control or self.resume.take(self._attachment, max_bytes)

    # --- in

    def receive_text(self, data: str | bytes) -> None:
        """
        Handle a text message.
        """
        self._receive(self.server.session.serializer.decode_text, data)

    def receive_binary(self, data: bytes) -> None:
        """
        Handle a binary message.
        """
        self._receive(self.server.session.serializer.decode_binary, data)

    def receive_too_large(self) -> None:
        """
        Count a message that is over its bound: nobody sends it again.
        """
        self.resume.accept(self._attachment)
        self._detach(MESSAGE_TOO_LARGE)

    def closed(self, code: int | None = None) -> None:
        """
        Note that the connection is gone. The session lives on, unless the client
        said goodbye on what carries it. Idempotent.
        """
        self.endpoint.deadlines.forget(self)
        self.on_wake = _sleep_on  # lets go of the door
        if code == GOODBYE:
            self.resume.leave(self._attachment, self.endpoint.now())
        else:
            self._detach()

    # --- for the wheel

    def deadline(self) -> float:
        """
        Tell when the client has been silent too long, a ping is due, or a word of
        ours.
        """
        return min(Connection.deadline(self), self._attachment.deadline)

    def expire(self, now: float) -> None:
        """
        Do what is due.
        """
        self.resume.expire(self._attachment, now)
        if self._attachment.state is _ENDED:
            return
        self._say_received(now)
        Connection.expire(self, now)

    # --- within

    def _wake(self) -> None:
        self.on_wake()

    def _receive(self, decode: Callable[[Any], Message], data: str | bytes) -> None:
        now = self._heard_at = self.endpoint.now()
        try:
            message = decode(data)
            if message.topic == PHOENIX_TOPIC and message.event in CONTROL_EVENTS:
                self._receive_control_frame(message)
                return
        except ProtocolError as error:
            self.resume.accept(self._attachment)
            self._fail(error)
            return
        if self._attachment.state is _CANDIDATE:
            self._fail(ProtocolError("ack before any other frame", "a message"))
        elif self.resume.accept(self._attachment, len(data)):
            self.server.receive(message)
        self._say_received(now)

    def _receive_control_frame(self, message: Message) -> None:
        match message.event, message.payload:
            case "ack", {"seq": int(seq), **more} if seq >= 0:
                turn = more.get("turn", 0)
                if not isinstance(turn, int):
                    self._fail(ProtocolError("turn to be a number", describe(turn)))
                elif self._attachment.state is _CANDIDATE:
                    self._confirm(seq, turn)
                elif self._attachment.state is _LIVE:
                    self.resume.acknowledge(seq)
            case _:
                self._fail(ProtocolError('ack with {"seq": NUMBER}', message.event))

    def _confirm(self, seq: int, turn: int) -> None:
        attachment = self._attachment
        self.resume.confirm(attachment, seq, turn, self.endpoint.now())
        if attachment.state is _LIVE:
            token = with_cursor(self.server.token, attachment.position)
            counts = {"seq": attachment.position, "received": attachment.count, "token": token}
            self._say(RESUMED, counts)
            self.on_wake()

    def _say_received(self, now: float) -> None:
        if self.resume.take_ack(self._attachment, now):
            self._say(ACK, {"received": self.resume.received})
            self.on_wake()
        elif self._attachment.deadline != float("inf"):
            self.endpoint.deadlines.watch(self)

    def _say(self, event: str, payload: dict[str, Any]) -> None:
        message = Message(None, None, PHOENIX_TOPIC, event, payload)
        self._control.append(self.server.session.serializer.encode(message))

    def _fail(self, error: ProtocolError) -> None:
        self._detach(evolve(BAD_MESSAGE, text=str(error)))

    def _give_up(self) -> None:
        self._detach(IDLE)

    def _detach(self, end: Reason | None = None) -> None:
        self.resume.detach(self._attachment, self.endpoint.now(), end)
