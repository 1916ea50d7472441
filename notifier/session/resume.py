"""
What a session knows that outlives its connections: how far each side is, and
which WebSocket carries it.

The rules of this file; `docs/protocol.md` has the client's side of them:

- Nothing that is decided here with a lower turn than the newest touches
  anything: what was delayed on its way does not undo what was decided later.
- At most one attachment is live. It is the newest that has answered its probe;
  a poll takes the session back. What still comes on another is dropped.
- A frame's number is its own attachment's count, never the session's.
- Nothing is freed above what was written to the live attachment, whoever
  acknowledges it: frames carry no numbers, so none may be left out.
- A live attachment counts as a request under way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final

from attrs import define, field

from notifier.protocol import Frame
from notifier.protocol.reasons import (
    ACK_BEYOND_SENT,
    CLIENT_CLOSED,
    PROBE_UNANSWERED,
    SUPERSEDED,
    Reason,
)
from notifier.session.mailbox import Mailbox
from notifier.session.poll import Poll

ACK_EVERY: Final = 32
"""Frames of the client after which it is told at once that they were received."""

ACK_BYTES: Final = 262_144
"""Bytes after which it is: its buffer is bounded by its bytes, too."""

ACK_WITHIN_S: Final = 5.0
"""How long it waits to be told, if they are fewer."""

PROBE_TIMEOUT_S: Final = 30.0
"""How long a candidate may take to answer its probe; then it is closed."""

MAX_CANDIDATES: Final = 4
"""Candidates of one session; one more closes the oldest of them."""

_NEVER: Final = float("inf")


class AttachmentState(Enum):
    """
    Where an attachment stands.
    """

    CANDIDATE = auto()  # its probe is not answered: it carries nothing
    LIVE = auto()  # it carries the session
    ENDED = auto()  # it is to be closed, or is gone; what comes on it is dropped


CANDIDATE, LIVE, ENDED = AttachmentState.CANDIDATE, AttachmentState.LIVE, AttachmentState.ENDED


@define(eq=False)
class Attachment:
    """
    One WebSocket of a resumable session; `wake` is called when `end` is set.

    `position` is the number of the last frame written to it, `count` that of
    the last that came on it, `told` how far the client knows to be received.
    `deadline` is when `Resume.expire` has something to do for it.
    """

    wake: Callable[[], None] = field(repr=False)
    state: AttachmentState = field(init=False, default=CANDIDATE)
    end: Reason | None = field(init=False, default=None)
    position: int = field(init=False, default=0)
    count: int = field(init=False, default=0)
    told: int = field(init=False, default=0)
    untold_bytes: int = field(init=False, default=0)
    deadline: float = field(init=False, default=_NEVER)


@define(eq=False, repr=False)
class Resume:
    """
    The counts and the attachments of one resumable session.

    `acked` is what the client has acknowledged; the mailbox may keep more.
    """

    mailbox: Mailbox
    received: int = field(init=False, default=0)
    acked: int = field(init=False, default=0)
    turn: int = field(init=False, default=0)
    live: Attachment | None = field(init=False, default=None)
    _candidates: list[Attachment] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self.mailbox.lifetime_s = self.mailbox.limits.resume_window_ms / 1000
        self.mailbox.answer_bytes = _line_bytes

    def __repr__(self) -> str:
        how = "live" if self.live else "detached"
        return f"<Resume {how} received={self.received} acked={self.acked} turn={self.turn}>"

    # --- in

    def accept_lines(self, first: int, count: int) -> int | None:
        """
        Count `count` lines from number `first` on; tell how many to leave out.

        None where lines before them are missing: then nothing is counted.
        """
        if first > self.received + 1:
            return None
        known = min(self.received - first + 1, count)
        self.received = max(self.received, first + count - 1)
        return known

    def accept(self, attachment: Attachment, size: int = 0) -> bool:
        """
        Count one frame of an attachment, of so many bytes; whether it is to be handled.
        """
        if attachment is not self.live:
            return False
        attachment.untold_bytes += size
        attachment.count += 1
        if attachment.count <= self.received:
            return False
        self.received = attachment.count
        return True

    def take_ack(self, attachment: Attachment, now: float) -> bool:
        """
        Whether the client is to be told on `attachment` what was received.

        Ask after each frame, and at its deadline; asked at another time it
        only sets that.
        """
        behind = self.received - attachment.told
        if attachment is not self.live or not behind:
            return False
        is_much = behind >= ACK_EVERY or attachment.untold_bytes >= ACK_BYTES
        if not is_much and now < attachment.deadline:
            attachment.deadline = min(attachment.deadline, now + ACK_WITHIN_S)
            return False
        attachment.told, attachment.untold_bytes = self.received, 0
        attachment.deadline = _NEVER
        return True

    def acknowledge(self, number: int) -> None:
        """
        Free what the client has, up to what was written to the live attachment.

        One at or below the floor is no error; one beyond what was sent closes
        the mailbox.
        """
        if number > self.mailbox.sent:
            self.mailbox.close(ACK_BEYOND_SENT)
            return
        self.acked = max(self.acked, number)
        self._free()

    # --- out

    def poll(self, poll: Poll, turn: int, now: float) -> None:
        """
        Start a poll, as `Mailbox.poll`; it takes the session back.

        One with a stale turn, or below the floor, touches nothing.
        """
        if turn < self.turn or poll.cursor < self.acked:
            self.mailbox.turn_away(poll, now)
            return
        self.acknowledge(poll.cursor)
        self.turn = turn
        self._supersede(now)
        self.mailbox.poll(poll, now)

    def take(self, attachment: Attachment, max_bytes: int) -> Sequence[Frame]:
        """
        Take what is to be written next, about `max_bytes` of it, as sent.
        """
        if attachment is not self.live:
            return ()
        self._free()  # before anything is read: who is told of the room may put, and be written
        frames = self.mailbox.read(attachment.position, max_bytes)
        attachment.position += len(frames)
        return frames

    # --- attachments

    def attach(self, attachment: Attachment, now: float) -> None:
        """
        Begin with a candidate: a probe is to be sent on it. It disturbs nobody.
        """
        attachment.deadline = now + PROBE_TIMEOUT_S
        self._candidates.append(attachment)
        if len(self._candidates) > MAX_CANDIDATES:
            self.detach(self._candidates[0], now, SUPERSEDED)

    def confirm(self, attachment: Attachment, seq: int, turn: int, now: float) -> None:
        """
        Move the session to a candidate that has answered, if that is the newest.

        It is LIVE then, and `resumed` is to be sent on it, with `position` and
        `count`; else it has an end.
        """
        if turn < self.turn:
            self.detach(attachment, now, SUPERSEDED)
            return
        self.acknowledge(seq)
        if self.mailbox.end is not None:
            self.detach(attachment, now, self.mailbox.end)
            return
        self.turn = turn
        self._forget(attachment)
        self._supersede(now)
        self.live, attachment.state, attachment.deadline = attachment, LIVE, _NEVER
        attachment.position = self.acked
        attachment.count = attachment.told = self.received
        self.mailbox.begin_request()
        self.mailbox.listen(attachment.wake)
        self.mailbox.release()

    def detach(self, attachment: Attachment, now: float, end: Reason | None = None) -> None:
        """
        Count an attachment as gone, or close it with `end`. Idempotent.
        """
        if attachment.state is ENDED:
            return
        if attachment is self.live:
            self.live = None
            self.mailbox.listen(None)
            self.mailbox.end_request(now)
            self._free()
        self._forget(attachment)
        attachment.state, attachment.end, attachment.deadline = ENDED, end, _NEVER
        if end is not None:
            attachment.wake()

    def leave(self, attachment: Attachment, now: float) -> None:
        """
        Take a goodbye: it ends the session if it comes on what carries that.
        """
        if attachment is self.live:
            self.mailbox.close(CLIENT_CLOSED)
        self.detach(attachment, now)

    def expire(self, attachment: Attachment, now: float) -> None:
        """
        Close a candidate that has not answered its probe in time.
        """
        if attachment.state is CANDIDATE and attachment.deadline <= now:
            self.detach(attachment, now, PROBE_UNANSWERED)

    def session_ended(self, end: Reason, now: float) -> None:
        """
        Close the candidates: the session has ended. The live one is told by
        the mailbox, once the rest is written.
        """
        for candidate in tuple(self._candidates):
            self.detach(candidate, now, end)

    # --- within

    def _forget(self, attachment: Attachment) -> None:
        if attachment in self._candidates:
            self._candidates.remove(attachment)

    def _supersede(self, now: float) -> None:
        if self.live is not None:
            self.detach(self.live, now, SUPERSEDED)

    def _free(self) -> None:
        floor = self.acked if self.live is None else min(self.acked, self.live.position)
        if floor > self.mailbox.acked:
            self.mailbox.acknowledge(floor)


def _line_bytes(frame: Frame) -> int:
    return len(frame.line) + 1
