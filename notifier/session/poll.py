"""
One poll of a mailbox: where it stands, and what it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto

from attrs import define, field, frozen

from notifier.protocol import Frame
from notifier.protocol.reasons import Reason


class PollState(Enum):
    """
    Where a poll stands.
    """

    PARKED = auto()  # waits: for a message while it holds the line, else for its deadline
    READY = auto()  # its transport was told; `Mailbox.answer` is due
    DONE = auto()  # answered or abandoned


@define(eq=False)
class Poll:
    """
    One GET that asks for what lies above `cursor`.

    `on_ready` is called at most once, from within the mailbox call that made
    the poll ready, and not at all if it is ready when `Mailbox.poll` returns.
    It must not raise.
    """

    cursor: int
    deadline: float
    on_ready: Callable[[], None] = field(repr=False)
    state: PollState = PollState.PARKED


@frozen
class Answer:
    """
    What a poll is answered: a JSON status, the messages, and the next cursor.

    `seq` is the number of the first message. `reason` stands beside status 500.
    """

    status: int
    cursor: int
    frames: Sequence[Frame] = ()
    seq: int = 0
    reason: Reason | None = None
