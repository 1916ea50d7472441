"""
A roster and the clients that follow it: what each of them is sent, and what phoenix.js makes of it.
"""

from __future__ import annotations

import copy
from itertools import count
from typing import Any

from attrs import define, field

from notifier.channels.roster import Roster, diff_of

OWNERS = ("one", "two", "three")
KEYS = ("a", "b")
CLIENTS = (0, 1)
DELIVERED = {"flush": True, "deliver in vain": True, "lose": False}
ACTIONS = ("put", "put", "remove", "end", "list", "subscribe", "state", "drop", *DELIVERED)

Step = tuple[str, str, str, int]
"""An action, with an owner, a key and a client for those that want them."""

Sent = list[list[Any]]
"""What a client is sent: `["join", n]` when it joins anew, `["state", …]`, `["diff", …]`."""


def refs(presences: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """
    Give presences in no order: by key and ref.
    """
    return {
        key: {meta["phx_ref"]: meta for meta in presence["metas"]}
        for key, presence in presences.items()
    }


class PhoenixJs:
    """
    What phoenix.js makes of what it is sent: its `presence.js`, line by line.
    """

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.pending: list[Any] = []
        self.is_synced = False

    def follow(self, sent: Sent) -> dict[str, Any]:
        for kind, given in sent:
            value = copy.deepcopy(given)
            if kind == "join":
                self.is_synced = False
            elif kind == "state":
                self._sync_state(value)
                self.is_synced = True
                for diff in self.pending:
                    self._sync_diff(diff)
                self.pending = []
            elif self.is_synced:
                self._sync_diff(value)
            else:
                self.pending.append(value)
        return self.state

    def _sync_state(self, new: dict[str, Any]) -> None:
        old, found = refs(self.state), refs(new)
        joins, leaves = {}, {}
        for key in {**old, **found}:
            ours, theirs = old.get(key, {}), found.get(key, {})
            joined = [meta for ref, meta in theirs.items() if ref not in ours]
            left = [meta for ref, meta in ours.items() if ref not in theirs]
            if joined:
                joins[key] = {"metas": joined}
            if left:
                leaves[key] = {"metas": left}
        self._sync_diff({"joins": joins, "leaves": leaves})

    def _sync_diff(self, diff: dict[str, Any]) -> None:
        for key, joined in diff["joins"].items():
            new = {meta["phx_ref"] for meta in joined["metas"]}
            kept = self.state.get(key, {"metas": []})["metas"]
            kept = [meta for meta in kept if meta["phx_ref"] not in new]
            self.state[key] = {"metas": kept + joined["metas"]}
        for key, left in diff["leaves"].items():
            if key not in self.state:
                continue
            gone = {meta["phx_ref"] for meta in left["metas"]}
            kept = [m for m in self.state[key]["metas"] if m["phx_ref"] not in gone]
            if kept:
                self.state[key] = {"metas": kept}
            else:
                del self.state[key]


@define(eq=False)
class Stage:
    """
    Carries out a history of changes, diffs and lists.

    A client that goes before it was given a state starts anew when it comes back:
    phoenix.js would hold on to the diffs that it has put by, and never hear what
    came meanwhile.
    """

    roster: Roster = field(factory=Roster)
    sent: list[Sent] = field(factory=lambda: [[] for _ in CLIENTS])
    diffs: list[Any] = field(factory=list)
    subscribed: set[int] = field(factory=set)
    _refs: count[int] = field(factory=lambda: count(1))

    def play(self, history: list[Step]) -> dict[str, Any]:
        """
        Play a history to its end, when everyone has been told; give who is present then.
        """
        for step in history:
            self._play(*step)
        for client in CLIENTS:
            self._play("subscribe", "", "", client)
            if self._is_waiting(client):
                self._play("state", "", "", client)
        self._play("flush", "", "", 0)
        assert not self.roster.has_untold
        return self.roster.list()

    def _play(self, action: str, owner: str, key: str, client: int) -> None:
        sent = self.sent[client]
        if action == "put":
            number = next(self._refs)
            self.roster.put(owner, key, str(number), {"n": number})
        elif action == "remove":
            self.roster.remove(owner, key)
        elif action == "end":
            self.roster.remove_owner(owner)
        elif action == "list":
            self.roster.list()
        elif action == "subscribe" and client not in self.subscribed:
            self.subscribed.add(client)
            sent.append(["join", len(sent)])
        elif action == "state" and client in self.subscribed:
            sent.append(["state", self.roster.list()])
        elif action == "drop" and client in self.subscribed:
            self.subscribed.discard(client)
            if self._is_waiting(client):
                sent.clear()
        elif action in DELIVERED and self.roster.has_untold:
            self._publish(action)

    def _publish(self, action: str) -> None:
        changes = self.roster.take()
        diff = copy.deepcopy(diff_of(changes))
        if DELIVERED[action]:
            self.diffs.append(diff)
            for client in self.subscribed:
                self.sent[client].append(["diff", diff])
        if action != "flush":
            self.roster.put_back(changes)

    def _is_waiting(self, client: int) -> bool:
        last = [kind for kind, _ in self.sent[client] if kind != "diff"]
        return last[-1:] != ["state"]
