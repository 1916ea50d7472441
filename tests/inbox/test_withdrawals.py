"""
The notices that were withdrawn, in memory.
"""

from __future__ import annotations

import pytest

from notifier.inbox import withdrawals
from notifier.inbox.withdrawals import Withdrawals


def id_at(second: float) -> str:
    return f"{int(second * 1000):012x}-00000"


def test_client_is_told_what_it_may_show_still() -> None:
    """
    What it had, and what was withdrawn since; in the order of ids, on its topic.
    """
    withdrawn = Withdrawals()
    withdrawn.add(id_at(3), "a", 9.0)
    withdrawn.add(id_at(1), "a", 10.0)
    withdrawn.add(id_at(2), "a", 4.0)
    withdrawn.add(id_at(1.5), "b", 9.0)
    withdrawn.add(id_at(3), "a", 1.0)  # again, which changes nothing
    assert withdrawn.missed("a", id_at(5)) == [id_at(1), id_at(3)]
    assert withdrawn.missed("a", id_at(2.5)) == [id_at(1), id_at(2)]
    assert withdrawn.missed("a", "") == withdrawn.missed("c", id_at(5)) == []
    assert withdrawn.missed("a", "no id") == []
    assert id_at(1.5) in withdrawn
    assert id_at(5) not in withdrawn


def test_oldest_is_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    And what is told is bounded, too.
    """
    monkeypatch.setattr(withdrawals, "MAX_KEPT", 3)
    monkeypatch.setattr(withdrawals, "MAX_TOLD", 2)
    withdrawn = Withdrawals()
    withdrawn.add(id_at(0), "b", 9.0)
    for second in (1, 2, 3):
        withdrawn.add(id_at(second), "a", 9.0)
    assert len(withdrawn) == 3
    assert id_at(0) not in withdrawn
    assert withdrawn._by_topic.keys() == {"a"}
    assert withdrawn.missed("a", id_at(5)) == [id_at(2), id_at(3)]
    assert repr(withdrawn) == "<Withdrawals 3>"
