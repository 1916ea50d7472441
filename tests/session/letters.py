"""
Frames that tell their number, and polls that note when they are called.
"""

from __future__ import annotations

from attrs import define, field

from notifier.protocol import Frame
from notifier.session import Answer, Mailbox, Poll, PollState


def letter(number: int, size: int = 0) -> Frame:
    """
    Make a frame of a number, filled up to `size` bytes.
    """
    data = f"{number}".ljust(size, "_").encode()
    return Frame(data, data)


def numbers(frames: object) -> list[int]:
    """
    Read the numbers of frames.
    """
    assert isinstance(frames, list | tuple)
    return [int(frame.data.rstrip(b"_")) for frame in frames]


@define(eq=False)
class Asking:
    """
    One poll, and how often it was told to be ready.
    """

    mailbox: Mailbox
    cursor: int = 0
    calls: int = field(init=False, default=0)
    poll: Poll = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.poll = Poll(self.cursor, self._ready)

    def _ready(self) -> None:
        assert self.poll.state is PollState.READY
        self.calls += 1

    @property
    def state(self) -> str:
        return self.poll.state.name

    def answer(self, now: float) -> Answer:
        assert self.poll.state is PollState.READY, "answered before it was ready"
        return self.mailbox.answer(self.poll, now)


def ask(mailbox: Mailbox, cursor: int = 0, now: float = 0.0) -> Asking:
    asking = Asking(mailbox, cursor)
    mailbox.poll(asking.poll, now)
    return asking


def fetch(mailbox: Mailbox, cursor: int = 0, now: float = 0.0) -> tuple[int, int, list[int]]:
    """
    Poll and answer at once: status, cursor and numbers.
    """
    answer = ask(mailbox, cursor, now).answer(now)
    return answer.status, answer.cursor, numbers(answer.frames)
