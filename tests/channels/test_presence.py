"""
What an author tracks, what everyone on the topic is told of it and when, and how it ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from channels.drive import Client, Connect, connected, until
from notifier import Channel, Error, Limits, Ok, Retention, handle_in
from notifier.engine import MemoryEngine
from notifier.protocol.reasons import CLIENT_CLOSED
from notifier.session.deadlines import SLOT_S

LIMITS = Limits(presence_window_ms=1_000, max_channel_presences=2, channel_stop_timeout_ms=100)
TOPIC = "room"
OBJECT = "needs a meta that is a JSON object: {'status': 'away'}"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Slow(MemoryEngine):
    """
    Publishes when it is let, and fails when it is told to.
    """

    gate: asyncio.Event | None = None
    is_broken = False

    async def publish(self, publication, retention=None):
        if self.gate is not None:
            await self.gate.wait()
        if self.is_broken:
            raise OSError("no connection")
        return await super().publish(publication, retention)


class Room(Channel):
    """
    Does what its messages say. The name of a client is what it joins with.
    """

    async def join(self, payload):
        self.assigns["name"] = payload.get("name")
        if "track" in payload:
            await self.track(payload["track"], {})
        match payload.get("then"):
            case "raise":
                raise RuntimeError("boom")
            case "refuse":
                return Error("no")
            case "wait":
                await asyncio.Event().wait()

    @handle_in("track")
    async def do_track(self, payload):
        await self.track(payload["key"], payload["meta"])
        return Ok()

    @handle_in("update")
    async def do_update(self, payload):
        await self.update(payload["key"], payload["meta"])
        return Ok()

    @handle_in("count_up")
    async def count_up(self, payload):
        await self.update(payload["key"], lambda meta: {**meta, "n": meta["n"] + 1})
        return Ok()

    @handle_in("untrack")
    async def do_untrack(self, payload):
        await self.untrack(payload["key"])
        return Ok()

    @handle_in("list")
    async def do_list(self, payload):
        return Ok(await self.presences())

    @handle_in("boom")
    async def boom(self, payload):
        await self.track("boom", {})
        raise RuntimeError("boom")

    @handle_in("stop")
    async def do_stop(self, payload):
        await self.stop()

    async def terminate(self, reason):
        await self.track("ghost", {})
        await self.untrack(self.assigns["name"] or "")


class Logged(Room):
    history = Retention()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> Slow:
    return Slow(time.time)


@pytest.fixture
async def connect(engine: Slow, clock: Clock) -> AsyncIterator[Connect]:
    async with connected(LIMITS, engine, room=Room, log=Logged) as connect:
        connect.endpoint.now = clock
        yield connect
    assert not any(topic.roster for topic in connect.endpoint.presence._topics.values())


async def enter(connect: Connect, topic: str = TOPIC, **payload: Any) -> Client:
    client = await connect()
    ref = client.send(topic, "phx_join", payload)
    while (await client.receive())[1] != ref:
        pass
    return client


async def window_is_over(connect: Connect, clock: Clock) -> None:
    clock.now += LIMITS.presence_window_ms / 1000 + SLOT_S
    connect.endpoint.tick(clock.now)
    for _ in range(10):
        await asyncio.sleep(0)


async def diff(client: Client) -> tuple[Any, Any]:
    """
    Give the next diff: who joined and who left, by key, each with what its metas hold.
    """
    message = await client.receive()
    assert message[:4] == [None, None, message[2], "presence_diff"]
    return tuple(names(message[4][side]) for side in ("joins", "leaves"))  # type: ignore[return-value]  # two


def names(presences: Any) -> dict[str, list[Any]]:
    return {
        key: [{k: v for k, v in meta.items() if "phx_ref" not in k} for meta in presence["metas"]]
        for key, presence in presences.items()
    }


async def who(connect: Connect, topic: str = TOPIC) -> dict[str, list[Any]]:
    return names(await connect.endpoint.presence.list(topic))


# --- what is told


async def test_change_is_told_at_once_when_none_was_before(connect: Connect) -> None:
    """
    The diff goes out before the handler goes on, to the client itself too.
    """
    client = await enter(connect)
    client.send(TOPIC, "track", {"key": "ann", "meta": {"n": 1}})
    assert await diff(client) == ({"ann": [{"n": 1}]}, {})
    assert (await client.receive())[3] == "phx_reply"


async def test_changes_of_one_window_are_one_diff(connect: Connect, clock: Clock) -> None:
    """
    What came and went, or was updated, meanwhile is told as it stands in the end.
    """
    client = await enter(connect, track="first")
    await window_is_over(connect, clock)
    await client.ask(TOPIC, "list")
    client.send(TOPIC, "track", {"key": "ann", "meta": {"n": 1}})
    assert (await diff(client), (await client.receive())[3]) == (
        ({"ann": [{"n": 1}]}, {}),
        "phx_reply",
    )
    others = [await enter(connect) for _ in range(3)]
    for n, other in enumerate(others):
        await other.ask(TOPIC, "track", {"key": "tab", "meta": {"n": n}})
    await others[0].ask(TOPIC, "untrack", {"key": "tab"})
    await client.ask(TOPIC, "count_up", {"key": "ann"})
    await client.nothing_more()
    await window_is_over(connect, clock)
    assert await diff(client) == (
        {"tab": [{"n": 1}, {"n": 2}], "ann": [{"n": 2}]},
        {"ann": [{"n": 1}]},
    )
    await window_is_over(connect, clock)
    await client.nothing_more()


async def test_merged_diff_opens_a_window_too(connect: Connect, clock: Clock) -> None:
    """
    A topic has one diff a window however much it changes.
    """
    client = await enter(connect)
    client.send(TOPIC, "track", {"key": "ann", "meta": {"n": 0}})
    assert (await diff(client), (await client.receive())[3]) == (
        ({"ann": [{"n": 0}]}, {}),
        "phx_reply",
    )
    for n in (1, 2, 3):
        client.send(TOPIC, "count_up", {"key": "ann"})
        assert (await client.receive())[3] == "phx_reply"
        await client.nothing_more()
        await window_is_over(connect, clock)
        assert await diff(client) == ({"ann": [{"n": n}]}, {"ann": [{"n": n - 1}]})


async def test_update_names_the_meta_before(connect: Connect) -> None:
    """
    By `phx_ref_prev`; each meta has a ref of its own.
    """
    client = await enter(connect, track="ann")
    first = (await client.ask(TOPIC, "list"))["response"]["ann"]["metas"]
    await client.ask(TOPIC, "update", {"key": "ann", "meta": {"n": 1}})
    second = (await client.ask(TOPIC, "list"))["response"]["ann"]["metas"]
    assert first == [{"phx_ref": first[0]["phx_ref"]}]
    assert second == [
        {"n": 1, "phx_ref": second[0]["phx_ref"], "phx_ref_prev": first[0]["phx_ref"]}
    ]
    assert first[0]["phx_ref"] != second[0]["phx_ref"]


async def test_untrack_of_what_is_not_tracked_tells_nobody(connect: Connect) -> None:
    """
    Neither on a topic with presences nor on one without.
    """
    client = await enter(connect)
    assert (await client.ask(TOPIC, "untrack", {"key": "ann"}))["status"] == "ok"
    await enter(connect, track="bob")
    await diff(client)
    assert (await client.ask(TOPIC, "untrack", {"key": "ann"}))["status"] == "ok"
    await client.nothing_more()


async def test_diff_is_not_logged_where_the_topic_is(connect: Connect) -> None:
    """
    It says nothing to whoever was not there.
    """
    client = await enter(connect, "log", name="ann")
    head = await connect.endpoint.engine.head("log")
    client.send("log", "track", {"key": "ann", "meta": {}})
    assert await diff(client) == ({"ann": [{}]}, {})
    assert await connect.endpoint.engine.head("log") == head


async def test_topic_without_presences_costs_nothing(connect: Connect, clock: Clock) -> None:
    """
    Nor does one whose presences have gone, once its window is over.
    """
    presence = connect.endpoint.presence
    client = await enter(connect)
    assert await who(connect) == {}
    assert repr(presence) == "<Presence 0 topics>"
    await enter(connect, track="ann")
    client.server.close(CLIENT_CLOSED)
    for server in tuple(connect.endpoint._sessions.values()):
        server.close(CLIENT_CLOSED)
    await window_is_over(connect, clock)
    assert repr(presence) == "<Presence 1 topics>"
    await window_is_over(connect, clock)
    assert repr(presence) == "<Presence 0 topics>"
    assert len(connect.endpoint.deadlines) == 0


# --- when a channel ends


@pytest.mark.parametrize("event", ["phx_leave", "boom", "stop"])
async def test_presences_go_when_the_channel_ends(
    connect: Connect, clock: Clock, event: str
) -> None:
    """
    By leaving, by a crash, also one right after tracking, and by stopping.
    """
    watcher, client = await enter(connect), await enter(connect, name="ann", track="ann")
    await diff(watcher)
    await window_is_over(connect, clock)
    client.send(TOPIC, event)
    if event == "boom":  # tracks, which is told at once, and crashes
        assert await diff(watcher) == ({"boom": [{}]}, {})
        await until(lambda: client.server._channels == {})
        await window_is_over(connect, clock)
        assert await diff(watcher) == ({}, {"ann": [{}], "boom": [{}]})
    else:
        assert await diff(watcher) == ({}, {"ann": [{}]})
    assert await who(connect) == {}


async def test_presences_go_when_the_session_ends(connect: Connect, clock: Clock) -> None:
    """
    Of all its channels; whoever is still there is told.
    """
    watcher, client = await enter(connect), await enter(connect, track="ann")
    await diff(watcher)
    await window_is_over(connect, clock)
    client.server.close(CLIENT_CLOSED)
    assert await diff(watcher) == ({}, {"ann": [{}]})
    assert await who(connect) == {}


async def test_presence_is_the_new_channels_when_a_client_joins_twice(connect: Connect) -> None:
    """
    The old channel's meta has gone, the new one's is there.
    """
    client = await enter(connect, track="ann")
    old = (await connect.endpoint.presence.list(TOPIC))["ann"]["metas"]
    client.send(TOPIC, "phx_join", {"track": "ann"})
    await until(lambda: len(client.server._channels) == 1)
    new = (await connect.endpoint.presence.list(TOPIC))["ann"]["metas"]
    assert len(new) == 1
    assert new != old


@pytest.mark.parametrize("then", ["raise", "refuse"])
async def test_presences_go_when_the_join_fails(connect: Connect, clock: Clock, then: str) -> None:
    """
    It may track before it is over; whoever was told is told again.
    """
    watcher = await enter(connect)
    client = await enter(connect, track="ann", then=then)
    assert client.server._channels == {}
    assert await who(connect) == {}
    assert await diff(watcher) == ({"ann": [{}]}, {})
    await window_is_over(connect, clock)
    assert await diff(watcher) == ({}, {"ann": [{}]})


async def test_presences_go_when_the_session_ends_while_joining(connect: Connect) -> None:
    """
    The join is cancelled after it has tracked.
    """
    client = await connect()
    client.send(TOPIC, "phx_join", {"track": "ann", "then": "wait"})
    await until(lambda: len(connect.endpoint.presence._topics))
    client.server.close(CLIENT_CLOSED)
    await until(lambda: not connect.endpoint._tasks)
    assert await who(connect) == {}


async def test_presences_go_when_the_session_ends_while_a_diff_is_on_its_way(
    connect: Connect, engine: Slow, clock: Clock
) -> None:
    """
    The diff arrives, and the leave after it, though the channel that waited was cancelled.
    """
    watcher, client = await enter(connect), await connect()
    engine.gate = asyncio.Event()
    client.send(TOPIC, "phx_join", {"track": "ann"})
    await until(lambda: len(connect.endpoint.presence._topics))
    client.server.close(CLIENT_CLOSED)
    await until(lambda: client.server._channels == {})
    engine.gate.set()
    assert await diff(watcher) == ({"ann": [{}]}, {})
    await window_is_over(connect, clock)
    assert await diff(watcher) == ({}, {"ann": [{}]})


async def test_ended_channel_tracks_nothing(connect: Connect) -> None:
    """
    Neither in `terminate` nor from elsewhere; nobody would take it away.
    """
    client = await enter(connect, name="ann", track="ann")
    channel = next(iter(client.server._channels.values())).channel
    client.send(TOPIC, "phx_leave")
    await until(lambda: client.server._channels == {})
    await channel.track("ann", {})
    await channel.update("ann", {})
    await channel.untrack("ann")
    assert await who(connect) == {}


# --- when the engine is slow, or fails


async def test_diffs_are_in_order_when_the_engine_is_slow(
    connect: Connect, engine: Slow, clock: Clock
) -> None:
    """
    One is on its way at a time; what changes meanwhile waits as in a window.
    """
    watcher, client = await enter(connect), await enter(connect)
    engine.gate = asyncio.Event()
    client.send(TOPIC, "track", {"key": "ann", "meta": {"n": 1}})
    other = await enter(connect)
    await other.ask(TOPIC, "track", {"key": "bob", "meta": {}})
    await window_is_over(connect, clock)
    await watcher.nothing_more()
    engine.gate.set()
    assert await diff(watcher) == ({"ann": [{"n": 1}]}, {})
    await window_is_over(connect, clock)
    assert await diff(watcher) == ({"bob": [{}]}, {})


async def test_change_is_told_with_the_next_diff_when_the_engine_failed(
    connect: Connect, engine: Slow, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The author's channel goes on.
    """
    watcher, client = await enter(connect), await enter(connect)
    engine.is_broken = True
    await client.ask(TOPIC, "track", {"key": "ann", "meta": {}})
    await window_is_over(connect, clock)
    engine.is_broken = False
    await client.ask(TOPIC, "track", {"key": "bob", "meta": {}})
    await window_is_over(connect, clock)
    assert await diff(watcher) == ({"ann": [{}], "bob": [{}]}, {})
    assert caplog.text.count("a presence_diff was not published") == 2


