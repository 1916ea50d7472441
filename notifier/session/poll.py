"""
One poll of a mailbox: where it stands, and what it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto

from attrs import define, field

from notifier.protocol import Frame
from notifier.protocol.reasons import Reason


class PollState(Enum):
    """
    Where a poll stands.
    """

    PARKED = auto()  # waits: for a message while it holds the line, else for its deadline
    READY = auto()  # its transport was told; `Mailbox.answer` is due
    DONE = auto()  # answered or abandoned


PARKED, READY, DONE = PollState.PARKED, PollState.READY, PollState.DONE
"""The states by themselves: before Python 3.12 a member is looked up slowly."""


@define(eq=False)
class Poll:
    """
    One GET that asks for what lies above `cursor`.

    `on_ready` is called at most once, from within the mailbox call that made
    the poll ready, and not at all if it is ready when `Mailbox.poll` returns.
    It must not raise. A poll that is DONE may be used again.
    """

    cursor: int
    on_ready: Callable[[], None] = field(repr=False)
    deadline: float = field(default=0.0, init=False)
    state: PollState = field(default=DONE, init=False)


@define(eq=False)
class Answer:
    """
    What a poll is answered: a JSON status, the messages, and the next cursor.

    `reason` stands beside status 500.
    """

    status: int
    cursor: int
    frames: Sequence[Frame] = ()
    reason: Reason | None = None
