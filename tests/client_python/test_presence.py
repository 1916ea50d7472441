"""
Who is there.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from notifier_client.message import Message
from notifier_client.presence import MAX_PENDING, Change, Presence


def meta(ref: str, **more: Any) -> dict[str, Any]:
    return {"phx_ref": ref, **more}


def metas(**refs: str) -> Any:
    return {key: {"metas": [meta(ref) for ref in value]} for key, value in refs.items()}


def state(payload: Any) -> Message:
    return Message(None, None, "room:a", "presence_state", payload)


def diff(joins: Any = None, leaves: Any = None) -> Message:
    payload = {"joins": joins or {}, "leaves": leaves or {}}
    return Message(None, None, "room:a", "presence_diff", payload)


def test_state_and_diffs_are_followed() -> None:
    """
    A key goes with its last connection.
    """
    presence = Presence()
    presence.receive(state(metas(ann="1", bob="2")))
    change = presence.receive(diff(metas(ann="3"), metas(bob="2")))
    assert presence.state == {"ann": (meta("1"), meta("3"))}
    assert change == Change({"ann": (meta("3"),)}, {"bob": (meta("2"),)})


def test_update_is_one_change() -> None:
    """
    The new meta names the old one, which leaves in the same diff.
    """
    presence = Presence()
    presence.receive(state(metas(ann="1")))
    new = {"ann": {"metas": [meta("2", phx_ref_prev="1", away=True)]}}
    presence.receive(diff(new, metas(ann="1")))
    assert [one["phx_ref"] for one in presence.state["ann"]] == ["2"]


def test_diffs_before_the_state_are_applied_to_it() -> None:
    """
    The joiner's own diff comes first.
    """
    presence = Presence()
    assert not presence.receive(diff(metas(ann="1")))
    assert (presence.state, presence.is_synced) == ({}, False)
    change = presence.receive(state(metas(bob="2")))
    assert set(presence.state) == {"ann", "bob"}
    assert change == Change({"ann": (meta("1"),), "bob": (meta("2"),)}, {})


def test_rejoin_tells_who_came_and_went_meanwhile() -> None:
    presence = Presence()
    presence.receive(state(metas(ann="1", bob="2")))
    presence.rejoined()
    assert set(presence.state) == {"ann", "bob"}
    change = presence.receive(state(metas(ann="1", eve="3")))
    assert change == Change({"eve": (meta("3"),)}, {"bob": (meta("2"),)})


def test_other_messages_are_none_of_its_business() -> None:
    assert Presence().receive(Message(None, None, "room:a", "news", {})) is None


def test_what_makes_no_sense_is_left_out() -> None:
    presence = Presence()
    presence.receive(state([1]))
    presence.receive(state({"ann": 1, "bob": {"metas": [1]}, "eve": {"metas": [{}]}}))
    presence.receive(Message(None, None, "room:a", "presence_diff", None))
    assert presence.state == {"eve": ({},)}


def test_diffs_that_wait_are_bounded() -> None:
    presence = Presence()
    for number in range(MAX_PENDING + 5):
        presence.receive(diff(metas(**{f"k{number}": "1"})))
    assert len(presence._pending) == MAX_PENDING


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), max_size=30))
def test_diffs_end_where_a_state_would(steps: list[tuple[str, int]]) -> None:
    """
    Each step a connection comes or goes; in the end it is as if the state had been read.
    """
    presence, there = Presence(), set[tuple[str, str]]()
    presence.receive(state({}))
    for key, number in steps:
        one = (key, str(number))
        if one in there:
            there.remove(one)
            presence.receive(diff(leaves=metas(**{key: one[1]})))
        else:
            there.add(one)
            presence.receive(diff(joins=metas(**{key: one[1]})))
    got = {(key, one["phx_ref"]) for key, all in presence.state.items() for one in all}
    assert got == there
