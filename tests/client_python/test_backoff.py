"""
Pauses that grow.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from notifier_client.backoff import Backoff


def test_pauses_grow_to_the_longest_and_begin_anew() -> None:
    backoff = Backoff(lambda: 0.5, 1.0, 5.0)
    assert [backoff.next() for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 200))
def test_pause_stays_near_what_is_due(random: float, failures: int) -> None:
    """
    From a half to one and a half of it, however often it failed.
    """
    pause = Backoff(lambda: random, 1.0, 60.0, failures=failures).next()
    assert 0.5 <= pause <= 90.0
