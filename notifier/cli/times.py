"""
Times as the command line tells them.
"""

from __future__ import annotations

from datetime import UTC, datetime


def when(at: float | None) -> str | None:
    """
    Write a time in seconds since 1970 as UTC, ISO 8601, to the second; None for none.
    """
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
