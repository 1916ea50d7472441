"""
Which pages of other sites may connect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import define, field

from notifier.errors import ConfigError

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@define(eq=False)
class OriginCheck:
    """
    Checks the Origin header against a list, as Phoenix's `check_origin` does.

    An entry is `https://a.example`, `https://a.example:8443`, `//a.example`
    (any scheme and port) or `//*.example.com` (that host and all below it). An
    empty list turns the check off. A request without Origin is not a browser's
    and passes. Raises ConfigError for an entry that cannot be one.
    """

    allowed: Sequence[str] = ()
    _entries: list[SplitResult] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._entries = [_parse_entry(entry) for entry in self.allowed]

    def allows(self, origin: str | None) -> bool:
        """
        Whether a page of this origin may connect.
        """
        if origin is None or not self._entries:
            return True
        page = _split(origin)
        return page is not None and any(_matches(entry, page) for entry in self._entries)


def _split(origin: str) -> SplitResult | None:
    try:
        parts = urlsplit(origin)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return None
    return parts if parts.hostname else None


def _parse_entry(entry: str) -> SplitResult:
    parts = _split(entry)
    wrong_star = parts is None or "*" in (parts.hostname or "").removeprefix("*.")
    if parts is None or wrong_star or parts.path.strip("/") or parts.query:
        raise ConfigError(
            "check_origin: expected origins such as https://a.example, //a.example or "
            f"//*.example.com, got {entry!r}"
        )
    return parts


def _matches(entry: SplitResult, page: SplitResult) -> bool:
    host, wanted = page.hostname or "", entry.hostname or ""
    if wanted.startswith("*."):
        if host != wanted[2:] and not host.endswith(wanted[1:]):
            return False
    elif host != wanted:
        return False
    if entry.scheme and entry.scheme != page.scheme:
        return False
    if entry.scheme or entry.port:
        return _port(entry, page.scheme) == _port(page, page.scheme)
    return True


def _port(parts: SplitResult, scheme: str) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme or scheme)
