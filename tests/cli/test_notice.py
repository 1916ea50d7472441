"""
`notifier notice`, through the API of a server that runs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import Result
from doors import serving

from cli.drive import notifier_command
from notifier import Notifier
from notifier.api import SCOPES, ApiKeyStore
from notifier.app import DATABASE, build
from notifier.config import load_config


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """
    A server with a key for its API in the environment; give its URL.
    """
    served = Notifier()
    app = build(served, load_config({"data_dir": str(tmp_path)}, {}, None), ["k" * 40])
    key = ApiKeyStore(tmp_path / DATABASE).add("test", tuple(SCOPES))
    monkeypatch.setenv("NOTIFIER_API_KEY", key)
    async with serving("front", app, served) as port:
        yield f"http://127.0.0.1:{port}"


async def notice(*words: str) -> Result:
    return await asyncio.to_thread(notifier_command, "notice", *words)


async def test_notice_is_sent_looked_at_and_withdrawn(server: str) -> None:
    """
    The id is printed alone, for a script; each answer as JSON where that is asked for.
    """
    words = ("--level", "warning", "--title", "Soon", "--from", "ops", "--url", server)
    sent = await notice("send", "Maintenance", "--user", "a/b", "--user", "42", *words)
    assert sent.exit_code == 0, sent.output
    id = sent.stdout.strip()
    status = json.loads((await notice("status", id, "--json", "--url", server)).stdout)
    assert (status["users"], status["read"], status["withdrawn"]) == (2, 0, False)
    assert (await notice("withdraw", id, "--url", server)).stdout == f"{id} is withdrawn\n"
    assert "withdrawn    True" in (await notice("status", id, "--url", server)).stdout


@pytest.mark.parametrize("to", [(), ("--all", "--user", "42"), ("--room", "room:a", "--all")])
async def test_notice_needs_one_kind_of_recipient(server: str, to: tuple[str, ...]) -> None:
    """
    Wrong usage is told before the server is asked.
    """
    result = await notice("send", "Hello", *to, "--url", server)
    assert (result.exit_code, "one of --user, --room and --all" in result.output) == (2, True)


@pytest.mark.parametrize("to", [("--all",), ("--room", "room:lobby")])
async def test_notice_goes_to_a_room_or_to_everyone(server: str, to: tuple[str, ...]) -> None:
    """
    Nobody is there: it reached nobody.
    """
    result = await notice("send", "Hello", *to, "--json", "--url", server)
    assert json.loads(result.stdout)["reached"] == 0


async def test_notice_that_will_not_do_is_told_with_its_status(server: str) -> None:
    """
    What the server says, in one line.
    """
    assert (await notice("status", "nothing", "--url", server)).exit_code == 1
    result = await notice("send", "", "--all", "--url", server)
    assert (result.exit_code, "422" in result.output) == (1, True)
