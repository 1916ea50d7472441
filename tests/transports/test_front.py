"""
The front: what it answers itself, what it gives to aiohttp, and what it bounds.

Each test runs on asyncio's own loop and on uvloop.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop
from aiohttp import web
from doors import serving
from replay import Clock

import notifier
from notifier import Channel, Limits, Notifier, Ok, Socket, handle_in
from notifier.transports import front as front_module
from notifier.transports.front_protocol import HEAD_TIMEOUT_S, KEEP_ALIVE_S
from notifier.transports.longpoll import BODY_TIMEOUT_S

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
PATIENCE_S = 15
MAX_BYTES = 100_000
OPEN = "GET /socket/longpoll?vsn=2.0.0 HTTP/1.1\r\nHost: a\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


class Room(Channel):
    @handle_in("echo")
    async def echo(self, payload):
        return Ok(payload)


class RoomSocket(Socket):
    channels = {"room:*": Room}

    async def connect(self, params, info):
        if "slow" in params:
            await asyncio.Event().wait()


class World:
    """
    A server behind a door, its clock, and a client of raw bytes.
    """

    def __init__(self, port: int, server: Notifier, clock: Clock) -> None:
        self.port = port
        self.server = server
        self.clock = clock
        self.peers: list[Peer] = []

    async def connect(self) -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        self.peers.append(peer)
        return peer

    async def close(self) -> None:
        for peer in self.peers:
            peer.writer.close()
            with suppress(ConnectionError):
                await peer.writer.wait_closed()

    async def wait(self, seconds: float) -> None:
        """
        Let time pass for the server, once it has read what was sent.
        """
        await self.settle()
        self.clock.now += seconds + 0.2
        self.server.endpoint.tick(self.clock.now)

    async def settle(self) -> None:
        peer = await self.connect()
        for _ in range(2):
            assert await peer.ask("GET /else HTTP/1.1\r\nHost: a\r\n\r\n") == 200


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.body = b""

    async def ask(self, request: str | bytes) -> int:
        self.send(request)
        return await self.answer()

    def send(self, request: str | bytes) -> None:
        self.writer.write(request if isinstance(request, bytes) else request.encode())

    async def answer(self) -> int:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        self.body = await self.reader.readexactly(int(length[1]) if length else 0)
        return int(STATUS.match(head)[1])  # type: ignore[index]  # it is a status line

    @property
    def json(self) -> dict[str, object]:
        return json.loads(self.body)

    async def everything(self) -> bytes:
        """
        Read until the server closes.
        """
        return await self.reader.read()


@asynccontextmanager
async def world(door: str = "front") -> AsyncIterator[World]:
    clock = Clock()
    app = web.Application()
    limits = Limits(max_message_bytes=MAX_BYTES, max_mailbox_bytes=400_000)
    server = notifier.setup(app, RoomSocket, keys=["k"], limits=limits, now=clock)

    async def elsewhere(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {len(await request.read())}")

    app.router.add_route("*", "/else", elsewhere)
    async with asyncio.timeout(PATIENCE_S), serving(door, app, server) as port:
        one = World(port, server, clock)
        try:
            yield one
        finally:
            await one.close()


Play = Callable[[World], Awaitable[None]]


@pytest.fixture(params=LOOPS)
def play(request: pytest.FixtureRequest) -> Callable[[Play], None]:
    """
    Run a test's play in a world of its own, on one of the loops.
    """

    async def run(test: Play) -> None:
        async with world() as one:
            await test(one)

    def on_loop(test: Play) -> None:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(run(test))

    return on_loop


def token_of(peer: Peer) -> str:
    return str(peer.json["token"])


def post(token: str, body: str, *, more: str = "") -> str:
    head = f"POST /socket/longpoll?token={token} HTTP/1.1\r\nHost: a\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}"


def get(token: str) -> str:
    return f"GET /socket/longpoll?token={token} HTTP/1.1\r\nHost: a\r\n\r\n"


async def joined(peer: Peer) -> str:
    """
    Open a session on a connection and join `room:a`; give the token to go on with.
    """
    await peer.ask(OPEN)
    token = token_of(peer)
    await peer.ask(post(token, JOIN))
    await peer.ask(get(token))
    return token_of(peer)


JOIN = '["1","1","room:a","phx_join",{}]'
HEARTBEAT = '[null,"1","phoenix","heartbeat",{}]'


# --- one connection, many requests


def test_session_is_carried_by_one_connection(play) -> None:
    """
    Opening, posting and polling take turns on one connection.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        assert await peer.ask(OPEN) == 200
        assert peer.json["status"] == 410
        token = token_of(peer)
        for number in range(1, 4):
            assert await peer.ask(post(token, HEARTBEAT)) == 200
            assert await peer.ask(get(token)) == 200
            assert len(peer.json["messages"]) == 1
            assert token_of(peer).endswith(f".{number}")
            token = token_of(peer)

    play(test)


