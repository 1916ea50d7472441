"""
What the command line asks of a running server, through its HTTP API.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
from aiohttp import ClientError, ClientSession, ClientTimeout
from attrs import frozen

from notifier.cli.client import Failed, Misused, Refused, Unreachable
from notifier.config import KEY_VARIABLE
from notifier.errors import describe

DEFAULT_URL: Final = "http://127.0.0.1:4000"
MAX_ANSWER_BYTES: Final = 65_536
"""Of an answer so much is read; the API's is a line."""

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--json", "is_json", is_flag=True, help="Print the server's answer as JSON."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for the server's answer.",
    ),
    click.option(
        "--key",
        envvar=KEY_VARIABLE,
        metavar="KEY",
        help=f"A key for its HTTP API; {KEY_VARIABLE} keeps it out of the list of processes.",
    ),
    click.option(
        "--url", default=DEFAULT_URL, show_default=True, metavar="URL", help="The server."
    ),
)


def remote_options(command: Command) -> Command:
    """
    Add `--url`, `--key`, `--timeout` and `--json`: what makes a Remote, and `is_json`.
    """
    for option in _OPTIONS:
        command = option(command)
    return command


@frozen
class Remote:
    """
    A running server, and the key for its API.
    """

    url: str
    key: str | None
    timeout: float

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """
        Ask below `/api/v1`, and give the answer; raise what tells the exit status.
        """
        if not self.key:
            raise Misused(f"--key, or {KEY_VARIABLE}, must be a key for the HTTP API")
        if not self.key.isascii() or not self.key.isprintable():
            raise Misused("--key: expected printable ASCII, got other characters")
        status, answer = asyncio.run(self._ask(method, path, body))
        if 200 <= status < 300:
            return answer
        text = _why(status, answer)
        raise Refused(text) if status in (401, 403) else Failed(text)

    async def _ask(self, method: str, path: str, body: object) -> tuple[int, Any]:
        place = f"{self.url.rstrip('/')}/api/v1{path}"
        headers = {"authorization": f"Bearer {self.key}", "accept": "application/json"}
        try:
            async with (
                ClientSession(timeout=ClientTimeout(self.timeout)) as http,
                # No redirect is followed: the key is for this server alone.
                http.request(
                    method, place, headers=headers, json=body, allow_redirects=False
                ) as response,
            ):
                answer = await response.content.read(MAX_ANSWER_BYTES)
        except ValueError as error:  # aiohttp's InvalidURL is one
            raise Misused(f"--url: expected such as {DEFAULT_URL}, got {error}") from error
        except (ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"no answer: {error or describe(error)}") from error
        try:
            return response.status, json.loads(answer) if answer else {}
        except ValueError:
            return response.status, {}


def show(answer: object, text: str, *, is_json: bool) -> None:
    """
    Print an answer for a program, or the text for a person.
    """
    click.echo(json.dumps(answer, ensure_ascii=False) if is_json else text)


def _why(status: int, answer: Any) -> str:
    given = answer if isinstance(answer, dict) else {}
    why = given.get("detail") or given.get("title")
    text = f"the server answered {status}"
    return f"{text}: {why}" if isinstance(why, str) else text
