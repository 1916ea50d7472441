"""
One session with a server: how it is opened, polled, posted to, and closed. Pure.

The rules of this file:

- What was sent may have arrived, and what failed is sent again: a poll says
  what has come (`ack`), a POST has the number of its first message, an opening
  its key. So nothing is lost or doubled by it.
- One request of a kind is under way at a time. After a failure the next one
  waits, longer each time.
- No clock, no I/O: `now` is handed in (seconds, monotonic), `deadline` out.
- A plain Phoenix server resumes nothing: there the session ends with the first
  poll, POST or WebSocket that fails.

What its WebSockets do is in `attachments.py`, who has what in `ledger.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field

from notifier_client.attachment import NEVER, Attachment
from notifier_client.attachments import Attachments
from notifier_client.backoff import Backoff
from notifier_client.errors import ProtocolError
from notifier_client.ledger import Ledger, Mode
from notifier_client.mailbox import Mailbox, size_of
from notifier_client.message import Message
from notifier_client.reasons import (
    BATCH_TOO_LONG,
    CLOSED,
    GONE,
    HOLE,
    LOST,
    NOT_YOURS,
    STUCK,
    Reason,
)
from notifier_client.requests import (
    MAX_BATCH_BYTES,
    MAX_LINES,
    MAX_PLAIN_LINES,
    Answer,
    Goodbye,
    Opening,
    PlainOpening,
    Poll,
    Post,
    Request,
)
from notifier_client.v2 import Frame, decode, encode

TRANSPORTS: Final = ("auto", "longpoll", "websocket")

QUICK_S: Final = 1.0
"""An empty answer that took less is followed by a pause, so that no loop runs hot."""

PATIENCE_S: Final = 60.0
"""A message that cannot be posted for so long ends the session, if polls go through: none behind it
would ever be sent. So does a proxy that takes no body of that size."""


@define(eq=False)
class _Lane:
    """
    One kind of request: at most one is under way, the next not before `at`.
    """

    backoff: Backoff
    request: Request | None = None
    at: float = 0.0

    def take(self, request: Request | None, now: float) -> list[Request]:
        if request is None or self.request is not None or self.at > now:
            return []
        self.request = request
        return [request]

    def done(self) -> None:
        self.request, self.at = None, 0.0
        self.backoff.reset()

    def failed(self, now: float) -> None:
        self.request, self.at = None, now + self.backoff.next()

    def deadline(self, now_is_past: float) -> float:
        return self.at if self.request is None and self.at > now_is_past else NEVER


@define(eq=False, repr=False)
class Session:
    """
    The pure core of one session.

    Put messages with `put`. After anything that happened, ask for what is to
    be done: `take_requests`, `take_candidate`, `take_frames` of each
    attachment, `take_messages`; and call `expire` at the `deadline`. Each
    request ends with `receive_answer` or `failed`, each attachment with `gone`.
    Once there is an `end`, nothing more comes.

    `key` is random and new for each session; `transport` is one of TRANSPORTS;
    `random` gives numbers from 0 up to 1; `server` is what is known of it before.
    """

    key: str = field(repr=False)
    transport: str
    random: Callable[[], float] = field(repr=False)
    server: Mode = Mode.UNKNOWN
    ledger: Ledger = field(init=False)
    attachments: Attachments = field(init=False)
    _opens_by_get: bool = field(init=False, default=False)
    _first_post: Opening | None = field(init=False, default=None)
    _is_closing: bool = field(init=False, default=False)
    _most_lines: int = field(init=False, default=MAX_LINES)
    _expired_at: float = field(init=False, default=0.0)
    _stuck_at: int = field(init=False, default=-1)
    _stuck_since: float = field(init=False, default=0.0)
    _opening: _Lane = field(init=False)
    _polls: _Lane = field(init=False)
    _posts: _Lane = field(init=False)
    _quick: Backoff = field(init=False)

    def __attrs_post_init__(self) -> None:
        longest = 30.0 if self.transport == "websocket" else 300.0
        self.ledger = Ledger(self.server, Mailbox())
        self.attachments = Attachments(self.ledger, Backoff(self.random, 1.0, longest))
        self._opening, self._polls, self._posts = (
            _Lane(Backoff(self.random, 0.2, 30.0)) for _ in range(3)
        )
        self._quick = Backoff(self.random, 0.05, QUICK_S)

    def __repr__(self) -> str:
        return f"<Session {self.ledger!r} {self.attachments!r}>"

    @property
    def end(self) -> Reason | None:
        """
        Why the session ended, None while it lives.
        """
        return self.ledger.end

    @property
    def is_open(self) -> bool:
        """
        Whether the server has answered that there is a session.
        """
        return self.ledger.token is not None or self.attachments.current is not None

    # --- the application

    def put(self, message: Message) -> None:
        """
        Send a message; raise MailboxFull, and what `encode` raises.
        """
        self.ledger.mailbox.put(encode(message))

    def take_messages(self) -> list[Message]:
        """
        Take what has come, each message once and in order.
        """
        return self.ledger.take_messages()

    def close(self) -> None:
        """
        Say goodbye once all is written; `end` tells when that is done.
        """
        self._is_closing = True
        if not self.is_open:
            self._finish(CLOSED)

    # --- requests

    def take_requests(self, now: float) -> list[Request]:
        """
        Give the requests that are to be made now; each is under way from here on.
        """
        if self.end is not None:
            return []
        if not self.is_open:
            return self._opening.take(self._next_opening(), now)
        return [*self._posts.take(self._next_post(), now), *self._polls.take(self._poll(now), now)]

    def _next_opening(self) -> Request | None:
        if self._opens_on_websocket:
            return None
        if self.ledger.mode is Mode.PLAIN:
            return PlainOpening()
        if self._first_post is None:  # sent again as it is: what was put since goes by POST
            frames = self.ledger.mailbox.after(0, self._most_lines, MAX_BATCH_BYTES)
            fits = len(frames) != 1 or size_of(frames[0]) <= MAX_BATCH_BYTES
            self._first_post = Opening(self.key, frames if fits else ())
        return self._first_post

    @property
    def _opens_on_websocket(self) -> bool:
        if self.transport == "auto":
            return self.ledger.mode is Mode.PLAIN and not self._opens_by_get
        return self.transport == "websocket"

    def _poll(self, now: float) -> Poll | None:
        ledger, sockets = self.ledger, self.attachments
        rests = sockets.current is not None or sockets.hold or self._is_closing
        if rests or ledger.token is None or self.transport == "websocket":
            return None
        ack = None if ledger.mode is Mode.PLAIN else ledger.got
        return Poll(ledger.token, ack, sockets.poll_turn, now)

    def _next_post(self) -> Post | Goodbye | None:
        token, mailbox = self.ledger.token, self.ledger.mailbox
        if self.attachments.current is not None or token is None:
            return None
        seen = mailbox.received
        if self.transport != "websocket" and seen < mailbox.last:
            is_numbered = self.ledger.mode is not Mode.PLAIN
            most = self._most_lines if is_numbered else MAX_PLAIN_LINES
            frames = mailbox.after(seen, most, MAX_BATCH_BYTES)
            return Post(token, seen + 1, seen + len(frames), frames, is_numbered)
        return Goodbye(token) if self._is_closing else None

    # --- answers

    def receive_answer(self, request: Request, answer: Answer, now: float) -> None:
        """
        Take what a request was answered.
        """
        if self.end is not None:
            return
        match request:
            case Opening():
                self._opened(request, answer, now)
            case PlainOpening():
                self._opened_plain(request, answer, now)
            case Poll():
                self._polled(request, answer, now)
            case Post():
                self._posted(request, answer, now)
            case Goodbye():
                self._finish(CLOSED)

    def failed(self, request: Request, why: str, now: float) -> None:
        """
        Note that a request has failed, or that nobody knows what became of it.
        """
        self.ledger.trouble = why
        if isinstance(request, Goodbye):
            self._finish(CLOSED)
        elif self.ledger.mode is Mode.PLAIN and isinstance(request, Poll | Post):
            self._finish(Reason(LOST.code, why))
        elif isinstance(request, Poll):
            self._polls.failed(now)
        elif isinstance(request, Post):
            self._posts.failed(now)
            self._watch_posts(why, now)
        else:
            self._opening.failed(now)
            self._opens_by_get = False

    def _opened(self, request: Opening, answer: Answer, now: float) -> None:
        if answer.status == 200 and answer.token is not None:
            self._opening.done()
            self.ledger.mode, self.ledger.token = Mode.RESUMABLE, answer.token
            self._hand_on_all(answer)
            self.ledger.told_received(answer.received or 0)
        elif answer.status == 403:
            self._refuse(answer)
        elif answer.status == 410 and not self._opening.backoff.failures:
            # To a server that knows nothing of this it is a POST without a session.
            self.ledger.mode = Mode.PLAIN
            self._opening.done()
        elif answer.status in (410, 500):
            self._dead(answer)
        elif self._takes_fewer_lines(answer):
            self._first_post = None  # it opened nothing
            self._opening.done()
        else:
            self.failed(request, _said(answer), now)

    def _opened_plain(self, request: PlainOpening, answer: Answer, now: float) -> None:
        if answer.status == 403:
            self._refuse(answer)
        elif answer.token is not None:
            self._opening.done()
            self.ledger.token = answer.token
        else:
            self.failed(request, _said(answer), now)

    def _polled(self, poll: Poll, answer: Answer, now: float) -> None:
        if answer.status in (200, 204):
            self._polls.done()
            self.ledger.token = answer.token or self.ledger.token
            before = self.ledger.got
            self._hand_on_all(answer)
            if poll.ack is not None:
                self.ledger.told_received(answer.received or 0)
            if answer.transport == "websocket":
                self.attachments.hold = self.attachments.is_undecided
            self._slow_down(poll, now, is_empty=self.ledger.got == before)
        elif answer.status in (410, 500) or poll.ack is None:
            self._dead(answer)
        else:
            self.failed(poll, _said(answer), now)

    def _slow_down(self, poll: Poll, now: float, *, is_empty: bool) -> None:
        if is_empty and now < poll.sent_at + QUICK_S:
            self._polls.at = now + self._quick.next()
        else:
            self._quick.reset()

    def _posted(self, post: Post, answer: Answer, now: float) -> None:
        before = self.ledger.mailbox.received
        if answer.status == 410 or (answer.status != 200 and not post.is_numbered):
            self._dead(answer)
            return
        received = answer.received if post.is_numbered else post.last
        if received is not None:
            self.ledger.told_received(received)
        if self.ledger.mailbox.received > before or self._takes_fewer_lines(answer):
            self._posts.done()
        else:
            self.failed(post, _said(answer), now)

    def _watch_posts(self, why: str, now: float) -> None:
        received = self.ledger.mailbox.received
        if received != self._stuck_at:
            self._stuck_at, self._stuck_since = received, now
        elif now >= self._stuck_since + PATIENCE_S and not self._polls.backoff.failures:
            self._finish(Reason(STUCK.code, why))

    def _takes_fewer_lines(self, answer: Answer) -> bool:
        """
        Whether the server's limit, which it does not tell, is worth another try.
        """
        if answer.reason != BATCH_TOO_LONG or self._most_lines == 1:
            return False
        self._most_lines //= 2
        return True

    def _hand_on_all(self, answer: Answer) -> None:
        is_numbered = self.ledger.mode is not Mode.PLAIN and answer.seq is not None
        first = answer.seq if is_numbered and answer.seq is not None else self.ledger.got + 1
        try:
            for number, frame in enumerate(answer.frames, first):
                self.ledger.hand_on(number, decode(frame))
            if is_numbered and first > self.ledger.got + 1:
                # Also where it is empty: what another has acknowledged with this token is gone.
                self.ledger.finish(HOLE)
        except ProtocolError as error:
            self._finish(Reason("protocol_error", str(error)))

    # --- WebSockets

    def take_candidate(self, now: float) -> Attachment | None:
        """
        Give a WebSocket that is to be opened now, if there is one.

        The shell calls `connected`, `receive_frame` and `take_frames` for it,
        and `gone` in the end.
        """
        if self._candidate_at() > now:
            return None
        return self.attachments.begin(opens=not self.is_open, now=now)

    def _candidate_at(self) -> float:
        sockets = self.attachments
        is_wanted = self.end is None and not self._is_closing and not sockets.all
        if not self.is_open:
            is_wanted &= self._opens_on_websocket
        else:
            is_wanted &= self.transport != "longpoll" and self.ledger.mode is Mode.RESUMABLE
        return sockets.candidate_at if is_wanted else NEVER

    def connected(self, attachment: Attachment, now: float) -> None:
        """
        Note that the handshake was answered with 101.
        """
        self.attachments.connected(attachment, now)

    def receive_frame(self, attachment: Attachment, frame: Frame, now: float) -> None:
        """
        Take one frame; after the attachment has gone it is dropped.
        """
        try:
            self.attachments.receive(attachment, frame, now)
        except ProtocolError as error:
            self._finish(Reason("protocol_error", str(error)))

    def take_frames(self, attachment: Attachment) -> list[Frame]:
        """
        Take what is to be written now; then mind its `close_code`.
        """
        return self.attachments.take_frames(attachment, is_closing=self._is_closing)

    def gone(
        self,
        attachment: Attachment,
        now: float,
        code: int | None = None,
        why: str = "the WebSocket was cut",
        refusal: Reason | None = None,
    ) -> None:
        """
        Note that a WebSocket has ended, or never was. Idempotent.

        `code` is the server's close code; `refusal` its no to the handshake.
        """
        self.attachments.gone(attachment, why, now)
        if attachment.opens and refusal is not None and self.transport == "websocket":
            self._finish(refusal)  # else it may be a proxy's, and a GET will tell
        elif attachment.opens and self.ledger.mode is Mode.PLAIN:
            self._opens_by_get = True
        elif self.transport == "websocket" and code in (GONE, NOT_YOURS):
            self._finish(Reason("session_gone", why))

    # --- time

    def deadline(self) -> float:
        """
        Tell when there is something to do, in seconds of `now`'s clock.
        """
        if self.end is not None:
            return NEVER
        lanes = (self._opening, self._polls, self._posts)
        times = [lane.deadline(self._expired_at) for lane in lanes]
        return min(*times, self._candidate_at(), self.attachments.deadline())

    def expire(self, now: float) -> None:
        """
        Do what is due by `now`: acknowledge, ask for a sign of life, give up.
        """
        self._expired_at = now
        self.attachments.expire(now)

    # --- the end

    def _dead(self, answer: Answer) -> None:
        self._finish(Reason(answer.reason or "session_gone", answer.text))

    def _refuse(self, answer: Answer) -> None:
        text = answer.text or "the server refused the connect"
        self._finish(Reason(answer.reason or "connect_refused", text, is_final=True))

    def _finish(self, reason: Reason) -> None:
        self.ledger.finish(reason)


def _said(answer: Answer) -> str:
    return f"status {answer.status} {answer.reason} {answer.text}".rstrip()
