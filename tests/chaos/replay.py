"""
Replays a long log to many clients at once, and measures what others notice.

A probe, in a process of its own, sends itself a message over a topic without
history again and again: first while all is quiet, then while `--clients` join
the topic of `--messages` logged messages and read all of it. Run on two cores:
the server on one, the clients on the other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession

from notifier import Channel, Notifier, Retention, Socket, SqliteEngine, handle_in
from notifier.engine import Publication

LOG: Final = "log:1"
MARK: Final = b'"the log"'
HERE: Final = Path(__file__)
PROBES_A_SECOND: Final = 200


class Log(Channel):
    history = Retention(max_count=10_000_000)


class Echo(Channel):
    @handle_in("probe")
    async def probe(self, payload):
        await self.broadcast("probe", payload)


class BenchSocket(Socket):
    channels = {"log:*": Log, "echo:*": Echo}


app = Notifier(BenchSocket)


async def fill(data_dir: Path, messages: int) -> None:
    """
    Write the log that is to be replayed.
    """
    engine = SqliteEngine(data_dir / "history.db", time.time)
    retention = Log.history
    for start in range(0, messages, 500):
        await asyncio.gather(
            *(
                engine.publish(Publication(LOG, "news", {"from": "the log", "n": n}), retention)
                for n in range(start, min(start + 500, messages))
            )
        )
    await engine.close()


async def probe(port: int, seconds: float) -> list[float]:
    """
    Send messages to oneself for so long; return how many milliseconds each took.
    """
    took = list[float]()
    async with ClientSession() as http:
        url = f"ws://127.0.0.1:{port}/socket/websocket?vsn=2.0.0"
        async with http.ws_connect(url) as websocket:
            await websocket.send_str('["1","1","echo:1","phx_join",{}]')
            await websocket.receive()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                began = time.perf_counter()
                await websocket.send_str('["1","2","echo:1","probe",{}]')
                await websocket.receive()
                took.append((time.perf_counter() - began) * 1_000)
                await asyncio.sleep(1 / PROBES_A_SECOND)
    return took


async def recover(port: int, clients: int, messages: int) -> dict[str, Any]:
    """
    Join with `since` on many connections, and read until each has had everything.
    """
    counts, writers = [0] * clients, list[asyncio.StreamWriter]()
    began = time.perf_counter()

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        writers.append(writer)
        writer.write(frame(b'["1","1","%b","phx_join",{"since":"0"}]' % LOG.encode()))
        rest = b""
        while counts[number] < messages:
            data = await reader.read(1 << 18)
            if not data:
                raise ConnectionError(f"closed after {counts[number]} messages: {rest[-120:]!r}")
            data = rest + data
            counts[number] += data.count(MARK)
            at = data.rfind(MARK)
            rest = data[max(at + len(MARK), len(data) - len(MARK) + 1) :] if at >= 0 else data[-8:]
        writer.close()

    async def beat() -> None:
        while True:
            await asyncio.sleep(20)
            for writer in writers:
                writer.write(frame(b'[null,"h","phoenix","heartbeat",{}]'))

    beating = asyncio.ensure_future(beat())
    await asyncio.gather(*(one(number) for number in range(clients)))
    beating.cancel()
    took = time.perf_counter() - began
    return {"seconds": took, "deliveries": sum(counts), "exact": set(counts) == {messages}}


HANDSHAKE: Final = (
    b"GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n"
    b"connection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(text: bytes) -> bytes:
    """
    Make a short text frame of a client's.
    """
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def percentile(values: Sequence[float], percent: float) -> float:
    return sorted(values)[min(int(len(values) * percent / 100), len(values) - 1)]


def rss_mb(pid: int) -> float:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(fields["VmRSS"].split()[0]) / 1024


def start(core: int, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    """
    Start this interpreter on one core.
    """
    command = ["taskset", "-c", str(core), sys.executable, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)


def helper(*arguments: object) -> subprocess.Popen[str]:
    return start(1, str(HERE), *map(str, arguments))


def result(process: subprocess.Popen[str]) -> Any:
    out, _ = process.communicate()
    return json.loads(out)


def run(clients: int, messages: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(fill(Path(name), messages))
        env = {**os.environ, "PYTHONPATH": str(HERE.parent), "NOTIFIER_LOG_LEVEL": "error"}
        server = start(
            0,
            *["-m", "notifier", "serve", "--port", "0", "--app", "replay:app", "--data-dir"],
            name,
            env=env,
        )
        assert server.stdout is not None
        port = int(re.findall(r":(\d+)", server.stdout.readline())[0])
        try:
            quiet = result(helper("--probe", port, "--seconds", 8))
            before = rss_mb(server.pid)
            recovering = helper("--recover", port, "--clients", clients, "--messages", messages)
            time.sleep(1)
            busy, peak = helper("--probe", port, "--seconds", 8), before
            while recovering.poll() is None:
                peak = max(peak, rss_mb(server.pid))
                time.sleep(0.1)
            recovered = result(recovering)
            live = result(busy)
        finally:
            server.kill()
            server.wait()
    print(f"{clients} clients, {messages:,} messages each: {recovered['deliveries']:,} deliveries")
    print(f"all exact: {recovered['exact']}, {recovered['seconds']:.1f} s, "
          f"{recovered['seconds'] / recovered['deliveries'] * 1e6:.1f} µs each")  # fmt: skip
    print(f"memory of the server: {before:.0f} MB before, {peak:.0f} MB at most")
    for name, values in (("quiet", quiet), ("while they recover", live)):
        figures = "  ".join(f"p{p} {percentile(values, p):.2f}" for p in (50, 90, 99))
        print(f"probe, {name:<20} {figures} ms  ({len(values)} of them)")
    print(f"p99 ratio: {percentile(live, 99) / percentile(quiet, 99):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=8, help=argparse.SUPPRESS)
    parser.add_argument("--probe", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--recover", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.probe:
        print(json.dumps(asyncio.run(probe(given.probe, given.seconds))))
    elif given.recover:
        print(json.dumps(asyncio.run(recover(given.recover, given.clients, given.messages))))
    else:
        run(given.clients, given.messages)


if __name__ == "__main__":
    main()
