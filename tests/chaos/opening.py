"""
How soon a new client has its first reply on a network that is far: scripts/bench-open.

Each round has a way of its own to the server, so that no client finds a
connection that is open already; the first round is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from aiohttp import web
from attrs import frozen

sys.path.insert(0, str(Path(__file__).parents[1]))

from doors import serving
from notifier_client import connect
from sample_app import KEYS, OpenSocket

import notifier
from chaos.far import Far, far_from

SCRIPT: Final = Path(__file__).parents[1] / "js" / "open.mjs"
OURS: Final = "ours, JavaScript"
PYTHON: Final = "ours, Python"
PHOENIX: Final = {
    "phoenix.js, WebSocket": "websocket",
    "phoenix.js, LongPoll": "longpoll",
    "phoenix.js, longPollFallbackMs: 2500": "fallback",
}
NETWORKS: Final = {
    "pass": (OURS, PYTHON, "phoenix.js, WebSocket", "phoenix.js, LongPoll"),
    "refuse": (OURS, PYTHON, "phoenix.js, longPollFallbackMs: 2500"),
    "hang": (OURS, PYTHON, "phoenix.js, longPollFallbackMs: 2500"),
}
"""What becomes of WebSockets, and who tries."""


@frozen
class Opened:
    """
    What was seen of one client on one network.
    """

    round_trips: Sequence[float]
    ms: Sequence[float]


async def measure(client: str, websockets: str, one_way_s: float, rounds: int) -> Opened:
    """
    Have a client connect and join so many times.
    """
    app = web.Application()
    server = notifier.setup(app, OpenSocket, keys=KEYS)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving("front", app, server))
        ways = [
            await stack.enter_async_context(far_from(port, one_way_s, websockets))
            for _ in range(rounds)
        ]
        ms = await (_python(ways) if client == PYTHON else _node(PHOENIX.get(client, "ours"), ways))
    return Opened([way.round_trips for way in ways], ms)


async def _python(ways: Sequence[Far]) -> list[float]:
    ms = []
    for way in ways:
        began = time.perf_counter()
        async with connect(f"http://127.0.0.1:{way.port}/socket") as socket:
            await socket.channel("room:1").join()
            ms.append((time.perf_counter() - began) * 1000)
    return ms


async def _node(client: str, ways: Sequence[Far]) -> list[float]:
    given = {"client": client, "urls": [f"ws://127.0.0.1:{way.port}/socket" for way in ways]}
    process = await asyncio.create_subprocess_exec(
        "node", str(SCRIPT), json.dumps(given), stdout=asyncio.subprocess.PIPE
    )
    stdout, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{SCRIPT.name} ended with {process.returncode}")
    return [float(line) for line in stdout.split()]


async def main() -> None:
    """
    Print the table.
    """
    parser = argparse.ArgumentParser(prog="scripts/bench-open", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="rounds for each client (20)")
    parser.add_argument("--trip-ms", type=float, default=50, help="how long a round trip is (50)")
    given = parser.parse_args()
    print(f"a round trip takes {given.trip_ms:g} ms; {given.rounds} rounds\n")
    print("| WebSockets | client | round trips | median ms | slowest ms |\n|---|---|---|---|---|")
    for websockets, clients in NETWORKS.items():
        for client in clients:
            seen = await measure(client, websockets, given.trip_ms / 2000, given.rounds + 1)
            ms = seen.ms[1:]
            print(f"| {websockets} | {client} | {statistics.median(seen.round_trips):g} |", end="")
            print(f" {statistics.median(ms):.0f} | {max(ms):.0f} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
