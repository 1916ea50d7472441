"""
Users and an inbox without a transport, on a clock that is set; a kill and a restart.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from channels.drive import Client, until
from sqlalchemy.exc import OperationalError

from notifier import ConnectInfo, User, UserSocket
from notifier.channels import Endpoint
from notifier.engine import Engine, MemoryEngine, SqliteEngine
from notifier.inbox import Inbox, NoticeStore, Recipients, Sent, ToUsers
from notifier.notices import INBOX
from notifier.session import Limits, Tokens

START = 1_800_000_000.0


@define(eq=False)
class World:
    """
    One server after another over the same files.
    """

    directory: Path
    is_durable: bool = False
    limits: Limits = field(factory=Limits)
    now: float = START
    endpoint: Endpoint = field(init=False)
    inbox: Inbox = field(init=False)
    store: NoticeStore = field(init=False)
    memory: Engine | None = None

    def clock(self) -> float:
        return self.now

    async def start(self) -> None:
        engine: Engine
        if self.is_durable:
            engine = SqliteEngine(self.directory / "history.db", self.clock)
        else:
            engine = MemoryEngine(self.clock)
        self.endpoint = Endpoint(
            engine, Tokens(["k"], self.clock, 10**9), self.limits, now=self.clock
        )
        self.endpoint.serve(UserSocket)
        self.store = NoticeStore(self.directory / "notifier.db")
        self.inbox = Inbox(self.endpoint, self.store, self.clock)
        self.endpoint.assigns[INBOX] = self.inbox
        await self.inbox.start()

    async def stop(self) -> None:
        await self.endpoint.shutdown()
        await self.inbox.close()

    async def restart(self) -> None:
        await self.stop()
        self.now += 1
        await self.start()

    async def connect(self, user: str, role: str = "customer") -> Client:
        token = self.endpoint.tokens.sign_user(User(user, role))
        info = ConnectInfo("websocket", "127.0.0.1", token, {})
        return Client(await self.endpoint.open(UserSocket, "2.0.0", {}, info))

    async def join(self, client: Client, topic: str, since: str | None = None) -> dict[str, Any]:
        ref = client.send(topic, "phx_join", {} if since is None else {"since": since})
        reply = await client.receive()
        assert reply[:4] == [ref, ref, topic, "phx_reply"], reply
        assert reply[4]["status"] == "ok", reply
        response: dict[str, Any] = reply[4]["response"]
        return response

    async def joined(
        self, user: str, since: str | None = None, topic: str | None = None, role: str = "customer"
    ) -> tuple[Client, dict[str, Any]]:
        client = await self.connect(user, role)
        return client, await self.join(client, topic or f"user:{user}", since)

    async def send(self, to: str | Recipients, body: str = "hi", **fields: object) -> Sent:
        to = ToUsers([to]) if isinstance(to, str) else to
        self.now += 0.01
        return await self.inbox.send(to, {"body": body, **fields}, "ada")


async def events(client: Client) -> list[tuple[str, Any]]:
    """
    Everything that has come by now, without the replies.
    """
    found = []
    while True:
        await _settle(client)
        ref = client.send("phoenix", "heartbeat", join_ref=None)
        got = []
        while (message := await client.receive())[1] != ref:
            got.append((message[3], message[4]))
        found += got
        if not got:
            return found


async def _settle(client: Client) -> None:
    await until(lambda: all(c.task is None for c in client.server._channels.values()))


async def bodies(client: Client) -> list[str]:
    return [payload["body"] for event, payload in await events(client) if event == "new_msg"]


def fail(monkeypatch: pytest.MonkeyPatch, method: str, times: int = 1) -> None:
    """
    Make the database fail at one method of the store's, so many times.
    """
    works = getattr(NoticeStore, method)

    def failing(self: NoticeStore, *arguments: Any) -> Any:
        nonlocal times
        if times > 0:
            times -= 1
            raise OperationalError("INSERT secret", {}, Exception("database is locked"))
        return works(self, *arguments)

    monkeypatch.setattr(NoticeStore, method, failing)


@asynccontextmanager
async def world_of(directory: Path, **options: Any) -> AsyncIterator[World]:
    world = World(directory, **options)
    await world.start()
    try:
        yield world
    finally:
        await world.stop()
