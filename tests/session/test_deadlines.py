"""
The wheel against a naive model: never early, never more than a slot late.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from notifier.session import Deadlines
from notifier.session.deadlines import SLOT_S

NEVER = float("inf")
ROUNDING_S = 1e-6


@define(eq=False)
class Timer:
    """
    An owner of one deadline.
    """

    at: float

    def deadline(self) -> float:
        return self.at

    def expire(self, now: float) -> None:
        raise AssertionError("the wheel expires nobody by itself")


def watching(*timers: Timer) -> Deadlines:
    deadlines = Deadlines()
    for timer in timers:
        deadlines.watch(timer)
    return deadlines


def test_due_is_nobody_when_the_time_has_not_come() -> None:
    """
    A deadline is never early.
    """
    assert watching(Timer(5.0)).due(4.999) == []


def test_due_hands_out_an_owner_when_its_slot_has_passed() -> None:
    """
    A deadline is noticed a slot late at most.
    """
    timer = Timer(5.03)
    assert watching(timer).due(5.03 + SLOT_S) == [timer]


def test_due_hands_out_an_owner_once() -> None:
    """
    Who was handed out is forgotten until it is watched again.
    """
    deadlines = watching(Timer(1.0))
    deadlines.due(2.0)
    assert (deadlines.due(9.0), len(deadlines)) == ([], 0)


def test_due_hands_out_the_earlier_slot_first() -> None:
    """
    Owners come in the order of their deadlines, to the width of a slot.
    """
    late, early = Timer(7.0), Timer(3.0)
    assert watching(late, early).due(10.0) == [early, late]


def test_due_puts_an_owner_back_when_its_deadline_moved_away() -> None:
    """
    An owner may put its deadline off and tell nobody.
    """
    timer = Timer(1.0)
    deadlines = watching(timer)
    timer.at = 5.0
    assert (deadlines.due(4.0), deadlines.due(5.2)) == ([], [timer])


def test_due_hands_out_an_owner_whose_deadline_moved_to_this_very_moment() -> None:
    """
    At its deadline is not before it.
    """
    timer = Timer(1.0)
    deadlines = watching(timer)
    timer.at = 5.0
    assert deadlines.due(5.0) == [timer]


def test_due_forgets_an_owner_when_its_deadline_is_gone() -> None:
    """
    Who has no deadline any more when its slot comes is let go.
    """
    timer = Timer(1.0)
    deadlines = watching(timer)
    timer.at = NEVER
    assert (deadlines.due(2.0), len(deadlines)) == ([], 0)


def test_watch_notices_a_deadline_that_came_nearer() -> None:
    """
    An owner that tells of a nearer deadline is handed out at that one.
    """
    timer = Timer(9.0)
    deadlines = watching(timer)
    timer.at = 1.0
    deadlines.watch(timer)
    assert (deadlines.due(1.2), len(deadlines)) == ([timer], 0)


def test_watch_keeps_the_nearer_slot_when_the_deadline_moved_away() -> None:
    """
    Watching again and again costs one entry, whatever the deadline does.
    """
    timer = Timer(1.0)
    deadlines = watching(timer)
    timer.at = 5.0
    deadlines.watch(timer)
    assert repr(deadlines) == "<Deadlines 1 owners in 1 slots>"
    assert (deadlines.due(4.9), deadlines.due(5.2)) == ([], [timer])


def test_watch_ignores_who_has_no_deadline() -> None:
    """
    An owner that is never due takes no place.
    """
    assert len(watching(Timer(NEVER))) == 0


def test_watch_forgets_who_has_no_deadline_any_more() -> None:
    """
    An owner that tells that it is never due again gives its place back.
    """
    timer = Timer(1.0)
    deadlines = watching(timer)
    timer.at = NEVER
    deadlines.watch(timer)
    assert repr(deadlines) == "<Deadlines 0 owners in 0 slots>"


def test_watch_takes_a_deadline_that_is_past() -> None:
    """
    Who is late already is handed out at the next slot, and not lost behind the hand.
    """
    deadlines, timer = Deadlines(), Timer(1.0)
    deadlines.due(50.0)
    deadlines.watch(timer)
    assert deadlines.due(50.0 + 2 * SLOT_S) == [timer]


def test_forget_takes_an_owner_out_and_no_other() -> None:
    """
    Who is forgotten is never handed out, and who shares its slot is.
    """
    one, other = Timer(1.0), Timer(1.0)
    deadlines = watching(one, other)
    deadlines.forget(one)
    deadlines.forget(one)
    assert deadlines.due(2.0) == [other]


def test_due_survives_a_clock_that_runs_back() -> None:
    """
    An earlier time hands out nobody, and nobody is lost by it.
    """
    deadlines = watching(Timer(1.0))
    deadlines.due(5.0)
    timer = Timer(5.3)
    deadlines.watch(timer)
    assert (deadlines.due(1.0), deadlines.due(5.5)) == ([], [timer])


@pytest.mark.parametrize("tenths", range(1, 40))
def test_due_is_a_slot_late_at_most_when_deadlines_are_on_the_edge(tenths: int) -> None:
    """
    A deadline that is a whole number of slots is rounded neither early nor far.
    """
    timer = Timer(tenths / 10)
    deadlines = watching(timer)
    assert deadlines.due(timer.at - 0.01) == []
    assert deadlines.due(timer.at + SLOT_S + ROUNDING_S) == [timer]


times = st.one_of(st.floats(0, 5), st.integers(0, 50).map(lambda tenths: tenths / 10))


class Wheel(RuleBasedStateMachine):
    """
    Owners with moving deadlines, and a model that looks at each of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.deadlines = Deadlines()
        self.timers = [Timer(NEVER) for _ in range(5)]
        self.watched_since: dict[Timer, float] = {}
        self.now = 0.0

    @rule(which=st.integers(0, 4), ahead=times)
    def watch(self, which: int, ahead: float) -> None:
        timer = self.timers[which]
        timer.at = self.now + ahead
        self.deadlines.watch(timer)
        self.watched_since.setdefault(timer, self.now)

    @rule(which=st.integers(0, 4), by=times)
    def put_off(self, which: int, by: float) -> None:
        self.timers[which].at += by

    @rule(which=st.integers(0, 4))
    def forget(self, which: int) -> None:
        timer = self.timers[which]
        self.deadlines.forget(timer)
        self.watched_since.pop(timer, None)

    @rule(by=times)
    def pass_time(self, by: float) -> None:
        self.now += by
        due = self.deadlines.due(self.now)
        assert len(due) == len(set(due))
        for timer in due:
            assert timer in self.watched_since, "handed out, but not watched"
            assert timer.at <= self.now, "handed out early"
            del self.watched_since[timer]
        for timer, since in self.watched_since.items():
            late = self.now - max(timer.at, since)
            assert late <= SLOT_S + ROUNDING_S, f"handed out {late} s late"

    @invariant()
    def watches_whom_it_should(self) -> None:
        assert len(self.deadlines) == len(self.watched_since)


Wheel.TestCase.settings = settings(max_examples=150, deadline=None)
TestWheel: Any = Wheel.TestCase
