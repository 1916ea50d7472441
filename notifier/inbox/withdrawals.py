"""
The notices that were withdrawn, in memory: asked for each message of a replay.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from attrs import define, field

MAX_KEPT: Final = 10_000
"""
Withdrawals remembered at once, some 3 MB; at the limit the oldest is forgotten, and
a log that still has its notice, a day old at most, brings it to who recovers from there.
"""

MAX_TOLD: Final = 100
"""Withdrawals that a client hears of when it joins again; older ones it does not."""


@define(repr=False)
class Withdrawals:
    """
    Which ids were withdrawn, on which topic and when.
    """

    _by_id: OrderedDict[str, str] = field(init=False, factory=OrderedDict)
    _by_topic: dict[str, dict[str, float]] = field(init=False, factory=dict)

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def __repr__(self) -> str:
        return f"<Withdrawals {len(self)}>"

    def add(self, id: str, topic: str, at: float) -> None:
        """
        Remember that a notice was withdrawn; the first time counts.
        """
        if id in self._by_id:
            return
        self._by_id[id] = topic
        self._by_topic.setdefault(topic, {})[id] = at
        if len(self._by_id) > MAX_KEPT:
            oldest, of = self._by_id.popitem(last=False)
            del self._by_topic[of][oldest]
            if not self._by_topic[of]:
                del self._by_topic[of]

    def missed(self, topic: str, since: str) -> list[str]:
        """
        Name what a client may show still, which had `since` as its last: in the order of ids.

        Those are the notices up to there that were withdrawn at that time or later.
        """
        found = [
            id
            for id, at in self._by_topic.get(topic, {}).items()
            if id <= since and f"{max(0, int(at * 1000)):012x}" >= since[:12]
        ]
        return sorted(found)[-MAX_TOLD:]
