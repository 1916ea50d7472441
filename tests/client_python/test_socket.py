"""
Sockets and their channels against the real server, on real connections, over a bad network too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import evolve
from doors import DOORS
from notifier_client import (
    Change,
    Channel,
    ChannelClosed,
    ConnectionRefused,
    ErrorReply,
    JoinRefused,
    ReplyTimeout,
    SessionLost,
    Socket,
    SocketClosed,
    TokenFailed,
    Unreachable,
    connect,
)
from notifier_client.longpoll import LongPoll
from transports.world import LIMITS, World, until, world_behind

from client_python.history import HistorySocket, LoggedRoom
from client_python.relay import Relay, relay_to

TRANSPORTS = ("auto", "longpoll", "websocket")
LONG_S = 15.0


@pytest.fixture(autouse=True)
def _empty_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoggedRoom, "log", [])
    monkeypatch.setattr(LoggedRoom, "floor", 0)


def a_socket(world: World, where: Relay | None = None, **more: Any) -> Socket:
    url = where.url if where else f"http://127.0.0.1:{world.port}/socket"
    return connect(url, **{"token": world.token(), **more})


@asynccontextmanager
async def joined(
    world: World, topic: str = "room:a", where: Relay | None = None, **more: Any
) -> AsyncIterator[tuple[Socket, Channel]]:
    async with a_socket(world, where, **more) as socket, socket.channel(topic) as channel:
        yield socket, channel


async def next_of(channel: Channel) -> Any:
    async with asyncio.timeout(LONG_S):
        message = await anext(channel)
    return message.event, message.payload


async def next_news(channel: Channel) -> Any:
    """
    Wait for the next of what was published; presence comes in between.
    """
    while (message := await next_of(channel))[0] != "news":
        pass
    return message[1]


async def carried(socket: Socket, by: str) -> None:
    await until(lambda: socket.carried_by == by)


# What every transport does


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_push_gives_the_reply_when_there_is_one(world: World, transport: str) -> None:
    """
    A push returns the response, text or binary.
    """
    async with joined(world, transport=transport) as (_, room):
        assert await room.push("echo", {"n": "ü"}) == {"n": "ü"}
        assert await room.push("binary", b"\xff\x00") == b"\xff\x00"
        assert [await next_of(room), await next_of(room)] == [
            ("pushed", b"\xff\x00"),
            ("news", b"\xff\x00"),
        ]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_push_raises_when_the_reply_is_an_error(world: World, transport: str) -> None:
    """
    An error reply is an exception that holds the response.
    """
    async with joined(world, transport=transport) as (_, room):
        with pytest.raises(ErrorReply) as caught:
            await room.push("refuse", {"reason": "too late"})
    assert caught.value.response == {"reason": "too late"}
    assert "too late" in str(caught.value)


async def test_push_raises_when_no_reply_comes_in_time(world: World) -> None:
    """
    A push that nobody answers ends with its timeout.
    """
    async with joined(world) as (_, room):
        with pytest.raises(ReplyTimeout):
            await room.push("push", {}, timeout_s=0.05)


async def test_push_raises_when_json_cannot_hold_the_payload(world: World) -> None:
    """
    A mistake of the caller's is a TypeError, and costs the session nothing.
    """
    async with joined(world) as (_, room):
        with pytest.raises(TypeError):
            await room.push("echo", {"n": object()})
        assert await room.push("echo", 1) == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_join_raises_when_it_is_refused(world: World, transport: str) -> None:
    """
    The server's no to a join is an exception, and the socket is good for more.
    """
    async with joined(world, transport=transport) as (socket, room):
        with pytest.raises(JoinRefused) as caught:
            await socket.channel("room:b", {"refuse": "not you"}).join()
        assert caught.value.response == {"reason": "not you"}
        assert await room.push("echo", 1) == 1


async def test_join_opens_and_joins_in_one_request(world: World, relay: Relay) -> None:
    """
    One round trip opens the session, joins what is wanted at once, and brings the replies.
    """
    async with a_socket(world, relay, transport="longpoll") as socket:
        rooms = [socket.channel(f"room:{name}") for name in "ab"]
        assert await asyncio.gather(*(room.join() for room in rooms)) == [
            {"topic": "room:a"},
            {"topic": "room:b"},
        ]
        head, _, _ = relay.seen[0].partition(b"\r\n")
        assert head.startswith(b"POST /socket/longpoll?")
        assert b"token" not in head
        assert [data for data in relay.seen if b"POST" in data] == relay.seen[:1]


async def test_leave_ends_the_iteration(world: World) -> None:
    """
    After leave an iteration ends by itself, and the server has no such channel.
    """
    async with a_socket(world) as socket:
        room = socket.channel("room:a")
        await room.join()
        await room.leave()
        assert [message async for message in room] == []
        with pytest.raises(ChannelClosed):
            await room.push("echo", 1)
        assert world.sessions()[0].session._seats == {}


async def test_iteration_raises_when_the_server_closes_the_channel(world: World) -> None:
    """
    An ordinary stop on the server is told, after what came before.
    """
    async with joined(world) as (_, room):
        await room.push("stop", {})
        with pytest.raises(ChannelClosed) as caught:
            await next_of(room)
    assert caught.value.by_server


async def test_channel_is_joined_again_when_it_crashes(world: World) -> None:
    """
    A crash on the server costs the reply, and a pause.
    """
    async with joined(world) as (_, room):
        room.backoff.first_s = 0.01
        with pytest.raises(ReplyTimeout):
            await room.push("boom", {}, timeout_s=0.2)
        assert await room.push("echo", 1) == 1


async def test_second_join_of_a_topic_is_misuse(world: World) -> None:
    """
    One channel a topic at a time.
    """
    async with joined(world) as (socket, _):
        with pytest.raises(RuntimeError, match="one channel a topic"):
            await socket.channel("room:a").join()


async def test_closed_socket_raises_everywhere(world: World) -> None:
    """
    After the end of a socket its channels say so.
    """
    async with a_socket(world) as socket:
        room = socket.channel("room:a")
        await room.join()
    with pytest.raises(SocketClosed):
        await next_of(room)
    with pytest.raises(SocketClosed):
        await socket.channel("room:b").join()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_close_says_goodbye(world: World, transport: str) -> None:
    """
    What was sent last arrives, and the session is gone at once.
    """
    async with joined(world, transport=transport) as (_, room):
        await room.send("all", {"last": True})
    await until(lambda: world.server.endpoint.count() == 0)


# The door


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_refused_connect_is_told_and_final(world: World, transport: str) -> None:
    """
    A bad token is not tried again.
    """
    async with a_socket(world, token="bad", transport=transport) as socket:
        with pytest.raises(ConnectionRefused):
            await socket.channel("room:a").join()
        with pytest.raises(ConnectionRefused):
            await socket.channel("room:b").join()


async def test_refusal_has_the_words_of_the_server(world: World) -> None:
    """
    Over HTTP the reason comes along.
    """
    async with a_socket(world, token="bad") as socket:
        with pytest.raises(ConnectionRefused) as caught:
            await socket.channel("room:a").join()
    assert caught.value.code == "token_invalid"


async def test_token_is_asked_for_at_each_opening(world: World, relay: Relay) -> None:
    """
    A function gives the token, anew for each session.
    """
    asked: list[str] = []

    async def token() -> str:
        asked.append(world.token())
        return asked[-1]

    async with joined(world, where=relay, token=token, transport="longpoll") as (_, room):
        assert len(asked) == 1
        await world.server.endpoint.disconnect("user_socket:ann")
        await until(lambda: len(asked) == 2)
        assert await room.push("echo", 1) == 1


async def test_token_that_cannot_be_had_is_told(world: World) -> None:
    """
    What the function raised stands behind the error.
    """

    def token() -> str:
        raise LookupError("no such user")

    async with a_socket(world, token=token) as socket:
        with pytest.raises(TokenFailed) as caught:
            await socket.channel("room:a").join()
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("token", [lambda: 1, "two\nlines", "ä"])
async def test_token_that_is_none_is_told(world: World, token: Any) -> None:
    """
    What cannot stand in a header is not sent.
    """
    async with a_socket(world, token=token) as socket:
        with pytest.raises(TokenFailed, match="expected a token"):
            await socket.channel("room:a").join()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_unreachable_server_is_told_in_time(transport: str) -> None:
    """
    Without a server a join ends with its timeout, and says what failed.
    """
    async with relay_to(None) as nowhere, connect(nowhere.url, transport=transport) as socket:
        with pytest.raises(Unreachable) as caught:
            await socket.channel("room:a").join(timeout_s=0.3)
    assert nowhere.url in str(caught.value)


def test_misuse_of_connect_is_told() -> None:
    """
    A wrong URL or transport is answered with what is allowed.
    """
    with pytest.raises(ValueError, match="https://notices"):
        connect("notices.example/socket")
    with pytest.raises(ValueError, match="auto, longpoll, websocket"):
        connect("http://a/socket", transport="carrier pigeon")
    with pytest.raises(ValueError, match="1 or more"):
        connect("http://a/socket").channel("room:a", max_queue=0)
    assert connect("wss://a/socket/websocket?vsn=1").url == "https://a/socket"


async def test_mistake_of_the_package_ends_the_socket(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Nobody waits for ever for a task that has failed.
    """
    monkeypatch.setattr(LongPoll, "ask", lambda *_: 1 / 0)
    async with a_socket(world) as socket:
        with pytest.raises(SocketClosed):
            await socket.channel("room:a").join()
    assert "ZeroDivisionError" in caplog.text


