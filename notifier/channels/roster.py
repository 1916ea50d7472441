"""
Who is present on one topic, and what of it the clients have not been told. Pure.

The rules of this file; by them a client ends in the right state whatever was
merged, and whether it was given a diff or the whole list first:

- A `phx_ref` names one meta for good: an update is a meta that goes and one
  that comes.
- What a client may hold is taken back: a meta that was in a diff or in a list
  stands in the leaves when it has gone. One that nobody was told of comes and
  goes in silence.
- A diff may repeat what a list has said. To a client the join of a ref that it
  holds and the leave of one that it does not hold change nothing.

Phoenix: `assets/js/phoenix/presence.js`, `syncDiff`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, field

PHX_REF: Final = "phx_ref"
PHX_REF_PREV: Final = "phx_ref_prev"

Meta = dict[str, Any]
Presences = dict[str, dict[str, list[Meta]]]
"""`{key: {"metas": [{"phx_ref": …, …}]}}`, as `presence_state` has it."""


@define(eq=False, repr=False)
class Tracked:
    """
    One meta under one key. `is_told` once some client may hold it.
    """

    key: str
    meta: Meta
    is_here: bool = True
    is_told: bool = False

    @property
    def ref(self) -> str:
        ref: str = self.meta[PHX_REF]
        return ref


@define(eq=False, repr=False)
class Roster:
    """
    The presences of one topic. An owner, such as a channel, has one meta a key.

    Whoever changes it calls `take` some time, and publishes the diff of it.
    """

    _by_owner: dict[str, dict[str, Tracked]] = field(init=False, factory=dict)
    _by_key: dict[str, dict[str, Tracked]] = field(init=False, factory=dict)
    _untold: dict[str, Tracked] = field(init=False, factory=dict)

    def __repr__(self) -> str:
        return f"<Roster {len(self._by_key)} keys, {len(self._untold)} untold>"

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def has_untold(self) -> bool:
        """
        Whether there is something to `take`.
        """
        return bool(self._untold)

    def count(self, owner: str) -> int:
        """
        Tell how many metas an owner has.
        """
        return len(self._by_owner.get(owner, ()))

    def find(self, owner: str, key: str) -> Meta | None:
        """
        Find what an owner has under a key.
        """
        tracked = self._by_owner.get(owner, {}).get(key)
        return None if tracked is None else tracked.meta

    def put(self, owner: str, key: str, ref: str, meta: Meta) -> None:
        """
        Give an owner a meta under a key, instead of the one that it has there.

        `ref` names the meta, and was never used before.
        """
        metas = self._by_owner.setdefault(owner, {})
        old = metas.get(key)
        meta = {**meta, PHX_REF: ref}
        meta.pop(PHX_REF_PREV, None)
        if old is not None:
            meta[PHX_REF_PREV] = old.ref
            self._go(old)
        metas[key] = tracked = Tracked(key, meta)
        self._by_key.setdefault(key, {})[ref] = tracked
        self._untold[ref] = tracked

    def remove(self, owner: str, key: str) -> bool:
        """
        Take away what an owner has under a key; tell whether there was something.
        """
        metas = self._by_owner.get(owner, {})
        tracked = metas.pop(key, None)
        if tracked is None:
            return False
        if not metas:
            del self._by_owner[owner]
        self._go(tracked)
        return True

    def remove_owner(self, owner: str) -> bool:
        """
        Take away all that an owner has; tell whether there was something.
        """
        metas = self._by_owner.pop(owner, {})
        for tracked in metas.values():
            self._go(tracked)
        return bool(metas)

    def list(self) -> Presences:
        """
        List everyone, told or untold. What is listed counts as told.
        """
        for tracked in self._untold.values():
            tracked.is_told = True
        return {
            key: {"metas": [{**tracked.meta} for tracked in metas.values()]}
            for key, metas in self._by_key.items()
        }

    def take(self) -> tuple[Tracked, ...]:
        """
        Take what the clients have not been told; they count as told then.
        """
        changes = tuple(self._untold.values())
        self._untold.clear()
        for tracked in changes:
            tracked.is_told = True
        return changes

    def put_back(self, changes: Iterable[Tracked]) -> None:
        """
        Have changes told again of which nobody knows whether they arrived.
        """
        for tracked in changes:
            self._untold.setdefault(tracked.ref, tracked)

    def _go(self, tracked: Tracked) -> None:
        metas = self._by_key[tracked.key]
        del metas[tracked.ref]
        if not metas:
            del self._by_key[tracked.key]
        tracked.is_here = False
        if tracked.is_told:
            self._untold[tracked.ref] = tracked
        else:
            del self._untold[tracked.ref]


def diff_of(changes: Iterable[Tracked]) -> dict[str, Presences]:
    """
    Make the payload of a `presence_diff` of what was taken, as it stands now.
    """
    joins: Presences = {}
    leaves: Presences = {}
    for tracked in changes:
        side = joins if tracked.is_here else leaves
        side.setdefault(tracked.key, {"metas": []})["metas"].append(tracked.meta)
    return {"joins": joins, "leaves": leaves}
