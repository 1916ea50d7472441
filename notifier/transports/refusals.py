"""
How long a repeated refusal waits: clients that loop are slowed, nobody else.

phoenix.js comes back 10 ms after some refusals, for ever. The first refusal is
told at once; the same token refused again waits, longer each time. Whoever
brings no token is told at once: there is nothing to know him by.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

from attrs import define, field

FIRST_DELAY_S: Final = 0.1
MAX_DELAY_S: Final = 5.0
FORGET_AFTER_S: Final = 30.0
MAX_REMEMBERED: Final = 10_000


@define(eq=False, repr=False)
class Refusals:
    """
    Counts the refusals of each token; holds only digests, a bounded number.
    """

    _seen: OrderedDict[bytes, tuple[int, float]] = field(init=False, factory=OrderedDict)

    def __repr__(self) -> str:
        return f"<Refusals {len(self._seen)} remembered>"

    def delay(self, token: str | None, now: float) -> float:
        """
        Note a refusal; tell how many seconds to wait before it is answered.
        """
        if not token:
            return 0.0
        key = hashlib.sha256(token.encode(errors="replace")).digest()
        count, at = self._seen.pop(key, (0, now))
        if now - at > FORGET_AFTER_S:
            count = 0
        self._seen[key] = (count + 1, now)
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        return min(FIRST_DELAY_S * 2.0 ** (count - 1), MAX_DELAY_S) if count else 0.0
