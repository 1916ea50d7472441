"""
The real phoenix.js, unmodified, four versions over both transports, against both doors.

Each test runs one Node process, `tests/js/drive.mjs`, which goes through a scenario step by step
and asks for what is to happen on the server.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from attrs import define, field
from conftest import require, require_node_modules
from doors import DOORS, serving
from sample_app import Present, Room

import notifier
from notifier import Channel, ConnectInfo, Limits, Notifier, Retention, User, UserSocket
from notifier.protocol.reasons import IDLE, SESSION_EXPIRED, SLOW_CONSUMER

DRIVER = Path(__file__).parent / "js" / "drive.mjs"
PATIENCE_S = 40
KEY = "a key that outlives the server"

VERSIONS = ("phoenix", "phoenix-1.8.9", "phoenix-1.7.23", "phoenix-1.6.15")
WITH_FALLBACK = VERSIONS[:3]
WITH_AUTH_TOKEN = VERSIONS[:2]
TRANSPORTS = ("longpoll", "websocket")
PATIENT = Limits(window_ms=500)
IMPATIENT = Limits(
    window_ms=500, idle_timeout_ms=2_000, ping_interval_ms=500, max_mailbox_bytes=1_000_000
)
TOKEN_HEADERS = {"longpoll": "x-phoenix-authtoken", "websocket": "sec-websocket-protocol"}

pytestmark = pytest.mark.node


class Log(Channel):
    history = Retention()


class RecordingSocket(UserSocket):
    """
    Takes a user token, and remembers how it came.
    """

    channels = {"room:*": Room, "log:*": Log, "presence:*": Present}
    seen: list[tuple[str, set[str]]] = []

    async def connect(self, params: Mapping[str, str], info: ConnectInfo) -> Any:
        bearers = {name for name in TOKEN_HEADERS.values() if name in info.headers}
        self.seen.append((info.transport, bearers))
        self.assigns["user_id"] = params.get("user_id")
        return await super().connect(params, info)


@define(eq=False)
class Server:
    """
    A server that can be made to lose its sessions, and to start anew.
    """

    door: str = "front"
    limits: Limits = PATIENT
    port: int = 0
    client: asyncio.subprocess.Process | None = None
    published: int = 0
    notifier: Notifier = field(init=False)
    socket_class: type[RecordingSocket] = field(init=False)
    _running: AsyncExitStack = field(init=False, factory=AsyncExitStack)

    async def start(self) -> None:
        """
        Listen, on the port it had before.
        """
        app = web.Application()
        self.socket_class = type("Fresh", (RecordingSocket,), {"seen": []})
        self.notifier = notifier.setup(app, self.socket_class, keys=[KEY], limits=self.limits)
        self.port = await self._running.enter_async_context(
            serving(self.door, app, self.notifier, port=self.port)
        )

    async def stop(self) -> None:
        await self._running.aclose()

    def token(self) -> str:
        return self.notifier.endpoint.tokens.sign_user(User("42"))

    # --- what the driver may ask for

    async def broadcast(self) -> None:
        """
        Send news to everyone on the driver's topic.
        """
        await self.notifier.broadcast("room:1", "news", {"body": "from the server"})

    async def publish(self) -> None:
        """
        Send three more messages, counted on, to the topic that keeps them.
        """
        for _ in range(3):
            self.published += 1
            await self.notifier.broadcast("log:1", "news", {"n": self.published})

    async def drop(self) -> None:
        """
        End every session for a reason of the server's own.
        """
        for one in tuple(self.notifier.endpoint._sessions.values()):
            one.close(SLOW_CONSUMER)

    async def disconnect(self) -> None:
        """
        Throw the driver's user out.
        """
        await self.notifier.disconnect("user_socket:42")

    async def restart(self) -> None:
        """
        Stop, and start anew with the same keys on the same port.
        """
        await self.stop()
        await self.start()

    async def sleep(self) -> None:
        """
        Hold the client's process, as a lid that closes does, until its session has expired.
        """
        with self._holding_the_client():
            while self.notifier.endpoint.count():
                await asyncio.sleep(0.01)

    async def overflow(self) -> None:
        """
        Hold the client's process until more waits for it than its mailbox holds.
        """
        with self._holding_the_client():
            while self.notifier.endpoint.count():
                await self.notifier.broadcast("room:1", "flood", {"body": "." * 100_000})
                await asyncio.sleep(0)

    @contextmanager
    def _holding_the_client(self) -> Iterator[None]:
        assert self.client is not None
        self.client.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.client.send_signal(signal.SIGCONT)


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    one = Server(**getattr(request, "param", {}))
    await one.start()
    yield one
    await one.stop()


async def drive(server: Server, package: str, transport: str, scenario: str, **more: Any) -> None:
    """
    Run the driver to its end, doing what it asks for; fail with the step that failed.
    """
    given = {
        "package": package,
        "transport": transport,
        "url": f"ws://127.0.0.1:{server.port}/socket",
        "scenario": scenario,
        **more,
    }
    require_node_modules(package)
    process = await asyncio.create_subprocess_exec(
        require("node"),
        str(DRIVER),
        json.dumps(given),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    server.client = process
    steps: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert process.stdout is not None
            async for line in process.stdout:
                said = json.loads(line)
                assert "error" not in said, f"step {said['step']!r} failed: {said['error']}"
                if "ask" in said:
                    await getattr(server, said["ask"])()
                else:
                    steps.append(said["step"])
            _, stderr = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    assert process.returncode == 0, f"the driver died after {steps}: {stderr.decode()}"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("package", VERSIONS)
@pytest.mark.parametrize("server", [{"door": door} for door in DOORS], ids=DOORS, indirect=True)
async def test_phoenix_js_is_served_when_it_does_all_it_can(
    server: Server, package: str, transport: str
) -> None:
    """
    Joins, pushes, replies, broadcasts, binaries, crashes and leaves go as the client expects.
    """
    params = {"token": server.token()}
    await drive(server, package, transport, "everything", params=params)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("package", VERSIONS)
@pytest.mark.parametrize("server", [{"door": door} for door in DOORS], ids=DOORS, indirect=True)
async def test_phoenix_js_comes_back_when_its_session_is_lost(
    server: Server, package: str, transport: str
) -> None:
    """
    A client whose session the server ended, or whose server restarted, joins again by itself.
    """
    params = {"token": server.token()}
    asks = ["drop", "disconnect", "restart"]
    await drive(server, package, transport, "comeback", params=params, asks=asks)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("package", VERSIONS)
async def test_phoenix_js_recovers_when_its_join_says_since(
    server: Server, package: str, transport: str
) -> None:
    """
    What was sent while the page was away comes on its return, once and in order.
    """
    await drive(server, package, transport, "history", params={"token": server.token()})


@pytest.mark.parametrize("ask", ["sleep", "overflow"])
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("package", VERSIONS)
@pytest.mark.parametrize("server", [{"limits": IMPATIENT}], ids=["impatient"], indirect=True)
async def test_phoenix_js_comes_back_when_its_machine_was_held_up(
    server: Server, package: str, transport: str, ask: str
) -> None:
    """
    A client that slept past its session's end, or was too slow for what was sent, joins again.
    """
    params = {"token": server.token()}
    await drive(server, package, transport, "comeback", params=params, asks=[ask])
    expired = {"longpoll": SESSION_EXPIRED, "websocket": IDLE}[transport]
    end = {"sleep": expired, "overflow": SLOW_CONSUMER}[ask]
    assert end in server.notifier.endpoint._ends.values()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("package", WITH_AUTH_TOKEN)
async def test_phoenix_js_is_let_in_when_its_token_is_an_auth_token(
    server: Server, package: str, transport: str
) -> None:
    """
    An authToken comes as a header over long-poll and as a sub-protocol over WebSocket.
    """
    await drive(server, package, transport, "comeback", authToken=server.token(), asks=["drop"])
    assert server.socket_class.seen == [(transport, {TOKEN_HEADERS[transport]})] * 2


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("package", VERSIONS)
async def test_phoenix_js_is_kept_out_when_it_has_no_token(
    server: Server, package: str, transport: str
) -> None:
    """
    A client without token is refused, and told so.
    """
    await drive(server, package, transport, "refused", params={})


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("package", VERSIONS)
async def test_phoenix_js_knows_who_is_present_when_others_come_and_go(
    server: Server, package: str, transport: str
) -> None:
    """
    Each client's `Presence` has what the server has, after joins, updates, a crash and leaves.
    """
    params = {"token": server.token()}
    await drive(server, package, transport, "presence", params=params)


OnUpgrade = Callable[[asyncio.StreamWriter], None]


def cut(writer: asyncio.StreamWriter) -> None:
    """
    A proxy that closes the connection of who asks for an upgrade.
    """
    writer.close()


def hang(_: asyncio.StreamWriter) -> None:
    """
    A proxy that never answers who asks for an upgrade.
    """


@asynccontextmanager
async def relay(port: int, on_upgrade: OnUpgrade) -> AsyncIterator[int]:
    """
    Pass connections on to `port`, but no WebSocket; give the relay's own port.
    """
    tasks: set[asyncio.Task[Any]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError):  # the driver ends as it likes
            while data := await reader.read(65_536):
                writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]  # there is one
        with closing(writer), suppress(ConnectionError):
            head = await reader.read(65_536)
            if b"upgrade: websocket" in head.lower():
                on_upgrade(writer)
                await reader.read()
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            far_writer.write(head)
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        async with asyncio.timeout(PATIENCE_S):  # the driver has gone, and with it what they serve
            await asyncio.gather(*tasks)


@pytest.mark.parametrize("on_upgrade", [cut, hang])
@pytest.mark.parametrize("package", WITH_FALLBACK)
async def test_phoenix_js_falls_back_when_websocket_is_blocked(
    server: Server, package: str, on_upgrade: OnUpgrade
) -> None:
    """
    With longPollFallbackMs a client behind a proxy that knows no WebSocket uses long-polling.
    """
    async with relay(server.port, on_upgrade) as port:
        url = f"ws://127.0.0.1:{port}/socket"
        params = {"token": server.token()}
        await drive(server, package, "fallback", "fallback", url=url, params=params)
    # 1.7.23 opens a second session: its closed WebSocket has it connect again.
    assert {transport for transport, _ in server.socket_class.seen} == {"longpoll"}
