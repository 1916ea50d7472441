"""
One connected client, whatever carries it: which channels it has joined, what
its messages ask for, and the mailbox of what goes back.

The rules of this file:

- `receive` reads one message and returns what the application must do for it,
  or None where the session has answered itself.
- A channel's place is its `Seat`. What a vacated seat still wants to say is
  dropped, so a channel that was closed or replaced is silent at once.
- A join_ref that is neither null nor the seat's is stale: dropped in silence.

Phoenix: `lib/phoenix/socket.ex`, `handle_in`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from notifier.protocol import Message, Outgoing, Payload, Ref, Reply, Serializer
from notifier.protocol.events import (
    HEARTBEAT,
    PHOENIX_TOPIC,
    PHX_CLOSE,
    PHX_ERROR,
    PHX_JOIN,
    PHX_LEAVE,
)
from notifier.protocol.reasons import (
    CHANNEL_CRASH,
    TOO_MANY_CHANNELS,
    UNMATCHED_TOPIC,
    Reason,
)
from notifier.session.limits import Limits
from notifier.session.mailbox import Mailbox
from notifier.session.resume import Resume

OK: Final = "ok"
ERROR: Final = "error"


@define(eq=False)
class Seat:
    """
    One channel's place in a session, from the join to the close.

    `sent_join_ref` is the join's as it came, `ref` the join's own ref. A join
    without join_ref lends its ref to what the channel pushes.
    """

    topic: str
    sent_join_ref: Ref
    ref: Ref
    joined: bool = False

    @property
    def join_ref(self) -> Ref:
        """
        The join_ref that the channel's own messages carry.
        """
        return self.ref if self.sent_join_ref is None else self.sent_join_ref


@frozen
class Join:
    """
    Start a channel in `seat`; `replaced` is to be stopped first, if any.
    """

    seat: Seat
    payload: Payload
    replaced: Seat | None


@frozen
class Deliver:
    """
    Hand a message, or a leave, to the channel in `seat`.
    """

    seat: Seat
    message: Message


Command = Join | Deliver


@define(eq=False, repr=False)
class Session:
    """
    The pure core of one client's connection.

    `matches` tells whether some channel serves a topic. One that is resumable
    has a `resume`, and survives its connections.
    """

    id: str
    serializer: Serializer
    limits: Limits
    matches: Callable[[str], bool]
    mailbox: Mailbox = field(init=False)
    resume: Resume | None = field(init=False, default=None)
    _seats: dict[str, Seat] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.mailbox = Mailbox(self.limits)

    def __repr__(self) -> str:
        return f"<Session {len(self._seats)} channels {self.mailbox!r}>"

    def survive(self) -> Resume:
        """
        Make the session resumable; before anything is sent.
        """
        self.resume = Resume(self.mailbox)
        return self.resume

    @property
    def end(self) -> Reason | None:
        """
        Why the session ended, None while it lives.
        """
        return self.mailbox.end

    # --- from the client

    def receive(self, message: Message) -> Command | None:
        """
        Read one message: answer it, drop it, or say what is to be done.
        """
        if self.end is not None:
            return None
        seat = self._seats.get(message.topic)
        if message.event == PHX_JOIN:
            return self._receive_join(message, seat)
        if seat is None:
            self._answer_without_channel(message)
            return None
        if message.join_ref is not None and not _same(message.join_ref, seat.sent_join_ref):
            return None  # stale
        return Deliver(seat, message)

    def _receive_join(self, message: Message, seat: Seat | None) -> Join | None:
        if not self.matches(message.topic):
            self._error(None, message, UNMATCHED_TOPIC)
            return None
        if seat is None and len(self._seats) >= self.limits.max_channels:
            self._error(message.join_ref, message, TOO_MANY_CHANNELS)
            return None
        taken = Seat(message.topic, message.join_ref, message.ref)
        self._seats[message.topic] = taken
        return Join(taken, message.payload, replaced=seat)

    def _answer_without_channel(self, message: Message) -> None:
        if message.topic == PHOENIX_TOPIC and message.event == HEARTBEAT:
            self.send(Reply(None, message.ref, PHOENIX_TOPIC, OK, {}))
        elif message.event == PHX_LEAVE:
            self.send(Reply(message.join_ref, message.ref, message.topic, OK, {}))
        else:
            self._error(None, message, UNMATCHED_TOPIC)

    def _error(self, join_ref: Ref, message: Message, reason: str) -> None:
        self.send(Reply(join_ref, message.ref, message.topic, ERROR, {"reason": reason}))

    # --- from the channels

    def holds(self, seat: Seat) -> bool:
        """
        Whether `seat` is still taken by the channel that it was given to.
        """
        return self._seats.get(seat.topic) is seat

    def accept(self, seat: Seat, response: Payload) -> None:
        """
        Answer a join with ok.
        """
        if self.holds(seat):
            self._answer_join(seat, OK, response)
            seat.joined = True

    def refuse(self, seat: Seat, response: Payload) -> None:
        """
        Answer a join with an error, and vacate its seat.
        """
        if self.holds(seat):
            self._answer_join(seat, ERROR, response)
            del self._seats[seat.topic]

    def vacate(self, seat: Seat, *, crashed: bool = False) -> None:
        """
        Tell the client that a channel has ended: phx_close, or phx_error.

        For a seat that was replaced, too; only once for each.
        """
        if self.holds(seat):
            del self._seats[seat.topic]
        if seat.joined:
            seat.joined = False
            event, payload = (PHX_ERROR, {"reason": CHANNEL_CRASH}) if crashed else (PHX_CLOSE, {})
            join_ref = seat.join_ref
            self.send(Message(join_ref, join_ref, seat.topic, event, payload))

    def send(self, message: Outgoing) -> None:
        """
        Encode one message and put it into the mailbox.

        Raises what `Serializer.encode` raises, and nothing is put then.
        """
        self.mailbox.put(self.serializer.encode(message))

    def close(self, reason: Reason) -> None:
        """
        End the session; only the first close counts.
        """
        self.mailbox.close(reason)

    def _answer_join(self, seat: Seat, status: str, response: Payload) -> None:
        self.send(Reply(seat.sent_join_ref, seat.ref, seat.topic, status, response))


def _same(one: Ref, other: Ref) -> bool:
    """
    Compare refs as JSON does: 1 is not "1".
    """
    return one == other and isinstance(one, str) == isinstance(other, str)
