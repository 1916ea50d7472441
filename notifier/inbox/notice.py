"""
What a notice says: the fields that a sender may give, and what goes over the wire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from notifier.errors import NotifierError, describe

BODY_MAX_CHARACTERS: Final = 4_000
"""A notice is read at a glance; a longer body is refused, never cut."""

TITLE_MAX_CHARACTERS: Final = 200
"""A title is one line; a longer one is refused."""

LINK_MAX_CHARACTERS: Final = 2_000
"""What every browser and proxy takes; a longer link is refused."""

LEVELS: Final = ("info", "success", "warning", "urgent")
"""How loud a notice is. The first is what a notice without a level has, and is left out."""

_BODY: Final = f"a string of 1 to {BODY_MAX_CHARACTERS:,} characters"
_TITLE: Final = f"a string of 1 to {TITLE_MAX_CHARACTERS} characters"
_LINK: Final = f"an absolute http or https URL of at most {LINK_MAX_CHARACTERS:,} characters"
_LEVEL: Final = f"one of {', '.join(LEVELS)}"
_EXPIRES_AT: Final = "a time to come with its zone, ISO 8601, such as 2030-01-31T12:00:00Z"

_UNWRITABLE_IN_LINK: Final = re.compile(r"[\s\x00-\x1f\x7f\\]")


class InvalidNotice(NotifierError):
    """
    A notice that cannot be sent as it is: by field, what was `expected` and `got`.

    What was got is described and not repeated: it may go to the log.
    """

    def __init__(self, expected: Mapping[str, str], got: Mapping[str, str]) -> None:
        super().__init__(expected, got)
        self.expected = dict(expected)
        self.got = dict(got)

    def __str__(self) -> str:
        return ", ".join(
            f"{name}: expected {words}, got {self.got[name]}"
            for name, words in self.expected.items()
        )


@frozen
class Draft:
    """
    A notice as its sender wrote it, checked. `expires_at` is in seconds since 1970.
    """

    body: str = field(repr=describe)
    level: str = LEVELS[0]
    title: str | None = field(default=None, repr=describe)
    link: str | None = field(default=None, repr=describe)
    expires_at: float | None = None

    @classmethod
    def read(cls, fields: object, now: float) -> Draft:
        """
        Check what a sender gave; null counts as not given, unknown keys are ignored.

        Raises InvalidNotice, which names every field that is wrong.
        """
        if not isinstance(fields, Mapping):
            raise InvalidNotice({"body": _BODY}, {"body": f"{describe(fields)} in its place"})
        given = {name: fields[name] for name in _READERS if fields.get(name) is not None}
        read, expected, got = dict[str, Any](), dict[str, str](), dict[str, str]()
        for name, (reader, words) in _READERS.items():
            if name not in given and name != "body":
                continue
            read[name] = reader(given.get(name), now)
            if read[name] is None:
                expected[name] = words
                got[name] = describe(given[name]) if name in given else "nothing"
        if expected:
            raise InvalidNotice(expected, got)
        return cls(**read)

    def payload(self, sender: str, now: float) -> dict[str, str]:
        """
        Make what goes over the wire, without the id, which the engine gives.
        """
        payload = {"body": self.body, "from": sender, "at": iso(now)}
        if self.level != LEVELS[0]:
            payload["level"] = self.level
        if self.title is not None:
            payload["title"] = self.title
        if self.link is not None:
            payload["link"] = self.link
        if self.expires_at is not None:
            payload["expires_at"] = iso(self.expires_at)
        return payload


def iso(at: float) -> str:
    """
    Write a time in seconds since 1970 as UTC, ISO 8601, to the millisecond.
    """
    when = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return when.replace("+00:00", "Z")


def has_expired(payload: Mapping[str, Any], now: float) -> bool:
    """
    Tell whether a notice on the wire is over its time.
    """
    expires_at = payload.get("expires_at")
    return isinstance(expires_at, str) and expires_at <= iso(now)


def is_text(value: object, max_characters: int) -> bool:
    """
    Tell whether a value is a string that is not empty, not too long, and has a UTF-8 form.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= max_characters:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_link(value: object) -> bool:
    """
    Tell whether a value is an absolute http or https URL that is not too long.
    """
    if not is_text(value, LINK_MAX_CHARACTERS) or _UNWRITABLE_IN_LINK.search(str(value)):
        return False
    try:
        parts = urlsplit(str(value))
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _read_body(value: object, _now: float) -> object:
    return value if is_text(value, BODY_MAX_CHARACTERS) else None


def _read_title(value: object, _now: float) -> object:
    return value if is_text(value, TITLE_MAX_CHARACTERS) else None


def _read_level(value: object, _now: float) -> object:
    return value if isinstance(value, str) and value in LEVELS else None


def _read_link(value: object, _now: float) -> object:
    return value if is_link(value) else None


def _read_expires_at(value: object, now: float) -> object:
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value)
        at = int(when.timestamp() * 1000) / 1000
        iso(at)  # raises for a time that has no four-digit year in UTC
    except (ValueError, OverflowError):
        return None
    return at if when.tzinfo is not None and at > now else None


_READERS: Final = {
    "body": (_read_body, _BODY),
    "level": (_read_level, _LEVEL),
    "title": (_read_title, _TITLE),
    "link": (_read_link, _LINK),
    "expires_at": (_read_expires_at, _EXPIRES_AT),
}
