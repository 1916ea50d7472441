"""
What holds whatever carries a session: each test runs on both transports, behind both doors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from clients import CLIENTS, PATIENCE_S, Client, Ended, LongPollClient, Refused, WebSocketClient
from doors import DOORS, serving
from replay import Clock

import notifier
from notifier import Channel, Error, Limits, Notifier, Ok, Socket, handle_in, handle_out
from notifier.protocol import reasons
from notifier.transports.websocket import Connection

EMPTY = {"status": "ok", "response": {}}


class Room(Channel):
    """
    Does whatever a test asks for.
    """

    async def join(self, payload):
        if "raise" in payload:
            raise RuntimeError("a secret of the author's")
        if "refuse" in payload:
            return Error(payload["refuse"])
        if "note" in payload:
            self.send(("push", payload["note"]))
        return Ok(payload)

    @handle_in("echo")
    async def echo(self, payload):
        return Ok(payload)

    @handle_in("refuse")
    async def refuse(self, payload):
        return Error(payload)

    @handle_in("quiet")
    async def quiet(self, payload):
        return None

    @handle_in("push")
    async def push_back(self, payload):
        await self.push("pushed", payload)

    @handle_in("all")
    async def to_all(self, payload):
        await self.broadcast("news", payload)

    @handle_in("others")
    async def to_others(self, payload):
        await self.broadcast_from("news", payload)

    @handle_in("shout")
    async def shout(self, payload):
        await self.broadcast("shouted", payload)

    @handle_out("shouted")
    async def hear(self, payload):
        if "secret" not in payload:
            await self.push("shouted", {**payload, "heard": True})

    @handle_in("later")
    async def later(self, payload):
        self.send(("reply", self.socket_ref(), payload))

    @handle_in("boom")
    async def boom(self, payload):
        raise RuntimeError("a secret of the author's")

    @handle_in("wait")
    async def wait(self, payload):
        await asyncio.Event().wait()

    @handle_in("stop")
    async def stop_here(self, payload):
        await self.stop()
        return Ok()

    async def handle_info(self, message):
        match message:
            case ("push", note):
                await self.push("noted", note)
            case ("reply", ref, payload):
                await self.reply(ref, Ok(payload))

    async def terminate(self, reason):
        if "terminate" in self.assigns:
            raise RuntimeError("a secret of the author's")


class RoomSocket(Socket):
    """
    Lets everyone in but who asks to be refused.
    """

    channels = {"room:*": Room}

    async def connect(self, params, info):
        if "refuse" in params:
            return Error({"reason": params["refuse"], "hint": "come back later"})
        if "raise" in params:
            raise RuntimeError("a secret of the author's")
        if "user" in params:
            self.id = f"user_socket:{params['user']}"
        if "terminate" in params:
            self.assigns["terminate"] = True
        self.assigns["token"] = info.token


class World:
    """
    A server behind a door, its clock, and clients of one transport.
    """

    def __init__(
        self, http: ClientSession, port: int, server: Notifier, clock: Clock, transport: str
    ) -> None:
        self.http = http
        self.port = port
        self.server = server
        self.endpoint = server.endpoint
        self.clock = clock
        self.transport = transport

    def client(self, vsn: str = "2.0.0", transport: str | None = None) -> Client:
        return CLIENTS[transport or self.transport](self.http, self.port, vsn)

    async def joined(self, topic: str = "room:a", vsn: str = "2.0.0", **params: str) -> Client:
        client = await self.client(vsn).connect(**params)
        assert await client.join(topic) == EMPTY
        return client

    def wait(self, seconds: float) -> None:
        """
        Let time pass for the server.
        """
        self.clock.now += seconds
        self.endpoint.tick(self.clock.now)


@asynccontextmanager
async def world(door: str, transport: str, **limits: int) -> AsyncIterator[World]:
    clock = Clock()
    app = web.Application()
    bounds = Limits(**{"channel_stop_timeout_ms": 20, **limits})
    server = notifier.setup(app, RoomSocket, keys=["k"], limits=bounds, now=clock)
    async with asyncio.timeout(60), AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(door, app, server))
        http = await stack.enter_async_context(ClientSession())
        yield World(http, port, server, clock, transport)


Make = Callable[..., Any]

EVERYWHERE = [(door, transport) for door in DOORS for transport in CLIENTS]


@pytest.fixture(params=EVERYWHERE, ids="-".join)
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """
    Give a function that makes a world with these limits.
    """
    async with AsyncExitStack() as stack:
        yield lambda **limits: stack.enter_async_context(world(*request.param, **limits))


@pytest.fixture
async def w(make: Make) -> World:
    return await make()


@pytest.fixture(params=DOORS)
async def polls(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """
    Where a rule is of long-polling alone.
    """
    async with world(request.param, "longpoll") as one:
        yield one


@pytest.fixture(params=DOORS)
async def sockets(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """
    Where a rule is of WebSockets alone.
    """
    async with world(request.param, "websocket") as one:
        yield one


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0)


VERSIONS = pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])


# --- joining and leaving


@VERSIONS
async def test_join_is_answered_with_what_the_channel_returns(w: World, vsn: str) -> None:
    """
    The reply carries the join's ref, and in version 2 its join_ref.
    """
    client = await w.client(vsn).connect()
    await client.send(["7", "8", "room:a", "phx_join", {"n": 1}])
    join_ref = "7" if vsn == "2.0.0" else None
    reply = {"status": "ok", "response": {"n": 1}}
    assert await client.receive() == [join_ref, "8", "room:a", "phx_reply", reply]


@VERSIONS
@pytest.mark.parametrize("ref", ["5", 5, 5.5, "", None])
async def test_ref_is_echoed_as_it_came(w: World, vsn: str, ref: object) -> None:
    """
    String, number or null, in the same JSON type.
    """
    client = await w.joined(vsn=vsn)
    await client.send([None, ref, "room:a", "echo", {}])
    got = (await client.receive())[1]
    assert (got, type(got)) == (ref, type(ref))


async def test_refused_join_is_an_error_reply(w: World) -> None:
    """
    With the reason that the channel gives; the topic is not joined then.
    """
    client = await w.client().connect()
    refused = await client.join("room:a", {"refuse": "full"})
    assert refused == {"status": "error", "response": {"reason": "full"}}
    assert (await client.ask("room:a", "echo"))["response"] == {"reason": "unmatched topic"}
    assert await client.join("room:a") == EMPTY


async def test_leave_is_answered_and_closed(w: World) -> None:
    """
    First the reply, then phx_close; then the topic is not joined.
    """
    client = await w.joined()
    assert await client.ask("room:a", "phx_leave") == EMPTY
    assert await client.receive() == ["1", "1", "room:a", "phx_close", {}]
    assert (await client.ask("room:a", "echo"))["response"] == {"reason": "unmatched topic"}
    assert await client.ask("room:never", "phx_leave") == EMPTY


async def test_second_join_closes_the_first(w: World) -> None:
    """
    The new reply comes first, then phx_close for the old join_ref.
    """
    client = await w.joined()
    ref = await client.push("room:a", "phx_join", {"n": 2}, join_ref="2")
    assert (await client.reply_to(ref))[4]["response"] == {"n": 2}
    assert await client.receive() == ["1", "1", "room:a", "phx_close", {}]
    await client.push("room:a", "push", {"n": 3})
    assert await client.receive() == ["2", None, "room:a", "pushed", {"n": 3}]


async def test_stale_join_ref_is_dropped_in_silence(w: World) -> None:
    """
    Null and the right one are taken; the right one in another type is another.
    """
    client = await w.joined()
    for stale in ("0", "2", 1, ""):
        await client.push("room:a", "echo", {"stale": True}, join_ref=stale)
    for good in ("1", None):
        ref = await client.push("room:a", "echo", {"n": 1}, join_ref=good)
        assert (await client.reply_to(ref))[4]["response"] == {"n": 1}


async def test_unmatched_topic_is_an_error_reply(w: World) -> None:
    """
    For a join and for any other event; its join_ref is null.
    """
    client = await w.client().connect()
    error = {"status": "error", "response": {"reason": "unmatched topic"}}
    for event in ("phx_join", "echo"):
        ref = await client.push("nowhere", event, join_ref="1")
        assert await client.receive() == [None, ref, "nowhere", "phx_reply", error]


async def test_heartbeat_is_answered(w: World) -> None:
    """
    By the session itself, whatever the channels do.
    """
    client = await w.joined()
    await client.push("room:a", "wait")
    ref = await client.push("phoenix", "heartbeat")
    assert await client.receive() == [None, ref, "phoenix", "phx_reply", EMPTY]


# --- messages


@VERSIONS
async def test_channel_answers_pushes_and_broadcasts(w: World, vsn: str) -> None:
    """
    A reply and a push carry the join_ref, a broadcast does not.
    """
    client = await w.joined(vsn=vsn)
    join_ref = "1" if vsn == "2.0.0" else None
    assert await client.ask("room:a", "echo", {"ü": [1, None]}) == {
        "status": "ok",
        "response": {"ü": [1, None]},
    }
    assert (await client.ask("room:a", "refuse", "no"))["response"] == {"reason": "no"}
    await client.push("room:a", "push", {"n": 1})
    assert await client.receive() == [join_ref, None, "room:a", "pushed", {"n": 1}]
    await client.push("room:a", "all", {"n": 2})
    assert await client.receive() == [None, None, "room:a", "news", {"n": 2}]
    await client.push("room:a", "quiet")
    await client.nothing_more("room:a", "echo")


async def test_broadcast_reaches_each_once(w: World) -> None:
    """
    The sender too, or with broadcast_from the others only; another topic never.
    """
    one, two, other = [await w.joined(topic) for topic in ("room:a", "room:a", "room:b")]
    await one.push("room:a", "all", {"n": 1})
    await one.push("room:a", "others", {"n": 2})
    assert await one.receive() == [None, None, "room:a", "news", {"n": 1}]
    await one.nothing_more("room:a", "echo")
    assert [(await two.receive())[4]["n"] for _ in range(2)] == [1, 2]
    await two.nothing_more()
    await other.nothing_more()


async def test_broadcast_reaches_every_transport_and_version(w: World) -> None:
    """
    The same message, each in its form.
    """
    sender = await w.joined()
    receivers = []
    for transport in CLIENTS:
        for vsn in ("1.0.0", "2.0.0"):
            receivers.append(await w.client(vsn, transport).connect())
            await receivers[-1].join("room:a")
    await sender.push("room:a", "all", {"n": 1})
    for one in receivers:
        assert await one.receive() == [None, None, "room:a", "news", {"n": 1}]


async def test_intercepted_broadcast_is_what_the_channel_pushes(w: World) -> None:
    """
    Changed, or not at all, for each client by its own channel.
    """
    one, two = await w.joined(), await w.joined()
    await one.push("room:a", "shout", {"secret": 1})
    await one.push("room:a", "shout", {"n": 1})
    for client in (one, two):
        heard = {"n": 1, "heard": True}
        assert await client.receive() == ["1", None, "room:a", "shouted", heard]
        await client.nothing_more("room:a", "echo")


async def test_reply_may_come_later(w: World) -> None:
    """
    From outside of the handler, by the name it took of the message.
    """
    client = await w.joined()
    assert (await client.ask("room:a", "later", {"n": 1}))["response"] == {"n": 1}


async def test_channel_sends_to_itself_after_the_join(w: World) -> None:
    """
    What it then pushes comes after the join's reply.
    """
    client = await w.client().connect()
    await client.join("room:a", {"note": "hello"})
    assert await client.receive() == ["1", None, "room:a", "noted", "hello"]


async def test_messages_are_handled_in_order(w: World) -> None:
    """
    However many come at once.
    """
    client = await w.joined()
    await client.send(*([None, str(n), "room:a", "echo", {"n": n}] for n in range(300)))
    for n in range(300):
        assert (await client.reply_to(str(n)))[4]["response"] == {"n": n}


@pytest.mark.parametrize("data", [b"", b"abc", bytes(range(256)), b"\xff" * 10_000])
async def test_binary_goes_both_ways(w: World, data: bytes) -> None:
    """
    As a push, a reply and a broadcast; every byte arrives.
    """
    client = await w.joined()
    for event in ("echo", "push", "all"):
        head = bytes((0, 1, 1, len("room:a"), len(event)))
        await client.send(head + b"19room:a" + event.encode() + data)
    reply = {"status": "ok", "response": data}
    assert await client.receive() == ["1", "9", "room:a", "phx_reply", reply]
    assert await client.receive() == ["1", None, "room:a", "pushed", data]
    assert await client.receive() == [None, None, "room:a", "news", data]


async def test_binary_is_readable_in_version_1(w: World) -> None:
    """
    Which has no binary messages: base64 in JSON.
    """
    client = await w.joined(vsn="1.0.0")
    await w.server.broadcast("room:a", "news", b"\x00\xff")
    assert await client.receive() == [None, None, "room:a", "news", b"\x00\xff"]


# --- what goes wrong in an application


async def test_handler_that_raises_takes_down_its_channel_only(w: World, caplog) -> None:
    """
    The client is told phx_error and nothing of the cause; it joins again.
    """
    client, other = await w.joined(), await w.joined()
    await client.join("room:b")
    await client.push("room:a", "boom")
    crash = {"reason": "channel_crash"}
    assert await client.receive() == ["1", "1", "room:a", "phx_error", crash]
    assert (await client.ask("room:b", "echo", {"n": 1}))["response"] == {"n": 1}
    assert (await other.ask("room:a", "echo", {"n": 1}))["response"] == {"n": 1}
    assert await client.join("room:a") == EMPTY
    assert "channel Room crashed" in caplog.text


async def test_join_that_raises_is_an_error_reply(w: World, caplog) -> None:
    """
    With Phoenix's reason and nothing of the cause; the session lives.
    """
    client = await w.client().connect()
    crashed = {"status": "error", "response": {"reason": "join crashed"}}
    assert await client.join("room:a", {"raise": True}) == crashed
    assert await client.join("room:a") == EMPTY
    assert "channel Room crashed in join" in caplog.text


async def test_leave_ends_when_terminate_raises(w: World, caplog) -> None:
    """
    The client sees an ordinary leave.
    """
    client = await w.joined(terminate="1")
    assert await client.ask("room:a", "phx_leave") == EMPTY
    assert (await client.receive())[3] == "phx_close"
    assert "channel Room crashed in terminate" in caplog.text


async def test_channel_that_stops_is_closed(w: World) -> None:
    """
    After the reply of the handler in which it stopped.
    """
    client = await w.joined()
    assert await client.ask("room:a", "stop") == EMPTY
    assert await client.receive() == ["1", "1", "room:a", "phx_close", {}]


async def test_connect_that_raises_is_refused(w: World, caplog) -> None:
    """
    The client learns nothing of the cause.
    """
    with pytest.raises(Refused) as refused:
        await w.client().connect(**{"raise": "1"})
    assert refused.value.body["reason"] == "connect_crashed"
    assert "secret" not in str(refused.value.body)
    assert "RoomSocket crashed in connect" in caplog.text


# --- bounds


async def test_join_is_refused_when_there_are_too_many(make: Make) -> None:
    """
    A rejoin at the limit is none too many, and a leave makes room.
    """
    w = await make(max_channels=2)
    client = await w.joined("room:a")
    await client.join("room:b")
    full = {"status": "error", "response": {"reason": "too many channels joined"}}
    assert await client.join("room:c") == full
    assert await client.join("room:b") == EMPTY
    assert (await client.receive())[3] == "phx_close"
    await client.ask("room:b", "phx_leave")
    assert (await client.receive())[3] == "phx_close"
    assert await client.join("room:c") == EMPTY


async def test_message_is_refused_when_its_channel_is_busy(make: Make) -> None:
    """
    With a reply of its own; other channels are not busy.
    """
    w = await make(max_channel_messages=3)
    client = await w.joined()
    await client.join("room:b")
    await client.push("room:a", "wait")
    (channel,) = (
        one
        for server in w.endpoint._sessions.values()
        for one in server._channels.values()
        if one.seat.topic == "room:a"
    )
    await until(lambda: channel._current is not None)
    refs = [await client.push("room:a", "echo") for _ in range(5)]
    busy = {"status": "error", "response": {"reason": "channel busy"}}
    for ref in refs[3:]:
        assert await client.receive() == ["1", ref, "room:a", "phx_reply", busy]
    await client.nothing_more("room:b", "echo")


async def test_connect_is_refused_when_there_are_too_many(make: Make) -> None:
    """
    Sessions on the server, and sessions of one user.
    """
    w = await make(max_sessions=3, max_sessions_per_user=2)
    kept = [await w.client().connect(user="a") for _ in range(2)]
    assert await refusal(w, user="a") == "too_many_sessions"
    kept.append(await w.client().connect(user="b"))
    assert await refusal(w, user="c") == "too_many_sessions"
    await w.server.disconnect("user_socket:a")
    kept.append(await w.client().connect(user="a"))
    assert w.endpoint.count() == 2


async def refusal(w: World, **params: str) -> str:
    with pytest.raises(Refused) as refused:
        await w.client().connect(**params)
    return refused.value.body["reason"]


async def test_message_is_refused_when_it_is_too_large(make: Make) -> None:
    """
    One bound for both transports; a message at the bound is taken.
    """
    w = await make(max_message_bytes=1_000)
    client, other = await w.joined(), await w.joined()
    room = 1_000 - len(client.encode([None, "2", "room:a", "echo", {"s": ""}]))
    assert (await client.ask("room:a", "echo", {"s": "x" * room}))["status"] == "ok"
    text = client.encode([None, "3", "room:a", "echo", {"s": "x" * (room + 1)}])
    if isinstance(client, LongPollClient):
        assert "at most 1000 bytes" in await client.send_raw(text)
        await client.nothing_more()
    else:
        await client.websocket.send_str(text)
        assert (await client.ended())[0] == 1009
    await other.nothing_more()


async def test_slow_consumer_is_let_go(make: Make) -> None:
    """
    Its session ends with the reason, nothing is skipped in silence; others lose nothing.
    """
    w = await make(max_mailbox_bytes=2_000_000, max_mailbox_messages=100)
    client, other = await w.joined(), await w.joined()
    slow = next(iter(w.endpoint._sessions.values()))
    sent = 0
    while slow.session.end is None:
        sent += 1
        assert sent < 2_000
        await w.server.broadcast("room:a", "news", {"n": sent, "x": "x" * 100_000})
        assert (await other.receive())[4]["n"] == sent
    told, code = [], None
    try:
        while True:
            told.append((await client.receive())[4]["n"])
    except Ended as end:
        code = end.told
    assert code == client.told_at(reasons.SLOW_CONSUMER)
    assert told == list(range(1, len(told) + 1))
    await other.nothing_more()


# --- ends


async def test_forced_disconnect_is_told_at_once(w: World) -> None:
    """
    To every session of that user, also while it waits; others stay.
    """
    gone = [await w.joined(user="1") for _ in range(2)]
    stays = await w.joined(user="2")
    waiting = [asyncio.create_task(client.ended()) for client in gone]
    await until(lambda: all_parked(w, 2 if w.transport == "longpoll" else 0))
    assert await w.server.disconnect("user_socket:1") == 2
    for client, told in zip(gone, waiting, strict=True):
        assert await told == client.told_at(reasons.DISCONNECTED)
    assert w.endpoint.count() == 1
    await stays.nothing_more("room:a", "echo")


def all_parked(w: World, count: int) -> bool:
    servers = w.endpoint._sessions.values()
    return sum(one.session.mailbox._line is not None for one in servers) == count


async def test_shutdown_is_told_to_every_client(w: World) -> None:
    """
    A parked poll is answered, a WebSocket closed; a connect is refused then.
    """
    client = await w.joined()
    told = asyncio.create_task(client.ended())
    await until(lambda: all_parked(w, 1 if w.transport == "longpoll" else 0))
    await w.endpoint.shutdown()
    assert await told == client.told_at(reasons.RESTARTING)
    assert await refusal(w) == "restarting"


async def test_nothing_is_left_of_a_session_that_ended(w: World) -> None:
    """
    Sessions, subscriptions, deadlines, tasks: all as before it came.
    """
    before = len(w.endpoint.deadlines)
    for vsn in ("1.0.0", "2.0.0"):
        client = await w.joined(vsn=vsn, user="1")
        await client.join("room:b")
        await client.push("room:b", "boom")
        await client.receive()
        await client.push("room:a", "wait")
        await client.nothing_more()
        if vsn == "2.0.0":
            await w.server.disconnect("user_socket:1")
            await client.ended()
        else:
            await client.close()
    w.wait(16.0)
    endpoint = w.endpoint
    await until(lambda: endpoint.count() == 0 and not endpoint._tasks)
    await w.http.close()
    await until(lambda: len(endpoint.deadlines) <= before)
    assert endpoint.pubsub._topics == {}
    assert endpoint.engine._receivers == {}
    assert not endpoint._per_id


# --- who may come in


async def test_refusal_says_why(w: World) -> None:
    """
    In the body, the log's reasons and the count that /health shows.
    """
    with pytest.raises(Refused) as refused:
        await w.client().connect(refuse="on_holiday")
    body = refused.value.body
    assert (body["reason"], body["hint"]) == ("on_holiday", "come back later")
    assert body.get("status", 403) == 403
    assert w.endpoint.refused["on_holiday"] >= 1
    assert w.endpoint.count() == 0


@pytest.mark.parametrize("vsn", ["2.1.0", "2", "", "3.0.0", "2.0.0-rc.1", "x"])
async def test_unknown_version_is_refused(w: World, vsn: str) -> None:
    """
    The refusal names those there are.
    """
    with pytest.raises(Refused) as refused:
        await w.client(vsn).connect()
    assert refused.value.body["reason"] == "unsupported_vsn"
    assert "2.0.x" in refused.value.body["message"]


def assigned(w: World) -> dict[str, Any]:
    (server,) = w.endpoint._sessions.values()
    return server.socket.assigns


@pytest.mark.parametrize("place", ["query", "header", "both"])
async def test_user_token_is_found(w: World, place: str) -> None:
    """
    In the query or in a header, which wins.
    """
    params = {"token": "from-query"} if place != "header" else {}
    headers = {"x-phoenix-authtoken": "from-header"} if place != "query" else {}
    client = await w.client().connect(headers, **params)
    assert assigned(w)["token"] == ("from-query" if place == "query" else "from-header")
    assert await client.join("room:a") == EMPTY


async def test_user_token_is_found_in_the_subprotocol(sockets: World) -> None:
    """
    As phoenix.js sends it; `phoenix` is chosen.
    """
    client = sockets.client()
    assert isinstance(client, WebSocketClient)
    await client.connect(protocols=("phoenix", "base64url.bearer.phx.c2VjcmV0"), token="other")
    assert assigned(sockets)["token"] == "secret"
    assert client.websocket.protocol == "phoenix"


async def test_last_token_is_the_sessions(polls: World) -> None:
    """
    phoenix.js repeats the user token in front of it; a header of its own wins.
    """
    client = await polls.client().connect(token="user")
    assert isinstance(client, LongPollClient)
    await client.push("phoenix", "heartbeat")
    url = client.url("longpoll")
    both = url.with_query([("token", "user"), ("vsn", "2.0.0"), ("token", client.token)])
    assert (await client.get(both))["status"] == 200
    header = {"x-phoenix-longpoll-token": client.token}
    stale = url.with_query([("token", "user"), ("token", "nts_gone.gone.0")])
    assert (await client.get(stale, header))["status"] == 200
    assert polls.endpoint.count() == 1


# --- long-polling alone


async def opened(w: World, topic: str = "room:a") -> LongPollClient:
    client = await w.joined(topic)
    assert isinstance(client, LongPollClient)
    await client.nothing_more()
    return client


async def parked(w: World, client: LongPollClient) -> asyncio.Task[dict[str, Any]]:
    task = asyncio.create_task(client.poll())
    await until(lambda: all_parked(w, 1))
    return task


async def test_poll_is_answered_204_after_its_window(polls: World) -> None:
    """
    With a token, and not before.
    """
    client = await opened(polls)
    poll = await parked(polls, client)
    polls.wait(9.9)
    assert not poll.done()
    polls.wait(0.3)
    answer = await poll
    assert (answer["status"], answer["messages"]) == (204, [])
    await client.nothing_more("room:a", "echo")


async def test_session_expires_when_nobody_asks(polls: World) -> None:
    """
    One and a half windows after the last request has ended; a POST counts.
    """
    client = await opened(polls)
    for _ in range(3):
        polls.wait(14.8)
        await client.push("room:a", "quiet")
    polls.wait(14.8)
    assert polls.endpoint.count() == 1
    polls.wait(0.4)
    assert polls.endpoint.count() == 0
    assert await client.ended() == (500, "session_expired")


@pytest.mark.parametrize("why", ["disconnected", "session_gone", "session_foreign"])
async def test_dead_session_is_told_at_once(polls: World, why: str) -> None:
    """
    500 to a GET and nothing is opened, 410 to a POST, each with the reason.
    """
    client = await polls.joined(user="1")
    assert isinstance(client, LongPollClient)
    await polls.server.disconnect("user_socket:1")
    if why == "session_gone":
        polls.endpoint._ends.clear()
    elif why == "session_foreign":
        client.token = "nts_" + client.token[5:]
    answer = await client.poll()
    assert (answer["status"], answer["reason"]) == (500, why)
    assert "token" not in answer
    with pytest.raises(Ended) as ended:
        await client.push("room:a", "echo")
    assert ended.value.told == (410, why)
    assert polls.endpoint.count() == 0


async def test_post_without_a_token_is_answered_410(polls: World) -> None:
    """
    Without a token to go on with: a client opens its next session itself.
    """
    client = polls.client()
    assert isinstance(client, LongPollClient)
    answer = await client.post("[]", "application/json")
    assert (answer["status"], answer["reason"]) == (410, "session_gone")
    assert "token" not in answer


async def test_repeated_poll_gets_the_same_answer(polls: World) -> None:
    """
    Until its messages are acknowledged; then it touches nothing.
    """
    client = await opened(polls)
    before = client.token
    await client.push("room:a", "push", {"n": 1})
    first = await client.poll(before)
    assert first["status"] == 200
    assert await client.poll(before) == first
    client.token = first["token"]
    await client.push("room:a", "push", {"n": 2})
    assert len((await client.poll())["messages"]) == 1
    late = await client.poll(before)
    assert (late["status"], late["messages"], late["token"]) == (204, [], first["token"])


async def test_abandoned_poll_loses_nothing(polls: World) -> None:
    """
    What comes after it was given up waits for the next.
    """
    client = await opened(polls)
    for n in range(20):
        poll = await parked(polls, client)
        poll.cancel()
        await asyncio.wait({poll})
        await client.push("room:a", "push", {"n": n})
        assert (await client.receive())[4] == {"n": n}


async def test_newer_poll_takes_the_line(polls: World) -> None:
    """
    The older is let go with 204 at once, the newer gets what comes.
    """
    client = await opened(polls)
    older = await parked(polls, client)
    newer = asyncio.create_task(client.poll(client.token))
    assert (await older)["status"] == 204
    await client.push("room:a", "push", {"n": 1})
    assert len((await newer)["messages"]) == 1


async def test_batch_is_refused_as_a_whole_when_it_is_too_long(make: Make) -> None:
    """
    Nothing of it is handled; one at the bound is.
    """
    w = await make(max_batch_lines=5)
    if w.transport == "websocket":
        return
    client = await opened(w)
    line = client.encode([None, None, "room:a", "push", {}])
    answer = await client.post("\n".join([line] * 6), "application/x-ndjson")
    assert (answer["status"], answer["reason"]) == (400, "batch_too_long")
    await client.nothing_more("room:a", "echo")
    await client.post("\r\n".join([line] * 5) + "\n\n", "application/x-ndjson; charset=utf-8")
    assert [(await client.receive())[3] for _ in range(5)] == ["pushed"] * 5


# --- WebSockets alone


async def test_silent_websocket_is_pinged_and_closed(sockets: World) -> None:
    """
    A ping every 20 s; without any frame of the client's for 60 s it is closed.
    """
    client = sockets.client()
    assert isinstance(client, WebSocketClient)
    client.websocket = await sockets.http.ws_connect(client.url("websocket"), autoping=False)
    for _ in range(2):
        sockets.wait(20.3)
        assert (await client.websocket.receive()).type.name == "PING"
    sockets.wait(20.3)
    assert await client.ended() == client.told_at(reasons.IDLE)


async def test_answered_pings_keep_a_websocket_open(sockets: World) -> None:
    """
    A pong is a frame too.
    """
    client = await sockets.joined()
    assert isinstance(client, WebSocketClient)
    (server,) = sockets.endpoint._sessions.values()
    waiting = asyncio.create_task(client.receive())
    (connection,) = (one for one in connections(sockets) if one.server is server)
    for _ in range(10):
        sockets.wait(20.3)
        await until(lambda: connection._heard_at == sockets.clock.now)
    assert not waiting.done()
    await sockets.server.broadcast("room:a", "news", {})
    assert (await waiting)[3] == "news"


def connections(w: World) -> list[Connection]:
    owners = (one for slot in w.endpoint.deadlines._slots.values() for one in slot.values())
    return [one for one in owners if isinstance(one, Connection)]
