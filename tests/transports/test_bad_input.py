"""
Bad input of every kind, behind both doors: a prompt, clear answer, and nobody else loses anything.

In every test somebody well-behaved is joined on either transport. In the end
they have everything that was broadcast, and the log has nothing of what was sent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from notifier.transports import refusals
from transports.clients import Client, LongPollClient, Refused, WebSocketClient
from transports.world import LIMITS, World, until, world_behind

PATIENCE_S = 15
WORD = "ZZTOP"
"""Stands in what is sent, and must not stand in the log or in an answer."""

HANDSHAKE = (
    "GET /socket/websocket?vsn=2.0.0&guest=raw HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
JOIN = '["1","1","room:a","phx_join",{}]'

BAD_TEXTS: dict[str, str] = {
    "no JSON": WORD,
    "half of JSON": f'["1","1","room:a","echo",{{"{WORD}":',
    "two messages": f'["1","1","room:a","echo",{{}}] "{WORD}"',
    "a string": f'"{WORD}"',
    "a number": "42",
    "null": "null",
    "an object": f'{{"{WORD}":1}}',
    "an empty list": "[]",
    "too short a list": f'["1","1","{WORD}","echo"]',
    "a topic that is null": f'["1","1",null,"{WORD}",{{}}]',
    "a topic that is a list": f'["1","1",["{WORD}"],"echo",{{}}]',
    "an event that is a number": f'["1","1","{WORD}",5,{{}}]',
    "a ref that is an object": f'["1",{{"{WORD}":1}},"room:a","echo",{{}}]',
    "a join_ref that is true": f'[true,"1","room:a","{WORD}",{{}}]',
    "a number that is none": '["1","1","room:a","echo",{"n":NaN}]',
    "a lone surrogate": f'["1","1","room:a","echo",{{"{WORD}":"\\ud800"}}]',
    "deep nesting": "[" * 10_000 + "]" * 10_000,
    "deep nesting of a payload": f'["1","1","room:a","echo",{"[" * 10_000}{"]" * 10_000}]',
    "deep nesting of objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "NUL": "\0",
}
"""What is no message, in vsn 2.0.0."""

BAD_BYTES: dict[str, bytes] = {
    "nothing": b"",
    "too short": b"\0\1",
    "another kind": b"\1\1\1\1\1aaaa",
    "too short for its lengths": b"\0\xff\xff\xff\xff" + WORD.encode(),
    "fields that are no text": b"\0\1\1\1\1\xff\xff\xff\xff",
}
"""What is no binary message."""


class Raw:
    """
    A client that says what it wants.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: str | bytes) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            line, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(line.split()[1]), headers, body

    async def everything(self) -> bytes:
        """
        Read until the server closes; a reset is an end, too.
        """
        data = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while chunk := await self.reader.read(65_536):
                    data += chunk
        return data

    def abort(self) -> None:
        self.writer.transport.abort()


class Room:
    """
    The well-behaved ones, and what they are to have got.
    """

    def __init__(self, world: World, members: list[Client]) -> None:
        self.world = world
        self.members = members
        self.sent = 0

    async def say(self, **more: Any) -> None:
        """
        Broadcast the next number; every member has it before anything goes on.
        """
        self.sent += 1
        await self.world.server.broadcast("room:a", "news", {"n": self.sent, **more})
        for member in self.members:
            async with asyncio.timeout(PATIENCE_S):
                assert (await member.receive()).payload["n"] == self.sent


Connect = Callable[[], Awaitable[Raw]]


@pytest.fixture
async def connect(world: World) -> AsyncIterator[Connect]:
    """
    Give a function that opens a connection.
    """
    opened: list[Raw] = []

    async def connect() -> Raw:
        opened.append(Raw(*await asyncio.open_connection("127.0.0.1", world.port)))
        return opened[-1]

    yield connect
    for raw in opened:
        raw.abort()


@pytest.fixture
async def room(world: World, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Room]:
    caplog.set_level(logging.DEBUG, logger="notifier")
    kinds: tuple[type[Client], ...] = (LongPollClient, WebSocketClient)
    members = [await world.guest(kind, "good") for kind in kinds]
    for member in members:
        await member.join("room:a")
    room = Room(world, members)
    await room.say()
    yield room
    await room.say()
    for member in members:
        await member.nothing_more()
    assert WORD not in caplog.text
    assert "nts_" not in caplog.text


async def queued(world: World) -> LongPollClient:
    """
    Connect a client on long-polling for which one message waits.
    """
    client = await world.guest(LongPollClient, "bad")
    await client.join("room:b")
    await world.server.broadcast("room:b", "news", {"waits": True})
    return client