# Moving, and a bad network


async def test_auto_moves_to_a_websocket_and_back(world: World, relay: Relay) -> None:
    """
    The same session begins on polling, moves, and comes back when the WebSocket is cut.
    """
    async with joined(world, where=relay) as (socket, room):
        await carried(socket, "websocket")
        server = world.sessions()
        assert await room.push("echo", 1) == 1
        relay.websockets = "refuse"
        assert relay.cut(b"/websocket") == 1
        assert await room.push("echo", 2) == 2
        assert socket.carried_by == "longpoll"
        assert world.sessions() == server


async def test_auto_stays_on_polling_when_websockets_are_refused(
    world: World, relay: Relay
) -> None:
    """
    A proxy that refuses WebSockets costs nothing, and they are tried again.
    """
    relay.websockets = "refuse"
    async with joined(world, where=relay) as (socket, room):
        assert await room.push("echo", 1) == 1
        await until(lambda: any(b"/websocket" in data for data in relay.seen))
        assert socket.carried_by == "longpoll"
        relay.websockets = "pass"
        socket._driver.session.attachments.candidate_at = 0.0  # type: ignore[union-attr]  # it is connected
        await room.push("echo", 2)
        await carried(socket, "websocket")


async def test_auto_polls_beside_a_websocket_that_never_answers(world: World, relay: Relay) -> None:
    """
    A handshake that hangs keeps nobody waiting.
    """
    relay.websockets = "stall"
    async with joined(world, where=relay) as (socket, room):
        await until(lambda: relay.count(b"/websocket") == 1)
        assert await room.push("echo", 1) == 1
        assert socket.carried_by == "longpoll"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_nothing_is_lost_when_connections_are_cut(
    world: World, relay: Relay, transport: str
) -> None:
    """
    However often all connections are cut, each message comes once and in order.
    """
    async with joined(world, where=relay, transport=transport) as (socket, room):
        socket._driver.session.attachments.pauses.max_s = 0.01  # type: ignore[union-attr]  # it is connected
        for number in range(40):
            await room.send("all", {"n": number})
            if number % 4 == 0:
                relay.cut()
            await asyncio.sleep(0)
        assert [await next_of(room) for _ in range(40)] == [
            ("news", {"n": number}) for number in range(40)
        ]
        assert len(world.sessions()) == 1


