"""
WebSocket, by the contract of all transports and by what is its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from notifier.protocol.reasons import (
    DISCONNECTED,
    IDLE,
    MESSAGE_TOO_LARGE,
    RESTARTING,
    SLOW_CONSUMER,
    Reason,
)
from notifier.transports.connection import Connection
from notifier.transports.websocket import MAX_CLOSE_REASON_BYTES, close_reason
from transports.clients import WebSocketClient
from transports.contract import TransportContract
from transports.world import LIMITS, World, until


class TestContract(TransportContract):
    client_class = WebSocketClient

    def told(self, reason: Reason) -> int:
        return reason.close_code


@pytest.fixture
async def client(world: World) -> WebSocketClient:
    """
    A client that has joined `room:a`.
    """
    client = await world.guest(WebSocketClient)
    await client.join("room:a")
    return client


@pytest.fixture
async def bare(world: World) -> AsyncIterator[ClientWebSocketResponse]:
    """
    A client that answers no ping by itself.
    """
    url = f"{world.url('websocket')}?guest=ann&vsn=2.0.0"
    async with world.http.ws_connect(url, autoping=False) as websocket:
        yield websocket


def connections(world: World) -> list[Connection]:
    slots = world.server.endpoint.deadlines._slots.values()
    return [one for slot in slots for one in slot.values() if isinstance(one, Connection)]


# --- handshakes


async def test_token_comes_as_a_subprotocol(world: World) -> None:
    """
    As phoenix.js sends it from 1.8 on; `phoenix` is chosen, not the one with the token, which
    comes before a token in the query.
    """
    token = b64encode(world.token("ann").encode()).decode().rstrip("=")
    offered = ["phoenix", f"base64url.bearer.phx.{token}"]
    url = f"{world.url('websocket')}?token=another"
    async with world.http.ws_connect(url, protocols=offered) as websocket:
        assert websocket.protocol == "phoenix"
        assert world.sessions()[0].socket.id == "user_socket:ann"


async def test_subprotocol_is_chosen_only_if_it_is_offered(world: World) -> None:
    """
    A plain client asks for none and gets none.
    """
    async with world.http.ws_connect(f"{world.url('websocket')}?guest=ann") as websocket:
        assert websocket.protocol is None


HANDSHAKE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("header", "value", "told"),
    [
        ("upgrade", None, "'upgrade' header must contain 'websocket', got []"),
        ("upgrade", "h2c", "'upgrade' header must contain 'websocket', got [\"h2c\"]"),
        ("connection", None, "'connection' header must contain 'upgrade', got []"),
        ("connection", "close", "'connection' header must contain 'upgrade', got"),
        ("sec-websocket-key", None, "'sec-websocket-key' header is absent"),
        ("sec-websocket-version", None, "'sec-websocket-version' header must equal '13', got []"),
        ("sec-websocket-version", "8", "'sec-websocket-version' header must equal '13', got"),
    ],
)
async def test_handshake_is_refused_with_what_it_lacks(
    world: World, header: str, value: str | None, told: str
) -> None:
    """
    400 and a sentence, before the application is asked.
    """
    lines = HANDSHAKE | {header: value}
    head = "".join(f"{name}: {text}\r\n" for name, text in lines.items() if text is not None)
    status, body = await answer_to(
        world, f"GET /socket/websocket?raise=1 HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode()
    )
    assert (status, body[: len(told)]) == (400, told)
    assert world.server.endpoint.refused == {}


@pytest.mark.parametrize(
    "header", ["upgrade", "connection", "sec-websocket-key", "sec-websocket-version"]
)
async def test_handshake_is_refused_when_a_header_is_not_ascii(
    world: World, header: str, caplog
) -> None:
    """
    Bytes that are no text are no error of ours, and open nothing.
    """
    lines = {name: text.encode() for name, text in HANDSHAKE.items()} | {header: b"\xff\xfe"}
    head = b"".join(name.encode() + b": " + text + b"\r\n" for name, text in lines.items())
    request = b"GET /socket/websocket?guest=ann HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n"
    status, body = await answer_to(world, request)
    assert status == 400
    assert header in body
    assert world.server.endpoint.count() == 0
    assert caplog.text == ""


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "HEAD", "PUT"])
async def test_other_methods_are_refused(world: World, method: str) -> None:
    """
    400 without a word.
    """
    async with world.http.request(method, world.url("websocket")) as response:
        assert (response.status, await response.read()) == (400, b"")


async def answer_to(world: World, request: bytes) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(request)
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1]) if length else 0)
    writer.transport.abort()
    return int(head.split()[1]), body.decode()


# --- time


async def test_silent_client_is_pinged_and_then_closed(
    world: World, bare: ClientWebSocketResponse
) -> None:
    """
    A ping every 20 s; after 60 s without any frame of the client's the end.
    """
    for _ in range(2):
        world.pass_time(20.0)
        assert (await bare.receive()).type is WSMsgType.PING
    world.pass_time(20.0)
    assert (await bare.receive()).type is WSMsgType.CLOSE
    assert bare.close_code == IDLE.close_code
    assert world.server.endpoint.count() == 0


@pytest.mark.parametrize("kind", ["pong", "ping", "text"])
async def test_client_that_answers_is_kept(
    world: World, bare: ClientWebSocketResponse, kind: str
) -> None:
    """
    Any frame will do, and pings are answered with their payload.
    """
    (connection,) = connections(world)
    for _ in range(6):
        world.pass_time(20.0)
        assert (await bare.receive()).type is WSMsgType.PING
        if kind == "pong":
            await bare.pong()
        elif kind == "ping":
            await bare.ping(b"payload")
            answer = await bare.receive()
            assert (answer.type, answer.data) == (WSMsgType.PONG, b"payload")
        else:
            await bare.send_str('[null,"1","phoenix","heartbeat",{}]')
            assert (await bare.receive()).type is WSMsgType.TEXT
        await until(lambda: connection._heard_at == world.clock.now)
    assert world.server.endpoint.count() == 1


async def test_message_is_not_held_up_by_a_ping(
    world: World, bare: ClientWebSocketResponse
) -> None:
    """
    Both come, whatever is due first.
    """
    await bare.send_str('["1","1","room:a","phx_join",{}]')
    await bare.receive()
    world.pass_time(20.0)
    await world.server.broadcast("room:a", "news", {"n": 1})
    got = [await bare.receive() for _ in range(2)]
    assert {one.type for one in got} == {WSMsgType.PING, WSMsgType.TEXT}


# --- ends


async def test_close_of_the_client_ends_its_session(world: World, client: WebSocketClient) -> None:
    """
    At once, and its channels with it.
    """
    assert client.connection is not None
    await client.connection.close(1000)
    await until(lambda: world.server.endpoint.count() == 0)
    assert (await world.server.broadcast("room:a", "news", {})).reached == 0


async def test_cut_connection_ends_its_session(world: World, client: WebSocketClient) -> None:
    """
    Also without a goodbye.
    """
    await client.close()
    await until(lambda: world.server.endpoint.count() == 0)


async def test_messages_before_the_end_are_written(world: World, client: WebSocketClient) -> None:
    """
    A notice that is followed by a log-out is read before it.
    """
    for number in range(10):
        await world.server.broadcast("room:a", "news", {"n": number})
    await world.server.disconnect("user_socket:ann")
    assert [(await client.receive()).payload["n"] for _ in range(10)] == list(range(10))
    end = await client.ended()
    assert (end.code, end.text) == (DISCONNECTED.close_code, DISCONNECTED.text)


async def test_message_is_taken_up_to_its_bound(world: World, client: WebSocketClient) -> None:
    """
    One byte more closes with 1009; somebody else notices nothing.
    """
    other = await world.guest(WebSocketClient, "bob")
    empty = len(client.encode("1", "1", "room:a", "echo", {"x": ""}))
    for too_much in (0, 1):
        text = "x" * (LIMITS.max_message_bytes - empty + too_much)
        await client.send_raw(client.encode("1", "1", "room:a", "echo", {"x": text}))
        if not too_much:
            assert (await client.receive()).payload["response"] == {"x": text}
    assert (await client.ended()).code == MESSAGE_TOO_LARGE.close_code
    await other.nothing_more()


async def test_session_that_ends_during_the_handshake_closes_its_websocket(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Somebody may be thrown out in the moment in which he comes.
    """
    endpoint = world.server.endpoint
    opened = type(endpoint).open

    async def open_and_end(*arguments: object, **options: object) -> object:
        server = await opened(*arguments, **options)  # type: ignore[arg-type]  # handed on
        server.close(DISCONNECTED)
        return server

    monkeypatch.setattr(type(endpoint), "open", open_and_end)
    client = await world.guest(WebSocketClient)
    assert (await client.ended()).code == DISCONNECTED.close_code