async def still_there(client: LongPollClient) -> None:
    """
    Make sure that what was queued is still to be had, and the session alive.
    """
    assert (await client.receive()).payload == {"waits": True}
    assert (await client.ask("room:b", "echo", {"n": 1}))["response"] == {"n": 1}


def head_of_post(client: LongPollClient, *fields: str) -> str:
    lines = (f"POST /socket/longpoll?token={client.token} HTTP/1.1", "Host: a", *fields)
    return "\r\n".join((*lines, "", ""))


# --- messages that are none


@pytest.mark.parametrize("name", BAD_TEXTS)
async def test_bad_text_is_refused_when_it_is_posted(world: World, room: Room, name: str) -> None:
    """
    400 with what was expected and no word of what came; the session loses nothing.
    """
    client = await queued(world)
    good = client.encode("1", "9", "room:b", "push", {})
    assert isinstance(good, str)
    for body, content_type, line in (
        (BAD_TEXTS[name], "application/json", ""),
        (f"{good}\n{BAD_TEXTS[name]}\n{good}", "application/x-ndjson", "line 2: "),
    ):
        answer = await client.post(body.encode(), content_type)
        assert (answer["status"], answer["reason"]) == (400, "bad_message")
        assert re.match(rf"{line}expected .+, got .+", answer["message"])
        assert WORD not in answer["message"]
        assert len(answer["message"]) < 200
    await still_there(client)


@pytest.mark.parametrize(
    "body",
    [b"", b"\n \r\n\t", b"%%%", b"AAA", b"=AAA", b"\xff\xfe", "ü".encode(), WORD.encode() + b"=="],
)
async def test_bad_line_is_refused_when_it_is_posted(world: World, room: Room, body: bytes) -> None:
    """
    No message, bad base64, no text at all: 400.
    """
    client = await queued(world)
    answer = await client.post(body, "application/x-ndjson")
    assert (answer["status"], answer["reason"]) == (400, "bad_message")
    await still_there(client)


@pytest.mark.parametrize("name", BAD_BYTES)
async def test_bad_bytes_are_refused_when_they_are_posted(
    world: World, room: Room, name: str
) -> None:
    """
    As a line in base64, and as they are.
    """
    client = await queued(world)
    line = base64.b64encode(BAD_BYTES[name])
    for body, content_type in (
        (line, "application/x-ndjson"),
        (BAD_BYTES[name], "application/octet-stream"),
    ):
        answer = await client.post(body, content_type)
        assert (answer["status"], answer["reason"]) == (400, "bad_message")
        assert WORD not in answer["message"]
    await still_there(client)


async def test_text_that_is_no_utf_8_is_refused_when_it_is_posted(world: World, room: Room) -> None:
    """
    In a string of a message that is fine otherwise.
    """
    client = await queued(world)
    body = b'["1","9","room:b","echo",{"s":"\xff\xc3("}]'
    for content_type in ("application/json", "application/x-ndjson"):
        answer = await client.post(body, content_type)
        assert (answer["status"], answer["reason"]) == (400, "bad_message")
    await still_there(client)


@pytest.mark.parametrize("name", BAD_TEXTS)
async def test_bad_text_closes_a_websocket(world: World, room: Room, name: str) -> None:
    """
    1011 with what was expected and no word of what came.
    """
    client = await world.guest(WebSocketClient, "bad")
    await client.send_raw(BAD_TEXTS[name])
    end = await client.ended()
    assert end.code == 1011
    assert end.text.startswith("expected ")
    assert WORD not in end.text


@pytest.mark.parametrize("name", BAD_BYTES)
async def test_bad_bytes_close_a_websocket(world: World, room: Room, name: str) -> None:
    """
    1011 with what was expected.
    """
    client = await world.guest(WebSocketClient, "bad")
    await client.send_raw(BAD_BYTES[name])
    end = await client.ended()
    assert end.code == 1011
    assert end.text.startswith("expected ")
    assert WORD not in end.text


@pytest.mark.parametrize("vsn", ["1.0.0"])
async def test_message_of_another_version_is_refused(world: World, room: Room, vsn: str) -> None:
    """
    A list where an object is due, an object without what it needs, bytes where there are none.
    """
    for bad in ('["1","1","room:a","echo",{}]', f'{{"topic":"{WORD}"}}', b"\0\1\1\1\1aaaa"):
        client = await world.guest(WebSocketClient, "bad", vsn)
        await client.send_raw(bad)
        end = await client.ended()
        assert end.code == 1011
        assert WORD not in end.text


