"""
Long-polling: what GET, POST and OPTIONS mean, and how they are answered.

    GET                    open a session: 410 with a token, as in Phoenix
    GET ?join=TOPIC        open, join, and wait for the reply: for curl
    GET with a session     wait for messages: 200, or 204 after the window
    POST with a session    hand in one message, or a batch of lines
    POST ?notifier=resume  open, hand in, and wait for the replies
    POST ?notifier=close   end a resumable session

What a resumable session's requests bring and are answered more is in
`docs/protocol.md`.

HTTP is 200 for all of these; the status that counts is in the JSON. A GET's
stays within 200, 204, 403, 410 and 500: any other stops phoenix.js for ever.

Phoenix: `lib/phoenix/transports/long_poll.ex`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field

from notifier.channels import SocketServer
from notifier.errors import ConnectionRefused
from notifier.protocol import Message
from notifier.protocol.events import PHX_JOIN
from notifier.protocol.reasons import SESSION_GONE, Reason
from notifier.session import Answer
from notifier.session.tokens import MAX_CURSOR_DIGITS, split_cursor
from notifier.transports.answers import (
    CORS,
    HEADERS,
    connect_refusal,
    numbered_body,
    poll_body,
    pretty_body,
    refusal,
)
from notifier.transports.base import Request, Response
from notifier.transports.batch import is_batch
from notifier.transports.credentials import CLOSE, RESUME, mode, session_token
from notifier.transports.mount import Mount
from notifier.transports.opening import Opening, Openings
from notifier.transports.posting import Farewell, NumberedPosting, Posting
from notifier.transports.waiting import NumberedWaiting, Waiting

NAME: Final = "longpoll"
BODY_TIMEOUT_S: Final = 30.0
"""How long a body may take to arrive."""

ACK_HEADER: Final = "x-notifier-ack"
SEQ_HEADER: Final = "x-notifier-seq"
TURN_HEADER: Final = "x-notifier-turn"


@define(eq=False)
class LongPoll:
    """
    The long-poll transport of one mount.

    A door calls `refuse_method`, and then `post`, or `poll` and where that gives
    None `open`. It gets a Response to write, a Posting or an Opening to give the
    body to, or a Waiting to be told by.
    """

    mount: Mount
    _openings: Openings = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._openings = Openings(self.mount.endpoint)

    def refuse_method(self, request: Request) -> Response | None:
        """
        Answer what is neither GET nor POST, or comes from a foreign page.
        """
        if request.method not in ("GET", "POST", "OPTIONS"):
            return Response(400, (CORS,))
        refused = self.mount.check_origin(request)
        if refused is not None:
            return self.refused(refused, request)
        return _preflight(request) if request.method == "OPTIONS" else None

    def poll(self, request: Request, on_ready: Callable[[], None]) -> Waiting | Response | None:
        """
        Start a GET with a session token; None if it has none, see `open`.

        The Waiting may be ready already; else `on_ready` is called when it is.
        """
        token = session_token(request)
        if token is None:
            return None
        found = self._find(token)
        if isinstance(found, Reason):
            return refusal(500, found)
        server, cursor = found
        return self._wait(server, cursor, request, on_ready)

    async def open(self, request: Request, on_ready: Callable[[], None]) -> Waiting | Response:
        """
        Start a GET without a session: open one, and join what `join` names.

        Raises ConnectionRefused; see `refused`.
        """
        endpoint = self.mount.endpoint
        server = await self.mount.open(request, NAME)
        mailbox = server.session.mailbox
        mailbox.begin_request()
        endpoint.deadlines.watch(server)
        try:
            return await self._open_and_join(server, request, on_ready)
        finally:
            mailbox.end_request(endpoint.now())

    async def _open_and_join(
        self, server: SocketServer, request: Request, on_ready: Callable[[], None]
    ) -> Waiting | Response:
        topics = request.query.all("join")
        for number, topic in enumerate(topics, 1):
            ref = str(number)
            server.receive(Message(ref, ref, topic, PHX_JOIN, {}))
        if topics:
            await server.wait_for_channels(server.session.mailbox.window_s / 2)
            return self._wait(server, 0, request, on_ready)
        return Response(200, HEADERS, _opened(server, _pretty_path(request)))

    def refused(self, refused: ConnectionRefused, request: Request) -> Response:
        """
        Say no to a connect, and why.
        """
        return connect_refusal(refused, pretty=_pretty_path(request) is not None)

    def post(self, request: Request) -> Posting | Opening | Response:
        """
        Start a POST: its session is looked up before its body is read.
        """
        token = session_token(request)
        if token is None and mode(request) == RESUME:
            return Opening(self.mount, self._openings, request, NAME)
        found = self._find(token or "")
        if isinstance(found, Reason):
            return refusal(410, found)
        server, _ = found
        if server.session.end is not None:
            return refusal(410, server.session.end)
        server.session.mailbox.begin_request()
        is_lines = is_batch(request.headers.get("content-type", ""))
        resume = server.session.resume
        if resume is None:
            return Posting(server, is_lines)
        if mode(request) == CLOSE:
            return Farewell(server, is_lines)
        return NumberedPosting(server, is_lines, resume, _number(request, SEQ_HEADER) or None)

    def _find(self, token: str) -> tuple[SocketServer, int] | Reason:
        """
        Find the session that a token names, else why there is none.
        """
        parts = split_cursor(token)
        if parts is None:
            return SESSION_GONE
        found = self.mount.endpoint.find(parts[0])
        return found if isinstance(found, Reason) else (found, parts[1])

    def _wait(
        self,
        server: SocketServer,
        cursor: int,
        request: Request,
        on_ready: Callable[[], None],
    ) -> Waiting:
        resume = server.session.resume
        waiting = (
            Waiting(
                cursor=cursor,
                on_ready=on_ready,
                endpoint=self.mount.endpoint,
                mailbox=server.session.mailbox,
                token=server.token.encode(),
                pretty_path=_pretty_path(request),
            )
            if resume is None
            else NumberedWaiting(
                cursor=cursor,
                on_ready=on_ready,
                endpoint=self.mount.endpoint,
                mailbox=server.session.mailbox,
                token=server.token.encode(),
                pretty_path=_pretty_path(request),
                resume=resume,
                ack=_number(request, ACK_HEADER),
                turn=_number(request, TURN_HEADER) or 0,
            )
        )
        waiting.again(cursor)
        return waiting


def _opened(server: SocketServer, pretty_path: str | None) -> bytes:
    answer, signed, resume = Answer(410, 0), server.token.encode(), server.session.resume
    if pretty_path is not None:
        return pretty_body(answer, signed, pretty_path)
    return poll_body(answer, signed) if resume is None else numbered_body(answer, signed, resume)


def _number(request: Request, header: str) -> int | None:
    """
    Read a header that is a number; any other counts as missing.
    """
    text = request.headers.get(header, "")
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_CURSOR_DIGITS
    return int(text) if is_number else None


def _pretty_path(request: Request) -> str | None:
    """
    Where the next request goes, if the answer is for human eyes.
    """
    return None if request.query.last("pretty") is None else request.path


def _preflight(request: Request) -> Response:
    """
    Allow what a page asks for, as Phoenix does.
    """
    asked_for = request.headers.get("access-control-request-headers", "")
    asked_for = asked_for if asked_for.isascii() else ""  # header names are
    return Response(
        200,
        (
            CORS,
            ("access-control-allow-headers", asked_for),
            ("access-control-allow-methods", "get, post, options"),
            ("access-control-max-age", "3600"),
        ),
    )
