"""
What `scripts/chaos` shows, in short: a server that is killed loses nothing that it confirmed, a
session on a bad network loses nothing at all, and both are seen where a rule is broken.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from chaos.kill import KillRun
from conftest import require_built_client

CHAOS = Path(__file__).parent / "chaos"
PATIENCE_S = 120
NOTHING_WRONG = {"lost": 0, "doubled": 0, "reordered": 0, "sessions lost": 0}


@pytest.mark.server
@pytest.mark.slow
async def test_killed_server_loses_nothing_that_was_confirmed() -> None:
    """
    Three kills under 200 notices a second: each subscriber has each of them, once and in order.
    """
    table = await KillRun(kills=3, seed=7).run()
    assert KillRun.is_clean(table), table
    assert table["rejoins"] > 0
    assert table["confirmed"] > 100


async def play(*arguments: str) -> tuple[int | None, dict[str, int], str]:
    """
    Play random networks in a process of its own; give its exit status, its counts and its words.

    What it hurries and breaks is that process's alone.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CHAOS), *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            stdout, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    counts = dict[str, int]()
    for line in stdout.decode().splitlines():
        name, _, value = line.rpartition(" ")
        if value.isdecimal():
            counts[name.strip()] = int(value)
    return process.returncode, counts, stdout.decode()


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("client", ["python", pytest.param("javascript", marks=pytest.mark.node)])
async def test_client_loses_nothing_on_random_networks(client: str) -> None:
    """
    Thirty networks: each message once and in order, both ways, in one session that moves.
    """
    if client == "javascript":
        require_built_client()
    status, counts, words = await play("--client", client, "--seeds", "30", "--at-once", "16")
    assert status == 0, words
    assert counts.items() >= {**NOTHING_WRONG, "seeds": 30, "messages": 30 * 420}.items()
    assert counts["moves, least"] >= 3


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.node
async def test_random_networks_show_that_a_rule_is_broken() -> None:
    """
    Four networks for each client are enough to see each of three rules broken.
    """
    require_built_client()
    rules = ("ack on send", "running inbound count", "session-wide cursor")
    clients = ("python", "javascript")
    pairs = [(rule, client) for rule in rules for client in clients]
    played = await asyncio.gather(
        *(play("--client", client, "--seeds", "4", "--break", rule) for rule, client in pairs)
    )
    for pair, (status, counts, words) in zip(pairs, played, strict=True):
        assert status == 1, (pair, words)
        # What is not there in time may be late: that alone says nothing.
        assert counts["doubled"] + counts["reordered"] + counts["sessions lost"] > 0, (pair, words)