# --- what an author may get wrong


@pytest.mark.parametrize(
    ("verb", "key", "meta", "expected"),
    [
        ("track", 5, {}, "track needs a key that is a string: str(id), got a number"),
        ("track", "k", None, f"track {OBJECT}, got null"),
        ("track", "k", ["a"], f"track {OBJECT}, got a list of 1"),
        ("track", "k", {"a": {1}}, f"track {OBJECT}, got one that JSON cannot hold: Type"),
        ("track", "\ud800", {}, "got one that JSON cannot hold"),
        ("update", None, {}, "update needs a key that is a string: str(id), got null"),
        ("update", "there", "x", f"update {OBJECT}, got a string of 1 characters"),
        ("update", "there", lambda meta: 5, f"update {OBJECT}, got a number"),
    ],
)
async def test_wrong_argument_is_a_type_error(
    connect: Connect, verb: str, key: Any, meta: Any, expected: str
) -> None:
    """
    It says what is taken, and what kind of thing came.
    """
    client = await enter(connect, track="there")
    channel = next(iter(client.server._channels.values())).channel
    with pytest.raises(TypeError) as raised:
        await getattr(channel, verb)(key, meta)
    assert expected in str(raised.value)
    assert await who(connect) == {"there": [{}]}


async def test_untrack_wants_a_key(connect: Connect) -> None:
    """
    A number may be what was meant, but never is a key.
    """
    client = await enter(connect)
    channel = next(iter(client.server._channels.values())).channel
    with pytest.raises(TypeError, match="untrack needs a key that is a string"):
        await channel.untrack(7)


