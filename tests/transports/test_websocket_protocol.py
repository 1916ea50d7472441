"""
The front's WebSocket after its handshake: what it writes, and when it leaves things in the mailbox.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from notifier import Channel, ConnectInfo, Limits, Socket
from notifier.channels import Endpoint, SocketServer
from notifier.engine import MemoryEngine
from notifier.protocol.framing import CLOSE, PING, TEXT
from notifier.protocol.reasons import CLIENT_CLOSED, DISCONNECTED
from notifier.session import Tokens
from notifier.transports.base import Query, Request
from notifier.transports.connection import PlainConnection
from notifier.transports.websocket_protocol import WebSocketProtocol

HEADERS = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
INFO = ConnectInfo("websocket", "127.0.0.1", None, {})
HEARTBEAT = b'[null,"1","phoenix","heartbeat",{}]'


class Pipe(asyncio.Transport):
    """
    Keeps what is written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_over = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def close(self) -> None:
        self.is_over = True

    def abort(self) -> None:
        self.is_over = True

    def write_eof(self) -> None:
        self.is_over = True

    def opcodes(self) -> list[int]:
        """
        Take what was written, and give the opcodes of its frames.
        """
        data, self.written, found = self.written, b"", []
        while data:
            size, at = data[1] & 0x7F, 2
            if size >= 126:
                at = 4 if size == 126 else 10
                size = int.from_bytes(data[2:at])
            found.append(data[0] & 0x0F)
            data = data[at + size :]
        return found


def masked(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    assert size < 126
    return bytes((0x80 | opcode, 0x80 | size, 0, 0, 0, 0)) + payload


class AnySocket(Socket):
    channels = {"a": Channel}


class World:
    def __init__(self, endpoint: Endpoint, server: SocketServer, clock: list[float]) -> None:
        self.clock = clock
        self.endpoint = endpoint
        self.server = server
        self.pipe = Pipe()
        self.open_ones: set[WebSocketProtocol] = set()
        self.protocol = WebSocketProtocol(
            self.pipe, PlainConnection(endpoint, server), self.open_ones
        )

    def begin(self, data: bytes = b"", subprotocol: str | None = None) -> bytes:
        request = Request("GET", "/socket/websocket", Query.parse(""), HEADERS, "127.0.0.1")
        self.protocol.begin(request, subprotocol, b"date: today\r\n", data)
        head, _, self.pipe.written = self.pipe.written.partition(b"\r\n\r\n")
        return head


@pytest.fixture
async def w() -> Any:
    clock = [0.0]
    tokens = Tokens(["k"], time.time, 60)
    limits = Limits(max_mailbox_messages=3)
    endpoint = Endpoint(MemoryEngine(time.time), tokens, limits, lambda: clock[0])
    endpoint.serve(AnySocket)
    world = World(endpoint, await endpoint.open(AnySocket, "2.0.0", {}, INFO), clock)
    yield world
    await endpoint.shutdown()
    world.protocol.connection_lost(None)
    assert len(endpoint.deadlines) == 0
    assert world.open_ones == set()


async def test_handshake_is_answered(w: World) -> None:
    """
    With the key's answer, and the sub-protocol only if one was chosen.
    """
    head = w.begin(subprotocol="phoenix").decode().split("\r\n")
    assert head[0] == "HTTP/1.1 101 Switching Protocols"
    assert set(head[1:]) == {
        "upgrade: websocket",
        "connection: Upgrade",
        "date: today",
        "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "sec-websocket-protocol: phoenix",
    }
    assert w.open_ones == {w.protocol}


async def test_frames_that_came_with_the_handshake_are_read(w: World) -> None:
    """
    Some clients do not wait for the answer.
    """
    w.begin(masked(TEXT, HEARTBEAT) * 2)
    assert w.pipe.opcodes() == [TEXT, TEXT]


async def test_mailbox_keeps_what_the_socket_does_not_take(w: World) -> None:
    """
    Until it takes again; then all goes, in order.
    """
    w.begin()
    w.protocol.pause_writing()
    w.protocol.data_received(masked(TEXT, HEARTBEAT) * 3)
    assert w.pipe.opcodes() == []
    assert w.server.session.mailbox.last == 3
    w.protocol.resume_writing()
    assert w.pipe.opcodes() == [TEXT] * 3
    assert w.server.session.end is None


async def test_session_ends_when_the_mailbox_overflows(w: World) -> None:
    """
    The reason is written though the socket takes no more, and nothing after it.
    """
    w.begin()
    w.protocol.pause_writing()
    w.protocol.data_received(masked(TEXT, HEARTBEAT) * 5)
    assert w.server.session.end is not None
    assert w.server.session.end.code == "slow_consumer"
    assert w.pipe.opcodes() == [CLOSE]
    w.protocol.resume_writing()
    w.protocol.data_received(masked(TEXT, HEARTBEAT))
    assert w.pipe.opcodes() == []


async def test_ping_waits_while_the_socket_takes_nothing(w: World) -> None:
    """
    It is not written twice.
    """
    w.begin()
    w.protocol.pause_writing()
    w.clock[0] = 21.0
    w.endpoint.tick(w.clock[0])
    assert w.pipe.opcodes() == []
    w.protocol.resume_writing()
    assert w.pipe.opcodes() == [PING]
    w.protocol.resume_writing()
    assert w.pipe.opcodes() == []


async def test_messages_go_before_the_close(w: World) -> None:
    """
    What was put before the end is written before it.
    """
    w.begin()
    w.protocol.data_received(masked(TEXT, HEARTBEAT))
    w.server.close(DISCONNECTED)
    w.server.close(CLIENT_CLOSED)
    assert w.pipe.opcodes() == [TEXT, CLOSE]


async def test_close_is_answered_once(w: World) -> None:
    """
    Whoever closes first.
    """
    w.begin()
    w.server.close(DISCONNECTED)
    w.protocol.data_received(masked(CLOSE, (1001).to_bytes(2)))
    assert w.pipe.opcodes() == [CLOSE]
    assert w.pipe.is_over


async def test_session_ends_with_the_connection(w: World) -> None:
    """
    Nothing is written any more, and nobody stays behind.
    """
    w.begin()
    w.protocol.connection_lost(ConnectionResetError())
    assert w.server.session.end is CLIENT_CLOSED
    assert w.open_ones == set()
    assert w.pipe.opcodes() == []


async def test_protocol_shows_no_token_when_printed(w: World) -> None:
    """
    asyncio logs it when something fails.
    """
    w.begin()
    assert w.server.token not in repr(w.protocol)
