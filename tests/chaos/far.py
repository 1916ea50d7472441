"""
A network on which all is well but the distance, and which counts round trips.

A TCP proxy that brings each byte `one_way_s` later, and the first of each
connection another round trip later, since that is what TCP's handshake takes.
Counted is as logical clocks do: what is sent bears the sender's clock and one
half of a round trip, and who gets it has at least that. So the count holds for
a way of any length, whatever the machine's load.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

from attrs import define, field

from chaos.network import FAILURES, REFUSED

READ_BYTES: Final = 65_536
REPLY: Final = b"phx_reply"
HANDSHAKE: Final = 2
"""Halves of a round trip that a new connection takes."""


@define(eq=False)
class Far:
    """
    The proxy. `websockets` is "pass", "refuse" for a 403, or "hang" for no answer.
    """

    target: int
    one_way_s: float
    websockets: str = "pass"
    port: int = 0
    _replied: int = field(init=False, default=0)
    _here: int = field(init=False, default=0)
    _there: int = field(init=False, default=0)
    _tasks: set[asyncio.Task[None]] = field(init=False, factory=set)

    @property
    def round_trips(self) -> float:
        """
        How many it took until the client had the first reply; 0 as long as it has none.
        """
        return self._replied / 2

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """
        Serve a connection of the client's; for `asyncio.start_server`.
        """
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)

        def done(_: object) -> None:
            self._tasks.discard(task)
            writer.close()  # here, since a task may be cancelled before it begins

        task.add_done_callback(done)

    async def close(self) -> None:
        """
        Cut all that is open.
        """
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(set(self._tasks))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opens_at, opens = self._time() + 2 * self.one_way_s, self._here + HANDSHAKE
        with suppress(*FAILURES):
            head = await reader.read(READ_BYTES)
            await asyncio.sleep(opens_at - self._time())
            self._here = max(self._here, opens)
            if b"\r\nupgrade: websocket" not in head.lower() or self.websockets == "pass":
                await self._pass_on(head, reader, writer)
                return
            if self.websockets == "refuse":
                self._there = max(self._there, self._here + 1)
                await asyncio.sleep(self.one_way_s)
                self._down(writer, REFUSED)
            await reader.read()

    async def _pass_on(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self._up(far_writer, head)
        pumps = [
            asyncio.ensure_future(_pump(reader, partial(self._up, far_writer))),
            asyncio.ensure_future(_pump(far_reader, partial(self._down, writer))),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(self.one_way_s)  # for what is under way
        finally:
            far_writer.transport.abort()  # first: this may be cancelled, too
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    def _up(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        self._later(self._arrive_there, writer, data, self._here + 1)

    def _down(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        self._later(self._arrive_here, writer, data, self._there + 1)

    def _arrive_there(self, writer: asyncio.StreamWriter, data: bytes, clock: int) -> None:
        self._there = max(self._there, clock)
        if not writer.is_closing():
            writer.write(data)

    def _arrive_here(self, writer: asyncio.StreamWriter, data: bytes, clock: int) -> None:
        self._here = max(self._here, clock)
        if REPLY in data and not self._replied:
            self._replied = self._here
        if not writer.is_closing():
            writer.write(data)

    def _later(self, arrive: Callable[..., None], *what: Any) -> None:
        asyncio.get_running_loop().call_later(self.one_way_s, arrive, *what)

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


async def _pump(reader: asyncio.StreamReader, send: Callable[[bytes], None]) -> None:
    with suppress(*FAILURES):
        while data := await reader.read(READ_BYTES):
            send(data)


@asynccontextmanager
async def far_from(target: int, one_way_s: float, websockets: str = "pass") -> AsyncIterator[Far]:
    """
    Move the port `target` away.
    """
    far = Far(target, one_way_s, websockets)
    server = await asyncio.start_server(far.connected, "127.0.0.1", 0)
    far.port = server.sockets[0].getsockname()[1]
    try:
        yield far
    finally:
        server.close()
        await far.close()