def test_sessions_are_kept_apart_when_they_share_a_connection(play) -> None:
    """
    A proxy sends many clients' requests over one connection: each gets its own answers.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        await peer.ask(OPEN)
        ours = token_of(peer)
        for _ in range(3):
            await peer.ask(post(ours, HEARTBEAT))
            await peer.ask(get(ours))
            assert len(peer.json["messages"]) == 1
            ours = token_of(peer)
        await peer.ask(OPEN.replace("?vsn", "?join=room:a&vsn"))
        theirs = token_of(peer)
        for _ in range(3):
            for token in (ours, theirs):
                await peer.ask(post(token, HEARTBEAT))
                await peer.ask(get(token))
                assert len(peer.json["messages"]) == 1
                assert token_of(peer).rpartition(".")[0] == token.rpartition(".")[0]
                ours, theirs = (token_of(peer), theirs) if token == ours else (ours, token_of(peer))

    play(test)


def test_connection_goes_to_aiohttp_when_another_path_comes(play) -> None:
    """
    Paths of ours and others mix on one connection, in any order.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        assert await peer.ask(OPEN) == 200
        token = token_of(peer)
        assert await peer.ask("GET /else HTTP/1.1\r\nHost: a\r\n\r\n") == 200
        assert peer.body == b"GET 0"
        assert await peer.ask(post(token, HEARTBEAT)) == 200
        assert await peer.ask(get(token)) == 200
        assert len(peer.json["messages"]) == 1

    play(test)


def test_pipelined_requests_are_answered_in_order(play) -> None:
    """
    What comes before an answer has gone is answered after it.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        peer.send(OPEN + "GET /else HTTP/1.1\r\nHost: a\r\n\r\n" + OPEN)
        assert await peer.answer() == 200
        assert peer.json["status"] == 410
        assert await peer.answer() == 200
        assert peer.body == b"GET 0"
        assert await peer.answer() == 200
        assert peer.json["status"] == 410

    play(test)


def test_request_is_read_when_it_comes_byte_by_byte(play) -> None:
    """
    The network may cut a head and a body anywhere.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        await peer.ask(OPEN)
        for byte in post(token_of(peer), JOIN).encode():
            peer.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await peer.answer() == 200
        assert peer.json == {"status": 200}

    play(test)


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ("HEAD /else HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b""),
        (
            "POST /else HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"POST 3",
        ),
        ("GET /else HTTP/1.0\r\n\r\n", b"GET 0"),
    ],
    ids=["HEAD", "chunked", "HTTP/1.0"],
)
def test_aiohttp_answers_what_is_not_ours(play, request_: str, body: bytes) -> None:
    """
    Other methods, chunked bodies and old versions are aiohttp's, with the bytes as read.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        peer.send(request_)
        data = await peer.everything()
        assert STATUS.match(data)[1] == b"200"
        assert data.endswith(b"\r\n\r\n" + body)

    play(test)


def test_chunked_post_on_our_path_is_answered_by_aiohttps_door(play) -> None:
    """
    The same logic stands behind both doors.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        await peer.ask(OPEN)
        token = token_of(peer)
        head = f"POST /socket/longpoll?token={token} HTTP/1.1\r\nHost: a\r\n"
        chunk = f"Transfer-Encoding: chunked\r\n\r\n{len(HEARTBEAT):x}\r\n{HEARTBEAT}\r\n0\r\n\r\n"
        assert await peer.ask(head + chunk) == 200
        assert peer.json == {"status": 200}
        assert await peer.ask(get(token)) == 200
        assert len(peer.json["messages"]) == 1

    play(test)


def test_expect_is_answered_before_the_body_comes(play) -> None:
    """
    curl asks before it sends a large body.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        await peer.ask(OPEN)
        peer.send(
            post(token_of(peer), "", more="Expect: 100-continue\r\n").replace(
                "Length: 0", f"Length: {len(JOIN)}"
            )
        )
        assert (await peer.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        assert await peer.ask(JOIN) == 200
        assert peer.json == {"status": 200}

    play(test)


def test_old_http_is_answered_in_its_own_version(play) -> None:
    """
    nginx asks its upstreams in HTTP/1.0 by default.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        peer.send("GET /socket/longpoll?vsn=2.0.0 HTTP/1.0\r\n\r\n")
        data = await peer.everything()
        assert data.startswith(b"HTTP/1.0 200 OK\r\n")
        assert b'"status":410' in data

    play(test)


# --- refusals


