"""
A client of ours on a random network: each message once and in order, both ways.

For each seed: three topics, 70 messages each way on each, within five seconds
of `network.stormy`, which goes on until the session has moved three times. The
server is in this process; the Python client, too, the JavaScript one runs in
Node with the real phoenix.js (`tests/js/chaos.mjs`). A real nginx may stand
between the network and the server, and is reloaded over and over.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, ClassVar, Final

import notifier_client.attachment
import notifier_client.longpoll
import notifier_client.session
from aiohttp import web
from attrs import define, field
from doors import serving
from nginx import Nginx, nginx_before
from notifier_client import NotifierClientError, connect
from notifier_client.backoff import Backoff

import notifier
from chaos.network import Network, calm, network_to, stormy
from notifier import Channel, Limits, Notifier, Ok, Socket, handle_in
from notifier.session.mailbox import ENVELOPE_BYTES

TOPICS: Final = ("a", "b", "c")
EACH: Final = 70
SECONDS: Final = 5.0
MOVES: Final = 3
REPLY_TIMEOUT_S: Final = 60.0
EVERY_S: Final = SECONDS / (EACH * len(TOPICS))
LIMITS: Final = Limits(
    window_ms=700,
    # A few messages: after a WebSocket that stalled a poll's answer ends before what was sent.
    max_answer_bytes=ENVELOPE_BYTES + 300,
)
RELOAD_EVERY_S: Final = 2.0
SCRIPT: Final = Path(__file__).parents[1] / "js" / "chaos.mjs"


@define(eq=False)
class Seed:
    """
    One seed, and what was seen of it.
    """

    number: int
    least_moves: int = MOVES
    joins: Counter[str] = field(factory=Counter)
    ups: dict[str, list[int]] = field(factory=lambda: defaultdict(list))
    downs: dict[str, list[int]] = field(factory=lambda: defaultdict(list))
    carried: list[str] = field(factory=list)
    replies: int = 0
    trouble: str = ""

    @property
    def moves(self) -> int:
        """
        How often another transport carried the session.
        """
        names = [name for name in self.carried if name in ("longpoll", "websocket")]
        return sum(one != other for one, other in pairwise(names))

    @property
    def is_through(self) -> bool:
        """
        Whether everything has come, both ways.
        """
        lists = [way[topic] for way in (self.ups, self.downs) for topic in TOPICS]
        return self.replies == EACH * len(TOPICS) and all(EACH in one for one in lists)

    def count(self) -> dict[str, int]:
        """
        Count what went wrong, both ways.
        """
        lists = [way[topic] for way in (self.ups, self.downs) for topic in TOPICS]
        return {
            "lost": sum(len(set(range(1, EACH + 1)) - set(one)) for one in lists),
            "doubled": sum(len(one) - len(set(one)) for one in lists),
            "reordered": sum(later < earlier for one in lists for earlier, later in pairwise(one)),
            "sessions lost": max(self.joins.values(), default=0) - 1 if self.joins else 1,
        }

    @property
    def is_clean(self) -> bool:
        """
        Whether nothing went wrong, and enough was tried.
        """
        went_wrong = self.trouble or any(self.count().values())
        return not went_wrong and self.moves >= self.least_moves


class Chaos(Channel):
    """
    Notes what comes up, in the order of its coming.
    """

    async def join(self, payload):
        seed, self.assigns["topic"] = self.assigns["seed"], self.topic.rsplit(":", 1)[1]
        seed.joins[self.topic] += 1

    @handle_in("up")
    async def up(self, payload):
        self.assigns["seed"].ups[self.assigns["topic"]].append(payload["n"])
        return Ok({"n": payload["n"]})


class ChaosSocket(Socket):
    channels = {"chaos:*": Chaos}
    seeds: ClassVar[dict[str, Seed]] = {}

    async def connect(self, params, info):
        self.assigns["seed"] = self.seeds[params["seed"]]


Client = Callable[[Seed, str], Awaitable[None]]
"""Connects to a URL, sends EACH messages on each topic, reads what comes until cancelled."""


async def python_client(seed: Seed, url: str) -> None:
    """
    Run the Python client.
    """
    async with connect(url, params={"seed": str(seed.number)}) as socket:
        channels = {topic: socket.channel(f"chaos:{seed.number}:{topic}") for topic in TOPICS}

        async def read(topic: str) -> None:
            async for message in channels[topic]:
                seed.downs[topic].append(message.payload["n"])

        async def push(topic: str, number: int) -> None:
            await channels[topic].push("up", {"n": number}, timeout_s=REPLY_TIMEOUT_S)
            seed.replies += 1

        async def watch() -> None:
            while True:
                if socket.carried_by and [socket.carried_by] != seed.carried[-1:]:
                    seed.carried.append(socket.carried_by)
                await asyncio.sleep(0.002)

        await asyncio.gather(*(channel.join() for channel in channels.values()))
        tasks = [asyncio.ensure_future(work) for work in (watch(), *map(read, TOPICS))]
        try:
            for number in range(1, EACH + 1):
                for topic in TOPICS:
                    tasks.append(asyncio.ensure_future(push(topic, number)))
                    await asyncio.sleep(EVERY_S)
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def javascript_client(seed: Seed, url: str) -> None:
    """
    Run the JavaScript client: it tells each thing as it happens.
    """
    given = {
        "url": url,
        "seed": str(seed.number),
        "topics": TOPICS,
        "each": EACH,
        "everyMs": EVERY_S * 1000,
    }
    node = shutil.which("node")
    assert node is not None, "the JavaScript client needs Node"
    process = await asyncio.create_subprocess_exec(
        node, str(SCRIPT), json.dumps(given), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            match json.loads(line):
                case {"down": [topic, number]}:
                    seed.downs[topic].append(number)
                case {"carried": name}:
                    seed.carried.append(name)
                case {"reply": _}:
                    seed.replies += 1
                case other:
                    seed.trouble = str(other)
        seed.trouble = seed.trouble or f"the client ended with {await process.wait()}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


CLIENTS: Final[dict[str, Client]] = {"python": python_client, "javascript": javascript_client}


def hurry() -> None:
    """
    Have the Python client wait a tenth of its times, so that five seconds hold many moves.
    """

    def quick(chance: Callable[[], float], first_s: float, max_s: float) -> Backoff:
        return Backoff(chance, first_s / 10, min(max_s / 10, 0.3))

    notifier_client.session.Backoff = quick  # type: ignore[misc, assignment]  # a class, made quicker
    for name in ("CANDIDATE_TIMEOUT_S", "HEARTBEAT_S", "HEARTBEAT_TIMEOUT_S", "ACK_S"):
        seconds = getattr(notifier_client.attachment, name)
        setattr(notifier_client.attachment, name, max(seconds / 20, 0.4))
    notifier_client.longpoll.POLL_TIMEOUT_S = 2.0  # type: ignore[misc]  # a Final, made shorter


@define(eq=False)
class SeedsRun:
    """
    Plays seeds against one server, `at_once` of them at a time.

    `nginx` names a configuration of `tests/nginx.py`. In a calm run the network
    does no harm, and what carries a session may well stay the same.
    """

    client: str
    at_once: int = 16
    patience_s: float = 40.0
    nginx: str | None = None
    is_calm: bool = False
    _server: Notifier = field(init=False)
    _port: int = field(init=False)

    async def run(self, numbers: range) -> list[Seed]:
        """
        Play these seeds, and give what was seen of each.
        """
        hurry()
        gate = asyncio.Semaphore(self.at_once)
        async with self._serving():

            async def one(number: int) -> Seed:
                async with gate:
                    return await self._play(number)

            return await asyncio.gather(*map(one, numbers))

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        app = web.Application()
        self._server = notifier.setup(app, ChaosSocket, keys=["k" * 40], limits=LIMITS)
        async with serving("front", app, self._server) as self._port:
            if self.nginx is None:
                yield
                return
            async with nginx_before(self._port, self.nginx) as nginx:
                self._port = nginx.port
                reloading = asyncio.ensure_future(_reload(nginx))
                try:
                    yield
                finally:
                    reloading.cancel()
                    await asyncio.wait({reloading})

    async def _play(self, number: int) -> Seed:
        least = 0 if self.is_calm or self.nginx == "defaults" else MOVES
        seed = ChaosSocket.seeds[str(number)] = Seed(number, least)
        chance = random.Random(number)
        life_s = 3_600.0 if self.is_calm else chance.choice((1.5, 3.0, 15.0))
        async with network_to(self._port, number, life_s) as net:
            url = f"http://127.0.0.1:{net.port}/socket"
            client = asyncio.ensure_future(CLIENTS[self.client](seed, url))
            try:
                async with asyncio.timeout(self.patience_s):
                    await _until(lambda: len(seed.joins) == len(TOPICS), client)
                    await asyncio.gather(self._send(seed), self._storm(seed, net, chance))
                    await _until(lambda: seed.is_through, client)
            except TimeoutError:
                seed.trouble = f"not through after {self.patience_s:.0f} s"
            except (NotifierClientError, RuntimeError) as error:
                seed.trouble = repr(error)
            finally:
                client.cancel()
                await asyncio.wait({client})
        return seed

    async def _send(self, seed: Seed) -> None:
        for number in range(1, EACH + 1):
            for topic in TOPICS:
                await self._server.broadcast(f"chaos:{seed.number}:{topic}", "down", {"n": number})
                await asyncio.sleep(EVERY_S)

    async def _storm(self, seed: Seed, net: Network, chance: random.Random) -> None:
        await net.play((calm if self.is_calm else stormy)(chance, SECONDS))
        while seed.moves < seed.least_moves:
            await net.play(stormy(chance, 1.5))


async def _reload(nginx: Nginx) -> None:
    while True:
        await asyncio.sleep(RELOAD_EVERY_S)
        await nginx.reload()


async def _until(holds: Callable[[], bool], client: asyncio.Future[None]) -> None:
    while not holds():
        if client.done():
            client.result()
            raise RuntimeError("the client ended early")
        await asyncio.sleep(0.01)


def table(client: str, seeds: list[Seed]) -> dict[str, Any]:
    """
    Add up what was seen of many seeds.
    """
    counts = Counter[str]()
    for seed in seeds:
        counts.update(seed.count())
    messages = list(chain.from_iterable((*s.ups.values(), *s.downs.values()) for s in seeds))
    moves = sorted(seed.moves for seed in seeds)
    return {
        "client": client,
        "seeds": len(seeds),
        "messages": sum(map(len, messages)),
        "moves, least": moves[0],
        "moves, median": moves[len(moves) // 2],
        **{name: counts[name] for name in ("lost", "doubled", "reordered", "sessions lost")},
        "seeds not clean": [(s.number, s.trouble or s.count()) for s in seeds if not s.is_clean],
    }
