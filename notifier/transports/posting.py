"""
POSTs to a session: their lines are handled once the whole body is there.
"""

from __future__ import annotations

from attrs import define, field

from notifier.channels import SocketServer
from notifier.errors import ProtocolError
from notifier.protocol import Message
from notifier.protocol.reasons import (
    BAD_MESSAGE,
    BATCH_TOO_LONG,
    CLIENT_CLOSED,
    MESSAGE_TOO_LARGE,
    SEQUENCE_GAP,
    SEQUENCE_MISSING,
)
from notifier.session import Resume
from notifier.transports import batch
from notifier.transports.answers import HEADERS, refusal, status
from notifier.transports.base import Response, json_body, reason_body


@define(eq=False)
class Posting:
    """
    A POST whose body is still to come. The door calls `receive`, `too_large` or
    `abandon`.
    """

    server: SocketServer
    is_batch: bool
    _is_open: bool = field(init=False, default=True)

    @property
    def max_bytes(self) -> int:
        """
        How much body there may be.
        """
        return self.server.session.limits.max_message_bytes

    def receive(self, body: bytes) -> Response:
        """
        Hand in all of a POST's messages, or none of them if one is no good.
        """
        self.abandon()
        session = self.server.session
        limit = session.limits.max_batch_lines
        lines = body.strip().count(b"\n") + 1 if self.is_batch else 1
        if lines > limit:  # before any is read, which takes its time
            return batch_too_long(lines, limit)
        try:
            if self.is_batch:
                messages = batch.read(session.serializer, batch.split(body))
            else:
                messages = [batch.read_whole(session.serializer, body)]
        except ProtocolError as error:
            return bad_message(error)
        for message in messages:
            self.server.receive(message)
        return _ACCEPTED if session.end is None else refusal(410, session.end)

    def too_large(self) -> Response:
        """
        Refuse a body over `max_bytes`.
        """
        self.abandon()
        return too_large(self.max_bytes)

    def abandon(self) -> None:
        """
        Note that the request has ended. Idempotent.
        """
        if self._is_open:
            self._is_open = False
            self.server.session.mailbox.end_request(self.server.endpoint.now())


@define(eq=False)
class NumberedPosting(Posting):
    """
    A POST to a resumable session; `first` is the number of its first line.

    A line that cannot be read counts as received, as those around it do: else
    its client would have to send it for ever.
    """

    resume: Resume
    first: int | None

    def receive(self, body: bytes) -> Response:
        """
        Hand in the lines that were not received before, unless some are missing.
        """
        self.abandon()
        session, resume = self.server.session, self.resume
        if self.first is None:
            return refusal(400, SEQUENCE_MISSING, {"received": resume.received})
        lines = batch.split(body) if self.is_batch else [(1, body)]
        limit = session.limits.max_batch_lines
        if len(lines) > limit:
            return batch_too_long(len(lines), limit, received=resume.received)
        known = resume.accept_lines(self.first, len(lines))
        if known is None:
            return refusal(409, SEQUENCE_GAP, {"received": resume.received})
        messages, mistake = self._read(lines[known:])
        for message in messages:
            self.server.receive(message)
        if session.end is not None:
            return refusal(410, session.end)
        if mistake is not None:
            return bad_message(mistake, received=resume.received)
        return status(200, {"received": resume.received})

    def too_large(self) -> Response:
        """
        Refuse a body over `max_bytes`: a line that is too large by itself, which
        counts as received.
        """
        self.abandon()
        if self.first is not None:
            self.resume.accept_lines(self.first, 1)
        return too_large(self.max_bytes, received=self.resume.received)

    def _read(self, lines: list[batch.Line]) -> tuple[list[Message], ProtocolError | None]:
        """
        Read what can be read; give the first mistake, too.
        """
        messages, mistake = list[Message](), None
        for number, line in lines:
            try:
                messages.append(self._read_line(number, line))
            except ProtocolError as error:
                mistake = mistake or error
        return messages, mistake

    def _read_line(self, number: int, line: bytes) -> Message:
        serializer = self.server.session.serializer
        if self.is_batch:
            return batch.read_line(serializer, number, line)
        return batch.read_whole(serializer, line)


@define(eq=False)
class Farewell(Posting):
    """
    A POST that ends its session: a page that is left sends it.
    """

    def receive(self, body: bytes) -> Response:
        """
        End the session, whatever the body holds.
        """
        self.abandon()
        self.server.close(CLIENT_CLOSED)
        return _ACCEPTED


_ACCEPTED = status(200)


def bad_message(error: ProtocolError, **more: int) -> Response:
    """
    Refuse what cannot be read, and say why.
    """
    return status(400, {"reason": BAD_MESSAGE.code, "message": str(error), **more})


def batch_too_long(lines: int, limit: int, **more: int) -> Response:
    """
    Refuse too many lines.
    """
    text = f"expected at most {limit} lines, got {lines}: none was handled"
    return status(400, {"reason": BATCH_TOO_LONG.code, "message": text, **more})


def too_large(limit: int, **more: int) -> Response:
    """
    Refuse a body over its bound, and close: the rest is not read.
    """
    text = f"expected a body of at most {limit} bytes: nothing of it was handled"
    body = {"status": 413, **reason_body(MESSAGE_TOO_LARGE), "message": text, **more}
    return Response(413, HEADERS, json_body(body), closes=True)
