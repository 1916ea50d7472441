"""
The brake on guessing passwords: each name has to wait longer and longer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from attrs import define, field, frozen

FREE_ATTEMPTS: Final = 5
"""
A person who mistypes is not made to wait: the fifth attempt is the first with
a wait after it.
"""

FIRST_WAIT_S: Final = 2.0
"""The first wait; each further attempt doubles it."""

MAX_WAIT_S: Final = 900.0
"""
The longest wait: about a hundred guesses a day, and a locked-out operator is
back after a coffee.
"""

FORGET_AFTER_S: Final = 3_600.0
"""A name that was left alone for so long starts anew."""

MAX_NAMES: Final = 10_000
"""
Names remembered at once (about 2 MB); at the limit the one left alone the
longest is forgotten. To push a name out takes as many password hashes, which
is minutes of the server's time.
"""


@frozen
class _Attempts:
    count: int
    last_at: float
    blocked_until: float


@define(repr=False)
class Throttle:
    """
    Who tried to sign in how often, by name, whether the name exists or not.
    """

    _by_name: OrderedDict[str, _Attempts] = field(factory=OrderedDict, init=False)

    def attempt(self, name: str, now: float) -> float:
        """
        Count an attempt and return 0, or return the seconds still to wait.

        It counts before the password is looked at, so that a hundred guesses
        sent at once are not all let through; call `forget` when it was right.
        """
        before = self._by_name.get(name)
        if before and now < before.blocked_until:
            return before.blocked_until - now
        fresh = before is None or now - before.last_at > FORGET_AFTER_S
        count = 1 if fresh or before is None else before.count + 1
        self._by_name[name] = _Attempts(count, now, now + _wait_after(count))
        self._by_name.move_to_end(name)
        if len(self._by_name) > MAX_NAMES:
            self._by_name.popitem(last=False)
        return 0.0

    def forget(self, name: str) -> None:
        """
        Start the name anew, after a right password.
        """
        self._by_name.pop(name, None)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"<Throttle names={len(self)}>"


def _wait_after(count: int) -> float:
    if count < FREE_ATTEMPTS:
        return 0.0
    # Bounded before the power is taken, or a patient guesser overflows the float.
    doublings = min(count - FREE_ATTEMPTS, 30)
    return min(FIRST_WAIT_S * 2.0**doublings, MAX_WAIT_S)
