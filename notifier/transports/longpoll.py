"""
Long-polling: what GET, POST and OPTIONS mean, and how they are answered.

    GET                    open a session: 410 with a token, as in Phoenix
    GET ?join=TOPIC        open, join, and wait for the reply: for curl
    GET with a session     wait for messages: 200, or 204 after the window
    POST with a session    hand in one message, or a batch of lines

HTTP is 200 for all of these; the status that counts is in the JSON. A GET's
stays within 200, 204, 403, 410 and 500: any other stops phoenix.js for ever.

Phoenix: `lib/phoenix/transports/long_poll.ex`.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from attrs import define, field

from notifier.channels import Endpoint, SocketServer
from notifier.errors import ConnectionRefused, ProtocolError, describe
from notifier.protocol import Message
from notifier.protocol.events import PHX_JOIN
from notifier.protocol.reasons import (
    BAD_MESSAGE,
    BATCH_TOO_LONG,
    MESSAGE_TOO_LARGE,
    SESSION_GONE,
    Reason,
)
from notifier.session import Answer, Mailbox, Poll
from notifier.session.poll import READY
from notifier.session.tokens import split_cursor, with_cursor
from notifier.transports.base import JSON_TYPE, Request, Response, json_body, reason_body
from notifier.transports.credentials import session_token
from notifier.transports.mount import Mount

NAME: Final = "longpoll"
BATCH_TYPE: Final = "application/x-ndjson"

BODY_TIMEOUT_S: Final = 30.0
"""How long a body may take to arrive."""

_CORS: Final = ("access-control-allow-origin", "*")
HEADERS: Final = (("content-type", JSON_TYPE), ("cache-control", "no-store"), _CORS)


@define(eq=False, repr=False, kw_only=True)
class Waiting(Poll):
    """
    A poll under way. The door calls `response` once it is ready, or `abandon`.

    Answered, it can be used for the connection's next poll: see `again`.
    """

    endpoint: Endpoint
    mailbox: Mailbox
    token: bytes
    pretty_path: str | None

    def __repr__(self) -> str:
        return f"<Waiting {self.state.name} cursor={self.cursor}>"

    @property
    def is_ready(self) -> bool:
        """
        Whether `response` is due.
        """
        return self.state is READY

    def again(self, cursor: int) -> None:
        """
        Start the same request anew, with the cursor it brings.
        """
        self.cursor = cursor
        self.mailbox.poll(self, self.endpoint.now())

    def response(self) -> Response:
        """
        Answer the poll with what there is.
        """
        return Response(200, HEADERS, self.body())

    def body(self) -> bytes:
        """
        Answer the poll with the body of its `response`: status and HEADERS are
        the same for all.
        """
        answer = self.mailbox.answer(self, self.endpoint.now())
        return _body(answer, self.token, self.pretty_path)

    def abandon(self) -> None:
        """
        Forget the poll: its connection is gone, and nothing is lost. Idempotent.
        """
        self.mailbox.abandon(self, self.endpoint.now())


@define(eq=False)
class Posting:
    """
    A POST whose body is still to come. The door calls `receive` or `abandon`.
    """

    server: SocketServer
    is_batch: bool
    _is_open: bool = field(init=False, default=True)

    def receive(self, body: bytes) -> Response:
        """
        Hand in all of a POST's messages, or none of them if one is no good.
        """
        self.abandon()
        session = self.server.session
        limit = session.limits.max_batch_lines
        lines = body.strip().count(b"\n") + 1 if self.is_batch else 1
        if lines > limit:  # before any is read, which takes its time
            text = f"expected at most {limit} lines, got {lines}: none was handled"
            return _status(400, {"reason": BATCH_TOO_LONG.code, "message": text})
        try:
            messages = self._read(body)
        except ProtocolError as error:
            return _status(400, {"reason": BAD_MESSAGE.code, "message": str(error)})
        for message in messages:
            self.server.receive(message)
        return _ACCEPTED if session.end is None else _status(410, reason_body(session.end))

    def abandon(self) -> None:
        """
        Note that the request has ended. Idempotent.
        """
        if self._is_open:
            self._is_open = False
            self.server.session.mailbox.end_request(self.server.endpoint.now())

    def _read(self, body: bytes) -> list[Message]:
        if not self.is_batch:
            serializer = self.server.session.serializer
            if body.startswith(b"\0"):  # phoenix.js 1.6 posts a binary push as it is
                return [serializer.decode_binary(body)]
            return [serializer.decode_text(body)]
        messages = []
        for number, line in enumerate(body.split(b"\n"), 1):
            if line := line.strip():
                try:
                    messages.append(self._read_line(line))
                except ProtocolError as error:
                    error.line = number
                    raise
        if not messages:
            raise ProtocolError("a message", "an empty body")
        return messages

    def _read_line(self, line: bytes) -> Message:
        """
        Read JSON, or a binary message in base64, which begins with neither.
        """
        serializer = self.server.session.serializer
        if line.startswith((b"[", b"{")):
            return serializer.decode_text(line)
        try:
            return serializer.decode_binary(b64decode(line, validate=True))
        except binascii.Error:
            raise ProtocolError("JSON or base64", describe(line)) from None


@define(eq=False)
class LongPoll:
    """
    The long-poll transport of one mount.

    A door calls `refuse_method`, and then `post`, or `poll` and where that gives
    None `open`. It gets a Response to write, a Posting to give the body to, or a
    Waiting to be told by.
    """

    mount: Mount

    def refuse_method(self, request: Request) -> Response | None:
        """
        Answer what is neither GET nor POST, or comes from a foreign page.
        """
        if request.method not in ("GET", "POST", "OPTIONS"):
            return Response(400, (_CORS,))
        refusal = self.mount.check_origin(request)
        if refusal is not None:
            return self.refused(refusal, request)
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
            return _status(500, reason_body(found))
        server, cursor = found
        return self._wait(server, cursor, _pretty_path(request), on_ready)

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
            return self._wait(server, 0, _pretty_path(request), on_ready)
        return Response(
            200, HEADERS, _body(Answer(410, 0), server.token.encode(), _pretty_path(request))
        )

    def refused(self, refusal: ConnectionRefused, request: Request) -> Response:
        """
        Say no to a connect, and why.
        """
        body = {
            **refusal.response,
            "status": 403,
            "reason": refusal.code,
            "message": refusal.text,
        }
        pretty = _pretty_path(request) is not None
        return Response(200, HEADERS, json_body(body, pretty=pretty))

    def post(self, request: Request) -> Posting | Response:
        """
        Start a POST: its session is looked up before its body is read.
        """
        found = self._find(session_token(request) or "")
        if isinstance(found, Reason):
            return _status(410, reason_body(found))
        server, _ = found
        if server.session.end is not None:
            return _status(410, reason_body(server.session.end))
        server.session.mailbox.begin_request()
        content_type = request.headers.get("content-type", "").partition(";")[0]
        return Posting(server, content_type.strip().lower() == BATCH_TYPE)

    def too_large(self) -> Response:
        """
        Refuse a body over `max_message_bytes`, and close: the rest is not read.
        """
        limit = self.mount.endpoint.limits.max_message_bytes
        text = f"expected a body of at most {limit} bytes: nothing of it was handled"
        body = json_body({"status": 413, "reason": MESSAGE_TOO_LARGE.code, "message": text})
        return Response(413, HEADERS, body, closes=True)

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
        pretty_path: str | None,
        on_ready: Callable[[], None],
    ) -> Waiting:
        waiting = Waiting(
            cursor=cursor,
            on_ready=on_ready,
            endpoint=self.mount.endpoint,
            mailbox=server.session.mailbox,
            token=server.token.encode(),
            pretty_path=pretty_path,
        )
        waiting.again(cursor)
        return waiting


def _status(status: int, more: Mapping[str, Any] | None = None) -> Response:
    return Response(200, HEADERS, json_body({"status": status, **(more or {})}))


_ACCEPTED: Final = _status(200)


def _pretty_path(request: Request) -> str | None:
    """
    Where the next request goes, if the answer is for human eyes.
    """
    return None if request.query.last("pretty") is None else request.path


def _body(answer: Answer, signed: bytes, pretty_path: str | None) -> bytes:
    if pretty_path is not None:
        return _pretty_body(answer, signed.decode(), pretty_path)
    if answer.reason is not None:
        return json_body({"status": answer.status, **reason_body(answer.reason)})
    return b'{"status":%d,"token":"%b.%d","messages":[%b]}' % (
        answer.status,
        signed,
        answer.cursor,
        b",".join([frame.quoted for frame in answer.frames]),
    )


def _pretty_body(answer: Answer, signed: str, path: str) -> bytes:
    """
    The same answer for human eyes: messages as JSON, and where to go on.
    """
    body: dict[str, Any] = {"status": answer.status}
    if answer.reason is not None:
        body |= reason_body(answer.reason)
    else:
        token = with_cursor(signed, answer.cursor)
        body["messages"] = [orjson.loads(frame.text) for frame in answer.frames]
        body["token"] = token
        body["next"] = f"{path}?token={token}&pretty=1"
    return json_body(body, pretty=True)


def _preflight(request: Request) -> Response:
    """
    Allow what a page asks for, as Phoenix does.
    """
    asked_for = request.headers.get("access-control-request-headers", "")
    asked_for = asked_for if asked_for.isascii() else ""  # header names are
    return Response(
        200,
        (
            _CORS,
            ("access-control-allow-headers", asked_for),
            ("access-control-allow-methods", "get, post, options"),
            ("access-control-max-age", "3600"),
        ),
    )
