"""
The client's core against the model of a server, over a network that does its worst.

Each message arrives once and in order, both ways, and from every state a network
that behaves brings all through. Take one of the rules away and it is found.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from notifier_client import attachments, reasons
from notifier_client.attachment import State
from notifier_client.attachments import Attachments
from notifier_client.ledger import Ledger
from notifier_client.requests import Opening, Poll, Post
from notifier_client.session import Session

from client_python.core_server import CoreServer
from client_python.model_server import ModelServer
from client_python.network import Network, walk

CHOICES = st.lists(st.integers(0, 10**6), max_size=120)
WALKS = 4_000
"""In so many random walks each mutation is found; most are in the first hundred."""


SERVERS = (ModelServer, CoreServer)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("transport", ["auto", "longpoll", "websocket"])
@given(choices=CHOICES)
@settings(max_examples=200, deadline=None)
def test_each_message_arrives_once_and_in_order(
    transport: str, server: type[ModelServer], choices: list[int]
) -> None:
    """
    Whatever the network does, nothing is lost, doubled or reordered, and nothing gets stuck.
    """
    walk(Network(transport, server=server()), choices)


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
def test_each_message_arrives_once_in_many_long_walks(server: type[ModelServer]) -> None:
    """
    The same on walks that are longer than what hypothesis draws.
    """
    assert [told for told in (random_walk(seed, server) for seed in range(3_000)) if told] == []


def random_walk(seed: int, server: type[ModelServer] = ModelServer) -> str:
    """
    Give what went wrong, and after how many steps; empty if nothing did.
    """
    random = Random(seed)
    length = random.choice((20, 60, 120))
    network = Network(("auto", "auto", "auto", "longpoll")[seed % 4], server=server())
    try:
        walk(network, [random.randrange(10**6) for _ in range(length)])
    except (AssertionError, ValueError) as wrong:
        return f"{len(network.log)} steps: {wrong}"
    return ""


# What is found when a rule is broken

Patch = pytest.MonkeyPatch
Mutation = Callable[[Patch], None]


def wrap(patch: Patch, owner: type, name: str, change: Callable[..., Any]) -> None:
    """
    Have `change` called with the original and its arguments.
    """
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *a, **k: change(original, *a, **k))


def change_requests(patch: Patch, change: Callable[[Session, Any], Any]) -> None:
    def changed(original: Any, self: Session, now: float) -> Any:
        return [change(self, one) for one in original(self, now)]

    wrap(patch, Session, "take_requests", changed)


def free_on_post(patch: Patch) -> None:
    def change(self: Session, one: Any) -> Any:
        if isinstance(one, Post):
            self.ledger.told_received(one.last)
        return one

    change_requests(patch, change)


def ack_ahead(patch: Patch) -> None:
    change_requests(
        patch,
        lambda self, one: evolve(one, ack=one.ack + 1) if isinstance(one, Poll) else one,
    )


def forget_the_turn(patch: Patch) -> None:
    change_requests(patch, lambda self, one: evolve(one, turn=0) if isinstance(one, Poll) else one)


def no_turns_at_all(patch: Patch) -> None:
    forget_the_turn(patch)
    wrap(
        patch,
        attachments.Attachment,
        "acknowledge",
        lambda original, self, got, turn=None: original(self, got, turn and 0),
    )


def poll_with_the_newest_turn(patch: Patch) -> None:
    def change(self: Session, one: Any) -> Any:
        turn = self.attachments.turn
        return evolve(one, turn=turn) if isinstance(one, Poll) else one

    change_requests(patch, change)


def new_key_each_time(patch: Patch) -> None:
    keys = iter(range(10**9))
    change_requests(
        patch,
        lambda self, one: evolve(one, key=str(next(keys))) if isinstance(one, Opening) else one,
    )


def renumber_after_failure(patch: Patch) -> None:
    def failed(original: Any, self: Session, request: Any, why: str, now: float) -> None:
        if isinstance(request, Post):
            self.ledger.told_received(request.last)
        original(self, request, why, now)

    wrap(patch, Session, "failed", failed)


def number_posts_from_the_base(patch: Patch) -> None:
    change_requests(
        patch,
        lambda self, one: evolve(one, seq=1) if isinstance(one, Post) else one,
    )


def hand_on_again(patch: Patch) -> None:
    def hand_on(original: Any, self: Ledger, number: int, message: Any) -> None:
        original(self, min(number, self.got) + 1, message)

    wrap(patch, Ledger, "hand_on", hand_on)


def running_count(patch: Patch) -> None:
    def receive(original: Any, self: Attachments, attachment: Any, *rest: Any) -> None:
        attachment.count = self.ledger.got
        original(self, attachment, *rest)

    wrap(patch, Attachments, "_receive_counted", receive)


def send_while_undecided(patch: Patch) -> None:
    def take_frames(original: Any, self: Attachments, attachment: Any, **rest: Any) -> Any:
        if attachment.state is not State.ANSWERED:
            return original(self, attachment, **rest)
        current, self.current = self.current, attachment
        attachment.position = max(attachment.position, self.ledger.mailbox.received)
        frames = original(self, attachment, **rest)
        self.current = current
        return frames

    wrap(patch, Attachments, "take_frames", take_frames)


def free_while_undecided(patch: Patch) -> None:
    def free(original: Any, self: Attachments) -> None:
        self.ledger.free_up_to(float("inf") if self.current is None else self.current.position)

    wrap(patch, Attachments, "_free", free)


def free_above_the_position(patch: Patch) -> None:
    def free(original: Any, self: Attachments) -> None:
        self.ledger.free_up_to(0 if self.is_undecided else float("inf"))

    wrap(patch, Attachments, "_free", free)


def write_from_what_is_known(patch: Patch) -> None:
    def resumed(original: Any, self: Attachments, attachment: Any, *rest: Any) -> None:
        original(self, attachment, *rest)
        attachment.position = self.ledger.mailbox.received

    wrap(patch, Attachments, "_resumed", resumed)


def hold_whatever_was_answered(patch: Patch) -> None:
    def polled(original: Any, self: Session, poll: Any, answer: Any, now: float) -> None:
        original(self, poll, answer, now)
        self.attachments.hold |= answer.transport == "websocket"

    wrap(patch, Session, "_polled", polled)


def hold_for_good(patch: Patch) -> None:
    def gone(original: Any, self: Attachments, *rest: Any) -> None:
        hold = self.hold
        original(self, *rest)
        self.hold = hold

    wrap(patch, Attachments, "gone", gone)


def give_up_with_goodbye(patch: Patch) -> None:
    patch.setattr(attachments, "GIVEN_UP", reasons.GOODBYE)


def lose_without_a_turn(patch: Patch) -> None:
    def gone(original: Any, self: Attachments, *rest: Any) -> None:
        turns = self.turn, self.poll_turn
        original(self, *rest)
        self.turn, self.poll_turn = turns

    wrap(patch, Attachments, "gone", gone)


MUTATIONS: list[Mutation] = [
    ack_ahead,
    forget_the_turn,
    free_above_the_position,
    free_on_post,
    free_while_undecided,
    give_up_with_goodbye,
    hand_on_again,
    hold_for_good,
    hold_whatever_was_answered,
    lose_without_a_turn,
    new_key_each_time,
    no_turns_at_all,
    number_posts_from_the_base,
    poll_with_the_newest_turn,
    renumber_after_failure,
    running_count,
    send_while_undecided,
    write_from_what_is_known,
]


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__)
def test_mutation_is_found(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With a rule broken, some walk ends badly.
    """
    mutation(monkeypatch)
    assert any(random_walk(seed) for seed in range(WALKS))