@pytest.mark.parametrize("word", [b"POST", b"GET"])
async def test_nothing_is_doubled_when_answers_are_lost(
    world: World, relay: Relay, word: bytes
) -> None:
    """
    A request that arrived, and whose answer did not, is sent again and handled once.
    """
    relay.lose, relay.lost_answers = word, 2
    async with joined(world, where=relay, transport="longpoll") as (_, room):
        for number in range(5):
            await room.send("all", {"n": number})
        assert [await next_of(room) for _ in range(5)] == [("news", {"n": n}) for n in range(5)]
        assert len(world.sessions()) == 1


async def test_push_is_told_when_its_session_is_lost(world: World) -> None:
    """
    A push whose reply can come no more raises, and the next one is answered.
    """
    async with joined(world, transport="longpoll") as (_, room):
        waiting = asyncio.ensure_future(room.push("wait", {}))
        await until(lambda: world.sessions()[0].socket.gates)
        await world.server.endpoint.disconnect("user_socket:ann")
        with pytest.raises(SessionLost) as caught:
            await waiting
        assert caught.value.code == "disconnected"
        assert await room.push("echo", 1) == 1


# History


@pytest.mark.parametrize("topic", ["logged:a", "kept:a"])
async def test_rejoin_brings_what_was_missed(world: World, topic: str) -> None:
    """
    After a lost session what came meanwhile follows, each message once.
    """
    rejoins: list[Any] = []
    async with a_socket(world) as socket, a_socket(world, token=world.token("bob")) as other:
        room, writer = socket.channel(topic, on_rejoin=rejoins.append), other.channel(topic)
        await room.join()
        await writer.join()
        await writer.push("publish", {"n": 1})
        first = await next_news(room)
        await world.server.endpoint.disconnect("user_socket:ann")
        for number in (2, 3):
            await writer.push("publish", {"n": number})
        rest = [await next_news(room), await next_news(room)]
        assert [one["n"] for one in (first, *rest)] == [1, 2, 3]
        assert (rejoins[0].since, rejoins[0].recovered) == (first["id"], True)
        assert room.last_id == rest[-1]["id"]