async def test_key_is_tracked_once_a_channel(connect: Connect) -> None:
    """
    Another channel may track it too, this one may only update it.
    """
    client, other = await enter(connect, track="ann"), await enter(connect, track="ann")
    channel = next(iter(client.server._channels.values())).channel
    with pytest.raises(ValueError, match=r"track yet, got one that it does: update\(key, meta\)"):
        await channel.track("ann", {})
    with pytest.raises(ValueError, match=r"that this channel tracks, got another: track\(key"):
        await channel.update("bob", {})
    await other.ask(TOPIC, "untrack", {"key": "ann"})
    assert await who(connect) == {"ann": [{}]}


async def test_update_is_refused_where_nobody_is_present(connect: Connect) -> None:
    """
    The same answer as for a key that is somebody else's.
    """
    client = await enter(connect)
    channel = next(iter(client.server._channels.values())).channel
    with pytest.raises(ValueError, match="update needs a key that this channel tracks"):
        await channel.update("ann", {})


async def test_channel_tracks_a_bounded_number_of_keys(connect: Connect) -> None:
    """
    One more is refused, until one has gone.
    """
    client = await enter(connect, track="ann")
    channel = next(iter(client.server._channels.values())).channel
    await channel.track("bob", {})
    with pytest.raises(ValueError, match=r"up to 2 keys a channel \(max_channel_presences\)"):
        await channel.track("eve", {})
    await channel.untrack("ann")
    await channel.track("eve", {})
    assert set(await who(connect)) == {"bob", "eve"}


async def test_tracked_meta_is_a_copy(connect: Connect) -> None:
    """
    What the author does to the object afterwards nobody is told.
    """
    client = await enter(connect)
    channel = next(iter(client.server._channels.values())).channel
    meta = {"tags": ["a"]}
    await channel.track("ann", meta)
    meta["tags"].append("b")
    assert await who(connect) == {"ann": [{"tags": ["a"]}]}
