"""
WebSocket over both doors, with the peers that others use: raw bytes, `websockets`, `wsproto`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import websockets
from aiohttp import web
from doors import DOORS, serving
from websockets.asyncio.client import connect
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    Request,
    TextMessage,
)

import notifier
from notifier import Channel, Limits, Notifier, Ok, Socket, handle_in

MAX_BYTES = 70_000
PATIENCE_S = 10
HEARTBEAT = '[null,"1","phoenix","heartbeat",{}]'
BEAT = [None, "1", "phoenix", "phx_reply", {"status": "ok", "response": {}}]
GOING_AWAY, PROTOCOL_ERROR, INVALID_DATA, TOO_BIG, NORMAL = 1001, 1002, 1007, 1009, 1000


class Echo(Channel):
    """
    Answers with what it got.
    """

    @handle_in("echo")
    async def echo(self, payload):
        return Ok(payload)


class EchoSocket(Socket):
    """
    Lets everyone in.
    """

    channels = {"echo": Echo}


@asynccontextmanager
async def echoing(door: str) -> AsyncIterator[tuple[int, Notifier]]:
    app = web.Application()
    limits = Limits(max_message_bytes=MAX_BYTES)
    server = notifier.setup(app, EchoSocket, keys=["k"], limits=limits)
    async with serving(door, app, server) as port:
        yield port, server


@pytest.fixture(params=DOORS)
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    async with asyncio.timeout(60), echoing(request.param) as (port, _):
        yield port


def url(port: int) -> str:
    return f"ws://127.0.0.1:{port}/socket/websocket?vsn=2.0.0"


# --- websockets


async def test_text_comes_back_when_websockets_is_the_peer(port: int) -> None:
    """
    Text of every length form goes there and back.
    """
    async with connect(url(port), max_size=None) as peer:
        await peer.send('["1","1","echo","phx_join",{}]')
        assert json.loads(await peer.recv())[3] == "phx_reply"
        for size in (0, 1, 100, 126, 1_000, 65_535, 65_536, MAX_BYTES - 100):
            await peer.send(
                json.dumps(["1", "2", "echo", "echo", {"s": "κ" * (size // 2)}], ensure_ascii=False)
            )
            assert json.loads(await peer.recv())[4]["response"] == {"s": "κ" * (size // 2)}


async def test_binary_comes_back_when_websockets_is_the_peer(port: int) -> None:
    """
    Bytes that are no text go there and back.
    """
    data = bytes(range(256)) * 100
    async with connect(url(port), max_size=None) as peer:
        await peer.send('["1","1","echo","phx_join",{}]')
        await peer.recv()
        await peer.send(b"\x00\x01\x01\x04\x04" + b"12echoecho" + data)
        assert await peer.recv() == b"\x01\x01\x01\x04\x02" + b"12echook" + data


async def test_fragments_are_one_message_when_websockets_sends_them(port: int) -> None:
    """
    A message in many frames is one message.
    """
    whole = '["1","2","echo","echo",{"s":"κόσμε"}]'
    async with connect(url(port)) as peer:
        await peer.send('["1","1","echo","phx_join",{}]')
        await peer.recv()
        await peer.send([whole[:20], whole[20:23], whole[23:]])
        assert json.loads(await peer.recv())[4]["response"] == {"s": "κόσμε"}
        await peer.send(["[null,", '"1","phoenix",', '"heartbeat"', ",{}]"])
        assert json.loads(await peer.recv()) == BEAT


async def test_pings_are_answered_when_websockets_sends_them(port: int) -> None:
    """
    Each ping gets a pong with its payload.
    """
    async with connect(url(port)) as peer:
        for payload in (b"", b"x", b"\xff" * 125):
            await asyncio.wait_for(await peer.ping(payload), PATIENCE_S)


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_close_is_answered_when_websockets_closes(port: int, code: int) -> None:
    """
    A close is answered with 1000, as Phoenix does.
    """
    async with connect(url(port)) as peer:
        await peer.close(code, "bye")
        assert peer.close_code == NORMAL


async def test_close_comes_when_a_message_is_too_big(port: int) -> None:
    """
    One byte over the bound closes with 1009.
    """
    async with connect(url(port)) as peer:
        await peer.send("x" * (MAX_BYTES + 1))
        with pytest.raises(websockets.ConnectionClosed):
            await peer.recv()
        assert peer.close_code == TOO_BIG


async def test_no_extension_is_agreed_on_when_one_is_offered(port: int) -> None:
    """
    Compression is offered by the client and not taken.
    """
    async with connect(url(port), compression="deflate") as peer:
        assert peer.response is not None
        assert "Sec-WebSocket-Extensions" not in peer.response.headers
        await peer.send(HEARTBEAT)
        assert json.loads(await peer.recv()) == BEAT


# --- wsproto


async def test_conversation_is_the_same_when_wsproto_is_the_peer(port: int) -> None:
    """
    Handshake, text, bytes, ping and close with a peer that does no I/O of its own.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = WSConnection(ConnectionType.CLIENT)
    waiting = []

    async def receive() -> object:
        while not waiting:
            peer.receive_data(await reader.read(65_536) or None)
            waiting.extend(peer.events())
        return waiting.pop(0)

    async def say(event: object) -> object:
        writer.write(peer.send(event))
        return await receive()

    host = f"127.0.0.1:{port}"
    opening = Request(host=host, target="/socket/websocket?vsn=2.0.0")
    assert isinstance(await say(opening), AcceptConnection)
    assert json.loads((await say(TextMessage(HEARTBEAT))).data) == BEAT
    assert await say(Ping(b"hi")) == Pong(b"hi")
    await say(TextMessage('["1","1","echo","phx_join",{}]'))
    answer = await say(BytesMessage(b"\x00\x01\x01\x04\x0412echoecho\xff"))
    assert isinstance(answer, BytesMessage)
    assert bytes(answer.data).endswith(b"ok\xff")
    assert await say(CloseConnection(1001, "bye")) == CloseConnection(NORMAL, "")
    assert await reader.read() == b""
    writer.close()


