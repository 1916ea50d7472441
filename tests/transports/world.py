"""
A small application behind a door, its clock, and the clients that come to it.

Once a world is left, nothing may be left of its clients: every test of it is
a test for leaks, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiohttp import ClientSession, TCPConnector, web
from attrs import define, field
from doors import serving
from replay import Clock

import notifier
from notifier import Channel, Error, Limits, Notifier, Ok, User, UserSocket, handle_in, handle_out
from notifier.channels import SocketServer
from transports.clients import PATIENCE_S, Client

NEVER_S = 10_000.0
"""Longer than anything that is waited for."""

LIMITS = Limits(
    max_message_bytes=100_000,
    max_batch_lines=20,
    max_channels=5,
    max_channel_messages=3,
    max_mailbox_messages=50,
    max_mailbox_bytes=500_000,
    channel_stop_timeout_ms=50,
)
"""Small, so that each is reached soon."""

SECRET = "a secret of the application"

AnyClient = TypeVar("AnyClient", bound=Client)


class Room(Channel):
    """
    Does what its client asks for.
    """

    async def join(self, payload):
        match payload:
            case {"refuse": reason}:
                return Error(reason)
            case {"raise": True}:
                raise RuntimeError(SECRET)
            case {"hang": True}:
                await asyncio.Event().wait()
            case {"after": after}:
                self.send(after)
        return Ok({"topic": self.topic})

    async def handle_info(self, message):
        match message:
            case ("reply", ref):
                await self.reply(ref, Ok({"late": True}))
            case _:
                await self.push("info", {"message": message})

    @handle_in("echo")
    async def echo(self, payload):
        return Ok(payload)

    @handle_in("refuse")
    async def refuse(self, payload):
        return Error(payload)

    @handle_in("push")
    async def push_back(self, payload):
        await self.push("pushed", payload)

    @handle_in("all", "hidden", "shouted")
    async def to_all(self, payload):
        await self.broadcast(payload.pop("event", "news"), payload)

    @handle_in("others")
    async def to_others(self, payload):
        await self.broadcast_from("news", payload)

    @handle_out("hidden")
    async def hide(self, payload):
        pass

    @handle_out("shouted")
    async def shout(self, payload):
        await self.push("shouted", {"text": payload["text"].upper()})

    @handle_in("later")
    async def later(self, payload):
        self.send(("reply", self.socket_ref()))

    @handle_in("self")
    async def to_itself(self, payload):
        self.send(payload)

    @handle_in("wait")
    async def wait(self, payload):
        gate = asyncio.Event()
        self.socket.gates.append(gate)
        await gate.wait()
        return Ok(payload)

    @handle_in("boom")
    async def boom(self, payload):
        raise RuntimeError(SECRET)

    @handle_in("stop")
    async def stop_here(self, payload):
        await self.stop()
        return Ok(payload)

    @handle_in("binary")
    async def binary(self, payload):
        assert isinstance(payload, bytes)
        await self.push("pushed", payload)
        await self.broadcast("news", payload)
        return Ok(payload)


class Fragile(Room):
    """
    Cannot even end.
    """

    async def terminate(self, reason):
        raise RuntimeError(SECRET)


class WorldSocket(UserSocket):
    """
    Takes user tokens, and who comes as a guest.
    """

    channels = {"room:*": Room, "fragile": Fragile}

    async def connect(self, params, info):
        self.gates = []
        self.assigns["info"] = info
        match params:
            case {"raise": _}:
                raise RuntimeError(SECRET)
            case {"mistaken": _}:
                return {"secret": SECRET}
            case {"because": reason}:
                return Error({"reason": reason, "message": "not today", "retry": False})
            case {"guest": name}:
                self.id = f"user_socket:{name}"
                return None
        return await super().connect(params, info)


@define(eq=False)
class World:
    """
    A server behind a door; `clock` is what it takes the time from.
    """

    port: int
    server: Notifier
    clock: Clock
    http: ClientSession
    clients: list[Client] = field(init=False, factory=list)

    def url(self, transport: str) -> str:
        return f"http://127.0.0.1:{self.port}/socket/{transport}"

    async def guest(
        self, client_class: type[AnyClient], name: str = "ann", vsn: str = "2.0.0", **params: str
    ) -> AnyClient:
        """
        Connect somebody who needs no token.
        """
        client = self.stranger(client_class, vsn)
        await client.connect({"guest": name, **params})
        return client

    def stranger(self, client_class: type[AnyClient], vsn: str = "2.0.0") -> AnyClient:
        """
        Make a client that is still to connect.
        """
        client = client_class(self, vsn)
        self.clients.append(client)
        return client

    def token(self, user: str = "ann", role: str = "customer", **more: Any) -> str:
        return self.server.endpoint.tokens.sign_user(User(user, role), **more)

    def pass_time(self, seconds: float) -> None:
        """
        Let time pass for the server, and its wheel notice.
        """
        self.clock.now += seconds + 0.2
        self.server.endpoint.tick(self.clock.now)

    def sessions(self) -> list[SocketServer]:
        return list(self.server.endpoint._sessions.values())

    async def parked(self, count: int = 1) -> None:
        """
        Wait until so many sessions have a poll that waits, or a WebSocket.
        """
        await until(lambda: sum(map(is_listening, self.sessions())) >= count)


def is_listening(session: SocketServer) -> bool:
    mailbox = session.session.mailbox
    return mailbox._line is not None or mailbox._listener is not None


async def until(holds: Callable[[], object]) -> None:
    """
    Wait until something is so; fail if it takes too long.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def world_behind(
    door: str, socket_class: type[notifier.Socket] = WorldSocket, **options: Any
) -> AsyncIterator[World]:
    """
    Give a world behind a door; `options` are those of `notifier.setup`.
    """
    clock = Clock()
    options = {"keys": ["k"], "limits": LIMITS, "now": clock} | options
    app = options.pop("app", None) or web.Application()
    server = notifier.setup(app, socket_class, **options)
    async with serving(door, app, server) as port:
        async with ClientSession(connector=TCPConnector(limit=0)) as http:
            one = World(port, server, clock, http)
            yield one
            for client in one.clients:
                await client.close()
        await nothing_is_left(one)


async def nothing_is_left(world: World) -> None:
    """
    Make sure that the server holds nothing of clients that have gone.
    """
    endpoint = world.server.endpoint
    await until(lambda: endpoint.count("websocket") == 0)
    for _ in range(3):
        world.pass_time(NEVER_S)
    await until(lambda: endpoint.count() == 0 and not endpoint._tasks)
    await until(lambda: len(endpoint.deadlines) <= 1)  # the front's own, for its Date
    assert endpoint.pubsub._topics == {}
    assert endpoint.engine._receivers == {}  # type: ignore[attr-defined]  # a MemoryEngine
    assert +endpoint._per_id == {}
