"""
The server's own core where `model_server.py` has its model: the two cores as a pair.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from attrs import define, field
from notifier_client.requests import Answer, Poll
from notifier_client.v2 import Frame

from client_python.model_server import ModelServer, ModelSession, Wire, control, must
from notifier.protocol import Frame as ServerFrame
from notifier.session import Answer as ServerAnswer
from notifier.session import Attachment, Limits, Mailbox, Resume
from notifier.session import Poll as ServerPoll
from notifier.session.mailbox import ENVELOPE_BYTES
from notifier.session.poll import READY

NOW = 100.0
LIMITS = Limits(
    window_ms=1_000_000,
    resume_window_ms=10**9,
    max_answer_bytes=ENVELOPE_BYTES + 100,  # some three messages
)


@define(eq=False)
class CoreServer(ModelServer):
    """
    As the model, with sessions of the server's core.
    """

    def begin(self) -> ModelSession:
        return CoreSession()


@define(eq=False)
class CoreSession(ModelSession):
    """
    A session whose counts, mailbox and attachments are the server's.
    """

    mailbox: Mailbox = field(factory=lambda: Mailbox(LIMITS))
    resume: Resume = field(init=False)
    attachments: list[tuple[Wire, Attachment]] = field(init=False, factory=list)
    poll_now: tuple[ServerPoll, Callable[[Answer], None]] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.resume = Resume(self.mailbox)

    def put(self, frame: Frame) -> None:
        assert isinstance(frame, str)
        self.out.append(frame)
        self.mailbox.put(ServerFrame(frame.encode(), frame.encode()))
        self.look()

    def look(self) -> None:
        """
        See what the core has made of it.
        """
        must(self.mailbox.end is None, f"the session ended: {self.mailbox.end}")
        self.acked, self.sent = self.mailbox.acked, self.mailbox.sent
        self.received, self.live = self.resume.received, None
        for wire, attachment in self.attachments:
            if attachment is self.resume.live:
                self.live, wire.position = wire, attachment.position
            elif attachment.end is not None and wire.server != "closed":
                wire.server = "closed"
                wire.write(attachment.end.close_code)

    # --- requests

    def accept(self, seq: int, frames: list[Frame]) -> None:
        known = self.resume.accept_lines(seq, len(frames))
        if known is not None:
            for frame in frames[known:]:
                self.handle(self.resume.received, frame)
        self.look()

    def answer(self, status: int, last: int) -> Answer:
        """
        Answer an opening: as a poll with cursor 0 would be.
        """
        answers: list[Answer] = []
        self.poll(Poll("", 0, 0, 0.0), answers.append)
        self.release(None)
        answer = answers[0]
        return Answer(200, "nts_t", answer.frames, answer.seq, answer.received)

    def poll(self, poll: Poll, reply: Callable[[Answer], None]) -> None:
        assert poll.ack is not None
        stays = poll.turn < self.resume.turn or poll.ack < self.resume.acked
        must(
            self.live is None or stays or self.true_poll_turn(poll) >= self.live.turn,
            "a poll ends the WebSocket for which the client decided later",
        )
        waiting = ServerPoll(poll.ack, lambda: self.respond(waiting, reply))
        self.resume.poll(waiting, poll.turn, NOW)
        if waiting.state is READY:
            self.respond(waiting, reply)
        else:
            self.parked = object()  # type: ignore[assignment]  # only its being there counts
            self.poll_now = (waiting, reply)
        self.look()

    def respond(self, waiting: ServerPoll, reply: Callable[[Answer], None]) -> None:
        answer: ServerAnswer = self.mailbox.answer(waiting, NOW)
        if self.poll_now is not None and waiting is self.poll_now[0]:
            self.parked = self.poll_now = None
        frames = [one.text.decode() for one in answer.frames]
        is_moved = answer.status == 204 and self.resume.live is not None
        reply(
            Answer(
                answer.status,
                "nts_t",
                frames,
                answer.cursor - len(frames) + 1,
                self.resume.received,
                "websocket" if is_moved else None,
            )
        )

    def release(self, last: int | None) -> None:
        if self.poll_now is not None:
            self.mailbox.expire(self.poll_now[0].deadline)

    # --- WebSockets

    def attachment(self, wire: Wire) -> Attachment | None:
        return next((mine for one, mine in self.attachments if one is wire), None)

    def attach(self, wire: Wire) -> None:
        attachment = Attachment(lambda: None)
        self.attachments.append((wire, attachment))
        self.resume.attach(attachment, NOW)
        wire.write(control("probe"))
        self.look()

    def frame(self, wire: Wire, frame: Frame | int) -> None:
        attachment = self.attachment(wire)
        if wire.server == "closed" or attachment is None:
            return
        if isinstance(frame, int):
            self.is_over |= frame == 1000 and wire is self.live
            self.ended(wire)
            return
        value = json.loads(frame)
        is_ack = value[2:4] == ["phoenix", "ack"]
        if wire.server == "candidate":
            must(is_ack, "a counted frame before the candidate is confirmed")
            self.confirm(wire, value[4]["seq"], value[4]["turn"])
        elif is_ack:
            self.resume.acknowledge(value[4]["seq"])
        elif self.resume.accept(attachment):
            self.handle(self.resume.received, frame)
        self.look()

    def confirm(self, wire: Wire, seq: int, turn: int) -> None:
        attachment = self.attachment(wire)
        if attachment is None:  # it opens the session
            attachment = Attachment(lambda: None)
            self.attachments.append((wire, attachment))
        self.resume.confirm(attachment, seq, turn, NOW)
        if attachment is self.resume.live:
            must(
                self.live is None or wire.turn > self.live.turn,
                "a candidate ends a WebSocket decided for later",
            )
            wire.server = "live"
            numbers = {"seq": attachment.position, "received": attachment.count}
            wire.write(control("resumed", **numbers, token="nts_t"))
        self.look()

    def write(self) -> None:
        assert self.live is not None
        attachment = self.attachment(self.live)
        assert attachment is not None
        for frame in self.resume.take(attachment, 1):
            self.live.write(frame.text.decode())
        self.look()

    def ended(self, wire: Wire) -> None:
        wire.server = "closed"
        attachment = self.attachment(wire)
        if attachment is not None:
            self.resume.detach(attachment, NOW)
        self.look()
