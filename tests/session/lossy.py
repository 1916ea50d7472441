"""
One resumable session, a client that keeps the rules, and a bad network between.

The client is written from `docs/protocol.md` alone. The network delays at
will, repeats requests, loses answers and cuts connections; WebSockets come two
at a time, and some never answer. A message says its own true number, so that
a count that is wrong on either side shows at once.

    world = World()
    while …: world.do(choose(world.moves()))
    world.heal()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any, NamedTuple

from attrs import define, field

from notifier.protocol import Frame
from notifier.session import Answer, Attachment, AttachmentState, Limits, Mailbox, Poll, Resume
from notifier.session.mailbox import ENVELOPE_BYTES
from session.letters import letter

WINDOW_S = 10.0
MAX_MESSAGES = 8
MAX_SOCKETS = 3
MAX_FAULTS = 6
LIMITS = Limits(
    window_ms=int(WINDOW_S * 1000),
    resume_window_ms=10**9,
    max_answer_bytes=ENVELOPE_BYTES + 8,  # two messages
)
GOODBYE, GIVEN_UP = 1000, 4000


class Move(NamedTuple):
    """
    Something that can happen next; faults are counted.
    """

    label: str
    make: Callable[[], None]
    is_fault: bool = False


@define(eq=False)
class Request:
    """
    A GET or a POST; `is_owned` while the client waits for it.
    """

    ack: int
    turn: int
    lines: list[int] = field(factory=list)
    is_owned: bool = True


@define(eq=False)
class Wire:
    """
    One WebSocket: what is under way on it, and how either side sees it.

    `theirs` is the client's: open, answered, live or gone.
    """

    up: list[Any] = field(factory=list)
    down: list[Any] = field(factory=list)
    attachment: Attachment = field(init=False)
    theirs: str = "open"
    turn: int = 0
    count: int = 0
    is_cut: bool = False
    is_seen: bool = True

    def send_up(self, frame: Any) -> None:
        if not self.is_cut:
            self.up.append(frame)

    def send_down(self, frame: Any) -> None:
        if not self.is_cut:
            self.down.append(frame)


@define(eq=False)
class Client:
    """
    What a client knows. `sent` is its messages' numbers, freed up to `base`.
    """

    got: int = 0
    made: int = 0
    known: int = 0
    base: int = 0
    turn: int = 0
    poll_turn: int = 0
    current: Wire | None = None
    hold: bool = False
    poll: Request | None = None
    post: Request | None = None
    wires: list[Wire] = field(factory=list)

    @property
    def is_undecided(self) -> bool:
        return any(wire.theirs == "answered" for wire in self.wires)

    def unsent(self, after: int) -> list[int]:
        assert after >= self.base, f"message {self.base} is freed and was not received"
        return list(range(after + 1, self.made + 1))

    def hand_on(self, number: int, identity: int) -> None:
        assert number == identity, f"takes message {identity} for number {number}"
        assert number <= self.got + 1, f"a hole: {number} after {self.got}"
        self.got = max(self.got, number)

    def learn(self, received: int) -> None:
        assert received <= self.made
        self.known = max(self.known, received)
        if not self.is_undecided:
            self.base = max(self.base, self.known)

    def probe(self, wire: Wire) -> None:
        self.turn += 1
        wire.theirs, wire.turn = "answered", self.turn
        wire.send_up(("ack", self.got, self.turn))

    def resumed(self, wire: Wire, seq: int, received: int) -> None:
        assert seq <= self.got, "resumed beyond what the client has"
        wire.theirs, wire.count = "live", seq
        if self.current is None or wire.turn > self.current.turn:
            self.current, self.hold = wire, False
            for number in self.unsent(received):
                wire.send_up(number)
        self.learn(received)

    def gone(self, wire: Wire, code: int | None = None) -> None:
        if wire.theirs != "open" and wire.turn == self.turn:
            self.turn += 1
            self.poll_turn = self.turn
        wire.theirs = "gone"
        if code is not None:
            wire.send_up(("close", code))
        if self.current is wire:
            self.current = None
        if not self.is_undecided:
            self.hold = False
        self.learn(0)


@define(eq=False)
class World:
    """
    Everything there is. `handled` is what came to the application, in order.
    """

    resume_class: type[Resume] = Resume
    mailbox_class: type[Mailbox] = Mailbox
    now: float = 1000.0
    client: Client = field(factory=Client)
    handled: list[int] = field(factory=list)
    faults: int = 0
    polls: list[Request] = field(factory=list)
    waiting: dict[Poll, Request] = field(factory=dict)
    answers: list[tuple[Request, Answer, int, bool]] = field(factory=list)
    posts: list[Request] = field(factory=list)
    post_answers: list[tuple[Request, int]] = field(factory=list)
    mailbox: Mailbox = field(init=False)
    resume: Resume = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.mailbox = self.mailbox_class(LIMITS)
        self.resume = self.resume_class(self.mailbox)
        self.mailbox.begin_request()
        self.mailbox.end_request(self.now)

    # --- what can happen next

    def moves(self) -> list[Move]:
        found = [*self.client_moves(), *self.request_moves(), *self.wire_moves()]
        if self.mailbox.last < MAX_MESSAGES:
            found.append(Move("put", self.put))
        if self.faults < MAX_FAULTS:
            found += self.fault_moves()
        return found

    def client_moves(self) -> list[Move]:
        client, found = self.client, list[Move]()
        if client.made < MAX_MESSAGES:
            found.append(Move("make", self.make))
        if client.poll is None and client.current is None and not client.hold:
            found.append(Move("poll", self.send_poll))
        if client.post is None and client.current is None and client.made > client.known:
            found.append(Move("post", self.send_post))
        if len(client.wires) < MAX_SOCKETS:
            found.append(Move("open a WebSocket", self.open_wire))
        return found

    def request_moves(self) -> list[Move]:
        found = [
            Move(f"poll {one.ack} arrives", partial(self.poll_arrives, one)) for one in self.polls
        ]
        found += [Move("door answers", partial(self.door_answers, one)) for one in self.ready()]
        if any(poll.state.name == "PARKED" for poll in self.waiting):
            found.append(Move("a window ends", self.window_ends))
        found += [Move("answer comes", partial(self.answer_comes, one)) for one in self.answers]
        found += [
            Move(f"post {one.lines} arrives", partial(self.post_arrives, one)) for one in self.posts
        ]
        found += [
            Move("post is answered", partial(self.post_answered, one)) for one in self.post_answers
        ]
        return found

    def wire_moves(self) -> list[Move]:
        found = list[Move]()
        for number, wire in enumerate(self.client.wires):
            if wire.up and wire.is_seen:
                move = partial(self.frame_up, wire)
                found.append(Move(f"ws{number} {wire.up[0]} goes up", move))
            if wire.down and wire.theirs != "gone":
                move = partial(self.frame_down, wire)
                found.append(Move(f"ws{number} {wire.down[0]} comes down", move))
            if wire.attachment is self.resume.live:
                if wire.attachment.position < self.mailbox.last:
                    found.append(Move(f"write to ws{number}", partial(self.write, wire, 1)))
                    found.append(Move(f"write all to ws{number}", partial(self.write, wire, 99)))
                if self.resume.received > wire.attachment.told:
                    found.append(Move(f"say received on ws{number}", partial(self.say, wire)))
            if wire.theirs == "live" and self.client.got > self.resume.acked and not wire.is_cut:
                found.append(Move(f"ack on ws{number}", partial(self.ack, wire)))
            if wire.is_cut and wire.theirs != "gone":
                found.append(Move(f"client misses ws{number}", partial(self.client.gone, wire)))
        return found

    def fault_moves(self) -> list[Move]:
        client, found = self.client, list[Move]()
        if client.poll is not None:
            found.append(Move("the poll fails", self.poll_fails, True))
        if client.post is not None:
            found.append(Move("the post fails", self.post_fails, True))
        for requests in (self.polls, self.posts):
            for one in requests:
                again = partial(self.repeat, requests, one)
                found.append(Move("a request is repeated", again, True))
        for number, wire in enumerate(client.wires):
            if not wire.is_cut:
                found.append(Move(f"ws{number} is cut", partial(self.cut, wire), True))
            if wire.theirs != "gone":
                give_up = partial(client.gone, wire, GIVEN_UP)
                found.append(Move(f"ws{number} is given up", give_up, True))
            elif wire.is_seen and (wire.is_cut or not wire.up):
                found.append(Move(f"server misses ws{number}", partial(self.miss, wire)))
        return found

    def do(self, move: Move) -> None:
        self.faults += move.is_fault
        move.make()
        self.check()

    # --- the application and the client

    def put(self) -> None:
        self.mailbox.put(letter(self.mailbox.last + 1))

    def make(self) -> None:
        self.client.made += 1
        if self.client.current is not None:
            self.client.current.send_up(self.client.made)

    def send_poll(self) -> None:
        self.client.poll = Request(self.client.got, self.client.poll_turn)
        self.polls.append(self.client.poll)

    def send_post(self) -> None:
        client = self.client
        client.post = Request(client.known + 1, 0, client.unsent(client.known))
        self.posts.append(client.post)

    def open_wire(self) -> None:
        wire = Wire()
        wire.attachment = Attachment(partial(self.woken, wire))
        self.client.wires.append(wire)
        self.resume.attach(wire.attachment, self.now)
        wire.send_down("probe")

    def ack(self, wire: Wire) -> None:
        wire.send_up(("ack", self.client.got))

    # --- polls

    def poll_arrives(self, request: Request) -> None:
        self.polls.remove(request)
        poll = Poll(request.ack, lambda: None)
        self.waiting[poll] = request
        with self.no_older_decision_wins(request.turn):
            self.resume.poll(poll, request.turn, self.now)

    def ready(self) -> list[Poll]:
        return [poll for poll in self.waiting if poll.state.name == "READY"]

    def door_answers(self, poll: Poll) -> None:
        request = self.waiting.pop(poll)
        answer = self.mailbox.answer(poll, self.now)
        if request.is_owned:
            moved = answer.status == 204 and self.resume.live is not None
            self.answers.append((request, answer, self.resume.received, moved))

    def window_ends(self) -> None:
        self.now += WINDOW_S
        assert not self.mailbox.expire(self.now)

    def answer_comes(self, one: tuple[Request, Answer, int, bool]) -> None:
        self.answers.remove(one)
        request, answer, received, moved = one
        if not request.is_owned:
            return
        self.client.poll = None
        assert answer.status in (200, 204), f"the session is ended: {answer.reason}"
        first = answer.cursor - len(answer.frames) + 1
        assert first <= self.client.got + 1, "a hole"
        for number, frame in enumerate(answer.frames, first):
            self.client.hand_on(number, identity(frame))
        self.client.learn(received)
        if moved:
            self.client.hold = self.client.is_undecided

    def poll_fails(self) -> None:
        assert self.client.poll is not None
        self.client.poll.is_owned = False
        self.client.poll = None

    # --- posts

    def post_arrives(self, request: Request) -> None:
        self.posts.remove(request)
        known = self.resume.accept_lines(request.ack, len(request.lines))
        assert known is not None, "a gap, with one post at a time"
        self.handled += request.lines[known:]
        if request.is_owned:
            self.post_answers.append((request, self.resume.received))

    def post_answered(self, one: tuple[Request, int]) -> None:
        self.post_answers.remove(one)
        request, received = one
        if request.is_owned:
            self.client.post = None
            self.client.learn(received)

    def post_fails(self) -> None:
        assert self.client.post is not None
        self.client.post.is_owned = False
        self.client.post = None

    def repeat(self, requests: list[Request], one: Request) -> None:
        requests.append(Request(one.ack, one.turn, one.lines, is_owned=False))

    # --- WebSockets

    def woken(self, wire: Wire) -> None:
        """
        As a door: close what has an end; frames are written when there is room.
        """
        if wire.attachment.end is not None and "close" not in wire.down:
            wire.send_down("close")

    def write(self, wire: Wire, most: int) -> None:
        for frame in self.resume.take(wire.attachment, most):
            wire.send_down(identity(frame))

    def say(self, wire: Wire) -> None:
        self.now += 5.0
        if self.resume.take_ack(wire.attachment, self.now):
            wire.send_down(("ack", self.resume.received))

    def frame_up(self, wire: Wire) -> None:
        attachment = wire.attachment
        match wire.up.pop(0):
            case ("close", code):
                wire.is_seen = False
                leave = self.resume.leave if code == GOODBYE else self.resume.detach
                leave(attachment, self.now)
            case ("ack", _, _) if attachment.state is not AttachmentState.CANDIDATE:
                pass
            case ("ack", seq, turn):
                with self.no_older_decision_wins(turn):
                    self.resume.confirm(attachment, seq, turn, self.now)
                if attachment.state is AttachmentState.LIVE:
                    wire.send_down(("resumed", attachment.position, attachment.count))
            case ("ack", seq):
                if attachment is self.resume.live:
                    self.resume.acknowledge(seq)
            case number:
                assert attachment.state is not AttachmentState.CANDIDATE
                if self.resume.accept(attachment):
                    assert attachment.count == number, f"takes {number} for {attachment.count}"
                    self.handled.append(number)

    def frame_down(self, wire: Wire) -> None:
        client = self.client
        match wire.down.pop(0):
            case "probe":
                client.probe(wire)
            case "close":
                client.gone(wire, GOODBYE)  # some answer a close with another code
            case ("resumed", seq, received):
                client.resumed(wire, seq, received)
            case ("ack", received):
                client.learn(received)
            case number:
                wire.count += 1
                client.hand_on(wire.count, number)

    def cut(self, wire: Wire) -> None:
        """
        What is under way may still arrive; nothing more is.
        """
        wire.is_cut = True

    def miss(self, wire: Wire) -> None:
        """
        The server sees that the connection is gone; it may never do.
        """
        wire.is_seen = False
        wire.up.clear()
        self.resume.detach(wire.attachment, self.now)

    # --- what must hold

    @contextmanager
    def no_older_decision_wins(self, turn: int) -> Iterator[None]:
        before = self.resume.live
        (decided,) = [w.turn for w in self.client.wires if w.attachment is before] or [0]
        yield
        assert self.resume.live is before or turn >= decided, "an older decision wins"

    def check(self) -> None:
        mailbox, resume, client = self.mailbox, self.resume, self.client
        assert mailbox.end is None, f"a live session ended: {mailbox.end}"
        assert mailbox.acked <= resume.acked <= client.got <= mailbox.sent <= mailbox.last
        assert client.base <= resume.received <= client.made
        assert self.handled == list(range(1, resume.received + 1))
        live = [wire for wire in client.wires if wire.attachment.state is AttachmentState.LIVE]
        assert [wire.attachment for wire in live] == ([resume.live] if resume.live else [])
        parked = [poll for poll in self.waiting if poll.state.name == "PARKED"]
        assert not live or not parked, "a poll waits for what a WebSocket carries"

    def heal(self) -> None:
        """
        From here on the network behaves: all comes through, without a new
        WebSocket and though the server never sees the end of an old one.
        """
        self.faults, choose = MAX_FAULTS, Random(0).choice
        for _ in range(3_000):
            if self.client.got == self.mailbox.last and self.resume.received == self.client.made:
                return
            moves = [move for move in self.moves() if move.label not in NOT_NEEDED]
            assert moves, "stuck: nothing can happen any more"
            self.do(choose(moves))
        raise AssertionError("stuck: it does not come through")


NOT_NEEDED = {"put", "make", "open a WebSocket"}


def identity(frame: Frame) -> int:
    return int(frame.data)
