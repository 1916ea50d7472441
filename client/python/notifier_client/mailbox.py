"""
What waits for the server: numbered, bounded, kept until the server has it.

The rules of this file:

- Messages are numbered from 1 in the order they were put. `base` of them are
  freed, `received` is what the server said it has: base <= received <= last.
- Only what the server has said frees a message. That it was written does not.
- No clock and no I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from attrs import define, field

from notifier_client.errors import MailboxFull
from notifier_client.v2 import Frame, to_line

MAX_MESSAGES: Final = 2_000
"""Messages that may wait for the server; a further one raises MailboxFull."""

MAX_BYTES: Final = 16_000_000
"""Bytes that may wait for the server; a further message raises MailboxFull."""


@define(eq=False, repr=False)
class Mailbox:
    """
    The messages of one session to its server. An empty one takes any message.
    """

    max_messages: int = MAX_MESSAGES
    max_bytes: int = MAX_BYTES
    base: int = 0
    received: int = 0
    _frames: deque[Frame] = field(init=False, factory=deque)
    _bytes: int = field(init=False, default=0)

    def __repr__(self) -> str:
        return f"<Mailbox base={self.base} received={self.received} last={self.last}>"

    @property
    def last(self) -> int:
        """
        The number of the newest message put.
        """
        return self.base + len(self._frames)

    def put(self, frame: Frame) -> None:
        """
        Add one message; raise MailboxFull where there is no room for it.
        """
        count, size = len(self._frames), size_of(frame)
        has_room = count < self.max_messages and self._bytes + size <= self.max_bytes
        if count and not has_room:
            raise MailboxFull(count, self.max_messages, self.max_bytes)
        self._frames.append(frame)
        self._bytes += size

    def after(self, number: int, most: int, max_bytes: int) -> Sequence[Frame]:
        """
        Give what lies above `number`: at most so many, about so many bytes, one at least.
        """
        frames: list[Frame] = []
        for frame in islice(self._frames, number - self.base, number - self.base + most):
            max_bytes -= size_of(frame)
            if frames and max_bytes < 0:
                break
            frames.append(frame)
        return frames

    def told_received(self, number: int) -> None:
        """
        Note how far the server has received; `free` lets go of what that is.
        """
        self.received = max(self.received, number)

    def free(self, most: float) -> None:
        """
        Let go of what the server has, up to number `most`.
        """
        while self.base < min(self.received, most):
            self._bytes -= size_of(self._frames.popleft())
            self.base += 1


def size_of(frame: Frame) -> int:
    """
    Tell how many bytes a message takes as a line of a POST.
    """
    return len(to_line(frame).encode()) + 1
