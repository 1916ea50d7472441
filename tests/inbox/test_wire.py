"""
What clients see of the inbox, over both doors and both transports.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from aiohttp import ClientSession
from attrs import define
from doors import DOORS, serving
from transports.clients import Client, LongPollClient, WebSocketClient

from notifier import Notifier, User
from notifier.app import build
from notifier.config import load_config


@define(eq=False)
class Site:
    """
    The server that `notifier serve` runs, and clients of one kind.
    """

    http: ClientSession
    port: int
    server: Notifier
    kind: type[Client]
    vsn: str

    def url(self, transport: str) -> str:
        return f"http://127.0.0.1:{self.port}/socket/{transport}"

    async def client(self, user: str, role: str = "customer") -> Client:
        client = self.kind(self, self.vsn)
        await client.connect({"token": self.server.endpoint.tokens.sign_user(User(user, role))})
        return client


@pytest.fixture(params=["1.0.0", "2.0.0"])
def vsn(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=DOORS)
async def site(
    request: pytest.FixtureRequest, tmp_path: Path, kind: type[Client], vsn: str
) -> AsyncIterator[Site]:
    server = Notifier()
    app = build(server, load_config({"data_dir": str(tmp_path)}, {}, None), ["k"])
    async with serving(request.param, app, server) as port, ClientSession() as http:
        yield Site(http, port, server, kind, vsn)


@pytest.fixture(params=[LongPollClient, WebSocketClient])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def ok(**response: Any) -> dict[str, Any]:
    return {"status": "ok", "response": response}


async def test_notice_waits_is_read_and_is_withdrawn(site: Site) -> None:
    """
    An operator's client sends it to a user who is away; two pages of the user's follow each other.
    """
    operator = await site.client("ada", "operator")
    assert await operator.join("user:ann") == ok(head=ANY, unread=0)
    fields = {"body": "b", "level": "warning", "title": "t", "link": "https://a.example/"}
    ref = await operator.send("user:ann", "new_msg", fields)
    told = [await operator.receive() for _ in range(2)]
    (reply,) = [one for one in told if one.ref == ref]
    (notice,) = [one.payload for one in told if one.event == "new_msg"]
    assert reply.payload == ok(id=notice["id"], reached=1)
    assert notice == {**fields, "id": ANY, "from": "ada", "at": ANY}

    one, two = await site.client("ann"), await site.client("ann")
    for page in (one, two):
        assert await page.join("user:ann") == ok(head=notice["id"], unread=1)
        message = await page.receive()
        assert message == (page.joined["user:ann"], None, "user:ann", "new_msg", notice)
    assert await one.ask("user:ann", "seen", {"ids": [notice["id"], "?"]}) == ok(unread=0)
    for page in (two, operator):
        message = await page.receive()
        assert message[3:] == ("seen", {"ids": [notice["id"]], "unread": 0})
    assert await one.ask("user:ann", "seen", {"id": notice["id"]}) == ok(unread=0)

    inbox = site.server.endpoint.assigns["inbox"]
    assert await inbox.withdraw(notice["id"])
    for page in (one, two, operator):
        assert (await page.receive())[2:] == ("user:ann", "withdrawn", {"id": notice["id"]})
        await page.nothing_more()


async def test_bad_field_is_answered_with_what_was_expected(site: Site) -> None:
    """
    And with what kind of value came; the channel lives on, and nobody got anything.
    """
    operator = await site.client("ada", "operator")
    for topic in ("user:ann", "room:lobby"):
        await operator.join(topic)
        reply = await operator.ask(topic, "new_msg", {"body": "b", "link": "javascript:1"})
        assert reply == {
            "status": "error",
            "response": {
                "reason": "invalid payload",
                "expected": {"link": ANY},
                "got": {"link": "a string of 12 characters"},
            },
        }
        await operator.nothing_more()


async def test_rooms_notice_is_withdrawn_from_the_log(site: Site) -> None:
    """
    Who recovers gets the other one; who was there is told.
    """
    operator, page = await site.client("ada", "operator"), await site.client("ann")
    joined = await page.join("room:lobby")
    await operator.join("room:lobby")
    ids = []
    for body in ("one", "two"):
        await operator.send("room:lobby", "new_msg", {"body": body})
        ids.append((await page.receive()).payload["id"])
    assert await site.server.endpoint.assigns["inbox"].withdraw(ids[0])
    assert (await page.receive())[3:] == ("withdrawn", {"id": ids[0]})
    other = await site.client("bob")
    reply = await other.join("room:lobby", {"since": joined["response"]["head"]})
    assert reply == ok(head=ids[1], recovered=True)
    assert (await other.receive()).payload["body"] == "two"
    await other.nothing_more()
