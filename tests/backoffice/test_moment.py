from __future__ import annotations

import pytest

from notifier.backoffice.moment import Moment

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (-5, "just now"),
        (59, "just now"),
        (MINUTE, "1 minute ago"),
        (HOUR - 1, "59 minutes ago"),
        (HOUR, "1 hour ago"),
        (DAY - 1, "23 hours ago"),
        (DAY, "1 day ago"),
        (7 * DAY - 1, "6 days ago"),
        (7 * DAY, "on 8 Jan 2027"),
    ],
)
def test_moment_says_how_long_ago_it_was(age: float, words: str) -> None:
    """
    In the largest unit that fits, and by its date once that says more.
    """
    assert Moment.of(NOW - age, NOW).words == words


def test_moment_says_exactly_when() -> None:
    """
    For a person, and for a program.
    """
    moment = Moment.of(NOW + 1.9, NOW)
    assert moment.clock == "08:00:01 UTC"
    assert moment.exact == "2027-01-15 08:00:01 UTC"
    assert moment.iso == "2027-01-15T08:00:01Z"
