from __future__ import annotations

from backoffice.fakes import NOW
from notifier.backoffice.languages import language
from notifier.backoffice.moment import Moment


def test_moment_says_how_long_ago_it_was() -> None:
    """
    In the page's language.
    """
    assert Moment.of(NOW - 7_200, NOW, language("en")).words == "2 hours ago"
    assert Moment.of(NOW - 7_200, NOW, language("fr")).words == "il y a 2 heures"


def test_moment_says_exactly_when() -> None:
    """
    For a person, and for a program.
    """
    moment = Moment.of(NOW + 1.9, NOW, language("en"))
    assert moment.exact.replace("\u202f", " ") == "Jan 15, 2027, 8:00:01 AM UTC"
    assert moment.iso == "2027-01-15T08:00:01Z"
