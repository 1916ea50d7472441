"""
The JavaScript client of `client/js`, built: its own tests, and the real phoenix.js over its
transport, against both doors, through a network that breaks WebSockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from typing import Any

import pytest
from attrs import define, field
from conftest import CLIENT_JS, require, require_built_client, require_node_modules
from doors import DOORS
from test_phoenix_js import PATIENCE_S, PATIENT, WITH_FALLBACK, Server, drive

QUICK = {
    "attachPauseMs": 100,
    "maxAttachPauseMs": 300,
    "attachTimeoutMs": 1_000,
    "heartbeatMs": 300,
    "heartbeatTimeoutMs": 300,
    "pauseMs": 50,
    "maxPauseMs": 200,
}

pytestmark = pytest.mark.node


@define(eq=False)
class Road(Server):
    """
    A server behind a proxy that can do what proxies do to WebSockets.
    """

    road_port: int = field(init=False, default=0)
    is_blocked: bool = field(init=False, default=False)
    is_down: bool = field(init=False, default=False)
    cut_after_s: float | None = field(init=False, default=None)
    _websockets: list[tuple[asyncio.StreamWriter, asyncio.Event]] = field(init=False, factory=list)
    _held: list[tuple[asyncio.StreamWriter, asyncio.Event]] = field(init=False, factory=list)
    _tasks: set[asyncio.Task[Any]] = field(init=False, factory=set)
    _listener: asyncio.Server | None = field(init=False, default=None)

    async def start(self) -> None:
        await super().start()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.road_port = self._listener.sockets[0].getsockname()[1]

    async def finish(self) -> None:
        """
        Stop for good.
        """
        assert self._listener is not None
        self._listener.close()
        for _, flows in self._held:
            flows.set()
        async with asyncio.timeout(PATIENCE_S):  # the driver has gone, and with it what they serve
            await asyncio.gather(*self._tasks)
        await self.stop()

    # --- what the driver may ask for

    async def cut(self) -> None:
        """
        Cut every WebSocket.
        """
        for writer, _ in self._websockets:
            writer.close()
        self._websockets.clear()

    async def hold(self) -> None:
        """
        Let nothing more through on the WebSockets that there are, and tell nobody.
        """
        for _, flows in self._websockets:
            flows.clear()
        self._held += self._websockets

    async def block(self) -> None:
        """
        Cut WebSockets, and let no new ones through.
        """
        self.is_blocked = True
        await self.cut()

    async def unblock(self) -> None:
        """
        Let WebSockets through again.
        """
        self.is_blocked = False

    async def cut_early(self) -> None:
        """
        Cut each WebSocket soon after its handshake.
        """
        self.cut_after_s = 0.15
        await self.cut()

    async def relent(self) -> None:
        """
        Cut WebSockets early no more.
        """
        self.cut_after_s = None

    async def go_down(self) -> None:
        """
        Refuse everything for a second.
        """
        self.is_down = True
        await self.cut()
        asyncio.get_running_loop().call_later(1.0, setattr, self, "is_down", False)

    async def expect_nobody(self) -> None:
        """
        See that no session is left, long before one would expire; then let the driver end.
        """
        async with asyncio.timeout(2):
            while self.notifier.endpoint.count():
                await asyncio.sleep(0.01)
        assert self.client is not None
        assert self.client.stdin is not None
        self.client.stdin.write(b"nobody\n")

    # --- the proxy

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())  # type: ignore[arg-type]  # there is one
        with closing(writer), suppress(ConnectionError):
            head = await reader.read(65_536)
            is_websocket = b"upgrade: websocket" in head.lower()
            if self.is_down or (is_websocket and self.is_blocked):
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
            flows = asyncio.Event()
            flows.set()
            if is_websocket:
                self._websockets.append((writer, flows))
                if self.cut_after_s is not None:
                    asyncio.get_running_loop().call_later(self.cut_after_s, writer.close)
            far_writer.write(head)
            await asyncio.gather(
                self._pump(reader, far_writer, flows), self._pump(far_reader, writer, flows)
            )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
    ) -> None:
        with closing(writer), suppress(ConnectionError):
            while data := await reader.read(65_536):
                await flows.wait()
                if self.is_down:
                    return
                writer.write(data)


@pytest.fixture
async def road(request: pytest.FixtureRequest) -> AsyncIterator[Road]:
    one = Road(**getattr(request, "param", {}))
    await one.start()
    yield one
    await one.finish()


async def drive_ours(road: Road, package: str, scenario: str, **more: Any) -> None:
    """
    Run the driver with the built client.
    """
    require_built_client()
    url = f"ws://127.0.0.1:{road.road_port}/socket"
    given = {"token": road.token(), "url": url, "limits": QUICK, **more}
    await drive(road, package, "notifier", scenario, **given)


BOTH_DOORS = pytest.mark.parametrize(
    "road", [{"door": door} for door in DOORS], ids=DOORS, indirect=True
)


async def test_core_and_shell_pass_their_own_tests() -> None:
    """
    `npm test`: types, size, the pure core over random networks, and what breaks without its rules.
    """
    require("npm")
    if not (CLIENT_JS / "node_modules").is_dir():
        require_node_modules("client/js")
    process = await asyncio.create_subprocess_exec(
        "npm",
        "test",
        cwd=CLIENT_JS,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(3 * PATIENCE_S):
        stdout, _ = await process.communicate()
    assert process.returncode == 0, stdout.decode()[-20_000:]


@pytest.mark.parametrize("no_websocket", [False, True], ids=["both", "longpoll"])
@pytest.mark.parametrize("package", WITH_FALLBACK)
@BOTH_DOORS
async def test_phoenix_js_is_served_over_our_transport(
    road: Road, package: str, no_websocket: bool
) -> None:
    """
    Joins, pushes, replies, broadcasts, binaries, crashes and leaves go as the client expects.
    """
    await drive_ours(road, package, "everything", noWebSocket=no_websocket)


# What the driver asks for, one after the other, and what is seen to carry the session then.
MOVED = ["", "websocket"]
SURVIVAL = {
    "moves": [MOVED, ["cut", "longpoll", "websocket"], ["cut", "longpoll", "websocket"]],
    "blocked": [MOVED, ["block", "longpoll"], ["unblock", "websocket"]],
    "held": [MOVED, ["hold", "longpoll", "websocket"]],
    "cut early": [MOVED, ["cut_early", "longpoll"], ["relent", "websocket"]],
    "down": [MOVED, ["go_down", "none", "websocket"]],
}


@pytest.mark.parametrize("asks", SURVIVAL.values(), ids=SURVIVAL)
@BOTH_DOORS
async def test_session_survives(road: Road, asks: list[list[str]]) -> None:
    """
    Whatever happens to its WebSockets, one session goes on, and each message comes once, in order.
    """
    await drive_ours(road, "phoenix", "survive", asks=asks)
    assert [transport for transport, _ in road.socket_class.seen] == ["longpoll"]


@pytest.mark.parametrize("package", WITH_FALLBACK)
async def test_session_survives_under_older_phoenix_js(road: Road, package: str) -> None:
    """
    The transport needs nothing of phoenix.js that older ones do not have.
    """
    await drive_ours(road, package, "survive", asks=SURVIVAL["moves"])


@pytest.mark.parametrize("no_websocket", [False, True], ids=["both", "longpoll"])
@pytest.mark.parametrize("package", WITH_FALLBACK)
async def test_phoenix_js_comes_back_when_the_session_has_ended(
    road: Road, package: str, no_websocket: bool
) -> None:
    """
    A session that the server has ended is opened anew by phoenix.js, which joins again.
    """
    asks = ["drop", "disconnect", "restart"]
    await drive_ours(road, package, "comeback", asks=asks, noWebSocket=no_websocket)


@pytest.mark.parametrize("scenario", ["history", "presence"])
async def test_phoenix_js_recovers_and_is_present_over_our_transport(
    road: Road, scenario: str
) -> None:
    """
    What was missed between two sessions comes from the log, and presence is as it was.
    """
    await drive_ours(road, "phoenix", scenario)


async def test_refused_client_backs_off(road: Road) -> None:
    """
    A client without a token is told so, and phoenix.js's pauses grow.
    """
    await drive_ours(road, "phoenix", "backoff", token=None)


@pytest.mark.parametrize("road", [{"limits": PATIENT}], ids=["short window"], indirect=True)
async def test_auth_token_of_phoenix_js_is_passed_on(road: Road) -> None:
    """
    A token that phoenix.js has as its authToken opens, and attaches.
    """
    token = road.token()
    await drive_ours(
        road, "phoenix", "survive", token=None, authToken=token, asks=SURVIVAL["moves"]
    )
