"""
Clients of channels without a transport, and what they are connected to.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from notifier import Channel, ConnectInfo, Limits, Ok, Socket, handle_in
from notifier.channels import Endpoint, SocketServer
from notifier.engine import Engine, MemoryEngine
from notifier.protocol import Message
from notifier.session import Tokens

PATIENCE_S = 10
INFO = ConnectInfo("websocket", "127.0.0.1", None, {})


class Client:
    """
    One connected client without a transport: what it is sent, decoded.
    """

    def __init__(self, server: SocketServer) -> None:
        self.server = server
        self.refs = 0
        self.waiting: list[list[Any]] = []

    def send(
        self, topic: str, event: str, payload: object = None, *, join_ref: str | None = "1"
    ) -> str:
        self.refs += 1
        ref = str(self.refs)
        join_ref = ref if event == "phx_join" else join_ref
        self.server.receive(
            Message(join_ref, ref, topic, event, {} if payload is None else payload)
        )
        return ref

    async def receive(self) -> list[Any]:
        async with asyncio.timeout(PATIENCE_S):
            while not self.waiting:
                frames = self.server.session.mailbox.take(1_000_000)
                self.waiting += [json.loads(frame.text) for frame in frames]
                await asyncio.sleep(0)
        return self.waiting.pop(0)

    async def join(self, topic: str) -> object:
        ref = self.send(topic, "phx_join")
        reply = await self.receive()
        assert reply[:4] == [ref, ref, topic, "phx_reply"]
        return reply[4]

    async def ask(self, topic: str, event: str, payload: object = None) -> Any:
        ref = self.send(topic, event, payload)
        reply = await self.receive()
        assert reply[1:4] == [ref, topic, "phx_reply"]
        return reply[4]

    async def nothing_more(self) -> None:
        """
        Make sure that nothing was sent that is not read.
        """
        for _ in range(10):
            await asyncio.sleep(0)
        ref = self.send("phoenix", "heartbeat", join_ref=None)
        assert (await self.receive())[1] == ref


Connect = Callable[..., Any]


@asynccontextmanager
async def connected(
    limits: Limits | None = None, engine: Engine | None = None, **channels: type[Channel]
) -> AsyncIterator[Connect]:
    """
    Give a function that connects a client to a socket with these channels, by their topics.
    """

    class OneSocket(Socket):
        pass

    OneSocket.channels = channels
    tokens = Tokens(["k"], time.time, 60)
    endpoint = Endpoint(engine or MemoryEngine(time.time), tokens, limits or Limits())
    endpoint.serve(OneSocket)

    async def connect() -> Client:
        return Client(await endpoint.open(OneSocket, "2.0.0", {}, INFO))

    connect.endpoint = endpoint
    yield connect
    await endpoint.shutdown()
    assert endpoint.count() == 0
    assert endpoint.pubsub._topics == {}
    assert not endpoint._tasks


class Gate(Channel):
    """
    Holds each `wait` until it is let go on.
    """

    gates: list[asyncio.Event]
    ended: list[str]

    @handle_in("wait")
    async def wait(self, payload):
        gate = asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        return Ok(payload)

    @handle_in("ping")
    async def ping(self, payload):
        return Ok(payload)

    async def terminate(self, reason):
        self.ended.append(reason)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0)
