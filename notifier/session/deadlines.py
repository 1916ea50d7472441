"""
One wheel of deadlines for everything that is due some time.

Owners move their deadline freely and tell the wheel only when it comes
*nearer*: an owner whose time has not come when its slot does is put back.
So a renewed poll or a frame that came costs nothing here.
"""

from __future__ import annotations

from typing import Final, Protocol

from attrs import define, field

SLOT_S: Final = 0.1
"""Width of a slot in seconds: how late a deadline may be noticed."""


class Owner(Protocol):
    """
    Something with a deadline: seconds of the wheel's clock, or infinity.
    """

    def deadline(self) -> float:
        """
        Tell when the owner wants to be woken next.
        """
        ...

    def expire(self, now: float) -> None:
        """
        Do what is due; called by whoever asked the wheel, and outside of it.
        """
        ...


@define(eq=False, repr=False)
class Deadlines:
    """
    Hands out, at each `due`, the owners whose deadline has come.
    """

    _slots: dict[int, dict[int, Owner]] = field(init=False, factory=dict)
    _slot_of: dict[int, int] = field(init=False, factory=dict)

    def __repr__(self) -> str:
        return f"<Deadlines {len(self)} owners in {len(self._slots)} slots>"

    def __len__(self) -> int:
        return len(self._slot_of)

    def watch(self, owner: Owner) -> None:
        """
        Watch an owner, or look again at one whose deadline came nearer.
        """
        deadline = owner.deadline()
        slot = int(deadline / SLOT_S) + 1 if deadline != float("inf") else None
        old = self._slot_of.get(id(owner))
        if old is not None and slot is not None and old <= slot:
            return
        self.forget(owner)
        if slot is not None:
            self._slots.setdefault(slot, {})[id(owner)] = owner
            self._slot_of[id(owner)] = slot

    def forget(self, owner: Owner) -> None:
        """
        Watch an owner no longer. Idempotent.
        """
        slot = self._slot_of.pop(id(owner), None)
        if slot is not None:
            owners = self._slots[slot]
            del owners[id(owner)]
            if not owners:
                del self._slots[slot]

    def due(self, now: float) -> list[Owner]:
        """
        Take out the owners whose deadline is at or before `now`.

        They are forgotten: `watch` them again if they live on.
        """
        current = int(now / SLOT_S)
        due: list[Owner] = []
        for slot in sorted(slot for slot in self._slots if slot <= current):
            for key, owner in self._slots.pop(slot).items():
                del self._slot_of[key]
                if owner.deadline() <= now:
                    due.append(owner)
                else:
                    self.watch(owner)
        return due
