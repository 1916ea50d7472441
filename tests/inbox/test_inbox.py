"""
Sending, waiting, marking, taking back; and what a failure leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from channels.drive import until

from inbox.world import World, bodies, events, fail, world_of
from notifier.engine import Engine, Publication, Receipt, Retention
from notifier.errors import EngineError
from notifier.inbox import EVERYONE, TO_EVERYONE, InvalidNotice, NoticeStore, ToRoom, ToUsers
from notifier.inbox.inbox import MAX_SEEN_IDS
from notifier.inbox.notice import iso
from notifier.inbox.store import MAX_BACKLOG
from notifier.session import Limits

ODD = ["' OR 1=1 --", '"; DROP TABLE notices; --', "a\x00b", "%", "_", "é🙂", "a:b", "*", "user:x"]


@pytest.fixture(params=[False, True], ids=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(tmp_path, is_durable=request.param) as world:
        yield world


# --- waiting


async def test_notice_waits_until_its_user_comes(world: World) -> None:
    """
    Also over a restart; it comes after the reply, as a push of the join's.
    """
    one, two = await world.send("ann", "one"), await world.send("ann", "two", title="t")
    assert one.reached == 0
    await world.restart()
    client, response = await world.joined("ann")
    assert response["unread"] == 2
    first, second = await client.receive(), await client.receive()
    assert first[:4] == ["1", None, "user:ann", "new_msg"]
    assert first[4] == {
        "id": one.id,
        "body": "one",
        "from": "ada",
        "at": "2027-01-15T08:00:00.010Z",
    }
    assert (second[4]["id"], second[4]["title"]) == (two.id, "t")
    await client.nothing_more()


async def test_notice_comes_again_until_it_is_seen(world: World) -> None:
    """
    To each page that is opened anew; not to one that says what it had last.
    """
    sent = await world.send("ann")
    client, _ = await world.joined("ann")
    assert await bodies(client) == ["hi"]
    _, response = await world.joined("ann", since=sent.id)
    assert response["unread"] == 1
    again, _ = await world.joined("ann")
    assert await bodies(again) == ["hi"]
    assert (await again.ask("user:ann", "seen", {"id": sent.id}))["response"] == {"unread": 0}
    fresh, response = await world.joined("ann")
    assert response["unread"] == 0
    assert await events(fresh) == []


async def test_what_nobody_got_comes_also_before_since(world: World) -> None:
    """
    A page that remembers a later id was never told of it.
    """
    client, response = await world.joined("ann")
    client.send("user:ann", "phx_leave")
    await events(client)
    missed = await world.send("ann", "missed")
    _, response = await world.joined("ann", topic="user:ann", role="operator")
    client, _ = await world.joined("ann", since=response["head"])
    assert response["head"] == missed.id
    assert await bodies(client) == []  # ann's other session, the operator's too, has got it
    later = await world.send("bob", "before")
    await world.send("bob", "last")
    client, _ = await world.joined("bob", since=(await world.send("bob", "x")).id)
    assert await bodies(client) == ["before", "last", "x"]
    client, _ = await world.joined("bob", since=later.id)
    assert await bodies(client) == ["last", "x"]


async def test_newest_come_when_there_are_too_many(world: World) -> None:
    """
    So many at most, oldest first; the reply counts them all.
    """
    await asyncio.gather(*(world.send("ann", str(n)) for n in range(MAX_BACKLOG + 3)))
    client, response = await world.joined("ann")
    assert response["unread"] == MAX_BACKLOG + 3
    assert await bodies(client) == [str(number) for number in range(3, MAX_BACKLOG + 3)]


async def test_backlog_waits_for_room_in_the_mailbox(tmp_path: Path) -> None:
    """
    However long the notices: a join does not make its session a slow consumer.
    """
    limits = Limits(max_mailbox_messages=8)
    async with world_of(tmp_path, limits=limits) as world:
        await asyncio.gather(*(world.send("ann", str(number)) for number in range(50)))
        client, _ = await world.joined("ann")
        assert await bodies(client) == [str(number) for number in range(50)]


async def test_operator_in_the_topic_gets_what_is_live(world: World) -> None:
    """
    What waits is the user's, and stays undelivered; an operator cannot mark it.
    """
    sent = await world.send("ann", "waits")
    operator, response = await world.joined("ada", topic="user:ann", role="operator")
    assert response["unread"] == 1
    assert await events(operator) == []
    refused = await operator.ask("user:ann", "seen", {"id": sent.id})
    assert refused == {"status": "error", "response": {"reason": "forbidden"}}
    live = await world.send("ann", "live")
    assert await bodies(operator) == ["live"]
    for id, reached in ((sent.id, 0), (live.id, 1)):
        status = await world.inbox.status(id)
        assert status is not None
        assert (status.reached, status.delivered, status.read) == (reached, 0, 0)


@pytest.mark.parametrize("user", ODD)
async def test_inbox_is_its_users_alone_whatever_the_id(world: World, user: str) -> None:
    """
    No id reads, marks or deletes anything of another's.
    """
    others = [await world.send(one, "other") for one in (*ODD, "ann") if one != user]
    mine = await world.send(user, "mine")
    client, response = await world.joined(user)
    assert response["unread"] == 1
    assert await bodies(client) == ["mine"]
    ids = [*ODD, *(one.id for one in others), mine.id]
    assert (await client.ask(f"user:{user}", "seen", {"ids": ids}))["response"] == {"unread": 0}
    for one in (*ODD, "ann"):
        assert await world.inbox.unread(one) == (one != user)
    assert not any([await world.inbox.withdraw(id) for id in ODD])


# --- seen


async def test_other_sessions_hear_what_was_seen(world: World) -> None:
    """
    Once, with how many are left; whoever marked it has the reply.
    """
    ids = [(await world.send("ann", body)).id for body in "abc"]
    one, _ = await world.joined("ann")
    two, _ = await world.joined("ann")
    assert await bodies(one) == await bodies(two) == ["a", "b", "c"]
    for _ in range(2):
        reply = await one.ask("user:ann", "seen", {"ids": [ids[1], ids[0], "unknown"]})
        assert reply == {"status": "ok", "response": {"unread": 1}}
    assert await events(two) == [("seen", {"ids": ids[:2], "unread": 1})]
    assert await events(one) == []
    assert await world.inbox.seen("ann", ids) == 0
    both = [("seen", {"ids": ids[2:], "unread": 0})]
    assert (await events(one), await events(two)) == (both, both)


@pytest.mark.parametrize(
    "payload",
    [{}, [], {"ids": "a"}, {"ids": [1]}, {"id": 1}, {"ids": None}, {"ids": ["x"] * 2 + [None]}],
)
async def test_mark_is_refused_when_it_names_no_ids(world: World, payload: object) -> None:
    """
    The reply says what was expected; the channel lives on.
    """
    client, _ = await world.joined("ann")
    reply = await client.ask("user:ann", "seen", payload)
    assert (reply["status"], reply["response"]["reason"]) == ("error", "invalid payload")
    assert set(reply["response"]["expected"]) == set(reply["response"]["got"]) == {"ids"}
    assert (await client.ask("user:ann", "seen", {"ids": []}))["status"] == "ok"


async def test_mark_is_refused_when_it_names_too_many(world: World) -> None:
    """
    More than a user can have.
    """
    with pytest.raises(InvalidNotice):
        await world.inbox.seen("ann", map(str, range(MAX_SEEN_IDS + 1)))


# --- taking back, and time


async def test_withdrawn_notice_is_told_and_comes_to_nobody(world: World) -> None:
    """
    Neither from the inbox nor from the log; who had it and comes back hears of it.
    """
    client, response = await world.joined("ann")
    sent = await world.send("ann")
    assert await bodies(client) == ["hi"]
    for _ in range(2):
        assert await world.inbox.withdraw(sent.id)
    assert await events(client) == [("withdrawn", {"id": sent.id})]
    fresh, joined = await world.joined("ann")
    assert joined["unread"] == 0
    assert await events(fresh) == []
    behind, _ = await world.joined("ann", since=response["head"])
    assert await events(behind) == []
    back, _ = await world.joined("ann", since=sent.id)
    assert await events(back) == [("withdrawn", {"id": sent.id})]


async def test_withdrawal_outlasts_a_restart(tmp_path: Path) -> None:
    """
    The log has the notice still; nobody gets it from there.
    """
    async with world_of(tmp_path, is_durable=True) as world:
        _, response = await world.joined("ann")
        _, lobby = await world.joined("bob", topic="room:lobby")
        sent = await world.send("ann", "one")
        await world.send("ann", "two")
        notice = await world.send(TO_EVERYONE, "all")
        assert await world.inbox.withdraw(sent.id)
        assert await world.inbox.withdraw(notice.id)
        await world.restart()
        client, _ = await world.joined("ann", since=response["head"])
        assert await bodies(client) == ["two"]
        other, _ = await world.joined("bob", since=lobby["head"], topic="room:lobby")
        assert await events(other) == []


async def test_copies_are_withdrawn_together(world: World) -> None:
    """
    By the id of any of them.
    """
    ann, _ = await world.joined("ann")
    bob, _ = await world.joined("bob")
    sent = await world.send(ToUsers(["ann", "bob", "cy"]))
    assert sent.reached == 2
    ((_, one),) = await events(ann)
    ((_, other),) = await events(bob)
    assert sent.id == one["id"] != other["id"]
    assert await world.inbox.withdraw(other["id"])
    assert await events(ann) == [("withdrawn", {"id": one["id"]})]
    assert await events(bob) == [("withdrawn", {"id": other["id"]})]
    status = await world.inbox.status(other["id"])
    assert status is not None
    assert (status.id, status.users, status.delivered, status.is_withdrawn) == (sent.id, 3, 2, True)
    assert not await world.inbox.withdraw("no such id")
    assert await world.inbox.status("no such id") is None


async def test_notice_is_over_at_its_time(world: World) -> None:
    """
    It counts as unread no more, and comes neither from the inbox nor from a log.
    """
    _, response = await world.joined("ann")
    _, lobby = await world.joined("ann", topic="room:lobby")
    until = iso(world.now + 60)
    await world.send("ann", "short", expires_at=until)
    await world.send(TO_EVERYONE, "short", expires_at=until)
    await world.send("ann", "long")
    client, joined = await world.joined("ann")
    assert (joined["unread"], await bodies(client)) == (2, ["short", "long"])
    world.now += 61
    client, joined = await world.joined("ann")
    assert (joined["unread"], await bodies(client)) == (1, ["long"])
    client, _ = await world.joined("ann", since=response["head"])
    assert await bodies(client) == ["long"]
    client, _ = await world.joined("ann", since=lobby["head"], topic="room:lobby")
    assert await events(client) == []


async def test_rooms_notice_has_fields_and_no_unread_state(world: World) -> None:
    """
    It reaches who is there, and who recovers from the log.
    """
    client, response = await world.joined("ann", topic="room:x")
    assert "unread" not in response
    sent = await world.send(ToRoom("room:x"), "b", level="urgent", link="https://a.example")
    ((_, notice),) = await events(client)
    assert (notice["level"], notice["link"]) == ("urgent", "https://a.example")
    status = await world.inbox.status(sent.id)
    assert status is not None
    assert (status.room, status.reached, status.users, status.read) == ("room:x", 1, 0, 0)
    assert await world.inbox.withdraw(sent.id)
    assert await events(client) == [("withdrawn", {"id": sent.id})]
    fresh, _ = await world.joined("ann", topic="room:x")
    assert await events(fresh) == []


async def test_status_tells_how_far_a_notice_came(world: World) -> None:
    """
    Reached at the sending, delivered since, read.
    """
    sent = await world.send(ToUsers(["ann", "bob"]))
    for joined, delivered in (("ann", 1), ("bob", 2)):
        client, _ = await world.joined(joined)
        await events(client)
        status = await world.inbox.status(sent.id)
        assert status is not None
        assert (status.reached, status.delivered, status.read) == (0, delivered, 0)
    await world.inbox.seen("ann", [sent.id])
    status = await world.inbox.status(sent.id)
    assert status is not None
    assert status.read == 1


async def test_notice_has_an_id_where_the_topic_keeps_no_log(world: World) -> None:
    """
    An application's own topics may be sent to, too.
    """
    sent = await world.send(ToRoom("elsewhere"))
    assert sent.reached == 0
    assert await world.inbox.withdraw(sent.id)


# --- the seam


class SlowEngine(Engine):
    """
    Lets other work run before and after each step, as often as it is told.
    """

    def __init__(self, engine: Engine, rounds: Callable[[], int]) -> None:
        self.engine, self.rounds = engine, rounds

    async def _idle(self) -> None:
        for _ in range(self.rounds()):
            await asyncio.sleep(0)

    async def publish(
        self, publication: Publication, retention: Retention | None = None
    ) -> Receipt:
        await self._idle()
        receipt = await self.engine.publish(publication, retention)
        await self._idle()
        return receipt

    async def subscribe(self, topic: str, receiver: Any) -> None:
        await self._idle()
        await self.engine.subscribe(topic, receiver)

    async def unsubscribe(self, topic: str, receiver: Any) -> None:
        await self.engine.unsubscribe(topic, receiver)

    async def read(self, topic: str, since: str, limit: int) -> Any:
        await self._idle()
        page = await self.engine.read(topic, since, limit)
        await self._idle()
        return page

    async def head(self, topic: str) -> str:
        await self._idle()
        head = await self.engine.head(topic)
        await self._idle()
        return head

    async def close(self) -> None:
        await self.engine.close()


@pytest.mark.parametrize("knows_since", [False, True])
@pytest.mark.parametrize("rounds", range(12))
async def test_notice_comes_once_when_it_is_sent_while_joining(
    world: World, rounds: int, knows_since: bool
) -> None:
    """
    Wherever the publishing and the join meet.
    """
    waits = await world.send("ann", "0")
    await events((await world.joined("ann"))[0])
    steps = iter([rounds, 3, 1, 0, 7, 2] * 50)
    slow = SlowEngine(world.endpoint.engine, lambda: next(steps))
    world.endpoint.engine = world.endpoint.pubsub.engine = slow
    clients = [await world.connect("ann") for _ in range(6)]
    sending = asyncio.gather(*(world.send("ann", str(n)) for n in range(1, 6)))
    for client in clients:
        client.send("user:ann", "phx_join", {"since": waits.id} if knows_since else {})
        for _ in range(rounds):
            await asyncio.sleep(0)
    await sending
    for client in clients:
        reply = await client.receive()
        assert reply[4]["status"] == "ok"
        got = await bodies(client)
        assert sorted(got) == [str(n) for n in range(knows_since, 6)]
        counted = reply[4]["response"]["unread"]
        assert 1 <= counted <= 6


# --- what fails


async def test_nothing_is_sent_when_the_intent_cannot_be_noted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The sender hears of it, without what was to be stored; nobody gets it, now or later.
    """
    client, _ = await world.joined("ann")
    fail(monkeypatch, "intend")
    with pytest.raises(EngineError) as raised:
        await world.send("ann")
    assert "secret" not in str(raised.value)
    assert await events(client) == []
    await world.restart()
    assert await world.inbox.unread("ann") == 0


