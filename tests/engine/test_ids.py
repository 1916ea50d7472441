"""
Ids of logged messages: each greater than all before it, whatever the clock does.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.engine.ids import IdMaker, milliseconds

NOW = 1_753_000_000.123
times = st.floats(0, 4e9)


def make_at(*clock: float, last: str = "") -> list[str]:
    """
    Make an id at each of these times.
    """
    readings = iter(clock)
    maker = IdMaker(lambda: next(readings), last)
    return [maker.make() for _ in clock]


def test_make_tells_the_milliseconds_and_a_sequence() -> None:
    """
    An id can be read by eye: when it was made, and the how manieth of its millisecond.
    """
    assert make_at(1.5, 1.5, 1.501) == [
        "0000000005dc-00000",
        "0000000005dc-00001",
        "0000000005dd-00000",
    ]


@given(st.lists(times, min_size=1, max_size=40))
@example([NOW, NOW, NOW - 1, NOW - 3600, NOW])
def test_make_is_greater_than_all_before_when_the_clock_does_anything(clock: list[float]) -> None:
    """
    A clock that stands still, runs back or jumps makes no id twice and none out of order.
    """
    made = make_at(*clock)
    assert made == sorted(set(made))
    assert all(re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]{5}", id) for id in made)


@given(times, times)
def test_make_is_greater_than_the_last_of_a_stored_log(stored_at: float, now: float) -> None:
    """
    A server that starts again on a clock that was set back goes on from what it has stored.
    """
    last = make_at(stored_at)[0]
    assert make_at(now, last=last)[0] > last


@pytest.mark.parametrize("now", [1.5, 0.0], ids=["standing", "back"])
def test_make_goes_on_in_the_next_millisecond_when_one_is_full(now: float) -> None:
    """
    The sequence keeps its width: what does not fit takes a millisecond of the future.
    """
    assert make_at(now, now, last="0000000005dc-ffffe") == [
        "0000000005dc-fffff",
        "0000000005dd-00000",
    ]


def test_make_comes_back_to_the_clock_when_it_has_caught_up() -> None:
    """
    Ids count on from the last one only until time has passed it.
    """
    assert make_at(2.0, 1.0, 2.001)[-1] == "0000000007d1-00000"


def test_last_is_the_newest_id_made() -> None:
    """
    The maker tells how far it is, for whoever stores it.
    """
    maker = IdMaker(lambda: 1.5)
    assert maker.last == ""
    assert maker.make() == maker.last


@given(times)
def test_milliseconds_tells_when_an_id_was_made(at: float) -> None:
    """
    To the millisecond that its clock showed.
    """
    assert milliseconds(make_at(at)[0]) == int(at * 1000)
