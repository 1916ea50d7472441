"""
The WebSockets of one session: which one carries it, and when another is tried. Pure.

The rules of this file, as the server's `docs/protocol.md` has them:

- Turn. It goes up by one when a probe is answered, and when the newest
  WebSocket that was answered on is given up or lost. Polls carry the turn of
  the last giving up, not that of a probe answered since.
- Undecided, between the `ack` on a candidate and `resumed`: nothing is freed,
  and nothing that counts is written to it. Nor is anything freed above what
  was written to the one that carries the session: it counts by its own start.
- Message n that comes on a WebSocket is number K+n, the n-th that is written
  is M+n: K and M of its own `resumed`.
- Told "websocket", polling rests only while one is undecided or live.
- Giving up is no goodbye: 4000. Only the live one is ever closed with 1000.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from attrs import define, field

from notifier_client.attachment import (
    ACK_FRAMES,
    NEVER,
    PLAIN_AFTER_S,
    Attachment,
    State,
    heartbeat,
)
from notifier_client.backoff import Backoff
from notifier_client.errors import MailboxFull, ProtocolError
from notifier_client.events import ACK, CONTROL, PHOENIX_TOPIC, PROBE, RESUMED
from notifier_client.ledger import Ledger, Mode
from notifier_client.message import Message, describe
from notifier_client.reasons import CLOSED, GIVEN_UP, GOODBYE, HOLE, LOST, Reason
from notifier_client.requests import MAX_BATCH_BYTES
from notifier_client.v2 import Frame, decode, encode

STEADY_S: Final = 30.0
"""How long a WebSocket has to live for the pause before the next to begin anew."""


@define(eq=False, repr=False)
class Attachments:
    """
    All the WebSockets of one session that have not gone.

    `current` is the one that carries it. `hold` tells polling to rest.
    """

    ledger: Ledger
    pauses: Backoff
    turn: int = 0
    poll_turn: int = 0
    current: Attachment | None = None
    hold: bool = False
    candidate_at: float = 0.0
    all: list[Attachment] = field(init=False, factory=list)

    def __repr__(self) -> str:
        return f"<Attachments {len(self.all)} turn={self.turn}>"

    @property
    def is_undecided(self) -> bool:
        """
        Whether the server may have moved the session without our knowing.
        """
        return any(one.state is State.ANSWERED for one in self.all)

    def begin(self, *, opens: bool, now: float) -> Attachment:
        """
        Begin another one.
        """
        attachment = Attachment(opens, now)
        self.all.append(attachment)
        return attachment

    def connected(self, attachment: Attachment, now: float) -> None:
        """
        Note that the handshake was answered with 101.
        """
        attachment.heard_at = now
        if attachment.opens and self.ledger.mode is Mode.PLAIN:
            attachment.ask_as_plain()
        elif attachment.opens:
            attachment.plain_at = now + PLAIN_AFTER_S

    # --- in

    def receive(self, attachment: Attachment, frame: Frame, now: float) -> None:
        """
        Take one frame; raise ProtocolError. What came after the end is dropped.
        """
        if attachment.state is State.GONE or self.ledger.end is not None:
            return
        attachment.heard_at, attachment.asked_at = now, None
        message = decode(frame)
        is_control = message.topic == PHOENIX_TOPIC and message.event in CONTROL
        if is_control and self.ledger.mode is not Mode.PLAIN:
            self._receive_control(attachment, message)
        elif attachment.is_live:
            self._receive_counted(attachment, message, len(frame), now)
        elif attachment.asked_as_plain and message.topic == PHOENIX_TOPIC:
            self._live_as_plain(attachment)
        else:
            raise ProtocolError("a probe, or resumed, first", "another message")

    def _receive_control(self, attachment: Attachment, message: Message) -> None:
        match message.payload:
            case {"seq": int(seq), "received": int(received)} if message.event == RESUMED:
                self._resumed(attachment, seq, received, message.payload.get("token"))
            case {"received": int(received)} if message.event == ACK:
                self.ledger.told_received(received)
            case _ if message.event == PROBE:
                if attachment.state is State.OPEN and not attachment.opens:
                    self._answer_probe(attachment)
            case _:
                raise ProtocolError("numbers in a control frame", describe(message.payload))

    def _answer_probe(self, attachment: Attachment) -> None:
        self.turn += 1
        attachment.state, attachment.turn = State.ANSWERED, self.turn
        attachment.acknowledge(self.ledger.got, self.turn)
        self._free()

    def _resumed(self, attachment: Attachment, seq: int, received: int, token: object) -> None:
        is_opening = attachment.opens and attachment.state is State.OPEN
        # Asked as a plain one, the server has counted the question, which we have not.
        if attachment.asked_as_plain or not (is_opening or attachment.state is State.ANSWERED):
            raise ProtocolError("resumed once, after its probe", "it at another time")
        if is_opening:
            self.ledger.mode = Mode.RESUMABLE
        if isinstance(token, str):
            self.ledger.token = token
        mailbox = self.ledger.mailbox
        if seq > self.ledger.got or not mailbox.base <= received <= mailbox.last:
            self.ledger.finish(HOLE)
            return
        attachment.state, attachment.plain_at = State.LIVE, NEVER
        attachment.count, attachment.position = seq, received
        if self.current is None or attachment.turn > self.current.turn:
            self.current, self.hold = attachment, False
        self.ledger.told_received(received)
        self._free()

    def _free(self) -> None:
        """
        Free what no WebSocket can need any more.
        """
        position = float("inf") if self.current is None else self.current.position
        self.ledger.free_up_to(0 if self.is_undecided else position)

    def _receive_counted(
        self, attachment: Attachment, message: Message, size: int, now: float
    ) -> None:
        if self.ledger.mode is Mode.PLAIN:
            self.ledger.hand_on(self.ledger.got + 1, message)
            return
        attachment.count += 1
        self.ledger.hand_on(attachment.count, message)
        if attachment is self.current:
            attachment.received(self.ledger.got, size, now)

    def _live_as_plain(self, attachment: Attachment) -> None:
        self.ledger.mode, self.current = Mode.PLAIN, attachment
        attachment.state, attachment.position = State.LIVE, self.ledger.mailbox.received
        self._free()

    # --- out

    def take_frames(self, attachment: Attachment, *, is_closing: bool) -> list[Frame]:
        """
        Take what is to be written now: control frames, then messages in order.

        With nothing left to write, a session that is closing says goodbye here.
        """
        frames, attachment.control = attachment.control, []
        if attachment is not self.current:
            return frames
        mailbox = self.ledger.mailbox
        more = mailbox.after(attachment.position, ACK_FRAMES, MAX_BATCH_BYTES)
        attachment.position += len(more)
        self._free()
        if self.ledger.mode is Mode.PLAIN:
            self.ledger.told_received(attachment.position)
        if is_closing and attachment.position == mailbox.last:
            attachment.close_code = GOODBYE
            self.ledger.finish(CLOSED)
        return [*frames, *more]

    # --- their ends

    def give_up(self, attachment: Attachment, why: str, now: float) -> None:
        """
        Do without one from now on; the session goes on.
        """
        attachment.close_code = GIVEN_UP
        self.gone(attachment, why, now)

    def gone(self, attachment: Attachment, why: str, now: float) -> None:
        """
        Note that one has ended, or never was. Idempotent.
        """
        if attachment.state is State.GONE:
            return
        was_live = attachment.is_live
        if attachment.state is not State.OPEN and attachment.turn == self.turn:
            self.turn += 1
            self.poll_turn = self.turn
        attachment.state = State.GONE
        self.all.remove(attachment)
        self.current = None if self.current is attachment else self.current
        if not self.is_undecided:
            self.hold = False
        self._free()
        self.ledger.trouble = why
        if was_live and now >= attachment.begun_at + STEADY_S:
            self.pauses.reset()
        self.candidate_at = now + self.pauses.next()
        if was_live and self.ledger.mode is Mode.PLAIN:
            self.ledger.finish(Reason(LOST.code, why))

    # --- time

    def deadline(self) -> float:
        """
        Tell when `expire` has something to do.
        """
        return min((one.deadline() for one in self.all), default=NEVER)

    def expire(self, now: float) -> None:
        """
        Do what is due by `now`: acknowledge, ask for a sign of life, give up.
        """
        for one in tuple(self.all):
            if one.dead_at <= now:
                self.give_up(one, "the WebSocket gave no sign of life", now)
                continue
            if one.ack_at <= now:
                one.acknowledge(self.ledger.got)
            if one.plain_at <= now:
                one.ask_as_plain()
            if one.silent_at <= now:
                one.asked_at = now
                with suppress(MailboxFull):  # then there is enough that is to be answered
                    self.ledger.mailbox.put(encode(heartbeat()))
