"""
All the sessions of a process: how they come in, are reached, and end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

import pytest

from channels.drive import INFO, Client, until
from notifier import Channel, ConnectInfo, Error, Limits, Ok, Retention, Socket
from notifier.channels import Endpoint, SocketServer
from notifier.channels import endpoint as endpoint_module
from notifier.channels.endpoint import Crowd
from notifier.engine import MemoryEngine
from notifier.errors import ConnectionRefused
from notifier.protocol import Message
from notifier.protocol.reasons import (
    CLIENT_CLOSED,
    DISCONNECTED,
    RESTARTING,
    SESSION_FOREIGN,
    SESSION_GONE,
)
from notifier.session import Tokens
from notifier.session.tokens import split_cursor

SECRET = "a secret of the author's"


class Logged(Channel):
    history = Retention(max_count=2)


class AnySocket(Socket):
    """
    Does what its params say.
    """

    channels = {"room:*": Channel, "log:*": Logged}
    gate: asyncio.Event | None = None

    async def connect(self, params: Mapping[str, Any], info: ConnectInfo):
        if self.gate is not None:
            await self.gate.wait()
        self.id = params.get("id")
        return params.get("returns")


def make(limits: Limits | None = None, socket_class: type[Socket] = AnySocket) -> Endpoint:
    endpoint = Endpoint(
        MemoryEngine(time.time), Tokens(["k"], time.time, 60), limits or Limits(), lambda: 0.0
    )
    endpoint.serve(socket_class)
    return endpoint


async def connect(endpoint: Endpoint, vsn: str | None = "2.0.0", **params: Any) -> SocketServer:
    (socket_class,) = endpoint._routes
    return await endpoint.open(socket_class, vsn, params, INFO)


async def refusal(endpoint: Endpoint, vsn: str | None = "2.0.0", **params: Any) -> str:
    with pytest.raises(ConnectionRefused) as refused:
        await connect(endpoint, vsn, **params)
    assert SECRET not in f"{refused.value}{refused.value.response}"
    return refused.value.code


def holds_nothing(endpoint: Endpoint) -> bool:
    return not (
        endpoint._sessions
        or endpoint._per_id
        or endpoint._tasks
        or len(endpoint.deadlines)
        or endpoint.pubsub._topics
        or endpoint.engine._receivers  # type: ignore[attr-defined]  # a MemoryEngine
    )


# --- coming in


async def test_session_is_found_by_its_token_until_it_ends() -> None:
    """
    After that the reason is found, for the client's next request.
    """
    endpoint = make()
    server = await connect(endpoint)
    assert endpoint.find(server.token) is server
    assert (endpoint.count(), endpoint.count("websocket"), endpoint.count("longpoll")) == (1, 1, 0)
    server.close(DISCONNECTED)
    server.close(CLIENT_CLOSED)
    assert endpoint.find(server.token) is DISCONNECTED
    assert holds_nothing(endpoint)


async def test_sessions_are_looked_at_newest_first() -> None:
    """
    Each with its id, its transport and its age; those without an id are counted by none.
    """
    endpoint = make()
    clock = [0.0]
    endpoint.now = lambda: clock[0]
    ids = ["a", None, "b", "a"]
    servers = []
    for clock[0], id in enumerate(ids):
        servers.append(await connect(endpoint, id=id))
    clock[0] = 10.0
    found = [(one.id, one.transport, one.age_s) for one in endpoint.sessions()]
    assert found == [
        ("a", "websocket", 7.0),
        ("b", "websocket", 8.0),
        (None, "websocket", 9.0),
        ("a", "websocket", 10.0),
    ]
    counts = endpoint.count_by_id()
    assert counts == {"a": 2, "b": 1}
    servers[0].close(DISCONNECTED)
    servers[2].close(DISCONNECTED)
    assert counts == {"a": 1}
    assert [one.id for one in endpoint.sessions()] == ["a", None]
    await endpoint.shutdown()
    assert list(endpoint.sessions()) == []


async def test_token_of_another_server_is_told_from_one_of_ours() -> None:
    """
    A client of a server that has restarted is told so; so is one that made its token up.
    """
    endpoint = make()
    ours = endpoint.tokens.sign_session("from another life")
    assert endpoint.find(ours) is SESSION_GONE
    other = Tokens(["another"], time.time, 60).sign_session("from elsewhere")
    assert endpoint.find(other) is SESSION_FOREIGN


async def test_ends_are_remembered_within_a_bound(monkeypatch) -> None:
    """
    The oldest is forgotten first, and then is as any that is gone.
    """
    monkeypatch.setattr(endpoint_module, "MAX_REMEMBERED_ENDS", 3)
    endpoint = make()
    servers = [await connect(endpoint) for _ in range(5)]
    for server in servers:
        server.close(DISCONNECTED)
    found = [endpoint.find(server.token) for server in servers]
    assert found == [SESSION_GONE, SESSION_GONE, DISCONNECTED, DISCONNECTED, DISCONNECTED]


async def test_session_tokens_are_not_guessed() -> None:
    """
    Each is another, and a changed one is not ours.
    """
    endpoint = make()
    tokens = {(await connect(endpoint)).token for _ in range(50)}
    assert len(tokens) == 50
    token = tokens.pop()
    assert split_cursor(f"{token}.0") is not None
    assert endpoint.find(token[:-1] + ("a" if token[-1] != "a" else "b")) is SESSION_FOREIGN
    await endpoint.shutdown()


@pytest.mark.parametrize("vsn", ["1", "2.1.0", "3.0.0", "", "2.0.0-rc.1"])
async def test_version_is_refused_when_it_is_not_spoken(vsn: str) -> None:
    """
    Before the application is asked.
    """
    assert await refusal(make(), vsn, returns={SECRET: 1}) == "unsupported_vsn"


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (Error("not you"), ("not you", "the application refused this connect", {})),
        (Error({"reason": "no", "message": "why", "n": 1}), ("no", "why", {"n": 1})),
        (Error(), ("connect_refused", "the application refused this connect", {})),
        (Error([SECRET]), ("connect_refused", "the application refused this connect", {})),
        (Error(b"\0"), ("connect_refused", "the application refused this connect", {})),
        (Error({"reason": 7}), ("7", "the application refused this connect", {})),
    ],
)
async def test_application_refuses_with_its_own_words(
    returned: Error, told: tuple[str, str, dict[str, Any]]
) -> None:
    """
    Reason, message, and whatever else is in its Error; without a reason there is a plain one.
    """
    endpoint = make()
    with pytest.raises(ConnectionRefused) as refused:
        await connect(endpoint, returns=returned)
    code, text, more = told
    assert (refused.value.code, refused.value.text) == (code, text)
    response = refused.value.response
    assert {k: v for k, v in response.items() if k not in ("reason", "message")} == more
    assert holds_nothing(endpoint)


class NotAsync(AnySocket):
    def connect(self, params, info):  # type: ignore[override]  # the mistake
        return Ok({"secret": SECRET})


class Cancelled(AnySocket):
    async def connect(self, params, info):
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task


@pytest.mark.parametrize(
    ("socket_class", "params", "told"),
    [
        (AnySocket, {"returns": {"secret": SECRET}}, "AnySocket.connect must return None, Ok(r"),
        (AnySocket, {"returns": True}, "Error(reason or response), got true"),
        (AnySocket, {"returns": Error({"a": object()})}, "not JSON serializable: object"),
        (AnySocket, {"id": 42}, "AnySocket.id must be a string or None, got a number"),
        (NotAsync, {}, "NotAsync.connect must be `async def`, got one that returned a value of"),
        (Cancelled, {}, "Cancelled.connect awaited what was cancelled"),
    ],
)
async def test_mistake_in_connect_is_told_to_the_author_alone(
    socket_class: type[Socket], params: dict[str, Any], told: str, caplog
) -> None:
    """
    In the log, with what was expected; the client is refused without a word of it.
    """
    endpoint = make(socket_class=socket_class)
    assert await refusal(endpoint, **params) == "connect_crashed"
    assert told in caplog.text
    assert SECRET not in caplog.text
    assert holds_nothing(endpoint)


async def test_socket_that_has_forgotten_its_base_is_refused(caplog) -> None:
    """
    A mistake in `__init__` is the author's, as one in `connect` is.
    """

    class Bare(Socket):
        def __init__(self, endpoint: Endpoint) -> None:
            pass

        async def connect(self, params, info):
            return None

    assert await refusal(make(socket_class=Bare)) == "connect_crashed"
    assert "has no attribute 'id'" in caplog.text


# --- bounds


async def test_connect_is_refused_when_there_are_too_many() -> None:
    """
    A place that becomes free is taken again.
    """
    endpoint = make(Limits(max_sessions=2))
    servers = [await connect(endpoint) for _ in range(2)]
    assert await refusal(endpoint) == "too_many_sessions"
    servers[0].close(CLIENT_CLOSED)
    assert (await connect(endpoint)).session.end is None
    await endpoint.shutdown()


async def test_bound_holds_for_connects_that_take_their_time() -> None:
    """
    All were let through to the application while there was room for one.
    """
    endpoint = make(Limits(max_sessions=2))
    AnySocket.gate = asyncio.Event()
    try:
        coming = [asyncio.ensure_future(connect(endpoint)) for _ in range(5)]
        await asyncio.sleep(0)
        AnySocket.gate.set()
        results = await asyncio.gather(*coming, return_exceptions=True)
    finally:
        AnySocket.gate = None
    assert sum(isinstance(one, SocketServer) for one in results) == 2
    assert endpoint.refused == {"too_many_sessions": 3}
    await endpoint.shutdown()


async def test_user_is_refused_when_it_has_too_many() -> None:
    """
    Another user has its own count, and who has no name has none.
    """
    endpoint = make(Limits(max_sessions_per_user=1))
    first = await connect(endpoint, id="a")
    assert await refusal(endpoint, id="a") == "too_many_sessions"
    for id in ("b", None, None):
        await connect(endpoint, id=id)
    first.close(CLIENT_CLOSED)
    await connect(endpoint, id="a")
    await endpoint.shutdown()
    assert holds_nothing(endpoint)


async def test_reasons_are_counted_within_a_bound(monkeypatch) -> None:
    """
    An author who makes up a reason for each client does not fill the memory.
    """
    monkeypatch.setattr(endpoint_module, "MAX_COUNTED_REASONS", 3)
    endpoint = make()
    for number in range(10):
        await refusal(endpoint, returns=Error(f"no {number}"))
    assert endpoint.refused == {"no 0": 1, "no 1": 1, "no 2": 1, "connect_refused": 7}


# --- reaching


async def test_disconnect_ends_the_sessions_of_one_user() -> None:
    """
    All of them, and no other's; the count is of those that there were.
    """
    endpoint = make()
    gone = [await connect(endpoint, id="user_socket:1") for _ in range(3)]
    stays = [await connect(endpoint, id="user_socket:2"), await connect(endpoint)]
    assert await endpoint.disconnect("user_socket:1") == 3
    assert [server.session.end for server in gone] == [DISCONNECTED] * 3
    assert [server.session.end for server in stays] == [None, None]
    assert await endpoint.disconnect("user_socket:1") == 0
    await endpoint.shutdown()


async def test_other_events_on_a_sockets_id_are_not_for_the_client() -> None:
    """
    It is no topic that anybody joins.
    """
    endpoint = make()
    server = await connect(endpoint, id="user_socket:1")
    assert (await endpoint.broadcast("user_socket:1", "hello", {})).reached == 0
    assert server.session.end is None
    assert list(server.session.mailbox.take(1_000)) == []
    await endpoint.shutdown()


async def test_crowd_counts_people_and_sessions_of_a_topic() -> None:
    """
    A person with two pages once, those without an id as sessions alone; who has left, no more.
    """
    endpoint = make()
    clients = [Client(await connect(endpoint, id=id)) for id in ("a", "a", "b", None)]
    for client in clients:
        await client.join("room:x")
    assert endpoint.crowd("room:x") == Crowd(people=2, sessions=4)
    assert endpoint.crowd("room:y") == Crowd(people=0, sessions=0)
    assert list(endpoint.topics("room:")) == ["room:x"]
    clients[0].send("room:x", "phx_leave")
    clients[2].server.close(CLIENT_CLOSED)
    await until(lambda: endpoint.crowd("room:x") == Crowd(people=1, sessions=2))
    await endpoint.shutdown()
    assert list(endpoint.topics("")) == []


async def test_id_is_the_one_that_connect_has_set() -> None:
    """
    A socket that changes its mind later does not upset the counts.
    """
    endpoint = make(Limits(max_sessions_per_user=1))
    server = await connect(endpoint, id="a")
    server.socket.id = "b"
    assert await endpoint.disconnect("b") == 0
    assert await endpoint.disconnect("a") == 1
    await until(lambda: holds_nothing(endpoint))


async def test_topic_is_logged_when_its_channel_asks_for_it() -> None:
    """
    And its messages get ids, which sort.
    """
    endpoint = make()
    receipts = [await endpoint.broadcast("log:a", "news", {"n": n}) for n in range(3)]
    ids = [receipt.id for receipt in receipts]
    assert None not in ids
    assert ids == sorted(ids, key=str)
    assert endpoint.retention("log:a") == Retention(max_count=2)
    page = await endpoint.engine.read("log:a", str(ids[0]), 10)
    assert [publication.payload["n"] for publication in page.publications] == [1, 2]
    assert (await endpoint.broadcast("room:a", "news", {})).id is None
    assert endpoint.retention("nobody's") is None


async def test_broadcast_is_refused_when_json_cannot_hold_it() -> None:
    """
    Before anybody gets any of it, and before it is logged.
    """
    endpoint = make()
    with pytest.raises(TypeError):
        await endpoint.broadcast("log:a", "news", {"a": object()})
    assert (await endpoint.engine.read("log:a", "", 10)).publications == []


# --- the end


async def test_shutdown_ends_every_session_and_waits_for_its_channels() -> None:
    """
    Each is told that the server goes down; then nobody comes in any more.
    """
    ended = []

    class Cleans(Channel):
        async def terminate(self, reason):
            await asyncio.sleep(0)
            ended.append(reason)

    class CleanSocket(AnySocket):
        channels = {"a": Cleans}

    endpoint = make(socket_class=CleanSocket)
    servers = [await connect(endpoint) for _ in range(3)]
    for server in servers:
        server.receive(Message("1", "1", "a", "phx_join", {}))
    await until(lambda: not endpoint._tasks)
    await endpoint.shutdown()
    assert ended == ["closed"] * 3
    assert [server.session.end for server in servers] == [RESTARTING] * 3
    assert await refusal(endpoint) == "restarting"
    assert holds_nothing(endpoint)
    await endpoint.shutdown()


async def test_client_that_connects_during_the_shutdown_is_refused() -> None:
    """
    Also one that the application had already been asked about.
    """
    endpoint = make()
    AnySocket.gate = asyncio.Event()
    try:
        coming = asyncio.ensure_future(refusal(endpoint))
        await asyncio.sleep(0)
        await endpoint.shutdown()
        AnySocket.gate.set()
        assert await coming == "restarting"
    finally:
        AnySocket.gate = None
    assert holds_nothing(endpoint)


async def test_shutdown_does_not_wait_for_what_has_failed() -> None:
    """
    A task of ours that broke is no reason to hang.
    """
    endpoint = make()

    async def fail() -> None:
        raise RuntimeError

    task = endpoint.run_channel(fail())
    await asyncio.wait({task})
    async with asyncio.timeout(5):
        await endpoint.shutdown()
    assert isinstance(task.exception(), RuntimeError)


async def test_time_passes_from_the_start_to_the_shutdown() -> None:
    """
    The wheel is looked at again and again, and then no more.
    """
    clock, due = [0.0], []

    class Owner:
        def deadline(self) -> float:
            return 5.0

        def expire(self, now: float) -> None:
            due.append(now)

    endpoint = make()
    endpoint.now = lambda: clock[0]
    endpoint.deadlines.watch(Owner())
    endpoint.start()
    assert due == []
    clock[0] = 6.0
    await until(lambda: due)
    assert due == [6.0]
    await endpoint.shutdown()
    assert endpoint._ticking is not None
    assert endpoint._ticking.cancelled()


async def test_log_of_a_refusal_holds_no_token(caplog) -> None:
    """
    It tells the transport, the address and the reason.
    """
    caplog.set_level(logging.DEBUG)
    endpoint = make()
    info = ConnectInfo("longpoll", "192.0.2.7", SECRET, {"x-phoenix-authtoken": SECRET})
    with pytest.raises(ConnectionRefused):
        await endpoint.open(AnySocket, "2.0.0", {"token": SECRET, "returns": Error("no")}, info)
    assert "refused a longpoll connect from 192.0.2.7: no:" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in repr(endpoint)
