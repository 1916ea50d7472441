"""
`notifier tail` and `notifier push`: what they print, and with which status they end.

Each runs as a process of its own beside the test's server.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from client_python.history import HistorySocket, LoggedRoom
from client_python.relay import relay_to
from transports.world import PATIENCE_S, World, until, world_behind

import notifier
from notifier.cli import main

SOURCE = Path(notifier.__file__).parents[1]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(LoggedRoom, "log", [])
    async with world_behind("front", HistorySocket) as one:
        yield one


@asynccontextmanager
async def command(*words: str, port: int, token: str | None = None) -> AsyncIterator[Process]:
    env = {**os.environ, "NOTIFIER_URL": f"http://127.0.0.1:{port}/socket"}
    if token is not None:
        env["NOTIFIER_TOKEN"] = token
    line = (sys.executable, "-m", "notifier", *words)
    process = await asyncio.create_subprocess_exec(
        *line, env=env, cwd=SOURCE, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(*words: str, port: int, token: str | None = None) -> tuple[int, str, str]:
    async with command(*words, port=port, token=token) as process:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


async def line_of(process: Process) -> Any:
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE_S))


async def publish(world: World, number: int) -> None:
    one = {"id": f"{number:03}", "n": number}
    LoggedRoom.log.append(one)
    await world.server.broadcast("logged:a", "news", one)


def news(number: int) -> Any:
    return {"topic": "logged:a", "event": "news", "payload": {"n": number, "id": f"{number:03}"}}


# notifier push


@pytest.mark.server
async def test_push_prints_the_reply(world: World) -> None:
    """
    The response is a line of JSON, the status 0.
    """
    words = ("push", "room:a", "echo", '{"n": "ü"}')
    status, out, err = await run(*words, port=world.port, token=world.token())
    assert (status, json.loads(out), err) == (0, {"n": "ü"}, "")


@pytest.mark.server
async def test_push_without_reply_is_delivered_before_it_ends(world: World) -> None:
    """
    With --no-reply nothing is printed, and the message has arrived.
    """
    async with command("tail", "room:a", port=world.port, token=world.token()) as tail:
        await until(lambda: world.server.endpoint.pubsub.count("room:a") == 1)
        words = ("push", "room:a", "all", '{"n": 1}', "--no-reply")
        assert await run(*words, port=world.port, token=world.token()) == (0, "", "")
        expected = {"topic": "room:a", "event": "news", "payload": {"n": 1}}
        assert await line_of(tail) == expected


@pytest.mark.server
@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("room:a", "refuse", '{"reason": "no"}'), 1, "no"),
        (("room:a", "push", "{}", "--timeout", "0.2"), 4, "no reply"),
        (("nowhere", "echo", "{}"), 3, "unmatched topic"),
        (("room:a", "echo", "{"), 2, "expected JSON"),
        (("room:a", "echo", "{}", "--url", "here"), 2, "expected a URL"),
        (("room:a", "echo", "{}", "--token", "two\nlines"), 2, "expected a token"),
        (("room:a", "echo", "{}", "--token", "bad"), 3, "token_invalid"),
    ],
)
async def test_push_ends_with_the_status_that_scripts_read(
    world: World, words: tuple[str, ...], status: int, told: str
) -> None:
    """
    An error is one line, and its status tells no from nobody there.
    """
    got, _, err = await run("push", *words, port=world.port, token=world.token())
    assert (got, err.startswith("Error: "), err.count("\n")) == (status, True, 1)
    assert told in err


@pytest.mark.server
async def test_push_is_told_when_nobody_is_there() -> None:
    """
    Without a server the status is 4.
    """
    async with relay_to(None) as nowhere:
        words = ("push", "room:a", "echo", "{}", "--timeout", "0.5")
        status, _, err = await run(*words, port=nowhere.port)
    assert status == 4
    assert "no session at" in err


# notifier tail


@pytest.mark.server
async def test_tail_prints_what_came_since_and_what_comes(world: World) -> None:
    """
    One line a message, flushed at once; Ctrl-C is an end like any other.
    """
    for number in (1, 2):
        await publish(world, number)
    words = ("tail", "logged:a", "--since", "001")
    async with command(*words, port=world.port, token=world.token()) as tail:
        assert await line_of(tail) == news(2)
        await publish(world, 3)
        assert await line_of(tail) == news(3)
        tail.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(tail.communicate(), PATIENCE_S)
    assert (tail.returncode, out, err) == (0, b"", b"")


@pytest.mark.server
async def test_tail_follows_the_server_through_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What was published while no server was there comes once one is.
    """
    monkeypatch.setattr(LoggedRoom, "log", [])
    async with relay_to(None) as relay, world_behind("front", HistorySocket) as first:
        relay.target, token = first.port, first.token()
        async with command("tail", "logged:a", port=relay.port, token=token) as tail:
            await until(lambda: first.server.endpoint.pubsub.count("logged:a") == 1)
            await publish(first, 1)
            assert await line_of(tail) == news(1)
            relay.target = None
            relay.cut()
            await first.server.endpoint.shutdown()
            LoggedRoom.log.append({"id": "002", "n": 2})
            async with world_behind("front", HistorySocket) as second:
                relay.target = second.port
                assert await line_of(tail) == news(2)
                tail.send_signal(signal.SIGINT)
                await asyncio.wait_for(tail.communicate(), PATIENCE_S)


@pytest.mark.server
async def test_tail_ends_quietly_when_its_reader_has_gone(world: World) -> None:
    """
    As in `notifier tail … | head -1`.
    """
    async with command("tail", "logged:a", port=world.port, token=world.token()) as tail:
        await until(lambda: world.server.endpoint.pubsub.count("logged:a") == 1)
        await publish(world, 1)
        assert await line_of(tail) == news(1)
        tail._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # no other way
        assert tail.stderr is not None
        for number in range(2, 10):
            await publish(world, number)
        err = await asyncio.wait_for(tail.stderr.read(), PATIENCE_S)
        await asyncio.wait_for(tail.wait(), PATIENCE_S)
    assert (tail.returncode, err) == (0, b"")


def test_command_says_what_to_install_when_the_client_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The client is a package of its own.
    """
    monkeypatch.setitem(sys.modules, "notifier_client", None)
    result = CliRunner().invoke(main, ("tail", "room:a"))
    assert result.exit_code == 2
    assert "pip install 'notifier[client]'" in result.stderr


def test_other_commands_take_no_offence_at_the_clients_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    NOTIFIER_TOKEN and NOTIFIER_URL are no settings of a server.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTIFIER_TOKEN", "t")
    monkeypatch.setenv("NOTIFIER_URL", "http://a/socket")
    assert CliRunner().invoke(main, ("token", "me")).exit_code == 0


@pytest.mark.server
async def test_example_prints_what_comes(world: World) -> None:
    """
    `examples/listen.py` runs as its first line says.
    """
    url = f"http://127.0.0.1:{world.port}/socket"
    line = (sys.executable, "-m", "examples.listen", url, world.token(), "room:a")
    process = await asyncio.create_subprocess_exec(*line, cwd=SOURCE, stdout=PIPE)
    try:
        await until(lambda: world.server.endpoint.pubsub.count("room:a") == 1)
        await world.server.broadcast("room:a", "news", {"n": 1})
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), PATIENCE_S) == b"news {'n': 1}\n"
    finally:
        process.kill()
        await process.wait()
