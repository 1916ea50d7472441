"""
What a session costs that nobody asks anything of: no task, no timer, and nothing after its end.
"""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Iterator

import pytest
from aiohttp import ClientSession, web
from doors import serving

import notifier
from notifier import Channel, Limits, Notifier, Retention, Socket
from notifier.session.mailbox import EXPIRY_WINDOWS

EXPIRY_S = EXPIRY_WINDOWS * Limits().window_ms / 1000
PATIENCE_S = 10


class Room(Channel):
    pass


class Logged(Channel):
    history = Retention()


class RoomSocket(Socket):
    channels = {"room:*": Room, "log:*": Logged}

    async def connect(self, params, info):
        self.id = "user_socket:1"


@pytest.fixture
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def setup() -> tuple[web.Application, Notifier]:
    app = web.Application()
    return app, notifier.setup(app, RoomSocket, keys=["k"])


def running_timers() -> int:
    """
    Count the timers of Notifier's own; the client's are not ours.
    """
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # a look at its timers
    return sum("notifier" in repr(one) for one in timers if not one.cancelled())


async def until(holds) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0)


async def test_idle_sessions_have_no_task_and_no_timer() -> None:
    """
    However many sessions are joined and parked, the loop holds as much as with none.
    """
    app, server = setup()
    async with serving("front", app, server) as port, ClientSession() as http:
        base = f"http://127.0.0.1:{port}/socket"
        async with http.ws_connect(f"{base}/websocket?vsn=2.0.0") as first:
            await first.send_str('["1","1","room:a","phx_join",{}]')
            await first.receive()
            tasks, timers = len(asyncio.all_tasks()), running_timers()
            more = [await http.ws_connect(f"{base}/websocket?vsn=2.0.0") for _ in range(20)]
            for websocket in more:
                await websocket.send_str('["1","1","room:a","phx_join",{}]')
                await websocket.receive()
            assert server.endpoint.count() == 21
            assert len(asyncio.all_tasks()) == tasks
            assert running_timers() == timers
            for websocket in more:
                await websocket.close()


@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize("topic", ["room:a", "log:a"])
@pytest.mark.parametrize("transport", ["longpoll", "websocket"])
async def test_ended_session_is_freed_without_the_collector(transport: str, topic: str) -> None:
    """
    Nothing of a session refers to itself, so that its memory comes back once nobody
    can ask for what was put before the end.
    """
    app, server = setup()
    async with serving("front", app, server) as port, ClientSession() as http:
        await server.broadcast("log:a", "news", {"n": 1})
        url = f"http://127.0.0.1:{port}/socket/{transport}?vsn=2.0.0"
        if transport == "websocket":
            websocket = await http.ws_connect(url)
            await websocket.send_str(json.dumps(["1", "1", topic, "phx_join", {"since": "0"}]))
            await websocket.receive()
        else:
            await (await http.get(f"{url}&join={topic}", headers={"connection": "close"})).read()
        await until(lambda: not server.endpoint._tasks)
        (one,) = server.endpoint._sessions.values()
        gone = [weakref.ref(part) for part in (one, one.session, one.session.mailbox, one.socket)]
        gone += [weakref.ref(channel) for channel in one._channels.values()]
        del one
        await server.disconnect("user_socket:1")
        if transport == "websocket":
            await websocket.receive()
            await websocket.close()
        server.endpoint.tick(server.endpoint.now() + EXPIRY_S)
        await until(lambda: not any(part() for part in gone))


@pytest.mark.parametrize("door", ["front", "aiohttp"])
async def test_nothing_is_left_when_all_clients_have_gone(door: str) -> None:
    """
    Sessions, topics, deadlines and tasks are forgotten with their clients.
    """
    app, server = setup()
    endpoint = server.endpoint
    async with serving(door, app, server) as port:
        before = len(endpoint.deadlines)
        async with ClientSession() as http:
            base = f"http://127.0.0.1:{port}/socket"
            await (await http.get(f"{base}/longpoll?vsn=2.0.0&join=room:a")).read()
            websocket = await http.ws_connect(f"{base}/websocket?vsn=2.0.0")
            await websocket.send_str('["1","1","room:b","phx_join",{}]')
            await websocket.receive()
            assert endpoint.count() == 2
            await websocket.close()
        await server.disconnect("user_socket:1")
        await until(lambda: endpoint.count() == 0 and not endpoint._tasks)
        endpoint.tick(endpoint.now() + EXPIRY_S)
        await until(lambda: len(endpoint.deadlines) <= before)
        assert endpoint.pubsub._topics == {}
        assert endpoint.engine._receivers == {}  # type: ignore[attr-defined]  # a MemoryEngine