async def test_presence_is_followed(world: World) -> None:
    """
    Who comes and who goes, as the server's own presence tells.
    """
    changes: list[Change] = []

    async def there(*names: str) -> None:
        async with asyncio.timeout(LONG_S):
            while set(room.presence.state) != set(names):
                world.pass_time(0.1)  # changes that follow each other closely go out as one
                await asyncio.sleep(0)

    async with joined(world, "who:a") as (_, room):
        room.on_presence = changes.append
        await there("ann")
        async with joined(world, "who:a", token=world.token("bob")):
            await there("ann", "bob")
        await there("ann")
        world.pass_time(1)
    assert [(set(one.joins), set(one.leaves)) for one in changes[-2:]] == [
        ({"bob"}, set()),
        (set(), {"bob"}),
    ]


async def test_gap_is_told_when_the_history_does_not_reach(world: World) -> None:
    """
    Where `recovered` is false the user hears of it.
    """
    rejoins: list[Any] = []
    LoggedRoom.log += [{"id": "007"}]
    LoggedRoom.floor = 5
    socket = a_socket(world)
    room = socket.channel("logged:a", since="002", on_rejoin=rejoins.append)
    async with socket, room:
        assert await next_of(room) == ("news", {"id": "007"})
    assert [one.recovered for one in rejoins] == [False]


@pytest.mark.parametrize("topic", ["logged:a", "kept:a"])
async def test_slow_reader_catches_up_from_history(world: World, topic: str) -> None:
    """
    A queue that is full takes no more; once it is read the rest comes from the history.
    """
    async with a_socket(world) as socket, socket.channel(topic, max_queue=3) as room:
        await asyncio.gather(*(room.push("publish", {"n": n}) for n in range(10)))
        assert len(room._queue) == 3
        assert [(await next_news(room))["n"] for _ in range(10)] == list(range(10))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_restart_of_the_server_is_followed(transport: str) -> None:
    """
    A server that goes and another that comes on its port are one to the reader.
    """
    guest = {"guest": "ann"}
    async with relay_to(None) as relay, connect(relay.url, transport=transport, params=guest) as us:
        room = us.channel("logged:a")
        async with world_behind("front", HistorySocket) as world:
            relay.target = world.port
            await room.join()
            await room.push("publish", {"n": 1})
            assert await next_of(room) == ("news", {"n": 1, "id": "001"})
            relay.target = None
            relay.cut()
        LoggedRoom.log += [{"n": 2, "id": "002"}]
        async with world_behind("aiohttp", HistorySocket) as world:
            relay.target = world.port
            assert await next_of(room) == ("news", {"n": 2, "id": "002"})
            assert await room.push("echo", 1) == 1
            await us.close()


@pytest.mark.parametrize("door", DOORS)
async def test_large_messages_are_no_sign_of_a_slow_consumer(door: str) -> None:
    """
    Far more than a mailbox holds goes over one WebSocket, with few messages, both ways.
    """
    limits = evolve(LIMITS, max_mailbox_bytes=2_000_000, max_message_bytes=1_000_000)
    async with (
        world_behind(door, HistorySocket, limits=limits) as world,
        joined(world, transport="websocket") as (_, room),
    ):
        for number in range(20):
            payload = {"n": number, "x": "x" * 300_000}
            await world.server.broadcast("room:a", "news", payload)
            assert (await next_of(room))[1]["n"] == number
            assert (await room.push("echo", payload))["n"] == number
