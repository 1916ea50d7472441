"""
A poll under way, as a door holds it.
"""

from __future__ import annotations

from attrs import define

from notifier.channels import Endpoint
from notifier.session import Mailbox, Poll, Resume
from notifier.session.poll import READY
from notifier.transports.answers import HEADERS, numbered_body, poll_body, pretty_body
from notifier.transports.base import Response


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
        return f"<{type(self).__name__} {self.state.name} cursor={self.cursor}>"

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
        if self.pretty_path is not None:
            return pretty_body(answer, self.token, self.pretty_path)
        return poll_body(answer, self.token)

    def abandon(self) -> None:
        """
        Forget the poll: its connection is gone, and nothing is lost. Idempotent.
        """
        self.mailbox.abandon(self, self.endpoint.now())


@define(eq=False, repr=False, kw_only=True)
class NumberedWaiting(Waiting):
    """
    A poll of a resumable session: where it brings an `ack`, that is its cursor.
    """

    resume: Resume
    ack: int | None
    turn: int

    def again(self, cursor: int) -> None:
        """
        Start the same request anew, with the cursor it brings.
        """
        self.cursor = cursor if self.ack is None else self.ack
        self.resume.poll(self, self.turn, self.endpoint.now())

    def body(self) -> bytes:
        """
        Answer the poll with the body of its `response`.
        """
        if self.pretty_path is not None:
            return Waiting.body(self)
        answer = self.mailbox.answer(self, self.endpoint.now())
        return numbered_body(answer, self.token, self.resume)
