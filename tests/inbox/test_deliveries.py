"""
What was handed over and is not noted yet.
"""

from __future__ import annotations

import pytest

from notifier.inbox import deliveries
from notifier.inbox.deliveries import Deliveries


def test_deliveries_are_taken_once() -> None:
    """
    Of one topic, or of all but those that are busy; each id once.
    """
    waiting = Deliveries()
    for topic, id in (("a", "2"), ("a", "1"), ("a", "2"), ("b", "3"), ("c", "4")):
        waiting.add(topic, id)
    assert len(waiting) == 4
    assert waiting.take("a") == ["1", "2"]
    assert waiting.take("a") == []
    assert waiting.take_all("b".__eq__) == ["4"]
    assert repr(waiting) == "<Deliveries 1 waiting>"
    assert waiting.take_all("x".__eq__) == ["3"]
    assert not waiting


def test_deliveries_are_not_noted_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A database that hangs does not fill the memory.
    """
    monkeypatch.setattr(deliveries, "MAX_WAITING", 2)
    waiting = Deliveries()
    for id in "abc":
        waiting.add("t", id)
    assert waiting.take("t") == ["a", "b"]
