"""
A point in time for a person to read.
"""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import frozen

from notifier.backoffice.languages import Language


@frozen
class Moment:
    """
    How long ago it was, and exactly when.

    Long ago needs no time zone, which a page without scripts cannot know.
    """

    words: str
    exact: str
    iso: str

    @classmethod
    def of(cls, at: float, now: float, language: Language) -> Moment:
        """
        Word a time as seen from `now`, both in seconds since 1970; it may be to come.
        """
        when = datetime.fromtimestamp(at, UTC)
        return cls(language.ago(now - at), language.date(at), f"{when:%Y-%m-%dT%H:%M:%SZ}")

    @classmethod
    def of_any(cls, at: float | None, now: float, language: Language) -> Moment | None:
        """
        Word a time that may not be there.
        """
        return None if at is None else cls.of(at, now, language)
