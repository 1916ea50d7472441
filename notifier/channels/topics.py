"""
Which channel class serves a topic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from notifier.channels.channel import Channel


@define(eq=False, repr=False)
class Routes:
    """
    Topic patterns in the order they are tried: exact, or ending in `*`.

    Raises TypeError or ValueError for a table that cannot be meant.
    """

    patterns: Mapping[str, type[Channel]]
    _exact: dict[str, type[Channel]] = field(init=False, factory=dict)
    _prefixes: list[tuple[str, type[Channel]]] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.patterns, Mapping):
            raise TypeError(
                "channels must be a mapping of topic pattern to Channel class, "
                f"got {type(self.patterns).__name__}"
            )
        for pattern, channel in self.patterns.items():
            self._add(pattern, channel)

    def __repr__(self) -> str:
        return f"<Routes {', '.join(self.patterns)}>"

    def serve(self, topic: str) -> bool:
        """
        Whether any class serves a topic.
        """
        return self.match(topic) is not None

    def match(self, topic: str) -> type[Channel] | None:
        """
        Find the class for a topic: an exact pattern first, then in order.
        """
        if topic in self._exact:
            return self._exact[topic]
        for prefix, channel in self._prefixes:
            if topic.startswith(prefix):
                return channel
        return None

    def _add(self, pattern: str, channel: type[Channel]) -> None:
        if not isinstance(pattern, str) or not pattern or "*" in pattern[:-1]:
            raise ValueError(
                f"a topic pattern is exact ('room:lobby') or ends in * ('room:*'), got {pattern!r}"
            )
        if not (isinstance(channel, type) and hasattr(channel, "handlers_in")):
            raise TypeError(f"the pattern {pattern!r} needs a Channel class, got {channel!r}")
        if pattern.endswith("*"):
            self._prefixes.append((pattern[:-1], channel))
        else:
            self._exact[pattern] = channel


def first_match(tables: Iterable[Routes], topic: str) -> type[Channel] | None:
    """
    Find the first class that serves a topic in any of several tables.
    """
    return next((found for table in tables if (found := table.match(topic))), None)
