"""
A network that does what networks have been seen to do, by a seed.

A TCP proxy between a client and a server. It reads requests and answers, so
that it can repeat, lose and cut them as proxies and browsers do; a WebSocket it
passes on as bytes. What it does at a time is its `Weather`; `stormy` makes a
sequence of them in which WebSockets work, fail in some way, and work again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from attrs import define, field, frozen

LIMIT_BYTES: Final = 1 << 24
REFUSED: Final = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
BAD_GATEWAY: Final = (
    b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 12\r\n\r\n<h1>502</h1>"
)
FAILURES: Final = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)

BAD_FOR_WEBSOCKETS: Final = ("refuse", "strip", "cut", "cut late", "hold", "stall")


@frozen
class Weather:
    """
    What the network does for a while. The numbers are chances, from 0 to 1.

    `websockets`: "pass"; "refuse" answers an Upgrade with 403; "strip" takes it
    out of the request; "cut" ends each soon after its 101; "cut late" lets the
    server believe that it lives; "hold" delays all that comes on it to the end
    of this weather; "stall" lets nothing through any more, and says nothing.
    """

    seconds: float
    websockets: str = "pass"
    cut_request: float = 0.0
    lose_answer: float = 0.0
    cut_answer: float = 0.0
    bad_gateway: float = 0.0
    repeat: float = 0.0
    repeat_late: float = 0.0
    delay_s: float = 0.0


def calm(chance: random.Random, seconds: float) -> Iterator[Weather]:
    """
    Give a weather in which all is well, for so many seconds.
    """
    yield Weather(seconds)


def stormy(chance: random.Random, seconds: float) -> Iterator[Weather]:
    """
    Give weathers for about so many seconds: WebSockets work in every second one.
    """
    is_good = chance.random() < 0.5
    while seconds > 0:
        is_good = not is_good
        weather = Weather(
            seconds=chance.uniform(0.4, 1.0),
            websockets="pass" if is_good else chance.choice(BAD_FOR_WEBSOCKETS),
            cut_request=chance.choice((0.0, 0.0, 0.1)),
            lose_answer=chance.choice((0.0, 0.1, 0.2)),
            cut_answer=chance.choice((0.0, 0.1)),
            bad_gateway=chance.choice((0.0, 0.0, 0.1)),
            repeat=chance.choice((0.0, 0.2)),
            repeat_late=chance.choice((0.0, 0.2)),
            delay_s=chance.choice((0.0, 0.02, 0.1)),
        )
        seconds -= weather.seconds
        yield weather


@define(eq=False)
class Network:
    """
    The proxy. Set `weather` as you like; whatever goes wrong is by `chance`.

    Each connection lives for `life_s` at most: some proxies cap it at 15 s.
    """

    target: int
    chance: random.Random
    life_s: float = 15.0
    port: int = 0
    counts: dict[str, int] = field(init=False, factory=dict)
    _weather: Weather = field(init=False, factory=lambda: Weather(0))
    _changed: asyncio.Event = field(init=False, factory=asyncio.Event)
    _tasks: set[asyncio.Task[Any]] = field(init=False, factory=set)

    @property
    def weather(self) -> Weather:
        """
        What the network does at the moment.
        """
        return self._weather

    @weather.setter
    def weather(self, weather: Weather) -> None:
        self._weather = weather
        self._changed.set()
        self._changed = asyncio.Event()

    async def play(self, weathers: Iterator[Weather]) -> None:
        """
        Let one weather follow the other, and then all be well.
        """
        for self.weather in weathers:  # type: ignore[misc]  # a property is a target, too
            await asyncio.sleep(self.weather.seconds)
        self.weather = Weather(0)

    async def close(self) -> None:
        """
        Cut all that is open.
        """
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(set(self._tasks))

    # --- connections

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """
        Serve a connection of the client's; for `asyncio.start_server`.
        """
        self._spawn(self._serve(reader, writer))

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self.life_s):
                while await self._serve_one(reader, writer):
                    pass
        except (TimeoutError, *FAILURES):
            pass
        finally:
            writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """
        Serve one request; whether another may follow on the connection.
        """
        request = await _read_message(reader)
        if b"\r\nupgrade: websocket" in request.lower():
            await self._serve_websocket(request, reader, writer)
            return False
        weather, happens = self.weather, self._happens
        await self._delay()
        if happens(weather.bad_gateway, "bad gateway"):
            writer.write(BAD_GATEWAY)
            return True
        if happens(weather.cut_request, "cut request"):
            await self._send(request[: self.chance.randrange(1, len(request))])
            return False
        if happens(weather.repeat_late, "repeated late"):
            self._spawn(self._later(request))
        if happens(weather.repeat, "repeated"):
            self._spawn(_quietly(self._ask(request)))
            await asyncio.sleep(0)
        answer = await self._unless_gone(reader, self._ask(request))
        if answer is None or happens(weather.lose_answer, "lost answer"):
            return False
        await self._delay()
        if happens(weather.cut_answer, "cut answer"):
            writer.write(answer[: self.chance.randrange(len(answer))])
            await writer.drain()
            return False
        writer.write(answer)
        await writer.drain()
        return True

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target, limit=LIMIT_BYTES)
        try:
            writer.write(request)
            return await _read_message(reader)
        finally:
            writer.transport.abort()

    async def _send(self, part: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.target)
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(self.chance.uniform(0, 0.2))
        writer.transport.abort()

    async def _later(self, request: bytes) -> None:
        await asyncio.sleep(self.chance.uniform(0.05, 1.5))
        await _quietly(self._ask(request))

    async def _unless_gone(
        self, reader: asyncio.StreamReader, work: Awaitable[bytes]
    ) -> bytes | None:
        """
        Do the work, or give it up when the client hangs up; it sends nothing meanwhile.
        """
        asking, gone = asyncio.ensure_future(work), asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({asking, gone}, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            for one in (asking, gone):
                one.cancel()
            await asyncio.gather(asking, gone, return_exceptions=True)

    # --- WebSockets

    async def _serve_websocket(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        weather = self.weather
        if weather.websockets == "refuse":
            self._count("websocket refused")
            writer.write(REFUSED)
            await writer.drain()
            return
        if weather.websockets == "strip":
            self._count("upgrade stripped")
            lines = request.split(b"\r\n")
            kept = [
                line for line in lines if not line.lower().startswith((b"upgrade", b"connection"))
            ]
            writer.write(await self._ask(b"\r\n".join(kept)))
            await writer.drain()
            return
        self._count("websocket opened")
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        far_writer.write(request)
        pumps = {
            asyncio.ensure_future(self._pump(reader, far_writer)),
            asyncio.ensure_future(self._pump(far_reader, writer)),
            asyncio.ensure_future(self._doom()),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            if self.weather.websockets in ("cut late", "stall"):
                self._spawn(self._abort_late(far_writer))
            else:
                far_writer.transport.abort()

    async def _doom(self) -> None:
        """
        Wait for what ends a WebSocket.
        """
        while True:
            changed, kind = self._changed, self.weather.websockets
            if kind in ("cut", "cut late", "refuse", "strip"):
                await asyncio.sleep(self.chance.uniform(0.0, 0.3))
                self._count(f"websocket {kind}")
                return
            if kind == "stall":
                self._count("websocket stalled")
                await changed.wait()
                return
            await changed.wait()

    async def _abort_late(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.chance.uniform(0.5, 3))
        writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(*FAILURES):
            while data := await reader.read(65_536):
                while self.weather.websockets in ("hold", "stall"):
                    await self._changed.wait()
                await self._delay()
                writer.write(data)
                await writer.drain()

    # --- chance

    def _happens(self, likelihood: float, what: str) -> bool:
        if self.chance.random() >= likelihood:
            return False
        self._count(what)
        return True

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    async def _delay(self) -> None:
        if self.weather.delay_s:
            await asyncio.sleep(self.chance.uniform(0, self.weather.delay_s))


async def _quietly(work: Awaitable[Any]) -> None:
    with suppress(*FAILURES):
        await work


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    """
    Read a request, or an answer, to its last byte.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    size = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size = int(value)
    return head + await reader.readexactly(size)


@asynccontextmanager
async def network_to(target: int, seed: int, life_s: float = 15.0) -> AsyncIterator[Network]:
    """
    Put a network before the port `target`; it is well until it is told otherwise.
    """
    network = Network(target, random.Random(seed), life_s)
    server = await asyncio.start_server(network.connected, "127.0.0.1", 0, limit=LIMIT_BYTES)
    network.port = server.sockets[0].getsockname()[1]
    try:
        yield network
    finally:
        server.close()
        await network.close()