async def test_notice_is_in_the_inbox_when_filing_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is filed before anybody looks, marks it or asks.
    """
    for act in ("join", "seen", "withdraw", "status"):
        client, _ = await world.joined(act)
        fail(monkeypatch, "file")
        sent = await world.send(act)
        monkeypatch.undo()
        assert await bodies(client) == ["hi"]
        if act == "join":
            assert (await world.joined(act))[1]["unread"] == 1
        elif act == "seen":
            assert await world.inbox.seen(act, [sent.id]) == 0
        elif act == "withdraw":
            assert await world.inbox.withdraw(sent.id)
        else:
            assert await world.inbox.status(sent.id) is not None
        assert not world.inbox._unfiled
        assert not world.store.intended()


async def test_join_is_refused_when_the_inbox_cannot_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    So that the client comes back: nothing is left out in silence.
    """
    await world.send("ann")
    fail(monkeypatch, "look")
    client = await world.connect("ann")
    assert await client.join("user:ann") == {
        "status": "error",
        "response": {"reason": "join crashed"},
    }
    response = await world.join(client, "user:ann")
    assert response["unread"] == 1
    assert await bodies(client) == ["hi"]


class Killed(BaseException):
    """
    The process ends here: nothing after it happens.
    """


@pytest.mark.parametrize("is_durable", [False, True])
@pytest.mark.parametrize("when", ["before publishing", "after publishing", "half way"])
async def test_notice_survives_a_kill_while_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_durable: bool, when: str
) -> None:
    """
    Each user gets it once, and nothing is in the way of what follows.
    """
    async with world_of(tmp_path, is_durable=is_durable) as world:
        before = await world.send("ann", "same")
        works = type(world.endpoint.engine).publish

        async def publish(self: Engine, publication: Publication, retention: Any = None) -> Receipt:
            if when == "before publishing" or publication.topic == "user:bob":
                raise Killed
            return await works(self, publication, retention)

        def file(*_: object) -> None:
            raise Killed

        if when != "after publishing":
            monkeypatch.setattr(type(world.endpoint.engine), "publish", publish)
        monkeypatch.setattr(NoticeStore, "file", file)
        monkeypatch.setattr(NoticeStore, "give_up", file)
        world.now -= 0.01  # the very same payload once more
        with pytest.raises(Killed):
            await world.send(ToUsers(["ann", "bob"]), "same")
        monkeypatch.undo()
        await world.restart()
        assert not world.store.intended()
        for user, count in (("ann", 2), ("bob", 1)):
            client, response = await world.joined(user)
            assert response["unread"] == count
            assert await bodies(client) == ["same"] * count
            page = await world.endpoint.engine.read(f"user:{user}", "", 100)
            assert len(page.publications) == (count if is_durable else 1)
        await world.send("ann", "next")
        assert await world.inbox.seen("ann", [before.id]) == 2


