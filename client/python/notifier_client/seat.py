"""
One topic as its client sees it: joined or not, and the last id it has seen. Pure.

The rules of this file:

- A message with another join_ref than the seat's belongs to an older join: it
  is dropped. One without is for whoever has joined.
- On a topic with a history (its join reply has a `head`) an id that is not
  above the last is dropped. So each message comes once, across rejoins too.
- What comes before the join reply is held until then. With a history it is
  dropped, since what is missing comes after the reply.
- A seat that lags (its reader's queue is full) takes nothing, and sees no ids:
  the next join asks for what has come since.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final

from attrs import define, field, frozen

from notifier_client.events import PHX_CLOSE, PHX_ERROR, PHX_JOIN, PHX_LEAVE, PHX_REPLY
from notifier_client.message import Message, describe

MAX_HELD: Final = 1_000
"""Messages held before a join reply; further ones are dropped."""


class State(Enum):
    """
    Where a seat stands.
    """

    OUT = auto()  # not joined, now: before the first join, or after the session was lost
    JOINING = auto()
    JOINED = auto()
    LAGS = auto()  # joined, and the reader does not keep up
    CLOSED = auto()


@frozen
class Joined:
    """
    A join that was accepted. `since` is the id that it asked for, if any.

    `recovered` is true where all that came since then follows, false where the
    server's history does not reach so far, None where the topic has none.
    """

    topic: str
    since: str | None
    recovered: bool | None
    response: Any = field(repr=False)


@frozen
class Refused:
    """
    A join that was not accepted.
    """

    response: Any = field(repr=False)


@frozen
class Crashed:
    """
    The channel failed on the server: join again.
    """


@frozen
class Closed:
    """
    The channel was closed on the server.
    """


News = Joined | Refused | Crashed | Closed | Message


@define(eq=False)
class Seat:
    """
    The place of one channel. `params` go with each join; `last_id` is the last
    id seen, or from where to begin.
    """

    topic: str
    params: Mapping[str, Any] = field(repr=False)
    last_id: str | None = None
    state: State = State.OUT
    join_ref: str | None = None
    has_history: bool = False
    _since: str | None = field(init=False, default=None)
    _held: list[Message] = field(init=False, factory=list, repr=describe)

    def join(self, ref: str) -> Message:
        """
        Make the message that joins, or joins again, under a new ref.
        """
        self.state, self.join_ref, self._since = State.JOINING, ref, self.last_id
        self._held.clear()
        payload = dict(self.params)
        if self.last_id is not None:
            payload["since"] = self.last_id
        return Message(ref, ref, self.topic, PHX_JOIN, payload)

    def leave(self, ref: str) -> Message:
        """
        Make the message that leaves; nothing is received from here on.
        """
        self.state = State.CLOSED
        return Message(self.join_ref, ref, self.topic, PHX_LEAVE, {})

    def push(self, ref: str, event: str, payload: Any) -> Message:
        """
        Make a message to the channel.
        """
        return Message(self.join_ref, ref, self.topic, event, payload)

    def lost(self) -> None:
        """
        Note that there is no join any more: the session or the channel ended.
        """
        if self.state is not State.CLOSED:
            self.state = State.OUT

    def lag(self) -> None:
        """
        Take nothing until the next join.
        """
        self.state = State.LAGS

    def receive(self, message: Message) -> list[News]:
        """
        Take a message of this topic; say what it means to the channel.
        """
        is_stale = message.join_ref is not None and message.join_ref != self.join_ref
        if is_stale or self.state in (State.OUT, State.CLOSED):
            return []
        match message.event:
            case event if event == PHX_REPLY:
                is_joins = message.ref == self.join_ref and self.state is State.JOINING
                return self._receive_join_reply(message.payload) if is_joins else []
            case event if event == PHX_ERROR:
                self.state = State.OUT
                return [Crashed()]
            case event if event == PHX_CLOSE:
                self.state = State.CLOSED
                return [Closed()]
            case _:
                return self._receive_message(message)

    def _receive_message(self, message: Message) -> list[News]:
        if self.state is State.JOINING:
            if len(self._held) < MAX_HELD:
                self._held.append(message)
            return []
        if self.state is State.LAGS:
            return []
        return [message] if self._is_new(message) else []

    def _receive_join_reply(self, payload: Any) -> list[News]:
        match payload:
            case {"status": "ok", "response": response}:
                self.state = State.JOINED
                joined = self._joined(response)
                held: list[News] = [] if self.has_history else [*self._held]
                self._held.clear()
                return [joined, *held]
            case {"response": response}:
                self.state = State.OUT
                return [Refused(response)]
            case _:
                self.state = State.OUT
                return [Refused(None)]

    def _joined(self, response: Any) -> Joined:
        recovered = None
        match response:
            case {"head": str(head)}:
                self.has_history = True
                if self._since is not None:
                    recovered = response.get("recovered") is True
                is_above = self.last_id is not None and head < self.last_id
                if self.last_id is None or (is_above and not recovered):
                    self.last_id = head
            case _:
                self.has_history = False
        return Joined(self.topic, self._since, recovered, response)

    def _is_new(self, message: Message) -> bool:
        id = message.id
        if not self.has_history or id is None:
            return True
        last = self.last_id
        # Ids have a fixed width: another width is the application's own word.
        if last and len(id) != len(last):
            return True
        if last is not None and id <= last:
            return False
        self.last_id = id
        return True
