"""
What a channel brings ahead of its topic's log, and what it steps over.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from channels.drive import Client, connected
from notifier import Channel, Limits, Ok, Retention, handle_in, handle_out
from notifier.channels import Backlog
from notifier.engine import Publication
from notifier.engine.ids import IdMaker

OLD = IdMaker(lambda: 1.0)


def waiting(*numbers: int) -> list[Publication]:
    return [Publication("a", "news", {"n": n}, OLD.make()) for n in numbers]


class Keeper(Channel):
    """
    Has a backlog, and remembers what it was asked.
    """

    history = Retention()
    has: list[Publication]
    asked: list[Any]

    async def join(self, payload):
        return Ok({"from": "join", "head": "the log's counts"})

    async def backlog(self, head, since):
        self.asked.append((head, since))
        await asyncio.sleep(0)
        return Backlog(self.has, {"from": "backlog", "waits": len(self.has)})

    def is_current(self, publication):
        return publication.payload["n"] >= 0

    @handle_in("key")
    async def tell_key(self, payload):
        return Ok({"key": self.key})


class Intercepting(Keeper):
    @handle_out("news")
    async def news(self, payload):
        await self.push("news", payload)


@pytest.fixture(params=[Keeper, Intercepting])
def keeper(request: pytest.FixtureRequest) -> Any:
    return type("Kept", (request.param,), {"has": [], "asked": []})


async def join(client: Client, since: str | None = None) -> Any:
    client.send("a", "phx_join", {} if since is None else {"since": since})
    return (await client.receive())[4]


async def numbers(client: Client, count: int) -> list[int]:
    return [(await client.receive())[4]["n"] for _ in range(count)]


@pytest.mark.parametrize("count", [1, 3, 300])
async def test_backlog_comes_after_the_reply_and_before_all_else(keeper: Any, count: int) -> None:
    """
    As pushes of the join's, whatever room there is; then the log, then what is live.
    """
    async with connected(Limits(max_mailbox_messages=20), a=keeper) as connect:
        ids = [(await connect.endpoint.broadcast("a", "news", {"n": n})).id for n in (1, 2)]
        keeper.has = waiting(*range(100, 100 + count))
        client = await connect()
        reply = await join(client, ids[0])
        response = {"from": "backlog", "waits": count, "recovered": True, "head": ids[1]}
        assert reply == {"status": "ok", "response": response}
        await connect.endpoint.broadcast("a", "news", {"n": 3})
        first = await client.receive()
        assert first == ["1", None, "a", "news", {"n": 100}]
        assert await numbers(client, count + 1) == [*range(101, 100 + count), 2, 3]
        await client.nothing_more()
        assert keeper.asked == [(ids[1], ids[0])]


async def test_backlog_comes_before_what_is_sent_during_the_join(keeper: Any) -> None:
    """
    Without a since the log adds nothing that was there before.
    """
    async with connected(a=keeper) as connect:
        await connect.endpoint.broadcast("a", "news", {"n": 1})
        keeper.has = waiting(100)
        client = await connect()
        client.send("a", "phx_join", {})
        for n in range(2, 12):
            await connect.endpoint.broadcast("a", "news", {"n": n})
            await asyncio.sleep(0)
        head = (await client.receive())[4]["response"]["head"]
        behind = await connect.endpoint.engine.read("a", head, 100)
        live = [one.payload["n"] for one in behind.publications]
        assert await numbers(client, 1 + len(live)) == [100, *live]
        await client.nothing_more()


async def test_backlog_leaves_out_what_the_log_brings(keeper: Any) -> None:
    """
    And what is above the head, which comes by itself.
    """
    async with connected(a=keeper) as connect:
        await connect.endpoint.broadcast("a", "news", {"n": 1})
        page = await connect.endpoint.engine.read("a", "", 10)
        keeper.has = [
            *waiting(100),
            *page.publications,
            Publication("a", "news", {"n": 101}, "ffffffffffff-00000"),
        ]
        client = await connect()
        await join(client, waiting(0)[0].id)
        assert await numbers(client, 2) == [100, 1]
        await client.nothing_more()


async def test_what_is_not_current_is_stepped_over(keeper: Any) -> None:
    """
    In the backlog and in the log; what follows comes, also past a full mailbox.
    """
    async with connected(Limits(max_mailbox_messages=4), a=keeper) as connect:
        keeper.has = waiting(-1, 100, -2, -3, 101)
        first = None
        for n in (0, -1, 1, 2, 3, -2, 4, 5, -3):
            receipt = await connect.endpoint.broadcast("a", "news", {"n": n})
            first = first or receipt.id
        client = await connect()
        await join(client, first)
        assert await numbers(client, 7) == [100, 101, 1, 2, 3, 4, 5]
        await client.nothing_more()


async def test_what_is_not_current_any_more_is_stepped_over_after_a_wait(keeper: Any) -> None:
    """
    It is asked at the last moment: what waited for room may be over since.
    """
    over = set[int]()
    keeper.is_current = lambda self, publication: publication.payload["n"] not in over
    async with connected(Limits(max_mailbox_messages=4), a=keeper) as connect:
        keeper.has = waiting(*range(8))
        client = await connect()
        client.send("a", "phx_join", {})
        for _ in range(50):
            await asyncio.sleep(0)
        over.update((3, 5, 7))
        await client.receive()
        got = await numbers(client, 5)
        assert got[-2:] == [4, 6]
        await client.nothing_more()


async def test_join_is_refused_when_what_backlog_returns_is_none(caplog) -> None:
    """
    The log tells the author what was expected.
    """

    class Wrong(Channel):
        history = Retention()

        async def backlog(self, head, since):
            return [1]

    async with connected(a=Wrong) as connect:
        client = await connect()
        reply = await client.join("a")
        assert reply == {"status": "error", "response": {"reason": "join crashed"}}
    assert "Wrong.backlog must return a Backlog, got a list of 1" in caplog.text


async def test_broadcast_that_is_not_logged_goes_out_at_once(keeper: Any) -> None:
    """
    With an `id` of its author's, to all but the channel named by its key.
    """
    async with connected(a=keeper) as connect:
        one, two = await connect(), await connect()
        for client in (one, two):
            await client.join("a")
        key = (await one.ask("a", "key"))["response"]["key"]
        head = await connect.endpoint.engine.head("a")
        receipt = await connect.endpoint.broadcast(
            "a", "gone", {"id": "mine"}, sender=key, is_logged=False
        )
        assert (receipt.id, receipt.reached) == (None, 1)
        assert await two.receive() == [None, None, "a", "gone", {"id": "mine"}]
        await one.nothing_more()
        assert await connect.endpoint.engine.head("a") == head
