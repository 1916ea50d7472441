"""
Kills the server with SIGKILL at random moments, under load, and counts.

20 clients publish ten notices a second each and note which were confirmed; 50
subscribers join again with `since` after each kill. Half of each are on
long-polling, half on WebSocket. What was confirmed must reach every subscriber,
once and in order, and no id may stand for two messages.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, TCPConnector
from attrs import define, field

from chaos.wire import TOPIC, WIRES, Gone, Wire
from notifier import User
from notifier.secrets import load_keys
from notifier.session import Tokens

PUBLISHERS: Final = 20
SUBSCRIBERS: Final = 50
PUBLISH_EVERY_S: Final = PUBLISHERS / 200
PATIENCE_S: Final = 30
RETRY_S: Final = 0.05


@define(eq=False)
class Subscriber:
    """
    Reads all it can get, and notes each id in the order of its coming.
    """

    ids: list[str] = field(factory=list)
    bodies: dict[str, str] = field(factory=dict)
    head: str | None = None
    joins: int = 0
    not_recovered: int = 0

    async def run(self, make: Any) -> None:
        while True:
            wire: Wire = make()
            with suppress(Gone):
                since = self.ids[-1] if self.ids else self.head
                response = await wire.join({} if since is None else {"since": since})
                self.head = self.head or response["head"]
                self.joins += 1
                self.not_recovered += not response.get("recovered", True)
                self.note(wire.early)
                while True:
                    self.note(await wire.receive())
            await wire.close()
            await asyncio.sleep(RETRY_S)

    def note(self, messages: list[list[Any]]) -> None:
        for _, _, _, event, payload in messages:
            if event == "new_msg":
                self.ids.append(payload["id"])
                self.bodies[payload["id"]] = payload["body"]


@define(eq=False)
class Publisher:
    """
    Publishes numbered notices, and notes the id of each that was confirmed.
    """

    name: str
    confirmed: dict[str, str] = field(factory=dict)
    count: int = 0
    is_through: bool = False

    async def run(self, make: Any) -> None:
        while not self.is_through:
            wire: Wire = make()
            with suppress(Gone):
                await wire.join({})
                reader = asyncio.ensure_future(self.read(wire))
                try:
                    while not self.is_through and not reader.done():
                        self.count += 1
                        body = f"{self.name}-{self.count}"
                        await wire.send(["1", body, TOPIC, "new_msg", {"body": body}])
                        await asyncio.sleep(PUBLISH_EVERY_S)
                    if self.is_through:
                        await asyncio.sleep(1)  # for the last replies
                finally:
                    reader.cancel()
                    await asyncio.wait({reader})
            await wire.close()
            await asyncio.sleep(RETRY_S)

    async def read(self, wire: Wire) -> None:
        with suppress(Gone):
            while True:
                for _, ref, _, event, payload in await wire.receive():
                    if event == "phx_reply" and payload["status"] == "ok":
                        self.confirmed[payload["response"]["id"]] = ref


@define(eq=False)
class KillRun:
    """
    One run: `kills` times, at moments that `seed` chooses.
    """

    kills: int
    seed: int
    port: int = field(init=False)
    process: asyncio.subprocess.Process | None = field(init=False, default=None)

    async def run(self) -> dict[str, Any]:
        """
        Run, and give the table of what was counted.
        """
        chance, began = random.Random(self.seed), time.monotonic()
        self.port = _free_port()
        publishers = [Publisher(f"p{number}") for number in range(PUBLISHERS)]
        subscribers = [Subscriber() for _ in range(SUBSCRIBERS)]
        with tempfile.TemporaryDirectory() as data_dir:
            await self.start(data_dir)
            tokens = Tokens(load_keys(Path(data_dir)).keys, time.time, 86_400)
            async with ClientSession(connector=TCPConnector(limit=0)) as http:

                def makes(number: int, role: str) -> Any:
                    token = tokens.sign_user(User(f"{role}-{number}", role))
                    wire = WIRES[number % 2]
                    return lambda: wire(http, f"127.0.0.1:{self.port}/socket", token)

                reading = [
                    asyncio.ensure_future(one.run(makes(number, "customer")))
                    for number, one in enumerate(subscribers)
                ]
                await _until(lambda: all(one.head for one in subscribers))
                writing = [
                    asyncio.ensure_future(one.run(makes(number, "operator")))
                    for number, one in enumerate(publishers)
                ]
                for _ in range(self.kills):
                    await asyncio.sleep(chance.uniform(0.2, 1.5))
                    await self.kill()
                    await self.start(data_dir)
                await asyncio.sleep(1)
                for publisher in publishers:
                    publisher.is_through = True
                await asyncio.wait(writing)
                confirmed = dict[str, str]()
                for publisher in publishers:
                    confirmed |= publisher.confirmed
                last = max(confirmed)
                with suppress(TimeoutError):
                    await _until(lambda: all(one.ids[-1:] >= [last] for one in subscribers))
                for task in reading:
                    task.cancel()
                await asyncio.wait(reading)
            await self.kill()
        return _table(publishers, subscribers, self.kills, time.monotonic() - began)

    async def start(self, data_dir: str) -> None:
        """
        Start the server, and wait until it listens.
        """
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "notifier",
            "serve",
            "--port",
            str(self.port),
            "--data-dir",
            data_dir,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "NOTIFIER_LOG_LEVEL": "error"},
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            if not await self.process.stdout.readline():
                raise RuntimeError("the server did not start")

    async def kill(self) -> None:
        """
        Kill the server: no signal handler, no goodbye.
        """
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    @staticmethod
    def is_clean(table: dict[str, Any]) -> bool:
        """
        Whether nothing went wrong, and something was tried.
        """
        wrong = ("lost", "doubled", "reordered", "ids reused", "joins not recovered")
        return table["confirmed"] > 0 and not any(table[name] for name in wrong)


def _table(
    publishers: list[Publisher], subscribers: list[Subscriber], kills: int, took_s: float
) -> dict[str, Any]:
    confirmed, bodies, reused = dict[str, str](), dict[str, str](), 0
    for publisher in publishers:
        reused += len(confirmed.keys() & publisher.confirmed.keys())
        confirmed |= publisher.confirmed
    for one in (confirmed, *(subscriber.bodies for subscriber in subscribers)):
        for id, body in one.items():
            reused += bodies.setdefault(id, body) != body
    return {
        "kills": kills,
        "seconds": round(took_s, 1),
        "published": sum(publisher.count for publisher in publishers),
        "confirmed": len(confirmed),
        "unconfirmed, and yet delivered": len(bodies.keys() - confirmed.keys()),
        "subscribers": len(subscribers),
        "deliveries": sum(len(one.ids) for one in subscribers),
        "rejoins": sum(one.joins - 1 for one in subscribers),
        "joins not recovered": sum(one.not_recovered for one in subscribers),
        "lost": sum(len(confirmed.keys() - set(one.ids)) for one in subscribers),
        "doubled": sum(len(one.ids) - len(set(one.ids)) for one in subscribers),
        "reordered": sum(
            later < earlier
            for one in subscribers
            for earlier, later in zip(one.ids, one.ids[1:], strict=False)
        ),
        "ids reused": reused,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.02)