def test_body_of_a_refused_post_is_not_the_next_request(play) -> None:
    """
    Whatever stands in a body, it is a body.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        smuggled = "GET /else HTTP/1.1\r\nHost: a\r\n\r\n"
        assert await peer.ask(post("nts_no.such.1", smuggled)) == 200
        assert peer.json["status"] == 410
        assert await peer.ask("GET /else?2 HTTP/1.1\r\nHost: a\r\n\r\n") == 200
        assert peer.body == b"GET 0"
        peer.writer.write_eof()
        assert await peer.everything() == b""

    play(test)


def test_body_is_refused_by_its_length_when_it_is_too_large(play) -> None:
    """
    A length over the bound is refused before the body comes; the answer is not lost.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        await peer.ask(OPEN)
        request = post(token_of(peer), "x" * (MAX_BYTES + 1))
        peer.send(request)
        assert await peer.answer() == 413
        assert peer.json["reason"] == "message_too_large"
        assert w.server.endpoint.count() == 1

    play(test)


MALFORMED = {
    "nothing of HTTP": "hello\r\n\r\n",
    "binary": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "length and chunked": "POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /else HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": "POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
    "Content-Length: 30\r\n\r\nGET /else HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare line feeds": "GET /socket/longpoll HTTP/1.1\nHost: a\n\n",
    "a folded header": "GET /socket/longpoll HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n 2\r\n\r\n",
    "absolute form": "GET http://a/socket/longpoll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "a NUL": "GET /socket/longpoll HTTP/1.1\r\nHost: a\r\nX-A: a\0b\r\n\r\n",
    "a NUL in the path": "GET /socket/long\0poll HTTP/1.1\r\nHost: a\r\n\r\n",
    "a bare CR": "GET /socket/longpoll HTTP/1.1\r\nHost: a\r\nX-A: a\rb\r\n\r\n",
    "a space before the colon": "GET /socket/longpoll HTTP/1.1\r\nHost : a\r\n\r\n",
    "a long URL": "GET /socket/longpoll?" + "x" * 30_000 + " HTTP/1.1\r\nHost: a\r\n\r\n",
    "a long header": "GET /socket/longpoll HTTP/1.1\r\nHost: a\r\nX-A: "
    + "x" * 30_000
    + "\r\n\r\n",
    "a length that is none": "POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    "a negative length": "POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "HTTP/3": "GET /socket/longpoll HTTP/3.0\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_has_one_answer_at_the_most(play, name: str) -> None:
    """
    It is refused or aiohttp's, never answered by both; the others notice nothing.
    """

    async def test(w: World) -> None:
        other = await w.connect()
        await other.ask(OPEN)
        peer = await w.connect()
        peer.send(MALFORMED[name])
        peer.writer.write_eof()
        data = await peer.everything()
        answers = STATUS.findall(data)
        assert len(answers) <= 1
        assert all(status in (b"400", b"404", b"200") for status in answers)
        if answers == [b"200"]:
            assert name == "absolute form"
        assert await other.ask(post(token_of(other), HEARTBEAT)) == 200

    play(test)


def test_huge_url_is_refused_before_it_ends(play) -> None:
    """
    A head that never ends costs its own connection, and little memory.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        peer.send(b"GET /socket/longpoll?")
        try:
            for _ in range(480):
                peer.send(b"x" * 65_536)
                await peer.writer.drain()
        except ConnectionError:
            pass
        try:
            data = await peer.everything()
        except ConnectionError:
            data = b""
        assert STATUS.findall(data) in ([], [b"400"], [b"414"])

    play(test)


# --- bounds


def test_slow_head_is_given_up(play) -> None:
    """
    A head that is not whole in time is answered 408.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        peer.send("GET /socket/longpoll HTTP/1.1\r\n")
        await w.wait(HEAD_TIMEOUT_S)
        assert await peer.answer() == 408
        assert await peer.everything() == b""

    play(test)


def test_slow_body_is_given_up(play) -> None:
    """
    A body that is not whole in time is answered 408, and nothing of it is handled.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        await peer.ask(OPEN)
        token = token_of(peer)
        peer.send(post(token, JOIN)[:-5])
        await w.wait(BODY_TIMEOUT_S)
        assert await peer.answer() == 408
        assert await peer.everything() == b""

    play(test)


@pytest.mark.parametrize(("first", "seconds"), [("", HEAD_TIMEOUT_S), (OPEN, KEEP_ALIVE_S)])
def test_idle_connection_is_closed(play, first: str, seconds: float) -> None:
    """
    A connection that has never asked is closed sooner than one that has.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        if first:
            await peer.ask(first)
        await w.wait(seconds)
        assert await peer.everything() == b""

    play(test)


def test_parked_poll_outlives_the_keep_alive(play) -> None:
    """
    A connection that is being answered is not idle.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        await peer.ask(OPEN)
        peer.send(get(token_of(peer)))
        await w.wait(10.0)
        assert await peer.answer() == 200
        assert peer.json["status"] == 204

    play(test)


def test_oldest_unproven_connection_goes_when_there_are_too_many(play, monkeypatch) -> None:
    """
    A flood of connections that show no session pushes out its own, and no other.
    """
    monkeypatch.setattr(front_module, "MAX_UNPROVEN", 20)

    async def test(w: World) -> None:
        proven = await w.connect()
        await proven.ask(OPEN)
        flood = [await w.connect() for _ in range(15)]
        for peer in flood[:5]:
            peer.send("GET /socket/longpoll?slow=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        flood += [await w.connect() for _ in range(15)]
        await w.settle()
        closed = 0
        for peer in flood[:9]:
            try:
                closed += await peer.reader.read(1) == b""
            except ConnectionError:
                closed += 1
        assert closed == 9
        assert await proven.ask(post(token_of(proven), HEARTBEAT)) == 200

    play(test)


def test_messages_are_on_time_while_connections_flood_in(play) -> None:
    """
    Half heads, half bodies and idle connections hold up nobody's messages.
    """

    async def test(w: World) -> None:
        peer = await w.connect()
        token = await joined(peer)
        flood = [await w.connect() for _ in range(150)]
        for number, one in enumerate(flood):
            one.send(["", "GET /socket", post(token, JOIN)[:-3]][number % 3])
        peer.send(get(token))
        await w.settle()
        await w.server.broadcast("room:a", "news", {"n": 1})
        assert await peer.answer() == 200
        assert peer.json["messages"] == ['[null,null,"room:a","news",{"n":1}]']

    play(test)


def test_client_that_does_not_read_is_let_go(play) -> None:
    """
    Its session ends as a slow consumer and its connection is cut; the others get everything.
    """

    async def test(w: World) -> None:
        reader = await w.connect()
        token = await joined(reader)
        slow = await w.connect()
        slow.send(
            "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await slow.reader.readuntil(b"\r\n\r\n")
        slow.send(bytes((0x81, 0x80 | len(JOIN), 0, 0, 0, 0)) + JOIN.encode())
        await w.settle()
        slow.writer.transport.pause_reading()
        sent = 0
        while w.server.endpoint.count("websocket"):
            sent += 1
            assert sent < 2_000
            receipt = await w.server.broadcast("room:a", "big", {"n": sent, "x": "x" * 40_000})
            assert receipt.reached >= 1
            assert await reader.ask(get(token)) == 200
            (message,) = reader.json["messages"]
            assert json.loads(message)[4]["n"] == sent
            token = token_of(reader)
        assert w.server.endpoint.count() == 1
        slow.writer.transport.resume_reading()
        tail = b""
        while b"mailbox holds" not in tail:  # the reason in the close frame
            came = await slow.reader.read(65_536)
            assert came
            tail = tail[-100:] + came

    play(test)


# --- the same as aiohttp alone

ALIKE = [
    "GET /socket/longpoll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /socket/longpoll/?vsn=2.0.0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /socket/longpoll?vsn=9.0.0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /socket/longpoll?token=nts_a.b.1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /socket/longpoll?vsn=%32.0.0&a=%zz&=&&b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /socket/longpoll HTTP/1.0\r\n\r\n",
    "POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
    "POST /socket/longpoll?token=nts_a.b.1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    "Content-Length: 0\r\n\r\n",
    "OPTIONS /socket/longpoll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    "Access-Control-Request-Headers: x-a\r\nAccess-Control-Request-Headers: x-b\r\n\r\n",
    "PUT /socket/longpoll HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "DELETE /socket/longpoll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /socket/longpollx HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /socket/websocket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\n"
    "Upgrade: websocket\r\n\r\n",
    "GET /socket/websocket?vsn=7 HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\n"
    "Upgrade: websocket\r\n\r\n",
    "POST /socket/websocket HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
    "HEAD /socket/longpoll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
]


def compared(data: bytes) -> object:
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode().lower().split("\r\n")
    told = dict(one.split(": ", 1) for one in lines)
    kept = {k: v for k, v in told.items() if k.startswith(("access-", "cache-", "content-type"))}
    text = re.sub(r"nts_[\w.-]+", "T", body.decode())
    return line, kept if text else {}, text


@pytest.mark.parametrize("request_", ALIKE)
async def test_both_doors_answer_alike(request_: str) -> None:
    """
    The front answers as aiohttp does by itself.
    """
    answers = []
    for door in ("front", "aiohttp"):
        async with world(door) as w:
            peer = await w.connect()
            peer.send(request_)
            answers.append(compared(await peer.everything()))
    assert answers[0] == answers[1]
