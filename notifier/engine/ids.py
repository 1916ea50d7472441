"""
Ids of logged messages: strings that sort in the order they were made.

    0199f2b3c4d5-00001
    └ 12 hex digits: milliseconds since the epoch
                 └ 5 hex digits: sequence within the millisecond

Fixed width, so that comparing strings compares ids. An id is never made
twice: time that stands still or runs back is counted on from the last id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field

_MAX_SEQUENCE: Final = 0xFFFFF


@define(eq=False)
class IdMaker:
    """
    Makes ids; `clock` tells seconds since the epoch.

    An id made later is greater, also than `last`, the newest that a stored log
    already holds.
    """

    clock: Callable[[], float] = field(repr=False)
    last: str = ""

    def make(self) -> str:
        """
        Make the next id.
        """
        now, sequence = int(self.clock() * 1000), 0
        if self.last:
            last_ms, last_sequence = (int(part, 16) for part in self.last.split("-"))
            if now <= last_ms:
                now, sequence = last_ms, last_sequence + 1
        if sequence > _MAX_SEQUENCE:
            now, sequence = now + 1, 0
        self.last = f"{now:012x}-{sequence:05x}"
        return self.last


def milliseconds(id: str) -> int:
    """
    Tell when an id was made, in milliseconds since the epoch.
    """
    return int(id.partition("-")[0], 16)
