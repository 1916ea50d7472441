"""
Random histories of a session that survives: each side gets each message once,
in order, without a hole; no live session ends; and from anywhere it comes through.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from notifier.session import mailbox, resume
from session.lossy import World
from session.mutants import MUTANTS, mutant, world_of


class Lossy(RuleBasedStateMachine):
    """
    Whatever can happen next happens, in any order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        if moves := self.world.moves():  # else all has come through
            at = data.draw(st.integers(0, len(moves) - 1))
            self.world.do(moves[at])

    def teardown(self) -> None:
        self.world.heal()


Lossy.TestCase.settings = settings(max_examples=100, stateful_step_count=80, deadline=None)
TestLossy: Any = Lossy.TestCase


def walk(world: World, seed: int, steps: int = 120) -> None:
    """
    Do at random what can happen, then let the network get well.
    """
    choose = Random(seed).choice
    for _ in range(steps):
        if moves := world.moves():  # else all has come through
            world.do(choose(moves))
    world.heal()


def walk_long(make: Callable[[], World]) -> None:
    for seed in range(2_000):
        walk(make(), seed)


@pytest.mark.parametrize("seed", range(20))
def test_all_comes_through_on_any_walk(seed: int) -> None:
    """
    A walk is some fifty times as quick as an example of hypothesis', and finds as much.
    """
    for number in range(10):
        walk(World(), seed * 1_000 + number)


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str) -> None:
    """
    With any one rule broken some walk goes wrong: the walks look at each of them.
    """
    made = mutant(name)
    with pytest.raises(AssertionError):
        walk_long(made)


@pytest.mark.parametrize("module", [mailbox, resume])
def test_source_that_is_not_changed_is_no_mutant(module: ModuleType) -> None:
    """
    What catches a mutant is the rule that it breaks, not how it is made.
    """
    made = world_of(module, inspect.getsource(module))
    for seed in range(50):
        walk(made(), seed)
