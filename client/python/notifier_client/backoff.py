"""
Pauses that grow while something fails, with jitter so that clients spread.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field


@define(eq=False)
class Backoff:
    """
    The pause before the next attempt: `first_s` at first, then `factor` times
    the last one, `max_s` at most; each between a half and one and a half of that.

    `random` gives a number from 0 up to 1.
    """

    random: Callable[[], float] = field(repr=False)
    first_s: float
    max_s: float
    factor: float = 2.0
    failures: int = 0

    def next(self) -> float:
        """
        Count a failure and give the pause after it, in seconds.
        """
        pause = min(self.max_s, self.first_s * self.factor ** min(self.failures, 64))
        self.failures += 1
        return pause * (0.5 + self.random())

    def reset(self) -> None:
        """
        Begin again with the first pause.
        """
        self.failures = 0
