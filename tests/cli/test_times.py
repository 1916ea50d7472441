from __future__ import annotations

import pytest

from notifier.cli.times import when


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (None, None),
        (0.0, "1970-01-01T00:00:00Z"),
        (1_800_000_000.9, "2027-01-15T08:00:00Z"),
    ],
)
def test_time_is_told_to_the_second_in_utc(at: float | None, told: str | None) -> None:
    """
    The second that has begun, and nothing for none.
    """
    assert when(at) == told