# --- raw bytes


def frame(opcode: int, payload: bytes = b"", *, first: int = 0x80) -> bytes:
    mask = os.urandom(4)
    size = len(payload)
    head = bytes((0x80 | size,)) if size <= 125 else b"\xfe" + size.to_bytes(2)
    return (
        bytes((first | opcode,))
        + head
        + mask
        + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
    )


async def shake_hands(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\n"
        b"connection: Upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"sec-websocket-version: 13\r\n\r\n"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    return reader, writer


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(PATIENCE_S):
        first, size = await reader.readexactly(2)
        return first, await reader.readexactly(size)


MISTAKES = {
    "reserved bit": (frame(1, b"x", first=0x80 | 0x40), PROTOCOL_ERROR),
    "reserved opcode": (frame(3, b"x"), PROTOCOL_ERROR),
    "reserved control opcode": (frame(11, b"x"), PROTOCOL_ERROR),
    "long ping": (b"\x89\xfe\x00\x7e" + b"\0" * 130, PROTOCOL_ERROR),
    "fragmented ping": (frame(9, b"x", first=0), PROTOCOL_ERROR),
    "continuation of nothing": (frame(0, b"x"), PROTOCOL_ERROR),
    "message within a message": (frame(1, b"x", first=0) + frame(1, b"y"), PROTOCOL_ERROR),
    "bad UTF-8": (frame(1, b"\xff\xfe"), INVALID_DATA),
    "bad UTF-8 in fragments": (frame(1, b"\xce", first=0) + frame(0, b"\x20"), INVALID_DATA),
    "close code that may not be sent": (frame(8, (1005).to_bytes(2)), PROTOCOL_ERROR),
    "close code out of range": (frame(8, (999).to_bytes(2)), PROTOCOL_ERROR),
    "close of one byte": (frame(8, b"x"), PROTOCOL_ERROR),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_mistake_closes_with_its_code(port: int, name: str) -> None:
    """
    What breaks the protocol is answered with a close and its code, then the end of the connection.
    """
    sent, code = MISTAKES[name]
    reader, writer = await shake_hands(port)
    writer.write(frame(1, HEARTBEAT.encode()))
    assert json.loads((await read_frame(reader))[1]) == BEAT
    writer.write(sent)
    first, payload = await read_frame(reader)
    assert (first, int.from_bytes(payload[:2])) == (0x88, code)
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()


async def test_handshake_and_first_frames_may_come_together(port: int) -> None:
    """
    Frames in the same packet as the handshake are not lost.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\n"
        b"connection: Upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"sec-websocket-version: 13\r\n\r\n" + frame(1, HEARTBEAT.encode())
    )
    await reader.readuntil(b"\r\n\r\n")
    assert json.loads((await read_frame(reader))[1]) == BEAT
    writer.close()


async def test_session_ends_when_the_connection_is_cut() -> None:
    """
    A connection that is cut without a close ends its session, on either door.
    """
    for door in DOORS:
        async with echoing(door) as (port, server):
            _, writer = await shake_hands(port)
            assert server.endpoint.count() == 1
            writer.transport.abort()
            async with asyncio.timeout(PATIENCE_S):
                while server.endpoint.count():
                    await asyncio.sleep(0)
