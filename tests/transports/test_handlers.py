"""
What is a door's own affair: slow bodies, clients that vanish while they connect, logs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from notifier import Channel, Socket
from notifier.logs import LOG_FORMAT, LineFormatter
from notifier.transports import handlers
from transports.clients import LongPollClient, WebSocketClient
from transports.world import World, until, world_behind

SECRET = "ZZTOP"
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def connect(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", world.port)


async def everything(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        return await reader.read()


# --- bodies


@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_body_that_stops_is_given_up_by_aiohttps_door(
    monkeypatch: pytest.MonkeyPatch, framing: str
) -> None:
    """
    408; the session lives, and nothing of the body was handled.
    """
    monkeypatch.setattr(handlers, "BODY_TIMEOUT_S", 0.02)
    async with world_behind("aiohttp") as world:
        client = await world.guest(LongPollClient)
        (session,) = world.sessions()
        reader, writer = await connect(world)
        line = f"POST /socket/longpoll?token={client.token} HTTP/1.1"
        writer.write(f"{line}\r\nHost: a\r\n{framing}\r\n\r\n5\r\n[null\r\n".encode())
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in head.lower()
        writer.transport.abort()
        assert session.session.mailbox._requests == 0
        await client.nothing_more()


# --- clients that vanish


class Gate(Socket):
    """
    Takes its time to connect, and does not let itself be cancelled where it is stubborn.
    """

    channels = {"room:*": Channel}
    gate: asyncio.Event
    arrived: list[str]

    async def connect(self, params, info):
        self.arrived.append("here")
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.arrived.append("cancelled")
                if "stubborn" not in params:
                    raise


@pytest.fixture
async def gated(door: str) -> AsyncIterator[World]:
    Gate.gate, Gate.arrived = asyncio.Event(), []
    async with world_behind(door, Gate) as world:
        yield world


@pytest.mark.parametrize("query", ["", "&stubborn=1", "&stubborn=1&join=room:a"])
@pytest.mark.parametrize("transport", ["longpoll", "websocket"])
async def test_client_that_vanishes_while_it_connects_leaves_nothing(
    gated: World, transport: str, query: str, caplog
) -> None:
    """
    Whether the application notices or not.
    """
    _, writer = await connect(gated)
    head = f"GET /socket/{transport}?vsn=2.0.0{query} HTTP/1.1\r\nHost: a\r\n"
    writer.write(f"{head}{HANDSHAKE if transport == 'websocket' else ''}\r\n".encode())
    await until(lambda: Gate.arrived)
    writer.transport.abort()
    await until(lambda: "cancelled" in Gate.arrived)
    Gate.gate.set()
    if transport == "websocket" or not query:
        await until(lambda: gated.server.endpoint.count() == 0)
    else:  # opened, and never asked for: its time runs out
        await until(lambda: gated.server.endpoint.count() == 1)
        (session,) = gated.sessions()
        await until(lambda: session.session.mailbox._requests == 0)
    assert "Traceback" not in caplog.text


async def test_clients_that_connect_slowly_hold_up_nobody(gated: World) -> None:
    """
    An application may look something up for each.
    """
    slow = [asyncio.ensure_future(gated.guest(WebSocketClient)) for _ in range(30)]
    await until(lambda: len(Gate.arrived) == 30)
    async with gated.http.options(gated.url("longpoll")) as response:
        assert response.status == 200
    assert not any(one.done() for one in slow)
    Gate.gate.set()
    await asyncio.gather(*slow)
    assert gated.server.endpoint.count("websocket") == 30


# --- headers that are no text


async def test_preflight_echoes_no_bytes_that_are_no_text(world: World, caplog) -> None:
    """
    Names of headers are ASCII; others are not allowed, and are no error of ours.
    """
    reader, writer = await connect(world)
    writer.write(
        b"OPTIONS /socket/longpoll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        b"Access-Control-Request-Headers: x-a, \xff\xfe\r\n\r\n"
    )
    answer = await everything(reader)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"access-control-allow-headers: \r\n" in answer
    assert caplog.text == ""
    writer.close()


@pytest.mark.parametrize(
    "header", ["x-phoenix-authtoken", "x-phoenix-longpoll-token", "origin", "content-type", "x-a"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_header_that_is_no_text_is_answered(
    world: World, method: str, header: str, caplog
) -> None:
    """
    As any that is wrong, and logged by nobody.
    """
    client = await world.guest(LongPollClient)
    reader, writer = await connect(world)
    query = f"token={client.token}" if method == "POST" else "guest=ann"
    line = f"{method} /socket/longpoll?{query} HTTP/1.1"
    head = f"{line}\r\nHost: a\r\nConnection: close\r\n{header}: ".encode() + b"\xff\xfe\r\n"
    body = b"Content-Length: 2\r\n\r\n[]" if method == "POST" else b"\r\n"
    writer.write(head + body)
    assert (await everything(reader)).startswith(b"HTTP/1.1 200 ")
    assert caplog.text == ""
    writer.close()


# --- logs


async def test_line_of_our_log_holds_nothing_of_a_malformed_request(world: World, caplog) -> None:
    """
    aiohttp logs such requests with all that is in them; our lines leave that out.
    """
    caplog.set_level(logging.DEBUG)
    for request in (
        f"GET /socket/longpoll?token={SECRET}\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        f"{SECRET} /socket/longpoll HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET /socket/longpoll?token={SECRET} HTTP/9.9\r\nHost: a\r\n\r\n",
        f"GET /socket/longpoll HTTP/1.1\r\nHost: a\r\n{SECRET}\r\n\r\n",
        f"GET /socket/longpoll HTTP/1.1\r\nHost: a\r\nX-Phoenix-Authtoken: {SECRET}\0\r\n\r\n",
        "POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"{SECRET}\r\n",
    ):
        reader, writer = await connect(world)
        writer.write(request.encode("latin-1"))
        writer.write_eof()
        await everything(reader)
        writer.close()
    formatter = LineFormatter(LOG_FORMAT)
    lines = [formatter.format(record) for record in caplog.records]
    assert SECRET not in "\n".join(lines)
    assert not any("\n" in line for line in lines)


async def test_application_of_ones_own_keeps_its_routes_and_its_errors(door: str) -> None:
    """
    Its middleware sees our requests, its handlers answer the rest, and either may fail alone.
    """
    seen = []

    @web.middleware
    async def note(request: web.Request, handler) -> web.StreamResponse:
        seen.append(request.path)
        return await handler(request)

    async def mine(request: web.Request) -> web.Response:
        return web.Response(text="mine")

    app = web.Application(middlewares=[note])
    app.router.add_get("/", mine)
    app.router.add_get("/socket", mine)
    app.router.add_get("/socket/longpoll/mine", mine)
    async with world_behind(door, app=app) as world:
        base = f"http://127.0.0.1:{world.port}"
        for path in ("/", "/socket", "/socket/longpoll/mine"):
            async with world.http.get(base + path) as response:
                assert await response.text() == "mine"
        async with world.http.get(f"{base}/else") as response:
            assert response.status == 404
        client = await world.guest(WebSocketClient)
        assert (await client.join("room:a"))["status"] == "ok"
    assert "/socket" in seen
