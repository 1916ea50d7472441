"""
`notifier disconnect`: what is asked of the server, and with which status it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import define, field
from click.testing import Result

from cli.drive import notifier_command

KEY = "nak_SECRET"


@define
class Api:
    """
    A server that answers what it is told to, and remembers what it was asked.
    """

    status: int = 200
    body: Any = field(factory=lambda: {"ended": 2})
    headers: dict[str, str] = field(factory=dict)
    asked: list[tuple[str, str, str | None]] = field(factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        key = request.headers.get("authorization")
        self.asked.append((request.method, request.raw_path, key))
        return web.json_response(self.body, status=self.status, headers=self.headers)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    one = Api()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", one.handle)
    server = TestServer(app)
    await server.start_server()
    one.url = str(server.make_url("/"))
    yield one
    await server.close()


async def run(*words: str, **more: Any) -> Result:
    return await asyncio.to_thread(notifier_command, "disconnect", *words, **more)


async def test_sessions_are_ended_by_the_api(api: Api) -> None:
    """
    The user's id is one part of the path, whatever is in it; the answer is printed.
    """
    result = await run("a/b ü?", "--url", api.url, "--key", KEY, "--json")
    assert (result.exit_code, result.stdout) == (0, '{"ended": 2}\n')
    told = await run("42", "--url", api.url, "--key", KEY)
    assert (told.exit_code, told.stdout) == (0, "2 sessions ended\n")
    api.asked.pop()
    path = "/api/v1/users/a%2Fb%20%C3%BC%3F/disconnect"
    assert api.asked == [("POST", path, f"Bearer {KEY}")]


async def test_key_may_stand_in_the_environment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the list of processes does not show it.
    """
    monkeypatch.setenv("NOTIFIER_API_KEY", KEY)
    assert (await run("42", "--url", api.url)).exit_code == 0


@pytest.mark.parametrize(
    ("status", "body", "exit_code", "told"),
    [
        (401, {"detail": "the key is not good"}, 3, "the server answered 401: the key is not good"),
        (403, {"title": "Forbidden"}, 3, "the server answered 403: Forbidden"),
        (404, {}, 1, "the server answered 404"),
        (500, [1], 1, "the server answered 500"),
        (302, {}, 1, "the server answered 302"),
    ],
)
async def test_no_is_told_with_its_status(
    api: Api, status: int, body: Any, exit_code: int, told: str
) -> None:
    """
    What the server says, in one line; a redirect is not followed with the key.
    """
    api.status, api.body, api.headers = status, body, {"location": "/elsewhere"}
    result = await run("42", "--url", api.url, "--key", KEY)
    assert (result.exit_code, result.stderr) == (exit_code, f"Error: {told}\n")
    assert len(api.asked) == 1
    assert KEY not in result.output


async def test_nobody_there_is_told() -> None:
    """
    A port on which nobody listens.
    """
    result = await run("42", "--url", "http://127.0.0.1:1", "--key", KEY)
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: no answer: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("42",), "must be a key for the HTTP API"),
        (("42", "--key", "a\nb"), "expected printable ASCII"),
        (("\udcff", "--key", KEY), "in UTF-8"),
        (("42", "--key", KEY, "--url", "nowhere"), "--url: "),
    ],
)
async def test_wrong_usage_is_told(words: tuple[str, ...], told: str) -> None:
    """
    Before anything is sent.
    """
    result = await run(*words)
    assert result.exit_code == 2
    assert told in result.stderr
