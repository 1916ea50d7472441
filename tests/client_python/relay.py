"""
A bad network on real connections: a relay of TCP that a test can turn against its client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from attrs import define, field

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@define(eq=False)
class Relay:
    """
    Passes connections on to `port`, or to nowhere.

    `websockets` tells what becomes of those that ask for one: "pass", "refuse"
    with 403, "stall" for a handshake that is never answered. `lost_answers` of
    the next requests with the word `lose` in their first line reach the server,
    and their client's connection is cut.
    """

    target: int | None
    port: int = 0
    websockets: str = "pass"
    lose: bytes = b""
    lost_answers: int = 0
    seen: list[bytes] = field(factory=list)
    _open: dict[asyncio.Task[None], bytes] = field(factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = b""
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(task, reader, writer)
        except asyncio.CancelledError:
            return
        finally:
            del self._open[task]
            writer.transport.abort()

    async def _serve(
        self,
        task: asyncio.Task[None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        data = await reader.read(65_536)
        line = self._open[task] = data.partition(b"\r\n")[0]
        self.seen.append(data)
        if b"/websocket" in line and self.websockets != "pass":
            if self.websockets == "refuse":
                writer.write(FORBIDDEN)
                await writer.drain()
            else:
                await reader.read()
            return
        if self.target is None:
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            up_writer.write(data)
            if self.lost_answers and self.lose in line:
                self.lost_answers -= 1
                await up_reader.read(1)
                return
            # Each in its own time, until either side ends.
            pumps = [
                asyncio.ensure_future(self._pump(reader, up_writer, is_up=True)),
                asyncio.ensure_future(self._pump(up_reader, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            up_writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool = False
    ) -> None:
        while data := await reader.read(65_536):
            if is_up:
                self.seen.append(data)
                # On a connection that was kept: cut, as it is too late to answer in its place.
                if self.websockets != "pass" and b"/websocket" in data.partition(b"\r\n")[0]:
                    return
            writer.write(data)
            await writer.drain()

    def cut(self, word: bytes = b"") -> int:
        """
        Cut the connections whose first line has this word; tell how many.
        """
        tasks = [task for task, line in self._open.items() if word in line]
        for task in tasks:
            task.cancel()
        return len(tasks)

    def count(self, word: bytes) -> int:
        """
        Tell how many open connections have this word in their first line.
        """
        return sum(word in line for line in self._open.values())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/socket"


@asynccontextmanager
async def relay_to(target: int | None) -> AsyncIterator[Relay]:
    relay = Relay(target)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.cut()
        while relay._open:
            await asyncio.sleep(0)