# --- bodies


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_huge_body_is_refused_before_it_is_read(
    world: World, room: Room, connect: Connect, framing: str
) -> None:
    """
    413 with the bound, and the connection ends; the session loses nothing.
    """
    client = await queued(world)
    raw = await connect()
    if framing == "length":
        raw.send(head_of_post(client, "Content-Length: 1000000000000"))
    else:
        raw.send(head_of_post(client, "Transfer-Encoding: chunked"))
        size = LIMITS.max_message_bytes + 1
        raw.send(b"%x\r\n%b\r\n" % (size, (WORD.encode() * size)[:size]))
    status, _, body = await raw.answer()
    told = json.loads(body)
    assert (status, told["status"], told["reason"]) == (413, 413, "message_too_large")
    assert str(LIMITS.max_message_bytes) in told["message"]
    raw.writer.write_eof()
    assert await raw.everything() == b""
    raw.abort()
    await still_there(client)


async def test_batch_is_refused_when_it_has_too_many_lines(world: World, room: Room) -> None:
    """
    As a whole: none of its lines is handled.
    """
    client = await queued(world)
    line = json.dumps([None, None, "room:b", "push", {WORD: 1}])
    body = "\n".join([line] * (LIMITS.max_batch_lines + 1)).encode()
    answer = await client.post(body, "application/x-ndjson")
    assert (answer["status"], answer["reason"]) == (400, "batch_too_long")
    await still_there(client)


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_half_a_body_is_not_handled(
    world: World, room: Room, connect: Connect, framing: str
) -> None:
    """
    The client has gone before its end: the request is over, and no message came.
    """
    client = await queued(world)
    (session,) = (one for one in world.sessions() if one.id == "user_socket:bad")
    message = json.dumps(["1", "9", "room:b", "push", {WORD: 1}])
    raw = await connect()
    if framing == "length":
        raw.send(head_of_post(client, f"Content-Length: {len(message) + 1}") + message)
    else:
        raw.send(head_of_post(client, "Transfer-Encoding: chunked"))
        raw.send(f"{len(message):x}\r\n{message}\r\n")
    await until(lambda: session.session.mailbox._requests == 1)
    raw.abort()
    await until(lambda: session.session.mailbox._requests == 0)
    await still_there(client)


# --- connections


@pytest.mark.parametrize(
    "data",
    [
        WORD.encode() * 10_000,
        bytes(range(256)) * 100,
        b"\r\n" * 1_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        f"GET /socket/longpoll HTTP/1.1\r\n{WORD}\r\n\r\n".encode(),
        b"GET /socket/longpoll?vsn=2.0.0&guest=bad HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
    ],
    ids=["letters", "bytes", "empty lines", "TLS", "HTTP/2", "a bad header", "many headers"],
)
async def test_garbage_is_answered_with_400_at_the_most(
    world: World, room: Room, connect: Connect, data: bytes
) -> None:
    """
    The connection ends, and nothing is opened.
    """
    raw = await connect()
    raw.send(data)
    raw.writer.write_eof()
    came = await raw.everything()
    assert came == b"" or re.match(rb"HTTP/1\.[01] (400|431)", came)
    raw.abort()
    assert world.server.endpoint.count() == 2


async def test_client_that_does_not_read_is_let_go(
    world: World, room: Room, connect: Connect
) -> None:
    """
    Its session ends as a slow consumer and its connection is closed; the rest get everything.
    """
    raw = await connect()
    raw.send(HANDSHAKE)
    await raw.answer()
    raw.send(bytes((0x81, 0x80 | len(JOIN), 0, 0, 0, 0)) + JOIN.encode())
    await until(lambda: world.server.endpoint.pubsub.count("room:a") == 3)
    raw.writer.transport.pause_reading()
    while world.server.endpoint.count("websocket") == 2:
        assert room.sent < 2_000
        await room.say(x="x" * 40_000)
    raw.writer.transport.resume_reading()
    tail = b""
    async with asyncio.timeout(PATIENCE_S):
        while b"mailbox holds" not in tail:  # the reason in the close frame
            came = await raw.reader.read(65_536)
            assert came
            tail = tail[-100:] + came


async def test_abandoned_polls_leave_nothing(world: World, room: Room, connect: Connect) -> None:
    """
    300 of them, together and one after the other; the next poll gets what has come.
    """
    client = await queued(world)
    assert (await client.receive()).payload == {"waits": True}
    await client.nothing_more()
    (session,) = (one for one in world.sessions() if one.id == "user_socket:bad")
    mailbox = session.session.mailbox
    get = f"GET /socket/longpoll?token={client.token} HTTP/1.1\r\nHost: a\r\n\r\n"
    for count in (1, 50, 249):
        polls = [await connect() for _ in range(count)]
        for raw in polls:
            raw.send(get)
        await until(lambda: mailbox._line is not None)
        await room.say()
        for raw in polls:
            raw.abort()
        await until(lambda: mailbox._requests == 0)
        assert mailbox._line is None
        assert mailbox._waiting == ()
    await world.server.broadcast("room:b", "news", {"n": 1})
    assert (await client.receive()).payload == {"n": 1}


