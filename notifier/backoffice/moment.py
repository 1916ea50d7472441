"""
A point in time for a person to read.
"""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import frozen

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


@frozen
class Moment:
    """
    How long ago it was, and exactly when.

    Long ago needs no time zone, which a page without scripts cannot know.
    """

    words: str
    clock: str
    exact: str
    iso: str

    @classmethod
    def of(cls, at: float, now: float) -> Moment:
        """
        Word a time as seen from `now`, both in seconds since 1970.
        """
        when = datetime.fromtimestamp(at, UTC)
        return cls(
            words=_words(now - at, when),
            clock=f"{when:%H:%M:%S} UTC",
            exact=f"{when:%Y-%m-%d %H:%M:%S} UTC",
            iso=f"{when:%Y-%m-%dT%H:%M:%SZ}",
        )


def _words(age_s: float, when: datetime) -> str:
    if age_s < _MINUTE_S:
        return "just now"
    if age_s < _HOUR_S:
        return _ago(age_s / _MINUTE_S, "minute")
    if age_s < _DAY_S:
        return _ago(age_s / _HOUR_S, "hour")
    if age_s < 7 * _DAY_S:
        return _ago(age_s / _DAY_S, "day")
    return f"on {when.day} {when:%b %Y}"


def _ago(count: float, unit: str) -> str:
    return f"{int(count)} {unit}{'' if int(count) == 1 else 's'} ago"