async def test_notice_that_is_over_is_given_up_at_the_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nobody wants what was to be sent before a long outage.
    """

    async def publish(*_: object) -> Receipt:
        raise Killed

    def give_up(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(type(world.endpoint.engine), "publish", publish)
    monkeypatch.setattr(NoticeStore, "give_up", give_up)
    with pytest.raises(Killed):
        await world.send("ann", expires_at=iso(world.now + 10))
    monkeypatch.undo()
    assert len(world.store.intended()) == 1
    world.now += 10
    await world.restart()
    assert world.store.intended() == []
    assert await world.inbox.unread("ann") == 0


async def test_nobody_keeps_a_notice_that_failed_for_some(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever has it is told; the sender can send it again.
    """
    client, _ = await world.joined("ann")
    works = type(world.endpoint.engine).publish

    async def full(self: Engine, publication: Publication, retention: Any = None) -> Receipt:
        if publication.topic == "user:bob":
            raise EngineError("store", "the disk is full")
        return await works(self, publication, retention)

    monkeypatch.setattr(type(world.endpoint.engine), "publish", full)
    for to in (["ann", "bob"], ["bob"]):
        with pytest.raises(EngineError):
            await world.send(ToUsers(to))
    monkeypatch.undo()
    assert [event for event, _ in await events(client)] == ["new_msg", "withdrawn"]
    assert await world.inbox.unread("ann") == 0
    await world.restart()
    assert await world.inbox.unread("bob") == 0


