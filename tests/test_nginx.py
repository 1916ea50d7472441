"""
Behind a real nginx: with its defaults, through which no WebSocket comes, and as `docs/deploy.md`
tells how they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from attrs import define, field
from conftest import require_built_client, require_nginx
from nginx import CONFIGURATIONS, Nginx, nginx_before
from notifier_client import connect
from test_chaos import NOTHING_WRONG, play
from test_phoenix_js import Server, drive

from notifier import Limits

pytestmark = pytest.mark.server

BOTH_CONFIGURATIONS = pytest.mark.parametrize("configuration", CONFIGURATIONS)
BOTH_CLIENTS = pytest.mark.parametrize(
    "client", ["python", pytest.param("javascript", marks=pytest.mark.node)]
)
UPGRADED = {101}


@define(eq=False)
class Fronted(Server):
    """
    A server that asks nginx to stand before it.
    """

    nginx: Nginx = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.nginx.port}/socket"

    # --- what the driver may ask for

    async def restart_nginx(self) -> None:
        """
        Cut all that goes through nginx.
        """
        await self.nginx.stop()
        await self.nginx.start()


@asynccontextmanager
async def fronted(configuration: str, more: str = "", **given: Limits) -> AsyncIterator[Fronted]:
    require_nginx()
    server = Fronted(**given)
    async with AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.stop)
        proxy = nginx_before(server.port, configuration, more=more)
        server.nginx = await stack.enter_async_context(proxy)
        yield server


@pytest.mark.slow
@BOTH_CONFIGURATIONS
@BOTH_CLIENTS
async def test_reloads_lose_nothing(client: str, configuration: str) -> None:
    """
    Each message comes once and in order, both ways, while nginx is reloaded every two seconds; what
    carries the session stays long-polling with the defaults, else it becomes a WebSocket.
    """
    require_nginx()
    if client == "javascript":
        require_built_client()
    status, counts, words = await play(
        *("--client", client, "--seeds", "4", "--calm", "--nginx", configuration)
    )
    assert status == 0, words
    assert counts.items() >= NOTHING_WRONG.items()
    moves = {"defaults": 0, "websockets": 1}[configuration]
    assert (counts["moves, least"], counts["moves, median"]) == (moves, moves)


@pytest.mark.slow
@BOTH_CLIENTS
async def test_random_networks_before_nginx_lose_nothing(client: str) -> None:
    """
    Nor does nginx when the network before it does its worst.
    """
    require_nginx()
    if client == "javascript":
        require_built_client()
    status, _, words = await play("--client", client, "--seeds", "4", "--nginx", "websockets")
    assert status == 0, words


@BOTH_CONFIGURATIONS
async def test_session_outlives_a_restart_of_nginx(configuration: str) -> None:
    """
    Pushes that were made while nginx was away are answered, in the session that there was.
    """
    async with (
        fronted(configuration) as server,
        connect(server.url, token=server.token()) as socket,
        socket.channel("room:1") as room,
    ):
        for number in range(3):
            assert await room.push("ping", {"n": number}) == {"n": number}
            await server.nginx.stop()
            waiting = asyncio.ensure_future(room.push("ping", {"n": -number}))
            await server.nginx.start()
            assert await waiting == {"n": -number}
        assert len(server.socket_class.seen) == 1


async def test_websocket_that_says_nothing_outlives_nginx_s_patience() -> None:
    """
    Pings keep a WebSocket for which nginx would wait no longer than a second.
    """
    limits = Limits(window_ms=500, ping_interval_ms=300)
    async with (
        fronted("websockets", "proxy_read_timeout 1s;", limits=limits) as server,
        connect(server.url, token=server.token(), transport="websocket") as socket,
        socket.channel("room:1") as room,
    ):
        assert await room.push("ping", {}) == {}
        await asyncio.sleep(2.5)  # nginx has a clock of its own
        assert server.nginx.statuses("/socket/websocket") == set()  # none has ended
        assert socket.carried_by == "websocket"


@pytest.mark.node
@BOTH_CONFIGURATIONS
async def test_phoenix_js_is_served_when_it_polls(configuration: str) -> None:
    """
    Plain phoenix.js does all it can over long-polling, whatever nginx is told.
    """
    async with fronted(configuration) as server:
        params = {"token": server.token()}
        await drive(server, "phoenix", "longpoll", "everything", url=server.url, params=params)
        asks = ["drop", "restart_nginx"]
        await drive(
            server, "phoenix", "longpoll", "comeback", url=server.url, params=params, asks=asks
        )


@pytest.mark.node
async def test_phoenix_js_is_served_on_a_websocket_when_nginx_passes_it() -> None:
    """
    So does it over WebSocket, if that comes through.
    """
    async with fronted("websockets") as server:
        params, url = {"token": server.token()}, server.url.replace("http", "ws")
        await drive(server, "phoenix", "websocket", "everything", url=url, params=params)
        assert server.nginx.statuses("/socket/websocket") == UPGRADED


@pytest.mark.node
async def test_phoenix_js_falls_back_when_nginx_passes_no_websocket() -> None:
    """
    With nginx's defaults it is told at once, and goes on with long-polling.
    """
    async with fronted("defaults") as server:
        params, url = {"token": server.token()}, server.url.replace("http", "ws")
        await drive(server, "phoenix", "fallback", "fallback", url=url, params=params)
        statuses = server.nginx.statuses("/socket/websocket")
        assert statuses
        assert not statuses & UPGRADED
