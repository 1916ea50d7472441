"""
A client's core, the model of a server, and a network in between that does its worst.

`Network.step` takes a number and does one of the things that can happen next;
`settle` lets the network behave until all has come through.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress

from attrs import define, field
from notifier_client.attachment import Attachment
from notifier_client.message import Message
from notifier_client.requests import Answer, Poll, Request
from notifier_client.session import Session

from client_python.model_server import ModelServer, ModelSession, Wire, control, must

Action = tuple[str, Callable[[], None]]
MAX_MESSAGES = 6


class Late(Exception):
    """
    The client gave a session up that it may give up.
    """


@define(eq=False)
class Flight:
    """
    A request under way; `is_owned` while the client waits for its answer.
    """

    request: Request
    true_turn: int
    is_owned: bool = True


@define(eq=False)
class Network:
    transport: str = "auto"
    faults: int = 8
    now: float = 100.0
    server: ModelServer = field(factory=ModelServer)
    client: Session = field(init=False)
    requests: list[Flight] = field(init=False, factory=list)
    answers: list[tuple[Request, Answer]] = field(init=False, factory=list)
    wires: dict[Attachment, Wire] = field(init=False, factory=dict)
    shaking: list[Attachment] = field(init=False, factory=list)
    put: int = field(init=False, default=0)
    made: int = field(init=False, default=0)
    got: list[int] = field(init=False, factory=list)
    log: list[str] = field(init=False, factory=list)
    orphans: list[Wire] = field(init=False, factory=list)
    true_turns: dict[int, int] = field(init=False, factory=dict)
    parked_flight: Flight | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.client = Session("k" * 20, self.transport, lambda: 0.5)

    @property
    def session(self) -> ModelSession | None:
        return self.server.session

    # --- what the client's shell does

    def pump(self) -> None:
        self.client.expire(self.now)
        for message in self.client.take_messages():
            must(message.payload == len(self.got) + 1, f"{message.payload} after {self.got[-1:]}")
            self.got.append(message.payload)
        if self.client.end is not None and self.transport == "websocket":
            raise Late  # `resumed` took so long that the server was taken for a plain one
        must(self.client.end is None, f"the session ended: {self.client.end}")
        for request in self.client.take_requests(self.now):
            self.requests.append(Flight(request, self.client.attachments.poll_turn))
        attachment = self.client.take_candidate(self.now)
        if attachment is not None:
            self.shaking.append(attachment)
        for attachment, wire in tuple(self.wires.items()):
            for frame in self.client.take_frames(attachment):
                if not wire.is_cut:
                    wire.up.append(frame)
            if attachment.state.name == "ANSWERED" and not wire.turn:
                wire.turn = self.client.attachments.turn
            if attachment.close_code is not None:
                if not wire.is_cut:
                    wire.up.append(attachment.close_code)
                self.client.gone(attachment, self.now)
                del self.wires[attachment]
                self.orphans.append(wire)

    # --- what can happen

    def actions(self) -> list[Action]:
        can: list[Action] = []
        if self.session is not None and self.put < MAX_MESSAGES:
            can.append(("server puts", self.server_puts))
        if self.made < MAX_MESSAGES:
            can.append(("client puts", self.client_puts))
        can += [(f"{one.request} arrives", lambda o=one: self.arrive(o)) for one in self.requests]
        can += [(f"{one[1]} comes back", lambda o=one: self.answer(o)) for one in self.answers]
        can += [("handshake", lambda o=one: self.handshake(o)) for one in self.shaking]
        if self.session is not None:
            if self.session.parked is not None:
                can.append(("window ends", lambda: self.session.release(None)))
            live = self.session.live
            if live is not None and live.position < len(self.session.out):
                can.append(("server writes", self.session.write))
            if live is not None and not live.is_cut:
                ack = control("ack", received=self.session.received)
                can.append(("server acks", lambda: live.write(ack)))
        for attachment, wire in self.wires.items():
            if wire.down:
                can.append((f"down {wire.down[0]}", lambda a=attachment: self.down(a)))
            elif wire.is_cut:
                can.append(("client sees the end", lambda a=attachment: self.lose(a)))
        for wire in (*self.wires.values(), *self.orphans):
            if wire.up and wire.server != "closed":
                can.append((f"up {wire.up[0]}", lambda w=wire: self.up(w)))
        at = self.client.deadline()
        if at < self.now + 60:
            can.append(("time", lambda: self.pass_time(max(at - self.now, 0.0))))
        return can

    def bad_actions(self) -> list[Action]:
        can: list[Action] = []
        for one in self.requests:
            if one.is_owned:
                can.append((f"FAULT {one.request} fails", lambda o=one: self.fail(o)))
                can.append((f"FAULT {one.request} repeated", lambda o=one: self.repeat(o)))
        can += [("FAULT answer lost", lambda o=one: self.lose_answer(o)) for one in self.answers]
        if self.session is not None and self.session.parked is not None:
            can.append(("FAULT parked poll fails", self.fail_parked))
        can += [("FAULT no handshake", lambda o=one: self.refuse(o)) for one in self.shaking]
        for attachment, wire in self.wires.items():
            if not wire.is_cut:
                can.append(("FAULT cut", lambda w=wire: self.cut(w)))
                can.append(("FAULT cut with all", lambda w=wire: self.cut(w, keeps=False)))
            can.append(("FAULT given up", lambda a=attachment: self.give_up(a)))
        for wire in (*self.wires.values(), *self.orphans):
            if (wire.is_cut or wire in self.orphans) and wire.server != "closed":
                can.append(("server sees the end", lambda w=wire: self.session.ended(w)))
        can.append(("FAULT time", lambda: self.pass_time(11.0)))
        return can

    def step(self, choice: int) -> None:
        """
        Do one thing that can happen next; one in three is bad, while there are faults left.
        """
        self.pump()
        is_bad = choice % 3 == 0 and self.faults > 0
        can = self.actions()
        if is_bad or not can:
            can = self.bad_actions()
            self.faults -= 1
        name, act = can[choice // 3 % len(can)]
        self.log.append(name)
        act()
        self.check()
        self.pump()

    def settle(self) -> None:
        """
        Let the network behave, to the end; but let no new WebSocket come to be.

        Every other time those that there are are cut, and the server may not see it.
        """
        if self.transport != "websocket":
            self.client.transport = "longpoll"
            for attachment in tuple(self.shaking):
                self.refuse(attachment)
            for wire in tuple(self.wires.values()) if len(self.log) % 2 else ():
                self.cut(wire)
        for _ in range(600):
            self.pump()
            if self.is_through():
                return
            can = [one for one in self.actions() if one[0] != "server acks"]
            orderly = [one for one in can if one[0] not in ("time", "window ends")]
            name, act = (orderly or can or [("time", lambda: self.pass_time(1.0))])[0]
            if not orderly and len(can) > 1:  # nothing but time: the client's first
                name, act = can[-1]
            self.log.append(name)
            act()
            self.check()
        must(False, "stuck: a network that behaves does not bring all through")

    def is_through(self) -> bool:
        return (
            self.session is not None
            and self.put == self.made == MAX_MESSAGES
            and len(self.got) == self.put
            and len(self.session.handled) == self.made
        )

    def check(self) -> None:
        session, mailbox = self.session, self.client.ledger.mailbox
        if session is None:
            return
        must(session.acked <= self.client.ledger.got, "acked what the client has not")
        must(session.acked <= session.sent <= len(session.out), "acked <= sent <= put")
        must(mailbox.base <= session.received, "the client freed what the server has not")
        must(not session.is_over, "the session ended by a goodbye that was none")

    # --- each of them

    def server_puts(self) -> None:
        assert self.session is not None
        self.put += 1
        self.session.put(json.dumps([None, None, "room:a", "news", self.put]))

    def client_puts(self) -> None:
        self.made += 1
        self.client.put(Message("1", str(self.made), "room:a", "say", self.made))

    def arrive(self, flight: Flight) -> None:
        self.requests.remove(flight)

        def reply(answer: Answer) -> None:
            if flight.is_owned:
                self.answers.append((flight.request, answer))

        if self.session is not None:
            self.session.true_poll_turn = lambda poll: self.true_turns.get(id(poll), poll.turn)
            self.true_turns[id(flight.request)] = flight.true_turn
        self.parked_flight = flight if isinstance(flight.request, Poll) else self.parked_flight
        self.server.request(flight.request, reply)

    def answer(self, pair: tuple[Request, Answer]) -> None:
        self.answers.remove(pair)
        self.client.receive_answer(*pair, self.now)

    def lose_answer(self, pair: tuple[Request, Answer]) -> None:
        self.answers.remove(pair)
        self.client.failed(pair[0], "lost", self.now)

    def fail(self, flight: Flight) -> None:
        flight.is_owned = False
        self.client.failed(flight.request, "reset", self.now)

    def fail_parked(self) -> None:
        flight = self.parked_flight
        if flight is not None and flight.is_owned:
            self.fail(flight)

    def repeat(self, flight: Flight) -> None:
        self.requests.append(Flight(flight.request, flight.true_turn, is_owned=False))

    def handshake(self, attachment: Attachment) -> None:
        self.shaking.remove(attachment)
        if attachment.close_code is not None:
            return
        wire = self.wires[attachment] = Wire(attachment.opens)
        self.client.connected(attachment, self.now)
        if attachment.opens:
            for other in (*self.orphans, *self.wires.values()):
                other.server = "candidate" if other is wire else "closed"
            self.server.open_on(wire)
            self.put = 0
        else:
            assert self.session is not None
            self.session.attach(wire)

    def refuse(self, attachment: Attachment) -> None:
        self.shaking.remove(attachment)
        self.client.gone(attachment, self.now, why="refused")

    def down(self, attachment: Attachment) -> None:
        wire = self.wires[attachment]
        frame = wire.down.pop(0)
        if isinstance(frame, int):
            self.lose(attachment, frame)
        else:
            self.client.receive_frame(attachment, frame, self.now)

    def up(self, wire: Wire) -> None:
        assert self.session is not None
        self.session.frame(wire, wire.up.pop(0))

    def lose(self, attachment: Attachment, code: int | None = None) -> None:
        wire = self.wires.pop(attachment)
        self.client.gone(attachment, self.now, code)
        if code is None:
            self.orphans.append(wire)

    def cut(self, wire: Wire, *, keeps: bool = True) -> None:
        wire.is_cut = True
        if not keeps:
            wire.up.clear()
            wire.down.clear()

    def give_up(self, attachment: Attachment) -> None:
        self.client.attachments.give_up(attachment, "given up", self.now)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds


def walk(network: Network, choices: Iterable[int]) -> None:
    """
    Take a path through all that can happen, then let the network behave.
    """
    with suppress(Late):
        for choice in choices:
            network.step(choice)
        network.settle()
