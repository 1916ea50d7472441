"""
How long a repeated refusal waits.
"""

from __future__ import annotations

from notifier.transports.refusals import FORGET_AFTER_S, MAX_DELAY_S, MAX_REMEMBERED, Refusals


def test_first_refusal_does_not_wait() -> None:
    """
    Whoever mistypes once is told at once.
    """
    assert Refusals().delay("a", 0.0) == 0.0


def test_repeated_refusals_wait_longer_up_to_a_bound() -> None:
    """
    Each waits twice as long as the one before.
    """
    refusals = Refusals()
    delays = [refusals.delay("a", 0.0) for _ in range(12)]
    assert delays[:4] == [0.0, 0.1, 0.2, 0.4]
    assert delays[-1] == MAX_DELAY_S
    assert delays == sorted(delays)


def test_others_do_not_wait_for_it() -> None:
    """
    Another token is another matter, and no token is nobody's.
    """
    refusals = Refusals()
    for _ in range(5):
        refusals.delay("a", 0.0)
    assert refusals.delay("b", 0.0) == 0.0
    assert [refusals.delay(None, 0.0) for _ in range(3)] == [0.0] * 3


def test_refusal_is_forgotten_after_a_while() -> None:
    """
    A client that comes back later starts anew.
    """
    refusals = Refusals()
    for _ in range(5):
        refusals.delay("a", 0.0)
    assert refusals.delay("a", FORGET_AFTER_S + 1.0) == 0.0


def test_memory_is_bounded() -> None:
    """
    The longest unseen go first, and no token is kept.
    """
    refusals = Refusals()
    for number in range(MAX_REMEMBERED + 100):
        refusals.delay(f"token-{number}", 0.0)
    assert repr(refusals) == f"<Refusals {MAX_REMEMBERED} remembered>"
    assert "token-" not in repr(refusals._seen)
