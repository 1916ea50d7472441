"""
Notices: to users, a room, or all; and what became of them.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.caller import Caller, Told
from notifier.session import User


async def send(caller: Caller, to: object, once: str | None = None, **more: object) -> Told:
    headers = {} if once is None else {"Idempotency-Key": once}
    body = {"to": to, "body": "hello", **more}
    return await caller.ask("POST", "/notices", body, headers=headers)


async def join(caller: Caller, user: str, topic: str) -> list[Any]:
    """
    Open a session and join, and give what comes with the reply.
    """
    token = caller.notifier.endpoint.tokens.sign_user(User(user))
    params = {"token": token, "vsn": "2.0.0", "join": topic}
    async with caller.http.get("/socket/longpoll", params=params) as answer:
        body = await answer.json()
    return [json.loads(one) for one in body["messages"]]


async def test_notice_waits_when_its_user_is_away(caller: Caller) -> None:
    """
    It comes with the next join, once, and its status says so.
    """
    sent = await send(caller, {"users": ["ann", "bob"]}, title="News", level="warning")
    assert (sent.status, sent.body["reached"]) == (201, 0)
    path = f"/notices/{sent.body['id']}"
    status = (await caller.ask("GET", path)).body
    assert (status["users"], status["delivered"], status["read"]) == (2, 0, 0)
    messages = await join(caller, "ann", "user:ann")
    assert "hello" in json.dumps(messages)
    assert (await caller.ask("GET", path)).body["delivered"] == 1


async def test_notice_names_the_key_or_whom_it_is_from(caller: Caller) -> None:
    """
    A host application may send in the name of its people.
    """
    for more, sender in (({}, "host"), ({"from": "Ada"}, "Ada")):
        await send(caller, "all", **more)
        page = await caller.notifier.endpoint.engine.read("room:lobby", "", 10)
        assert page.publications[-1].payload["from"] == sender


async def test_notice_to_a_room_is_told_as_such(caller: Caller) -> None:
    """
    It has a room instead of users.
    """
    sent = await send(caller, {"room": "room:a/b"}, expires_at="2030-01-31T12:00:00+01:00")
    status = (await caller.ask("GET", f"/notices/{sent.body['id']}")).body
    assert (status["room"], status["users"]) == ("room:a/b", 0)
    assert status["expires_at"] == "2030-01-31T11:00:00.000Z"


async def test_notice_is_withdrawn_once_or_more_often(caller: Caller) -> None:
    """
    Nobody gets it any more.
    """
    sent = await send(caller, {"users": ["ann"]})
    path = f"/notices/{sent.body['id']}"
    for _ in range(2):
        told = await caller.ask("POST", f"{path}/withdraw")
        assert told.body == {"id": sent.body["id"], "withdrawn": True}
    assert (await caller.ask("GET", path)).body["withdrawn"] is True
    assert "hello" not in json.dumps(await join(caller, "ann", "user:ann"))


async def test_notice_is_sent_once_when_its_request_is_repeated(caller: Caller) -> None:
    """
    As what is published.
    """
    one, other = (
        await send(caller, {"users": ["ann"]}, "a"),
        await send(caller, {"users": ["ann"]}, "a"),
    )
    assert one.body == other.body
    assert json.dumps(await join(caller, "ann", "user:ann")).count("hello") == 1


async def test_notice_is_not_found_when_there_is_none(caller: Caller) -> None:
    """
    Neither its status nor to withdraw it.
    """
    assert (await caller.ask("GET", "/notices/nothing")).kind == "NotFound"
    assert (await caller.ask("POST", "/notices/nothing/withdraw")).kind == "NotFound"
    assert (await send(caller, {"room": "nobody:serves"})).kind == "NotFound"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": "everyone"}, "/to"),
        ({"to": {"users": []}}, "/to/users"),
        ({"to": {"users": ["a"] * 1_001}}, "/to/users"),
        ({"to": {"users": ["a"] * 17 + [42]}}, "/to/users/17"),
        ({"to": {"users": ["a"], "rooms": []}}, "/to/rooms"),
        ({"to": {"user": "a"}}, "/to"),
        ({"to": {"room": "user:ann"}}, "/to/room"),
        ({"to": {"users": ["a"], "room": "room:a"}}, "/to"),
        ({"body": ""}, "/body"),
        ({"body": "x" * 4_001}, "/body"),
        ({"title": "x" * 201}, "/title"),
        ({"level": "loud"}, "/level"),
        ({"link": "javascript:alert(1)"}, "/link"),
        ({"link": "https://a b"}, "/link"),
        ({"expires_at": "2030-01-31T12:00:00"}, "/expires_at"),
        ({"expires_at": "2001-01-31T12:00:00Z"}, "/expires_at"),
        ({"expires_at": "2030-99-31T12:00:00Z"}, "/expires_at"),
        ({"from": "a\nb"}, "/from"),
        ({"loud": True}, "/loud"),
    ],
)
async def test_field_is_named_when_it_is_wrong(
    caller: Caller, change: dict[str, object], field: str
) -> None:
    """
    With what was expected in its place.
    """
    told = await send(caller, **{"to": "all", **change})
    assert (told.kind, told.fields) == ("NotValid", [field])
    assert told.body["errors"][0]["expected"]
