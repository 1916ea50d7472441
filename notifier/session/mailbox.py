"""
What waits for one client: numbered, bounded, kept until acknowledged.

The rules of this file:

- Messages are numbered from 1 in the order they were put, and always
  acked <= sent <= put. Only an acknowledgement frees a message.
- At most one poll holds the line. The newer takes it; the older is let go
  with 204, or waits out its window once takeovers come in a storm.
- A poll whose cursor lies below what is acknowledged touches nothing.
- What was put before the end is still handed out, and only then the end told;
  but for the SILENT_ENDS, after which nobody takes it.
- No clock: `now` is handed in (seconds, monotonic), deadlines are handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, field

from notifier.protocol import Frame
from notifier.protocol.reasons import (
    ACK_BEYOND_SENT,
    CLIENT_CLOSED,
    DETACHED_TOO_LONG,
    DISPLACED,
    SESSION_EXPIRED,
    SLOW_CONSUMER,
    Reason,
)
from notifier.session.limits import Limits
from notifier.session.poll import DONE, PARKED, READY, Answer, Poll

EXPIRY_WINDOWS: Final = 1.5
"""A long-poll session lives this many windows after its last request ended."""

TAKEOVERS_A_SECOND: Final = 5
"""So many takeovers in a second are a storm: two clients poll on one token."""

ENVELOPE_BYTES: Final = 512
"""Set aside in a poll answer for its status, its token and its brackets."""

MAX_WAITING_POLLS: Final = 16
"""Polls that wait out their window after a storm; one more lets the oldest go."""

SILENT_ENDS: Final = frozenset(
    {
        ACK_BEYOND_SENT,
        CLIENT_CLOSED,
        DETACHED_TOO_LONG,
        DISPLACED,
        SESSION_EXPIRED,
        SLOW_CONSUMER,
    }
)
"""Ends after which nothing is handed out: the client is gone, or has a hole."""


def _quoted_bytes(frame: Frame) -> int:
    return len(frame.quoted) + 1


@define(eq=False, repr=False)
class Mailbox:
    """
    The queue of one client, drained by polls or by one listener.

    A listener (a WebSocket) is called after every `put` and takes what waits
    with `take`, or looks at it with `read` and acknowledges later; a poll gets
    it with `answer`. `lifetime_s` is how long it lives unasked, `answer_bytes`
    what a message takes up in an answer.
    """

    limits: Limits
    on_close: Callable[[Reason], None] | None = None
    window_s: float = field(init=False)
    lifetime_s: float = field(init=False)
    answer_bytes: Callable[[Frame], int] = field(init=False, default=_quoted_bytes)
    acked: int = 0
    sent: int = 0
    end: Reason | None = None
    _frames: list[Frame] = field(init=False, factory=list)
    _bytes: int = field(init=False, default=0)
    _listener: Callable[[], None] | None = field(init=False, default=None)
    _line: Poll | None = field(init=False, default=None)
    _waiting: tuple[Poll, ...] = field(init=False, default=())
    _takeovers: tuple[float, ...] = field(init=False, default=())
    _requests: int = field(init=False, default=0)
    _quiet_since: float = field(init=False, default=0.0)
    _when_freed: tuple[Callable[[], None], ...] = field(init=False, default=())

    def __attrs_post_init__(self) -> None:
        self.window_s = self.limits.window_ms / 1000
        self.lifetime_s = EXPIRY_WINDOWS * self.window_s

    def __repr__(self) -> str:
        return f"<Mailbox acked={self.acked} sent={self.sent} put={self.last} bytes={self._bytes}>"

    @property
    def last(self) -> int:
        """
        The number of the newest message put.
        """
        return self.acked + len(self._frames)

    @property
    def quiet_since(self) -> float:
        """
        Tell when the last request ended; infinity while one is under way.
        """
        return float("inf") if self._requests else self._quiet_since

    @property
    def is_through(self) -> bool:
        """
        Whether the mailbox is closed, and empty too: there is nothing more to come.
        """
        return self.end is not None and not self._frames

    # --- in

    def put(self, frame: Frame) -> None:
        """
        Add one message and tell whoever waits; a closed mailbox drops it.

        An empty mailbox takes any one message. One over the bounds closes the
        mailbox with `slow_consumer`: nothing is skipped in silence.
        """
        if self.end is not None:
            return
        if self._frames and not self._has_room(frame):
            self.close(SLOW_CONSUMER)
            return
        self._frames.append(frame)
        self._bytes += len(frame.data)
        if self._listener is not None:
            self._listener()
        elif self._line is not None and self._line.state is PARKED:
            self._line.state = READY
            self._line.on_ready()

    def fill(self, frames: Sequence[Frame]) -> int:
        """
        Add the first of `frames`, as many as leave half of the bounds for others,
        and tell whoever waits once; return how many.

        What can wait elsewhere is added like this: it never closes a mailbox.
        """
        count = 0
        if self.end is None:
            for frame in frames:
                if not self.fits(frame):
                    break
                self._frames.append(frame)
                self._bytes += len(frame)
                count += 1
        if count and self._listener is not None:
            self._listener()
        elif count and self._line is not None:
            self._make_ready(self._line)
        return count

    def fits(self, frame: Frame) -> bool:
        """
        Whether a message leaves half of the bounds for others. An empty mailbox takes any one.
        """
        return not self._frames or (
            len(self._frames) < self.limits.max_mailbox_messages // 2
            and self._bytes + len(frame) <= self.limits.max_mailbox_bytes // 2
        )

    def when_freed(self, callback: Callable[[], None]) -> None:
        """
        Call back once, when messages are next acknowledged or taken. It must not raise.
        """
        self._when_freed = (*self._when_freed, callback)

    def acknowledge(self, number: int) -> None:
        """
        Free everything up to `number`; one at or below the floor frees nothing.

        One beyond what was sent closes the mailbox: the client has another
        history than ours.
        """
        if number > self.sent:
            self.close(ACK_BEYOND_SENT)
        elif number == self.last:
            self._frames.clear()
            self._bytes, self.acked = 0, number
        elif number > self.acked:
            count = number - self.acked
            self._bytes -= sum(map(len, self._frames[:count]))
            del self._frames[:count]
            self.acked = number
        if self._when_freed:
            self._tell_freed()

    # --- out, by polls

    def poll(self, poll: Poll, now: float) -> None:
        """
        Acknowledge up to the poll's cursor and ask for what comes after it.

        The poll is READY now, for `answer` at once, or PARKED until its
        `on_ready` is called. Every poll ends with `answer` or `abandon`.
        """
        poll.deadline = now + self.window_s
        poll.state = PARKED
        self._requests += 1
        if poll.cursor >= self.acked and (self.end is None or self._frames):
            if poll.cursor > self.acked:
                self.acknowledge(poll.cursor)
            if self._line is not None:
                self._let_go(self._line, now)
            self._line = poll
        if self.end is not None or poll.cursor < self.acked or self._frames:
            poll.state = READY

    def answer(self, poll: Poll, now: float) -> Answer:
        """
        Say what goes to a READY poll, and be done with it.

        What is answered counts as sent, and stays until it is acknowledged.
        """
        if poll is not self._line or not self._frames:
            self.abandon(poll, now)
            end = self.end if self.is_through else None
            status = 204 if end is None else 500
            return Answer(status, max(poll.cursor, self.acked), reason=end)
        self._line, poll.state = None, DONE
        self._requests -= 1
        self._quiet_since = now
        room = self.limits.max_answer_bytes - ENVELOPE_BYTES  # as `page`, without its call
        frames = _page(self._frames, room, self.answer_bytes)
        last = self.acked + len(frames)
        self.sent = max(self.sent, last)
        return Answer(200, last, frames)

    def abandon(self, poll: Poll, now: float) -> None:
        """
        Forget a poll whose connection is gone; nothing is lost by it. Idempotent.
        """
        if poll.state is DONE:
            return
        poll.state = DONE
        if poll is self._line:
            self._line = None
        elif poll in self._waiting:
            self._waiting = tuple(other for other in self._waiting if other is not poll)
        self.end_request(now)

    def page(self) -> Answer:
        """
        Say what a poll from the floor would be answered, without one.
        """
        room = self.limits.max_answer_bytes - ENVELOPE_BYTES
        frames = _page(self._frames, room, self.answer_bytes)
        last = self.acked + len(frames)
        self.sent = max(self.sent, last)
        return Answer(200, last, frames)

    def turn_away(self, poll: Poll, now: float) -> None:
        """
        Let a poll that comes too late be answered 204 at once: it touches nothing.
        """
        poll.deadline = now
        poll.state = READY
        self._requests += 1

    def release(self) -> None:
        """
        Let every parked poll be answered 204: something else drains the mailbox now.
        """
        polls, self._line, self._waiting = self._parked(), None, ()
        for poll in polls:
            self._make_ready(poll)

    # --- out, by a listener

    def listen(self, listener: Callable[[], None] | None) -> None:
        """
        Call `listener` after every put and at the close; None ends that.
        """
        self._listener = listener

    def take(self, max_bytes: int) -> Sequence[Frame]:
        """
        Take what waits, about `max_bytes` of it, as sent and acknowledged.

        For a transport that ends its session when it breaks, so that there is
        nobody to send it to again.
        """
        if self._bytes <= max_bytes:
            frames, self._frames, self._bytes = self._frames, [], 0
        else:
            frames = _page(self._frames, max_bytes, len)
            del self._frames[: len(frames)]
            self._bytes -= sum(map(len, frames))
        self.acked += len(frames)
        self.sent = max(self.sent, self.acked)
        if self._when_freed and frames:
            self._tell_freed()
        return frames

    def read(self, position: int, max_bytes: int) -> list[Frame]:
        """
        Look at what comes after `position`, about `max_bytes` of it, as sent.

        It stays until it is acknowledged; `position` is not below `acked`.
        """
        frames = _page(self._frames[position - self.acked :], max_bytes, len)
        self.sent = max(self.sent, position + len(frames))
        return frames

    # --- its life

    def begin_request(self) -> None:
        """
        Note that a request is under way; while one is, the session lives.
        """
        self._requests += 1

    def end_request(self, now: float) -> None:
        """
        Note that a request has ended: the time to expiry runs from here.
        """
        self._requests -= 1
        self._quiet_since = now

    def deadline(self) -> float:
        """
        Tell when `expire` has something to do, in seconds of `now`'s clock.

        With a listener it has not: whoever listens ends the session.
        """
        polls = [poll.deadline for poll in self._parked()]
        if self._requests == 0 and self._listener is None:
            polls.append(self._quiet_since + self.lifetime_s)
        return min(polls, default=float("inf"))

    def expire(self, now: float) -> bool:
        """
        Let the polls go whose window is over; True if nobody asks any more.
        """
        for poll in self._parked():
            if poll.deadline <= now:
                self._make_ready(poll)
        return self._requests == 0 and self.deadline() <= now

    def close(self, reason: Reason) -> None:
        """
        Tell whoever waits; the first reason stands.

        What was put before may still be had, until a reason of SILENT_ENDS comes.
        """
        if reason in SILENT_ENDS:
            self._frames, self._bytes = [], 0
        if self.end is not None:
            return
        self.end, self._when_freed = reason, ()
        for poll in self._parked():
            self._make_ready(poll)
        if self._listener is not None:
            self._listener()
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close(reason)

    # --- within

    def _tell_freed(self) -> None:
        callbacks, self._when_freed = self._when_freed, ()
        for callback in callbacks:
            callback()

    def _has_room(self, frame: Frame) -> bool:
        return (
            len(self._frames) < self.limits.max_mailbox_messages
            and self._bytes + len(frame) <= self.limits.max_mailbox_bytes
        )

    def _parked(self) -> list[Poll]:
        polls = self._waiting if self._line is None else (*self._waiting, self._line)
        return [poll for poll in polls if poll.state is PARKED]

    def _let_go(self, older: Poll, now: float) -> None:
        recent = (at for at in self._takeovers if at > now - 1.0)
        self._takeovers = (*recent, now)[-TAKEOVERS_A_SECOND - 1 :]
        if older.state is READY:
            return
        if len(self._takeovers) <= TAKEOVERS_A_SECOND:
            self._make_ready(older)
            return
        self._waiting = (*self._waiting, older)
        if len(self._waiting) > MAX_WAITING_POLLS:
            oldest, self._waiting = self._waiting[0], self._waiting[1:]
            self._make_ready(oldest)

    def _make_ready(self, poll: Poll) -> None:
        if poll.state is PARKED:
            poll.state = READY
            poll.on_ready()


def _page(frames: list[Frame], room: int, size: Callable[[Frame], int]) -> list[Frame]:
    """
    The oldest messages that fit into `room`, but one at least if there is any.
    """
    if len(frames) == 1:
        return frames[:]
    for count, frame in enumerate(frames):
        room -= size(frame)
        if room < 0:
            return frames[: max(count, 1)]
    return frames[:]
