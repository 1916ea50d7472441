"""
The server's side of one resumable session, as `docs/protocol.md` has it, and no more.

Written from that page and the design's model, not from the server: the client's
core is tried against it with a network in between that does its worst.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import define, field
from notifier_client.requests import Answer, Goodbye, Opening, Poll, Post, Request
from notifier_client.v2 import Frame


class Violation(AssertionError):
    """
    Something that must not be is so.
    """


def must(true: object, text: str) -> None:
    if not true:
        raise Violation(text)


def control(event: str, **payload: Any) -> str:
    return json.dumps([None, None, "phoenix", event, payload])


@define(eq=False)
class Wire:
    """
    One WebSocket: two queues of frames. `turn` is the true one of the client's decision.

    A close is a number among the frames.
    """

    opens: bool
    server: str = "candidate"  # live, closed
    turn: int = 0
    received_at_start: int = 0
    read: int = 0
    position: int = 0
    up: list[Frame | int] = field(factory=list)
    down: list[Frame | int] = field(factory=list)
    is_cut: bool = False

    def write(self, frame: Frame | int) -> None:
        if not self.is_cut:
            self.down.append(frame)


@define(eq=False)
class Parked:
    poll: Poll
    reply: Callable[[Answer], None]


@define(eq=False)
class ModelServer:
    """
    One server; a key that it does not know opens a session, once.
    """

    session: ModelSession | None = None
    key: str = ""

    def begin(self) -> ModelSession:
        return ModelSession()

    def request(self, request: Request, reply: Callable[[Answer], None]) -> None:
        """
        Take a request; `reply` is called now, or later for a poll that waits.
        """
        if isinstance(request, Opening):
            if self.session is None or self.key != request.key:
                must(self.session is None, "a second session is opened")
                self.session, self.key = self.begin(), request.key
            self.session.open(request, reply)
            return
        assert self.session is not None
        match request:
            case Poll():
                self.session.poll(request, reply)
            case Post():
                reply(self.session.post(request))
            case Goodbye():
                self.session.is_over = True
                reply(Answer(200))

    def open_on(self, wire: Wire) -> None:
        """
        Take a WebSocket that opens a session; of the one before the client never knew.
        """
        must(self.session is None or not self.session.handled, "a second session is opened")
        self.session = self.begin()
        self.session.confirm(wire, 0, 0)


@define(eq=False)
class ModelSession:
    """
    The session. `handled` is what came from the client, in the order it was handled.
    """

    out: list[Frame] = field(factory=list)
    acked: int = 0
    sent: int = 0
    received: int = 0
    turn: int = 0
    handled: list[int] = field(factory=list)
    live: Wire | None = None
    parked: Parked | None = None
    is_over: bool = False
    true_poll_turn: Callable[[Poll], int] = lambda poll: poll.turn

    def put(self, frame: Frame) -> None:
        self.out.append(frame)
        self.release(len(self.out))

    # --- requests

    def open(self, opening: Opening, reply: Callable[[Answer], None]) -> None:
        self.accept(1, list(opening.frames))
        reply(self.answer(200, len(self.out)))

    def poll(self, poll: Poll, reply: Callable[[Answer], None]) -> None:
        assert poll.ack is not None
        if self.is_over:
            reply(Answer(500, reason="session_gone"))
            return
        if poll.ack < self.acked or poll.turn < self.turn:
            reply(self.answer(204, self.acked))
            return
        self.acknowledge(poll.ack)
        self.turn = max(self.turn, poll.turn)
        if self.live is not None:
            must(
                self.true_poll_turn(poll) >= self.live.turn,
                "a poll ends the WebSocket for which the client decided later",
            )
            self.close(self.live, 4409)
        self.release(None)
        if len(self.out) > self.acked:
            reply(self.answer(200, min(len(self.out), self.acked + 3)))
        else:
            self.parked = Parked(poll, reply)

    def post(self, post: Post) -> Answer:
        if self.is_over:
            return Answer(410, reason="session_gone")
        if post.seq > self.received + 1:
            return Answer(409, reason="sequence_gap", received=self.received)
        self.accept(post.seq, list(post.frames))
        return Answer(200, received=self.received)

    def accept(self, seq: int, frames: list[Frame]) -> None:
        for number, frame in enumerate(frames, seq):
            if number > self.received:
                self.handle(number, frame)

    def handle(self, number: int, frame: Frame) -> None:
        self.received = number
        _, ref, topic, event, payload = json.loads(frame)
        if topic == "phoenix":
            self.put(json.dumps([None, ref, topic, "phx_reply", {"status": "ok"}]))
            return
        must(payload == len(self.handled) + 1, f"{event} {payload} after {self.handled[-1:]}")
        self.handled.append(payload)

    def acknowledge(self, number: int) -> None:
        must(number <= self.sent, f"ack {number} is beyond what was sent ({self.sent})")
        floor = number if self.live is None else min(number, self.live.position)
        self.acked = max(self.acked, floor)

    def answer(self, status: int, last: int) -> Answer:
        frames = self.out[self.acked : last]
        self.sent = max(self.sent, last)
        transport = None if self.live is None else "websocket"
        return Answer(
            status if frames else (200 if status == 200 else 204),
            "nts_token",
            frames,
            self.acked + 1,
            self.received,
            transport,
        )

    def release(self, last: int | None) -> None:
        parked, self.parked = self.parked, None
        if parked is not None:
            parked.reply(self.answer(204, self.acked if last is None else last))

    # --- WebSockets

    def attach(self, wire: Wire) -> None:
        if self.is_over:
            wire.write(4410)
            wire.server = "closed"
        else:
            wire.write(control("probe"))

    def frame(self, wire: Wire, frame: Frame | int) -> None:
        if wire.server == "closed":
            return
        if isinstance(frame, int):
            if frame == 1000 and wire is self.live:
                self.is_over = True
            self.ended(wire)
            return
        value = json.loads(frame)
        is_ack = value[2:4] == ["phoenix", "ack"]
        if wire.server == "candidate":
            must(is_ack, "a counted frame before the candidate is confirmed")
            self.confirm(wire, value[4]["seq"], value[4]["turn"])
        elif is_ack:
            self.acknowledge(value[4]["seq"])
        else:
            wire.read += 1
            number = wire.received_at_start + wire.read
            must(number <= self.received + 1, f"a hole: {number} after {self.received}")
            if number > self.received:
                self.handle(number, frame)

    def confirm(self, wire: Wire, seq: int, turn: int) -> None:
        if turn < self.turn:
            self.close(wire, 4409)
            return
        self.acknowledge(seq)
        self.turn = max(self.turn, turn)
        if self.live is not None:
            must(wire.turn > self.live.turn, "a candidate ends a WebSocket decided for later")
            self.close(self.live, 4409)
        self.live, wire.server = wire, "live"
        wire.received_at_start, wire.position = self.received, self.acked
        numbers = {"seq": self.acked, "received": self.received, "token": "nts_token"}
        wire.write(control("resumed", **numbers))
        self.release(None)

    def write(self) -> None:
        """
        Write the next message to the live WebSocket.
        """
        assert self.live is not None
        self.live.write(self.out[self.live.position])
        self.live.position += 1
        self.sent = max(self.sent, self.live.position)

    def close(self, wire: Wire, code: int) -> None:
        wire.write(code)
        self.ended(wire)

    def ended(self, wire: Wire) -> None:
        wire.server = "closed"
        if self.live is wire:
            self.live = None
