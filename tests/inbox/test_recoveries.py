"""
Who came back and is not noted yet.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from notifier.inbox import recoveries
from notifier.inbox.recoveries import Recoveries, Recovery


def test_recoveries_are_taken_once() -> None:
    """
    The oldest first, without those of rooms that are busy, and none that brings nothing.
    """
    some = [Recovery(room, "ann", "1", "2", 0.0) for room in ("a", "b", "a", "c")]
    waiting = Recoveries()
    for one in [*some, evolve(some[0], at=9.0), Recovery("a", "ann", "2", "2", 0.0)]:
        waiting.add(one)
    assert repr(waiting) == "<Recoveries 3 waiting>"
    assert waiting.take("b".__eq__) == [some[0], some[3]]
    assert waiting.take("b".__eq__) == []
    assert waiting.take("x".__eq__) == [some[1]]
    assert not waiting


def test_recoveries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    So many wait, so many are taken at once; the rest is not noted.
    """
    monkeypatch.setattr(recoveries, "MAX_WAITING", 3)
    monkeypatch.setattr(recoveries, "MAX_TAKEN", 2)
    waiting = Recoveries()
    for user in "abcd":
        waiting.add(Recovery("room", user, "1", "2", 0.0))
    taken = [[one.user for one in waiting.take("x".__eq__)] for _ in range(3)]
    assert taken == [["a", "b"], ["c"], []]
