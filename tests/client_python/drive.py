"""
A session as a test drives it: answers and frames in, requests and frames out.
"""

from __future__ import annotations

import json
from typing import Any

from attrs import define, field
from notifier_client.attachment import Attachment
from notifier_client.message import Message
from notifier_client.requests import Answer, Request
from notifier_client.session import Session


def control(event: str, **payload: Any) -> str:
    return json.dumps([None, None, "phoenix", event, payload])


def news(number: int) -> str:
    return json.dumps([None, None, "room:a", "news", number])


@define(eq=False)
class Drive:
    """
    A session and its clock.
    """

    transport: str = "auto"
    now: float = 1_000.0
    session: Session = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.session = Session("k" * 20, self.transport, lambda: 0.5)

    def requests(self) -> list[Request]:
        self.session.expire(self.now)
        return self.session.take_requests(self.now)

    def answer(self, request: Request, status: int = 200, **more: Any) -> None:
        self.session.receive_answer(request, Answer(status, **more), self.now)

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.session.put(Message("1", str(number), "room:a", "say", number))

    def got(self) -> list[Any]:
        return [message.payload for message in self.session.take_messages()]

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.session.expire(self.now)

    def opened(self) -> Drive:
        (opening,) = self.requests()
        received = self.session.ledger.mailbox.last
        self.answer(opening, token="nts_t", seq=1, received=received)
        return self

    def candidate(self) -> Attachment:
        attachment = self.session.take_candidate(self.now)
        assert attachment is not None
        self.session.connected(attachment, self.now)
        return attachment

    def frame(self, attachment: Attachment, frame: str | bytes) -> None:
        self.session.receive_frame(attachment, frame, self.now)

    def frames(self, attachment: Attachment) -> list[Any]:
        """
        Give event and payload of what is to be written.
        """
        written = map(json.loads, self.session.take_frames(attachment))
        return [(one[3], one[4]) for one in written]

    def live(self, received: int | None = None) -> Attachment:
        attachment = self.candidate()
        self.frame(attachment, control("probe"))
        self.frames(attachment)
        last = self.session.ledger.mailbox.received if received is None else received
        self.frame(attachment, control("resumed", seq=self.session.ledger.got, received=last))
        return attachment
