"""
The real phoenix.js in a real browser, with the operator's form on the other side.

The customers' page, `tests/js/customer.html`, comes from another origin than the server, as the
page of a host application does. Each test runs `tests/js/chromium.mjs` once; screenshots stay in
the test's `tmp_path`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from chromium import JS, drive
from conftest import require_node_modules
from doors import serving

from notifier import Limits, Notifier, User
from notifier.app import CLIENT_SCRIPT, DATABASE, build
from notifier.backoffice import OperatorStore
from notifier.config import Config

NAME, PASSWORD = "olga", "a long password"
TRANSPORTS = ("longpoll", "websocket")

pytestmark = pytest.mark.browser


@pytest.fixture
async def host() -> AsyncIterator[str]:
    """
    Serve the customers' page and phoenix.js; give the origin.
    """
    app = web.Application()
    files = {
        "/customer.html": JS / "customer.html",
        "/phoenix.js": JS / "node_modules" / "phoenix" / "priv" / "static" / "phoenix.min.js",
    }

    async def send_file(request: web.Request) -> web.FileResponse:
        return web.FileResponse(files[request.path])

    require_node_modules("phoenix")
    for path in files:
        app.router.add_get(path, send_file)
    async with TestServer(app) as server:
        yield f"http://127.0.0.1:{server.port}"


@asynccontextmanager
async def notices(
    tmp_path: Path, check_origin: Sequence[str] = ()
) -> AsyncIterator[tuple[Notifier, int]]:
    """
    Serve what `notifier serve` does, with one operator; give the port too.
    """
    OperatorStore(tmp_path / DATABASE).add(NAME, PASSWORD)
    config = Config(
        data_dir=tmp_path, check_origin=tuple(check_origin), limits=Limits(window_ms=1_000)
    )
    notifier = Notifier()
    app = build(notifier, config, ["a key"])
    async with serving("front", app, notifier) as port:
        yield notifier, port


def customer(
    host: str, port: int, notifier: Notifier, user: str, transport: str, token_as: str = "token"
) -> str:
    """
    Make the address of a customer's page.
    """
    query = {
        "server": f"ws://127.0.0.1:{port}/socket",
        "user": user,
        "transport": transport,
        token_as: notifier.endpoint.tokens.sign_user(User(user)),
    }
    return f"{host}/customer.html?{urlencode(query)}"


async def test_notices_arrive_once_when_an_operator_sends_them(tmp_path: Path, host: str) -> None:
    """
    Each page shows each notice that is for it exactly once, and the operator is told how many
    have it.
    """
    async with notices(tmp_path) as (notifier, port):
        pages = {
            "ann": customer(host, port, notifier, "ann", "longpoll"),
            "bob": customer(host, port, notifier, "bob", "websocket"),
        }
        steps = await drive(
            "chromium.mjs",
            "notices",
            pages=pages,
            backoffice=f"http://127.0.0.1:{port}/backoffice",
            name=NAME,
            password=PASSWORD,
            screenshots=str(tmp_path),
        )
        left = notifier.endpoint.count()
    assert {step: seen["outcome"] for step, seen in steps.items()} == {
        "to all": "Sent. It is on 2 open pages already.",
        "to one": "Sent. It is on 1 open page already.",
        "one thrown out": "User ann was thrown out.",
        "to who is left": "Sent. It is on 1 open page already.",
        "both thrown out": "User bob was thrown out.",
        "to nobody": "Sent. Nobody is there to see it yet.",
    }
    assert left == 0
    assert steps["one thrown out"]["shown"]["bob"]["state"] == "joined"
    assert steps["to nobody"]["shown"] == {
        "ann": {
            "state": "the connection has ended: 1011",  # phoenix.js's word for a failed poll
            "notices": ["To <b>all</b>: šž☃", "To Ann"],
        },
        "bob": {
            "state": "the connection has ended: 1001",
            "notices": ["To <b>all</b>: šž☃", "To who is left"],
        },
    }


@pytest.mark.parametrize("token_as", ["token", "auth_token"])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_page_of_another_origin_joins_when_its_origin_is_allowed(
    tmp_path: Path, host: str, transport: str, token_as: str
) -> None:
    """
    A listed page joins over both transports, whatever the browser asks before it.
    """
    async with notices(tmp_path, [host]) as (notifier, port):
        pages = {"ann": customer(host, port, notifier, "ann", transport, token_as)}
        steps = await drive("chromium.mjs", "joined", pages=pages)
    assert steps["joined"]["shown"]["ann"]["state"] == "joined"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_page_of_another_origin_is_kept_out_when_its_origin_is_not_allowed(
    tmp_path: Path, host: str, transport: str
) -> None:
    """
    A page that is not listed is refused over both transports, and told so.
    """
    async with notices(tmp_path, ["https://good.example"]) as (notifier, port):
        pages = {"ann": customer(host, port, notifier, "ann", transport)}
        steps = await drive("chromium.mjs", "refused", pages=pages)
        refused = dict(notifier.endpoint.refused)
    # What a browser tells of a failed WebSocket is 1006, what phoenix.js of status 403 is 1008.
    code = {"longpoll": 1008, "websocket": 1006}[transport]
    assert steps["refused"]["shown"]["ann"]["state"] == f"the connection has ended: {code}"
    assert refused == {"origin_forbidden": 1}


async def test_our_client_moves_to_websocket_and_says_goodbye(tmp_path: Path, host: str) -> None:
    """
    A page that has our client from the server itself, from another origin, opens on long-polling.
    """
    if not CLIENT_SCRIPT.is_file():
        require_node_modules("notifier-client, built")
    async with notices(tmp_path, [host]) as (notifier, port):
        pages = {"ann": customer(host, port, notifier, "ann", "notifier")}
        steps = await drive(
            "chromium.mjs",
            "moves",
            pages=pages,
            backoffice=f"http://127.0.0.1:{port}/backoffice",
            name=NAME,
            password=PASSWORD,
        )
        left = notifier.endpoint.count()  # one that is only detached would still be there
    assert steps["to all"]["outcome"] == "Sent. It is on 1 open page already."
    assert steps["to all"]["shown"]["ann"] == {"state": "joined", "notices": ["To all"]}
    assert left == 0
