"""
Who is on a topic, as `presence_state` and `presence_diff` tell. Pure.

phoenix.js: `assets/js/phoenix/presence.js`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field, frozen

from notifier_client.events import PRESENCE_DIFF, PRESENCE_STATE
from notifier_client.message import Message

MAX_PENDING: Final = 1_000
"""Diffs kept while the state is awaited; over it the oldest is dropped."""

Metas = tuple[Mapping[str, Any], ...]
"""What is known of each connection of one key; `phx_ref` tells them apart."""


@frozen
class Change:
    """
    Who came and who went: by key, the metas that are new and that are gone.

    A key that was there before and has one more meta is in `joins` too.
    """

    joins: Mapping[str, Metas]
    leaves: Mapping[str, Metas]

    def __bool__(self) -> bool:
        return bool(self.joins or self.leaves)


@define(eq=False, repr=False)
class Presence:
    """
    Follows one topic. `state` is everybody who is there, by key.

    After a rejoin the old state stands until the new one has come; the diffs
    that come before it are applied to it.
    """

    state: dict[str, Metas] = field(init=False, factory=dict)
    is_synced: bool = field(init=False, default=False)
    _pending: list[Message] = field(init=False, factory=list)

    def __repr__(self) -> str:
        return f"<Presence of {len(self.state)}>"

    def rejoined(self) -> None:
        """
        Wait for a new state: what comes from now on belongs to another join.
        """
        self.is_synced = False
        self._pending.clear()

    def receive(self, message: Message) -> Change | None:
        """
        Take a message; say who came and went. None where it is about something else.
        """
        if message.event == PRESENCE_STATE:
            return self._receive_state(_metas_by_key(message.payload))
        if message.event != PRESENCE_DIFF:
            return None
        if not self.is_synced:
            self._pending = [*self._pending[-MAX_PENDING + 1 :], message]
            return Change({}, {})
        return self._receive_diff(message.payload)

    def _receive_state(self, new: dict[str, Metas]) -> Change:
        old, self.state, self.is_synced = dict(self.state), new, True
        pending, self._pending = self._pending, []
        for diff in pending:
            self._receive_diff(diff.payload)
        return Change(_without(self.state, old), _without(old, self.state))

    def _receive_diff(self, payload: Any) -> Change:
        match payload:
            case {"joins": joins, "leaves": leaves}:
                change = Change(_metas_by_key(joins), _metas_by_key(leaves))
            case _:
                return Change({}, {})
        # Joins first: an update has both, and nobody is gone in between.
        for key, metas in change.joins.items():
            fresh = _refs(metas)
            kept = tuple(one for one in self.state.get(key, ()) if _ref(one) not in fresh)
            self.state[key] = kept + metas
        for key, metas in change.leaves.items():
            gone = _refs(metas)
            kept = tuple(one for one in self.state.get(key, ()) if _ref(one) not in gone)
            if kept:
                self.state[key] = kept
            else:
                self.state.pop(key, None)
        return change


def _metas_by_key(payload: Any) -> dict[str, Metas]:
    if not isinstance(payload, dict):
        return {}
    return {key: tuple(value["metas"]) for key, value in payload.items() if _has_metas(value)}


def _has_metas(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("metas"), list)
        and all(isinstance(one, dict) for one in value["metas"])
    )


def _without(some: Mapping[str, Metas], others: Mapping[str, Metas]) -> dict[str, Metas]:
    """
    Give the metas of `some` that `others` has not.
    """
    left = {}
    for key, metas in some.items():
        refs = _refs(others.get(key, ()))
        if more := tuple(one for one in metas if _ref(one) not in refs):
            left[key] = more
    return left


def _refs(metas: Metas) -> set[Any]:
    return {_ref(one) for one in metas}


def _ref(meta: Mapping[str, Any]) -> Any:
    ref = meta.get("phx_ref")
    return ref if isinstance(ref, str) else repr(meta)