async def test_sending_goes_on_when_its_sender_has_gone(world: World) -> None:
    """
    A request that is given up half way leaves no half a notice.
    """
    sending = asyncio.ensure_future(world.send("ann"))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await world.inbox.close()
    assert await world.inbox.unread("ann") == 1
    assert not world.store.intended()


async def test_delivery_that_cannot_be_noted_costs_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The notice counts as undelivered.
    """
    client, _ = await world.joined("ann")
    fail(monkeypatch, "mark_delivered")
    sent = await world.send("ann")
    assert await bodies(client) == ["hi"]
    status = await world.inbox.status(sent.id)
    assert status is not None
    assert status.delivered == 0
    assert "1 deliveries are not noted" in caplog.text


async def test_room_notes_who_came_back_for_a_notice(tmp_path: Path) -> None:
    """
    With `since` before it, once for each user; not who was there, nor who comes anew.
    """
    async with world_of(tmp_path) as world:
        _, reply = await world.joined("ann", topic=EVERYONE)
        sent = await world.send(TO_EVERYONE)
        for user in ("bob", "bob", "eve"):
            await world.joined(user, reply["head"], EVERYONE)
        await world.joined("joe", topic=EVERYONE)
        await world.joined("kim", sent.id, EVERYONE)
        status = await world.inbox.status(sent.id)
        assert status is not None
        assert (status.reached, status.delivered, status.read) == (1, 2, 0)


async def test_room_notes_nothing_that_its_log_has_lost(tmp_path: Path) -> None:
    """
    The inbox keeps a notice for longer than the log, which brings it to nobody then.
    """
    async with world_of(tmp_path) as world:
        _, reply = await world.joined("ann", topic=EVERYONE)
        old = await world.send(TO_EVERYONE)
        world.now += 2 * 86_400
        new = await world.send(TO_EVERYONE)
        await world.joined("bob", reply["head"], EVERYONE)
        found = [await world.inbox.status(id) for id in (old.id, new.id)]
        assert [one.delivered for one in found if one] == [0, 1]


async def test_each_change_is_told(tmp_path: Path) -> None:
    """
    Whatever makes a status another: sent, got, read, recovered, withdrawn.
    """
    async with world_of(tmp_path) as world:
        counts = [world.inbox.changes.count]

        def has_changed() -> bool:
            counts.append(world.inbox.changes.count)
            return counts[-1] > counts[-2]

        _, reply = await world.joined("ann", topic=EVERYONE)
        room, own = await world.send(TO_EVERYONE), await world.send("ann")
        assert has_changed()
        client, _ = await world.joined("ann")
        await events(client)
        await world.inbox.status(own.id)
        assert has_changed()
        await world.inbox.seen("ann", [own.id])
        assert has_changed()
        await world.inbox.seen("ann", [own.id])
        assert not has_changed()
        await world.joined("bob", reply["head"], EVERYONE)
        await world.inbox.status(room.id)
        assert has_changed()
        await world.inbox.read_in_room("bob", EVERYONE, [room.id])
        assert has_changed()
        await world.inbox.withdraw(room.id)
        assert has_changed()


async def test_change_is_told_when_a_join_notes_what_was_handed_out(tmp_path: Path) -> None:
    """
    The join takes along what waits to be noted, and so nobody else tells of it.
    """
    async with world_of(tmp_path) as world:
        await world.send("ann")
        before = world.inbox.changes.count
        world.inbox._deliveries.add("user:ann", (await world.send("ann")).id)
        before = world.inbox.changes.count
        await world.inbox.waiting("ann", "f", None)
        assert world.inbox.changes.count == before + 1


async def test_recovery_is_noted_when_it_comes_while_others_are(tmp_path: Path) -> None:
    """
    It does not wait for the next that comes.
    """
    async with world_of(tmp_path) as world:
        sent = await world.send(TO_EVERYONE)
        for user in ("ann", "bob"):
            world.inbox.recovered(user, EVERYONE, "", "f")
            seen = world.inbox.changes.count
            await world.inbox.changes.wait(seen)
            world.inbox.recovered(f"{user} too", EVERYONE, "", "f")
        await until(lambda: world.inbox._noting is None)
        status = world.store.status(sent.id)
        assert status is not None
        assert status.delivered == 4


async def test_recovery_comes_before_the_reading(tmp_path: Path) -> None:
    """
    Of the page that has recovered a notice and says at once that it was read.
    """
    async with world_of(tmp_path) as world:
        sent = await world.send(TO_EVERYONE)
        world.inbox.recovered("ann", EVERYONE, "", "f")
        await world.inbox.read_in_room("ann", EVERYONE, [sent.id])
        status = await world.inbox.status(sent.id)
        assert status is not None
        assert (status.delivered, status.read) == (1, 1)
