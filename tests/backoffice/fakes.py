"""
Stand-ins: a clock that is set, a quick hash.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from attrs import define

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


@define
class Clock:
    """
    A clock that moves when it is told to.
    """

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def quick_hasher(rounds: int = 1) -> PasswordHasher:
    """
    Make a hasher that is fast because it is weak.
    """
    return PasswordHasher(time_cost=rounds, memory_cost=8, parallelism=1)
