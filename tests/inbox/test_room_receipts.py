"""
Who has got a room's notice, and who has read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from inbox.world import World, bodies, events, fail, world_of
from notifier.inbox import Inbox, ToRoom
from notifier.inbox.notice import iso


@pytest.fixture(params=[False, True], ids=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(tmp_path, is_durable=request.param) as world:
        yield world


async def figures(world: World, id: str) -> tuple[int, int]:
    """
    How many people a notice was delivered to, and how many have read it.
    """
    status = await world.inbox.status(id)
    assert status is not None
    return status.delivered, status.read


async def test_person_has_read_a_rooms_notice_once(world: World) -> None:
    """
    From whichever session, and however often; who was there counts as reached alone.
    """
    pages = [(await world.joined(user, topic="room:x"))[0] for user in ("ann", "ann", "bob")]
    sent = await world.send(ToRoom("room:x"))
    assert [await bodies(page) for page in pages] == [["hi"]] * 3
    assert await figures(world, sent.id) == (0, 0)
    for page, read in zip(pages, (1, 1, 2), strict=True):
        for _ in range(2):
            reply = await page.ask("room:x", "seen", {"ids": [sent.id]})
            assert reply == {"status": "ok", "response": {}}
        assert await figures(world, sent.id) == (0, read)
    assert [await events(page) for page in pages] == [[], [], []]


async def test_mark_in_a_room_counts_for_that_rooms_notices_alone(world: World) -> None:
    """
    Ids of other rooms, of users' notices and of none change nothing.
    """
    here, other = await world.send(ToRoom("room:x")), await world.send(ToRoom("room:y"))
    own = await world.send("ann")
    client, _ = await world.joined("ann", topic="room:x")
    reply = await client.ask("room:x", "seen", {"ids": [other.id, own.id, "?", here.id]})
    assert reply["response"] == {}
    assert await figures(world, here.id) == (0, 1)
    assert await figures(world, other.id) == await figures(world, own.id) == (0, 0)


@pytest.mark.parametrize("payload", [{}, {"ids": 5}, {"ids": [5]}, {"ids": ["x"] * 3}, "x"])
async def test_mark_in_a_room_is_refused_when_it_names_no_ids(
    world: World, monkeypatch: pytest.MonkeyPatch, payload: object
) -> None:
    """
    As in an inbox; the same id thrice is one.
    """
    monkeypatch.setattr("notifier.inbox.inbox.MAX_SEEN_IDS", 1)
    client, _ = await world.joined("ann", topic="room:x")
    reply = await client.ask("room:x", "seen", payload)
    expected = "ok" if payload == {"ids": ["x"] * 3} else "error"
    assert reply["status"] == expected
    assert (await client.ask("room:x", "seen", {"ids": ["a", "b"]}))["status"] == "error"


async def test_who_comes_back_counts_as_delivered_to(world: World) -> None:
    """
    A person once; not who says no `since`, who has it already, or gets it no more.
    """
    _, response = await world.joined("ann", topic="room:x")
    since = response["head"]
    one, gone = await world.send(ToRoom("room:x"), "one"), await world.send(ToRoom("room:x"))
    await world.inbox.withdraw(gone.id)
    two = await world.send(ToRoom("room:x"), "two", expires_at=iso(world.now + 60))
    for user, at in (("bob", since), ("bob", since), ("cid", one.id), ("dan", two.id)):
        client, _ = await world.joined(user, since=at, topic="room:x")
        await events(client)
    client, _ = await world.joined("eve", topic="room:x")
    await events(client)
    world.now += 61
    client, _ = await world.joined("fay", since=since, topic="room:x")
    assert await bodies(client) == ["one"]
    assert await figures(world, one.id) == (2, 0)
    assert await figures(world, two.id) == (2, 0)
    assert await figures(world, gone.id) == (0, 0)


async def test_receipts_outlast_a_restart(tmp_path: Path) -> None:
    """
    What had not been noted by then is noted at the end.
    """
    async with world_of(tmp_path, is_durable=True) as world:
        _, response = await world.joined("ann", topic="room:x")
        sent = await world.send(ToRoom("room:x"))
        client, _ = await world.joined("bob", since=response["head"], topic="room:x")
        assert await bodies(client) == ["hi"]
        await client.ask("room:x", "seen", {"id": sent.id})
        await world.restart()
        assert await figures(world, sent.id) == (1, 1)


async def test_receipts_wait_until_their_notice_is_filed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A page may have it, and say so, before the database does.
    """
    client, response = await world.joined("ann", topic="room:x")
    filing, may_file = asyncio.Event(), asyncio.Event()
    file = Inbox._file

    async def slow(inbox: Inbox, sending: Any) -> None:
        filing.set()
        await may_file.wait()
        await file(inbox, sending)

    monkeypatch.setattr(Inbox, "_file", slow)
    sending = asyncio.create_task(world.send(ToRoom("room:x")))
    await filing.wait()
    (_, notice), *_ = await events(client)
    back, _ = await world.joined("bob", since=response["head"], topic="room:x")
    await events(back)
    seen = asyncio.create_task(world.inbox.read_in_room("ann", "room:x", [notice["id"]]))
    await asyncio.sleep(0)
    may_file.set()
    await asyncio.gather(sending, seen)
    assert await figures(world, notice["id"]) == (1, 1)


async def test_mark_in_a_room_is_refused_where_it_cannot_be_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The page hears it, and may say it again.
    """
    sent = await world.send(ToRoom("room:x"))
    client, _ = await world.joined("ann", topic="room:x")
    fail(monkeypatch, "note_readings")
    reply = await client.ask("room:x", "seen", {"id": sent.id})
    assert reply == {"status": "error", "response": {"reason": "not stored"}}
    await client.ask("room:x", "seen", {"id": sent.id})
    assert await figures(world, sent.id) == (0, 1)


async def test_waiter_is_told_of_whatever_a_status_may_tell(world: World) -> None:
    """
    Sent, delivered, recovered, seen, withdrawn: each by itself.
    """
    changes = world.inbox.changes

    async def told(seen: int) -> int:
        async with asyncio.timeout(5):
            await changes.wait(seen)
        return changes.count

    page, response = await world.joined("ann", topic="room:x")
    count = changes.count
    sent, own = await world.send(ToRoom("room:x")), await world.send("bob")
    count = await told(count)
    await events((await world.joined("bob"))[0])
    count = await told(count)
    await events((await world.joined("cid", since=response["head"], topic="room:x"))[0])
    count = await told(count)
    await events(page)
    await page.ask("room:x", "seen", {"id": sent.id})
    count = await told(count)
    await world.inbox.seen("bob", [own.id])
    count = await told(count)
    await world.inbox.withdraw(own.id)
    assert await told(count) > count
