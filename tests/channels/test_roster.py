"""
Who is present, and the diffs by which clients come to know it.
"""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import require, require_node_modules
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.presence_model import ACTIONS, CLIENTS, KEYS, OWNERS, PhoenixJs, Stage, Step, refs
from notifier.channels.roster import Roster, diff_of

FOLLOWER = Path(__file__).parents[1] / "js" / "presence.mjs"
HISTORIES = 400
EXAMPLES = 400
STEPS: st.SearchStrategy[Step] = st.tuples(
    *(st.sampled_from(words) for words in (ACTIONS, OWNERS, KEYS, CLIENTS))
)


HISTORY = st.lists(STEPS, min_size=8, max_size=40)


def some_history(seed: int) -> list[Step]:
    chance = random.Random(seed)
    steps = range(chance.randrange(1, 40))
    return [
        tuple(chance.choice(words) for words in (ACTIONS, OWNERS, KEYS, CLIENTS))  # type: ignore[misc]  # four
        for _ in steps
    ]


def take(roster: Roster) -> Any:
    return diff_of(roster.take())


@pytest.fixture
def roster() -> Roster:
    return Roster()


def test_meta_that_came_is_in_the_joins_and_in_the_list(roster: Roster) -> None:
    """
    Both have it with its ref.
    """
    roster.put("one", "a", "1", {"n": 1})
    state = {"a": {"metas": [{"n": 1, "phx_ref": "1"}]}}
    assert roster.list() == state
    assert take(roster) == {"joins": state, "leaves": {}}
    assert not roster.has_untold


def test_metas_under_one_key_stand_in_the_order_they_came(roster: Roster) -> None:
    """
    Two tabs of a user are two metas of one presence.
    """
    roster.put("one", "a", "1", {"n": 1})
    roster.put("two", "a", "2", {"n": 2})
    assert [meta["n"] for meta in roster.list()["a"]["metas"]] == [1, 2]
    assert len(roster) == 1


def test_meta_that_came_and_went_untold_is_in_no_diff(roster: Roster) -> None:
    """
    Nobody was told of it, so nobody has to be told.
    """
    roster.put("one", "a", "1", {})
    roster.remove("one", "a")
    assert not roster.has_untold
    assert roster.list() == {}


def test_meta_that_came_and_went_is_in_the_leaves_when_a_list_has_told_it(roster: Roster) -> None:
    """
    Whoever was given the list holds it, and nothing else would take it back.
    """
    roster.put("one", "a", "1", {})
    roster.list()
    roster.remove("one", "a")
    assert take(roster) == {"joins": {}, "leaves": {"a": {"metas": [{"phx_ref": "1"}]}}}


def test_updates_within_one_window_are_the_first_old_meta_and_the_last_new_one(
    roster: Roster,
) -> None:
    """
    What was between them nobody was told.
    """
    roster.put("one", "a", "1", {"n": 1})
    roster.take()
    for number in (2, 3):
        roster.put("one", "a", str(number), {"n": number})
    assert take(roster) == {
        "joins": {"a": {"metas": [{"n": 3, "phx_ref": "3", "phx_ref_prev": "2"}]}},
        "leaves": {"a": {"metas": [{"n": 1, "phx_ref": "1"}]}},
    }


def test_refs_that_a_meta_brings_are_not_taken(roster: Roster) -> None:
    """
    An author may hand back a meta from a list.
    """
    roster.put("one", "a", "1", {"phx_ref": "x", "phx_ref_prev": "y"})
    assert roster.list() == {"a": {"metas": [{"phx_ref": "1"}]}}


def test_owner_has_only_what_it_put(roster: Roster) -> None:
    """
    What one removes, another keeps; to remove what is not there changes nothing.
    """
    roster.put("one", "a", "1", {"n": 1})
    roster.put("two", "a", "2", {"n": 2})
    roster.put("two", "b", "3", {"n": 3})
    assert (roster.count("one"), roster.count("two"), roster.count("three")) == (1, 2, 0)
    assert roster.find("two", "a") == {"n": 2, "phx_ref": "2"}
    assert roster.find("one", "b") is None
    assert not roster.remove("one", "b")
    assert roster.remove_owner("two")
    assert not roster.remove_owner("two")
    assert refs(roster.list()) == {"a": {"1": {"n": 1, "phx_ref": "1"}}}


def test_roster_keeps_nothing_of_whoever_has_gone(roster: Roster) -> None:
    """
    Once it was told, not a trace.
    """
    roster.put("one", "a", "1", {})
    roster.put("two", "a", "2", {})
    roster.take()
    roster.remove("one", "a")
    roster.remove_owner("two")
    roster.take()
    assert (roster._by_owner, roster._by_key, roster._untold) == ({}, {}, {})
    assert repr(roster) == "<Roster 0 keys, 0 untold>"


def test_list_is_the_callers_own(roster: Roster) -> None:
    """
    What an author adds to a list stays in that list.
    """
    roster.put("one", "a", "1", {})
    roster.list()["a"]["metas"][0]["name"] = "Ann"
    assert roster.list() == {"a": {"metas": [{"phx_ref": "1"}]}}


def test_changes_put_back_are_told_again_as_they_stand_then(roster: Roster) -> None:
    """
    A join whose delivery nobody knows of is a leave, once its meta has gone.
    """
    roster.put("one", "a", "1", {})
    roster.put("two", "b", "2", {})
    changes = roster.take()
    roster.remove("one", "a")
    roster.put_back(changes)
    assert take(roster) == {
        "joins": {"b": {"metas": [{"phx_ref": "2"}]}},
        "leaves": {"a": {"metas": [{"phx_ref": "1"}]}},
    }


@given(HISTORY)
@settings(max_examples=EXAMPLES)
def test_clients_know_in_the_end_who_is_present(history: list[Step]) -> None:
    """
    Whatever was merged, repeated or lost, and whenever a client came and was given the list.
    """
    stage = Stage()
    present = stage.play(history)
    for sent in stage.sent:
        assert refs(PhoenixJs().follow(sent)) == refs(present)


@given(HISTORY)
@settings(max_examples=EXAMPLES)
def test_no_diff_has_a_ref_on_both_sides(history: list[Step]) -> None:
    """
    A meta comes or goes; and no diff is empty.
    """
    stage = Stage()
    stage.play(history)
    for diff in stage.diffs:
        joins, leaves = (
            {ref for metas in refs(diff[side]).values() for ref in metas}
            for side in ("joins", "leaves")
        )
        assert joins | leaves
        assert not joins & leaves


@pytest.mark.node
@pytest.mark.parametrize("package", ["phoenix", "phoenix-1.7.23"])
def test_phoenix_js_knows_in_the_end_who_is_present(package: str) -> None:
    """
    The same histories, as far as chance finds them, with the real `Presence`. (1.8.9 and 1.6.15
    have the same file as these.)
    """
    require_node_modules(package)
    stages = [Stage() for _ in range(HISTORIES)]
    present = [refs(stage.play(some_history(seed))) for seed, stage in enumerate(stages)]
    done = subprocess.run(
        [require("node"), FOLLOWER, package],
        input=json.dumps([stage.sent for stage in stages]),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    for expected, states in zip(present, json.loads(done.stdout), strict=True):
        assert [refs(state) for state in states] == [expected] * len(CLIENTS)
