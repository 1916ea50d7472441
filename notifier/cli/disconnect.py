"""
`notifier disconnect`: ends a user's sessions on a running server.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final
from urllib.parse import quote

import click
from aiohttp import ClientError, ClientSession, ClientTimeout

from notifier.cli.client import Failed, Misused, Refused, Unreachable, told
from notifier.config import KEY_VARIABLE
from notifier.errors import describe

DEFAULT_URL: Final = "http://127.0.0.1:4000"
MAX_ANSWER_BYTES: Final = 65_536
"""Of an answer so much is read; the API's is a line."""


@click.command()
@click.argument("user")
@click.option("--url", default=DEFAULT_URL, show_default=True, metavar="URL", help="The server.")
@click.option(
    "--key",
    envvar=KEY_VARIABLE,
    metavar="KEY",
    help=f"A key for its HTTP API; {KEY_VARIABLE} keeps it out of the list of processes.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the server's answer.",
)
@told
def disconnect(user: str, url: str, key: str | None, timeout: float) -> None:
    """
    End the sessions of USER, who may come back: see `notifier user disable`.

    \b
        NOTIFIER_API_KEY=… notifier disconnect 42

    It asks the HTTP API of a running server, and prints its answer.
    """
    if not key:
        raise Misused(f"--key, or {KEY_VARIABLE}, must be a key for the HTTP API")
    if not key.isascii() or not key.isprintable():
        raise Misused("--key: expected printable ASCII, got other characters")
    try:
        place = f"{url.rstrip('/')}/api/v1/users/{quote(user, safe='')}/disconnect"
    except UnicodeEncodeError as error:
        raise Misused("expected a USER in UTF-8, got other bytes") from error
    status, answer = asyncio.run(_post(place, key, timeout))
    if 200 <= status < 300:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    text = _why(status, answer)
    raise Refused(text) if status in (401, 403) else Failed(text)


async def _post(place: str, key: str, timeout_s: float) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {key}", "accept": "application/json"}
    try:
        async with (
            ClientSession(timeout=ClientTimeout(timeout_s)) as http,
            # No redirect is followed: the key is for this server alone.
            http.post(place, headers=headers, allow_redirects=False) as response,
        ):
            body = await response.content.read(MAX_ANSWER_BYTES)
    except ValueError as error:  # aiohttp's InvalidURL is one
        raise Misused(f"--url: expected such as {DEFAULT_URL}, got {error}") from error
    except (ClientError, TimeoutError, OSError) as error:
        raise Unreachable(f"no answer: {error or describe(error)}") from error
    try:
        return response.status, json.loads(body) if body else {}
    except ValueError:
        return response.status, {}


def _why(status: int, answer: Any) -> str:
    given = answer if isinstance(answer, dict) else {}
    why = given.get("detail") or given.get("title")
    text = f"the server answered {status}"
    return f"{text}: {why}" if isinstance(why, str) else text
