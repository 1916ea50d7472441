"""
Random histories of an inbox, against a plain model.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from attrs import define, field
from channels.drive import Client
from hypothesis import event, given, settings
from hypothesis import strategies as st

from inbox.model import Model, Note
from inbox.world import World, events
from notifier.inbox import ToUsers
from notifier.inbox.notice import iso

USERS = ("u", "'; DROP TABLE notice_copies; --%_\"\x00é:*")
SLOTS = 2  # sessions of each user

user = st.sampled_from(USERS)
slot = st.integers(0, SLOTS - 1)
nth = st.integers(0, 5)
ages = st.sampled_from([None, 2.0, 90.0])
steps = st.one_of(
    st.tuples(st.just("send"), st.sets(user, min_size=1).map(sorted), ages),
    st.tuples(st.just("send"), user.map(lambda one: [one]), st.none()),
    st.tuples(st.just("join"), user, slot),
    st.tuples(st.just("rejoin"), user, slot),
    st.tuples(st.just("leave"), user, slot),
    st.tuples(st.just("seen"), user, slot, st.lists(nth, max_size=3)),
    st.tuples(st.just("withdraw"), nth),
    st.tuples(st.just("pass"), st.sampled_from([0.0, 1.0, 60.0, 100_000.0])),
    st.tuples(st.just("restart")),
)


@define(eq=False)
class History:
    """
    One history, on the inbox and the model.
    """

    world: World
    model: Model = field(factory=Model)
    clients: dict[tuple[str, int], Client] = field(factory=dict)
    last: dict[tuple[str, int], str] = field(factory=dict)
    expected: dict[tuple[str, int], list[tuple[str, Any]]] = field(factory=dict)

    async def play(self, played: list[Any]) -> None:
        for name, *arguments in played:
            event(name)
            await getattr(self, f"_{name}")(*arguments)
            await self._compare()

    async def _compare(self) -> None:
        for key, client in self.clients.items():
            found = []
            for name, payload in await events(client):
                if name == "seen":
                    found.append((name, (tuple(payload["ids"]), payload["unread"])))
                else:
                    found.append((name, payload["id"]))
                if name == "new_msg":
                    self.last[key] = max(self.last.get(key, ""), payload["id"])
            assert found == self.expected.pop(key, []), key
        assert not any(self.expected.values())
        for one in USERS:
            unread = len(self.model.unseen(one, self.world.now))
            assert await self.world.inbox.unread(one) == unread

    def _expect(self, user: str, name: str, what: Any, but: object = None) -> bool:
        here = [key for key in self.clients if key[0] == user and key != but]
        for key in here:
            self.expected.setdefault(key, []).append((name, what))
        return bool(here)

    async def _send(self, users: list[str], age: float | None) -> None:
        self.world.now += 0.01
        now = self.world.now
        fields = {} if age is None else {"expires_at": iso(now + age)}
        sent = await self.world.inbox.send(ToUsers(users), {"body": "b", **fields}, "ada")
        places = self.world.store._engine
        with places.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT user_id, id FROM notice_copies WHERE notice_id = ?", (sent.id,)
            ).all()
        assert sorted(user for user, _ in rows) == users
        for one, id in sorted(rows, key=lambda row: row[1]):
            note = Note(id, one, now, None if age is None else int((now + age) * 1000) / 1000)
            self.model.notes.append(note)
            note.is_delivered = self._expect(one, "new_msg", id)
        assert sent.reached == sum(key[0] in users for key in self.clients)

    async def _join(self, user: str, slot: int, since: str | None = None) -> None:
        key = user, slot
        await self._leave(user, slot)
        head = await self.world.endpoint.engine.head(f"user:{user}")
        unread = len(self.model.unseen(user, self.world.now))
        self.expected[key] = self.model.join(user, since, self.world.now)
        client, response = await self.world.joined(user, since)
        assert (response["unread"], response["head"]) == (unread, head)
        self.clients[key] = client

    async def _rejoin(self, user: str, slot: int) -> None:
        await self._join(user, slot, self.last.get((user, slot)))

    async def _leave(self, user: str, slot: int) -> None:
        client = self.clients.pop((user, slot), None)
        if client is not None:
            client.send(f"user:{user}", "phx_leave")
            await events(client)

    async def _seen(self, user: str, slot: int, nths: list[int]) -> None:
        key = user, slot
        if key not in self.clients:
            return
        # Other users' too, which change nothing, and what never was.
        meant = [self.model.notes[-n - 1] for n in nths if n < len(self.model.notes)]
        news = sorted({one.id for one in meant if one.user == user and not one.is_seen})
        for one in meant:
            if one.user == user:
                one.is_seen = one.is_delivered = True
        unread = len(self.model.unseen(user, self.world.now))
        if news:
            self._expect(user, "seen", (tuple(news), unread), but=key)
        payload = {"ids": [one.id for one in meant] + ["no such id"]}
        reply = await self.clients[key].ask(f"user:{user}", "seen", payload)
        assert reply == {"status": "ok", "response": {"unread": unread}}

    async def _withdraw(self, nth: int) -> None:
        if nth >= len(self.model.notes):
            assert not await self.world.inbox.withdraw("no such id")
            return
        meant = self.model.notes[-nth - 1]
        same = [one for one in self.model.notes if one.sent_at == meant.sent_at]
        for one in same:
            if one.withdrawn_at is None:
                one.withdrawn_at = self.world.now
                self._expect(one.user, "withdrawn", one.id)
        assert await self.world.inbox.withdraw(meant.id)
        status = await self.world.inbox.status(meant.id)
        assert status is not None
        assert (status.users, status.delivered, status.read, status.is_withdrawn) == (
            len(same),
            sum(one.is_delivered for one in same),
            sum(one.is_seen for one in same),
            True,
        )

    async def _pass(self, seconds: float) -> None:
        self.world.now += seconds

    async def _restart(self) -> None:
        self.clients.clear()
        await self.world.restart()
        if not self.world.is_durable:
            for one in self.model.notes:
                one.in_log = False


async def run(is_durable: bool, played: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), is_durable)
        await world.start()
        try:
            await History(world).play(played)
        finally:
            await world.stop()


@settings(max_examples=40, deadline=None)
@given(st.booleans(), st.lists(steps, max_size=25))
def test_inbox_is_as_the_model_says(is_durable: bool, played: list[Any]) -> None:
    """
    Sends, joins with and without since, marks, withdrawals, time, restarts; two sessions a user.
    """
    asyncio.run(run(is_durable, played))
