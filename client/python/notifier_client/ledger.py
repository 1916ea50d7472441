"""
What both sides of a session have received, and whether it lives. Pure.

The rules of this file:

- `got` is the number of the last message that was handed on. A number at or
  below it is dropped; one that leaves a hole ends the session.
- Nothing above `may_free` is freed, whatever the server says it has: a
  WebSocket counts from what its own `resumed` says, which may be older, so all
  from there on is still to be written to it.
- The first end stands, and after it nothing is handed on.
"""

from __future__ import annotations

from enum import Enum, auto

from attrs import define, field

from notifier_client.events import PHOENIX_TOPIC
from notifier_client.mailbox import Mailbox
from notifier_client.message import Message
from notifier_client.reasons import HOLE, Reason


class Mode(Enum):
    """
    What the server can do.
    """

    UNKNOWN = auto()
    RESUMABLE = auto()
    PLAIN = auto()  # a Phoenix server, or one that was asked for no more


@define(eq=False, repr=False)
class Ledger:
    """
    The counts of one session.
    """

    mode: Mode
    mailbox: Mailbox
    token: str | None = None
    got: int = 0
    may_free: float = float("inf")
    end: Reason | None = None
    trouble: str = "nothing has failed"
    _inbox: list[Message] = field(init=False, factory=list)

    def __repr__(self) -> str:
        return f"<Ledger {self.mode.name} got={self.got} {self.mailbox!r}>"

    def hand_on(self, number: int, message: Message) -> None:
        """
        Take message `number` from the server.

        Replies to heartbeats are counted, and nobody is told.
        """
        if number > self.got + 1:
            self.finish(HOLE)
        elif number == self.got + 1 and self.end is None:
            self.got = number
            if message.topic != PHOENIX_TOPIC:
                self._inbox.append(message)

    def take_messages(self) -> list[Message]:
        """
        Take what has come, each message once and in order.
        """
        messages, self._inbox = self._inbox, []
        return messages

    def told_received(self, number: int) -> None:
        """
        Note how far the server has received. Old words are no harm.
        """
        if number > self.mailbox.last:
            self.finish(HOLE)
            return
        self.mailbox.told_received(number)
        self.mailbox.free(self.may_free)

    def free_up_to(self, number: float) -> None:
        """
        Set `may_free`, and free what has waited for that.
        """
        self.may_free = number
        self.mailbox.free(number)

    def finish(self, reason: Reason) -> None:
        """
        End the session.
        """
        if self.end is None:
            self.end = reason
