"""
Random histories of a mailbox: nothing is lost, doubled or reordered.

A client that follows the rules sends back the newest cursor it was given. The
network between drops answers, repeats GETs, brings old ones late and cuts
connections; a second client polls on the same token. Each step is compared
with `mailbox_model.py`.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from notifier.protocol.reasons import DISCONNECTED, RESTARTING, SESSION_EXPIRED, Reason
from notifier.session import Answer, Limits, Mailbox
from session.letters import Asking, letter, numbers
from session.mailbox_model import (
    ENVELOPE_BYTES,
    MAX_ANSWER_BYTES,
    MAX_BYTES,
    MAX_MESSAGES,
    MAX_OLDER,
    WINDOW_S,
    Flight,
    Model,
)

LIMITS = Limits(
    max_mailbox_messages=MAX_MESSAGES,
    max_mailbox_bytes=MAX_BYTES,
    max_answer_bytes=ENVELOPE_BYTES + MAX_ANSWER_BYTES,
    window_ms=int(WINDOW_S * 1000),
)
sizes = st.sampled_from([5, 5, 5, 5, 40, 97, 133, 300, 700])
steps = st.sampled_from([0.0, 0.25, 0.25, 0.5, 1.0, WINDOW_S / 2, WINDOW_S, 2 * WINDOW_S])


@define(eq=False)
class Client:
    """
    What a client knows: its newest cursor, the numbers it was handed, its end.

    `request` holds the GETs at the server that are one request to the client:
    one, or more where a proxy repeats it. None: it is not asking.
    """

    cursor: int = 0
    handed: list[int] = field(factory=list)
    reason: Reason | None = None
    request: list[Asking] | None = None

    def receive(self, answer: Answer) -> None:
        self.request = None
        if answer.status == 500:
            self.reason = answer.reason
            assert answer.reason is not None
            assert not answer.frames
            return
        new = numbers(answer.frames)
        assert (answer.status == 200) is bool(new)
        assert answer.cursor == self.cursor + len(new), "a hole, or a message twice"
        self.cursor = answer.cursor
        self.handed += new


class Against(RuleBasedStateMachine):
    """
    A mailbox, its model, a client, and a bad network between.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.closed: list[Reason] = []
        self.mailbox = Mailbox(LIMITS, self.closed.append)
        self.model = Model()
        self.client = Client()
        self.flights: dict[Asking, Flight] = {}
        self.old_cursors = [0]
        self.mailbox.begin_request()  # as the shell does while it opens the session
        self.mailbox.end_request(self.now)
        self.model.quiet_since = self.now

    # --- the application

    @rule(size=sizes)
    def put(self, size: int) -> None:
        self.mailbox.put(letter(self.model.put_count + 1, size))
        self.model.put(size)

    @rule(count=st.integers(2, MAX_MESSAGES + 1))
    def put_a_burst(self, count: int) -> None:
        for _ in range(count):
            self.put(5)

    @precondition(lambda self: self.model.put_count > 6)
    @rule(reason=st.sampled_from([DISCONNECTED, RESTARTING]))
    def close(self, reason: Reason) -> None:
        self.mailbox.close(reason)
        self.model.close(reason)

    # --- the client

    @precondition(lambda self: self.client.request is None)
    @rule()
    def ask(self) -> None:
        self.old_cursors.append(self.client.cursor)
        self.client.request = [self.arrive(self.client.cursor)]

    @rule(count=st.integers(1, 3))
    def talk(self, count: int) -> None:
        """
        For a while all goes well: messages come, the client asks and is answered.
        """
        for _ in range(count):
            self.put(5)
            asking = self.arrive(self.client.cursor)
            self.old_cursors.append(asking.cursor)
            self.client.request = [asking]
            if asking in self.ready():
                self.client.receive(self.answer_of(asking))

    @precondition(lambda self: self.client.request is not None)
    @rule()
    def give_up(self) -> None:
        """
        The client counts its request as failed; the server does not know yet.
        """
        self.client.request = None

    @rule()
    def post(self) -> None:
        self.mailbox.begin_request()
        self.model.posts += 1

    @precondition(lambda self: self.model.posts)
    @rule()
    def post_ends(self) -> None:
        self.mailbox.end_request(self.now)
        self.model.posts -= 1
        self.model.quiet_since = self.now

    # --- the network

    @precondition(lambda self: self.client.request is not None)
    @rule()
    def repeat(self) -> None:
        """
        A proxy sends the client's GET once more; either answer may be the client's.
        """
        assert self.client.request is not None
        self.client.request.append(self.arrive(self.client.cursor))

    @rule(data=st.data())
    def bring_late(self, data: st.DataObject) -> None:
        """
        A copy of some GET arrives long after; nobody reads its answer.
        """
        self.arrive(data.draw(st.sampled_from(self.old_cursors)))

    @rule(count=st.integers(2, 25))
    def storm(self, count: int) -> None:
        """
        Somebody polls on the same token, again and again.
        """
        for _ in range(count):
            self.arrive(self.client.cursor)

    @precondition(lambda self: self.model.put_count > 6)
    @rule(beyond=st.integers(1, 3))
    def forge(self, beyond: int) -> None:
        self.arrive(self.model.sent + beyond)

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        """
        A connection breaks and the server sees it, twice.
        """
        asking = data.draw(st.sampled_from(list(self.flights)))
        self.mailbox.abandon(asking.poll, self.now)
        self.mailbox.abandon(asking.poll, self.now + 99)
        self.model.gone(self.flights.pop(asking), self.now)
        self.lose(asking)

    @precondition(lambda self: self.ready())
    @rule(data=st.data(), is_lost=st.sampled_from([False, False, True]))
    def answer(self, data: st.DataObject, is_lost: bool) -> None:
        asking = data.draw(st.sampled_from(self.ready()))
        answer = self.answer_of(asking)
        if is_lost:
            self.lose(asking)
        elif self.client.request is not None and asking in self.client.request:
            self.client.receive(answer)

    @rule(by=steps)
    def pass_time(self, by: float) -> None:
        self.now += by
        is_over = self.mailbox.expire(self.now)
        assert is_over is self.model.pass_time(self.now)
        if is_over:
            self.mailbox.close(SESSION_EXPIRED)
            self.model.close(SESSION_EXPIRED)

    # --- within

    def arrive(self, cursor: int) -> Asking:
        asking = Asking(self.mailbox, cursor)
        flight = Flight(cursor, self.now)
        self.mailbox.poll(asking.poll, self.now)
        self.model.poll(flight)
        self.flights[asking] = flight
        return asking

    def ready(self) -> list[Asking]:
        return [asking for asking, flight in self.flights.items() if flight.state == "READY"]

    def answer_of(self, asking: Asking) -> Answer:
        answer = asking.answer(self.now)
        got = answer.status, answer.cursor, numbers(answer.frames)
        assert got == self.model.answer(self.flights.pop(asking), self.now)
        assert answer.reason is (self.model.end if answer.status == 500 else None)
        size = sum(len(frame.quoted) + 1 for frame in answer.frames)
        assert size <= MAX_ANSWER_BYTES or len(answer.frames) == 1
        return answer

    def lose(self, asking: Asking) -> None:
        """
        One of the copies of a request is lost: with the last of them, the request.
        """
        request = self.client.request
        if request is not None and asking in request:
            request.remove(asking)
            if not request:
                self.client.request = None

    @invariant()
    def mailbox_stands_where_the_model_stands(self) -> None:
        mailbox, model = self.mailbox, self.model
        assert mailbox.acked <= mailbox.sent <= model.put_count
        assert (mailbox.acked, mailbox.sent, mailbox.end) == (model.acked, model.sent, model.end)
        assert mailbox.deadline() == model.deadline
        assert self.closed == ([] if model.end is None else [model.end])

    @invariant()
    def polls_stand_where_the_model_says(self) -> None:
        for asking, flight in self.flights.items():
            assert (asking.state, asking.calls) == (flight.state, flight.calls)
            assert flight.calls <= 1
            assert flight.state != "PARKED" or self.now < flight.began + WINDOW_S
        parked = [one for one in self.flights.values() if one.state == "PARKED"]
        assert len(parked) <= 1 + MAX_OLDER

    @invariant()
    def mailbox_is_bounded(self) -> None:
        kept = self.mailbox.last - self.mailbox.acked
        assert kept == len(self.model.kept) <= MAX_MESSAGES
        waiting = sum(size for _, size in self.model.kept)
        assert repr(self.mailbox).endswith(f" bytes={waiting}>")
        assert waiting <= MAX_BYTES or kept == 1

    @invariant()
    def client_was_handed_all_in_order(self) -> None:
        assert self.client.handed == list(range(1, self.client.cursor + 1))
        assert self.mailbox.acked <= self.client.cursor <= self.mailbox.sent

    def teardown(self) -> None:
        """
        The network gets well: the client gets the rest, or the reason of the end.
        """
        for asking in self.ready():
            self.answer_of(asking)
        for _ in range(MAX_MESSAGES + 1):
            if self.client.reason is None and self.client.cursor < self.model.put_count:
                asking = self.arrive(self.client.cursor)
                self.client.receive(self.answer_of(asking))
        if not self.model.has_dropped:
            assert self.client.handed == list(range(1, self.model.put_count + 1))
        elif self.client.cursor < self.model.put_count:
            assert self.client.reason is self.model.end
        self.client_was_handed_all_in_order()


Against.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
TestAgainst: Any = Against.TestCase


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 120)), max_size=60))
def test_listener_takes_all_in_order_whatever_it_takes_at_a_time(
    history: list[tuple[bool, int]],
) -> None:
    """
    Puts and takes in any order: each number once, in order, and about the bytes asked for.
    """
    mailbox = Mailbox(Limits(max_mailbox_bytes=100_000))
    got, put, waiting = list[int](), 0, list[int]()
    for is_put, size in history:
        if is_put:
            put += 1
            waiting.append(max(size, len(str(put))))
            mailbox.put(letter(put, size))
            continue
        frames = mailbox.take(size)
        assert sum(map(len, frames)) <= size or len(frames) == 1
        assert bool(frames) is bool(waiting)
        del waiting[: len(frames)]
        got += numbers(frames)
        assert got == list(range(1, mailbox.acked + 1))
        assert f"bytes={sum(waiting)}>" in repr(mailbox)
    assert got + numbers(mailbox.take(10**9)) == list(range(1, put + 1))
