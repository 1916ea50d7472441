"""
Reading: history and presence by page, and how many sessions there are.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest

from api.caller import Caller, Clock
from notifier.channels.roster import Presences
from notifier.session import User

TOPIC = "room:a/b c"
HISTORY = f"/history/{quote(TOPIC, safe='')}"


async def filled(caller: Caller, count: int, size: int = 1) -> list[str]:
    receipts = [
        await caller.notifier.broadcast(TOPIC, "new_msg", {"n": number, "body": "x" * size})
        for number in range(count)
    ]
    return [str(one.id) for one in receipts]


async def pages(caller: Caller, limit: int) -> list[list[str]]:
    found, next_ = list[list[str]](), ""
    while True:
        page = (await caller.ask("GET", f"{HISTORY}?limit={limit}{next_}")).body
        assert page["recovered"] is True
        found.append([one["id"] for one in page["messages"]])
        if page["next"] is None:
            return found
        next_ = f"&since={page['next']}"


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 45), (20, [20, 20, 5]), (45, [45])])
async def test_history_comes_whole_when_it_is_read_by_page(
    caller: Caller, limit: int, sizes: list[int]
) -> None:
    """
    In order, once, whatever the size of a page; a topic may hold slashes and blanks.
    """
    ids = await filled(caller, 45)
    found = await pages(caller, limit)
    assert [len(page) for page in found] == sizes
    assert [id for page in found for id in page] == ids


async def test_page_ends_early_when_its_messages_are_large(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Up to a number of bytes, or one message.
    """
    monkeypatch.setattr("notifier.api.reading.PAGE_MAX_BYTES", 250)
    ids = await filled(caller, 5, 60)
    found = await pages(caller, 100)
    assert [id for page in found for id in page] == ids
    assert [len(page) for page in found] == [2, 2, 1]
    monkeypatch.setattr("notifier.api.reading.PAGE_MAX_BYTES", 1)
    assert [len(page) for page in await pages(caller, 100)] == [1] * 5


async def test_history_is_not_recovered_when_its_start_is_unknown(caller: Caller) -> None:
    """
    An id that lies outside of the log is told as such.
    """
    ids = await filled(caller, 3)
    told = (await caller.ask("GET", f"{HISTORY}?since=0")).body
    assert (told["recovered"], len(told["messages"]), told["head"]) == (False, 3, ids[-1])
    told = (await caller.ask("GET", f"{HISTORY}?since=z")).body
    assert (told["recovered"], told["messages"], told["next"]) == (False, [], None)
    told = (await caller.ask("GET", f"{HISTORY}?since={ids[0]}")).body
    assert [one["payload"]["n"] for one in told["messages"]] == [1, 2]
    assert told["recovered"] is True


async def notice(caller: Caller, **fields: str) -> str:
    body = {"to": {"room": TOPIC}, "body": "hello", **fields}
    return str((await caller.ask("POST", "/notices", body)).body["id"])


async def test_history_has_no_notice_that_was_withdrawn_or_has_expired(
    caller: Caller, clock: Clock
) -> None:
    """
    They are passed over, and `next` and `head` go on over them.
    """
    first = await notice(caller)
    for _ in range(25):
        await notice(caller, expires_at="2027-01-15T08:01:00Z")
    kept = await notice(caller)
    last = await notice(caller)
    await caller.ask("POST", f"/notices/{last}/withdraw")
    clock.now += 61
    for limit, sizes in ((1, [1, 1, 0]), (2, [2, 0]), (100, [2])):
        found = await pages(caller, limit)
        assert [len(page) for page in found] == sizes
        assert [id for page in found for id in page] == [first, kept]
    told = (await caller.ask("GET", f"{HISTORY}?since={kept}")).body
    assert (told["messages"], told["head"], told["next"]) == ([], last, None)


async def test_page_is_cut_short_when_most_notices_are_over(
    caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One request looks at so many messages and no more; `next` goes on from there.
    """
    monkeypatch.setattr("notifier.api.reading.LOOKED_AT_MAX", 20)
    for _ in range(30):
        await notice(caller, expires_at="2027-01-15T08:01:00Z")
    kept = await notice(caller)
    clock.now += 61
    assert await pages(caller, 100) == [[], [kept]]


async def test_history_is_refused_when_a_topic_keeps_none(caller: Caller) -> None:
    """
    No channel, or one without history.
    """
    assert (await caller.ask("GET", "/history/nobody:serves")).kind == "NotFound"


async def test_presence_is_listed_by_page(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    In the order of keys; the count is that of all.
    """
    present: Presences = {f"user{n}": {"metas": [{"phx_ref": str(n)}]} for n in (3, 1, 2)}

    async def list_(topic: str) -> Presences:
        assert topic == TOPIC
        return present

    monkeypatch.setattr(caller.notifier.endpoint.presence.__class__, "list", staticmethod(list_))
    path = f"/presence/{quote(TOPIC, safe='')}?limit=2"
    first = (await caller.ask("GET", path)).body
    assert (list(first["presences"]), first["count"], first["next"]) == (
        ["user1", "user2"],
        3,
        "user2",
    )
    second = (await caller.ask("GET", f"{path}&after=user2")).body
    assert (second["presences"], second["next"]) == ({"user3": present["user3"]}, None)


async def test_presence_is_refused_when_no_channel_serves_the_topic(caller: Caller) -> None:
    """
    A misspelt topic is no empty room.
    """
    assert (await caller.ask("GET", "/presence/rom:lobby")).kind == "NotFound"
    assert (await caller.ask("GET", "/presence/room:lobby")).body["presences"] == {}


async def test_sessions_are_counted_by_transport(caller: Caller) -> None:
    """
    As /health does, for whoever has a key.
    """
    tokens = caller.notifier.endpoint.tokens
    params = {"token": tokens.sign_user(User("ann")), "vsn": "2.0.0"}
    async with caller.http.get("/socket/longpoll", params=params) as answer:
        assert answer.status == 200
    told = (await caller.ask("GET", "/sessions")).body
    assert told == {"sessions": 1, "transports": {"longpoll": 1, "websocket": 0}}