async def test_close_has_the_reasons_code_and_sentence(
    world: World, client: WebSocketClient
) -> None:
    """
    So that a person who looks at the browser's log knows.
    """
    waiting = asyncio.ensure_future(client.ended())
    await world.server.endpoint.shutdown()
    assert ((await waiting).code, (await waiting).text) == (RESTARTING.close_code, RESTARTING.text)


def test_close_reason_fits_into_its_frame() -> None:
    """
    What does not is cut between characters, not within.
    """
    text = close_reason(Reason("x", "ü" * 200))
    assert len(text) <= MAX_CLOSE_REASON_BYTES
    assert text.decode() == "ü" * (MAX_CLOSE_REASON_BYTES // 2)
    assert close_reason(SLOW_CONSUMER).decode() == SLOW_CONSUMER.text


async def test_messages_may_come_together(bare: ClientWebSocketResponse) -> None:
    """
    Many frames before the first answer is read: each is answered, in order.
    """
    for number in range(30):
        await bare.send_str(json.dumps([None, str(number), "phoenix", "heartbeat", {}]))
    assert [json.loads((await bare.receive()).data)[1] for _ in range(30)] == [
        str(number) for number in range(30)
    ]


async def test_connection_shows_no_token_when_printed(
    world: World, client: WebSocketClient
) -> None:
    """
    It may come into a log.
    """
    (connection,) = connections(world)
    assert connection.server.token not in repr(connection)