# --- who may come in


@pytest.mark.parametrize("transport", ["longpoll", "websocket"])
async def test_only_repeated_refusals_are_held_back(
    world: World, room: Room, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """
    The first is told at once, the same token's next is not; nobody else waits for it.
    """
    monkeypatch.setattr(refusals, "FIRST_DELAY_S", 1_000.0)
    monkeypatch.setattr(refusals, "MAX_DELAY_S", 1_000.0)
    client_class = LongPollClient if transport == "longpoll" else WebSocketClient

    async def refused(token: str | None) -> str:
        params = {} if token is None else {"token": token}
        with pytest.raises(Refused) as refusal:
            await world.stranger(client_class).connect(params)
        return refusal.value.reason

    assert await refused(WORD) == "token_invalid"
    looping = asyncio.ensure_future(refused(WORD))
    await until(lambda: world.server.endpoint.refused["token_invalid"] == 2)
    assert await refused("another") == "token_invalid"
    assert [await refused(None) for _ in range(3)] == ["token_missing"] * 3
    good = world.stranger(client_class)
    await good.connect({"token": world.token()})
    await good.join("room:a")
    assert not looping.done()
    looping.cancel()
    await asyncio.wait({looping})


@pytest.mark.parametrize(("trusted", "peer"), [([], "127.0.0.1"), (["127.0.0.0/8"], "203.0.113.5")])
@pytest.mark.parametrize("client_class", [LongPollClient, WebSocketClient])
async def test_forwarded_address_is_believed_from_trusted_proxies_only(
    door: str, client_class: type[Client], trusted: list[str], peer: str
) -> None:
    """
    Whoever else writes one is who he is.
    """
    async with world_behind(door, trusted_proxies=trusted) as world:
        client = world.stranger(client_class)
        await client.connect({"guest": "ann"}, {"X-Forwarded-For": "198.51.100.1, 203.0.113.5"})
        (session,) = world.sessions()
        assert session.socket.assigns["info"].peer == peer


ORIGINS = ["https://a.example", "//*.b.example:8443"]


@pytest.mark.parametrize(
    ("check", "origin", "allowed"),
    [
        (ORIGINS, "https://a.example", True),
        (ORIGINS, "http://a.example", False),
        (ORIGINS, "https://c.b.example:8443", True),
        (ORIGINS, "https://c.b.example", False),
        (ORIGINS, "null", False),
        (ORIGINS, None, True),
        ([], f"https://{WORD}.example", True),
    ],
)
@pytest.mark.parametrize("client_class", [LongPollClient, WebSocketClient])
async def test_page_is_let_in_by_its_origin(
    door: str, client_class: type[Client], check: list[str], origin: str | None, allowed: bool
) -> None:
    """
    By a list with wildcards; an empty one is no check, and no origin is no page.
    """
    async with world_behind(door, check_origin=check) as world:
        client = world.stranger(client_class)
        headers = {} if origin is None else {"Origin": origin}
        if allowed:
            await client.connect({"guest": "ann"}, headers)
        else:
            with pytest.raises(Refused) as refused:
                await client.connect({"guest": "ann"}, headers)
            assert refused.value.reason == "origin_forbidden"
        assert world.server.endpoint.count() == allowed


@pytest.mark.parametrize("origin", ["https://a.example", "https://evil.example"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_foreign_page_gets_nothing_from_a_session(
    door: str, method: str, origin: str
) -> None:
    """
    Every request is held against the list, not only the connect.
    """
    async with world_behind(door, check_origin=ORIGINS) as world:
        client = await world.guest(LongPollClient)
        await client.send("phoenix", "heartbeat")
        assert client.token is not None
        async with world.http.request(
            method,
            world.url("longpoll"),
            params={"token": client.token},
            data=b"[]" if method == "POST" else None,
            headers={"Origin": origin},
        ) as response:
            text = await response.text()
        is_refused = '"origin_forbidden"' in text
        assert is_refused == (origin != "https://a.example")
        assert response.headers["access-control-allow-origin"] == "*"
        assert (await client.receive()).event == "phx_reply"


async def test_preflight_allows_what_is_asked_for(world: World, room: Room) -> None:
    """
    As Phoenix: methods in lower case, the headers echoed, for an hour.
    """
    headers = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-phoenix-authtoken",
    }
    async with world.http.options(world.url("longpoll"), headers=headers) as response:
        assert response.status == 200
        assert await response.read() == b""
    got = {k.lower(): v for k, v in response.headers.items() if k.lower().startswith("access")}
    assert got == {
        "access-control-allow-origin": "*",
        "access-control-allow-headers": "content-type, x-phoenix-authtoken",
        "access-control-allow-methods": "get, post, options",
        "access-control-max-age": "3600",
    }
