"""
One WebSocket of a session: what it has been through, and when it is due. Pure.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from attrs import define, field

from notifier_client.events import ACK, HEARTBEAT, PHOENIX_TOPIC
from notifier_client.message import Message, describe
from notifier_client.v2 import Frame, encode

CANDIDATE_TIMEOUT_S: Final = 10.0
"""How long a WebSocket may take to become live, before it is given up."""

PLAIN_AFTER_S: Final = 3.0
"""How long `resumed` is waited for on a new WebSocket, before it is asked as a plain one."""

HEARTBEAT_S: Final = 30.0
"""How long a live WebSocket may be silent before it is asked for a sign of life."""

HEARTBEAT_TIMEOUT_S: Final = 10.0
"""How long that sign may take, before the WebSocket is given up."""

ACK_FRAMES: Final = 32
"""Messages on a WebSocket after which they are acknowledged."""

ACK_BYTES: Final = 262_144
"""Bytes after which they are: the server keeps what is not acknowledged, 8 MB at most."""

ACK_S: Final = 5.0
"""How long a message on a WebSocket may wait for that."""

NEVER: Final = float("inf")


class State(Enum):
    """
    Where a WebSocket stands, as the client sees it.
    """

    OPEN = auto()  # a candidate: no probe was answered on it
    ANSWERED = auto()  # undecided: the server may have moved the session here, or not
    LIVE = auto()  # `resumed` came, or, on a plain server, the first reply
    GONE = auto()  # given up or lost; what still comes is not read


@define(eq=False)
class Attachment:
    """
    One WebSocket. `opens` is true where it opens its session, not attaches to it.

    `count` is the number of the last message that came on it, `position` that
    of the last one that was taken to be written. `close_code`, once it is set,
    is what the shell closes the connection with, after what it has taken.
    """

    opens: bool
    begun_at: float
    state: State = State.OPEN
    turn: int = 0
    count: int = 0
    position: int = 0
    acked: int = 0
    unacked_bytes: int = 0
    ack_at: float = NEVER
    plain_at: float = NEVER
    heard_at: float = NEVER
    asked_at: float | None = None
    asked_as_plain: bool = False
    close_code: int | None = None
    control: list[Frame] = field(factory=list, repr=describe)

    @property
    def is_live(self) -> bool:
        """
        Whether messages come and go on it.
        """
        return self.state is State.LIVE

    def ask_as_plain(self) -> None:
        """
        Ask for a sign of life before it is known what the server can do. Not counted.
        """
        self.asked_as_plain, self.plain_at = True, NEVER
        self.control.append(encode(heartbeat()))

    def acknowledge(self, got: int, turn: int | None = None) -> None:
        """
        Say what has come: with the turn it is the answer to a probe.
        """
        self.acked, self.unacked_bytes, self.ack_at = got, 0, NEVER
        payload = {"seq": got} if turn is None else {"seq": got, "turn": turn}
        self.control.append(encode(Message(None, None, PHOENIX_TOPIC, ACK, payload)))

    def received(self, got: int, size: int, now: float) -> None:
        """
        Note a message of so many bytes, so that it is acknowledged in time.
        """
        self.ack_at = min(self.ack_at, now + ACK_S)
        self.unacked_bytes += size
        if got >= self.acked + ACK_FRAMES or self.unacked_bytes >= ACK_BYTES:
            self.acknowledge(got)

    @property
    def silent_at(self) -> float:
        """
        When a sign of life is to be asked for.
        """
        is_quiet = self.is_live and self.asked_at is None
        return self.heard_at + HEARTBEAT_S if is_quiet else NEVER

    @property
    def dead_at(self) -> float:
        """
        When it is to be given up.
        """
        if not self.is_live:
            return self.begun_at + CANDIDATE_TIMEOUT_S
        return NEVER if self.asked_at is None else self.asked_at + HEARTBEAT_TIMEOUT_S

    def deadline(self) -> float:
        """
        When one of all these is due.
        """
        return min(self.ack_at, self.plain_at, self.silent_at, self.dead_at)


def heartbeat() -> Message:
    """
    Make a question for a sign of life.
    """
    return Message(None, "heartbeat", PHOENIX_TOPIC, HEARTBEAT, {})
