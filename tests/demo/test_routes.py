"""
The demo's page and what stands behind its buttons, through both doors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from attrs import frozen
from doors import DOORS, serving

from notifier import Notifier, demo
from notifier.app import build
from notifier.config import Config
from notifier.demo.routes import HEADERS, NOTICES, USER

PATHS = ("/", "/demo/token", "/demo/demo.js", "/demo/demo.css", "/demo/network.js")


@frozen
class Site:
    """
    A server with the demo, and one who asks it.
    """

    http: ClientSession
    notifier: Notifier
    url: str
    client: Path

    async def get(self, path: str) -> str:
        async with self.http.get(self.url + path) as answer:
            assert answer.status == 200
            return await answer.text()


@pytest.fixture(params=DOORS)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    notifier, client = Notifier(), tmp_path / "client.js"
    app = build(notifier, Config(data_dir=tmp_path), ["a key"])
    demo.setup(app, notifier.endpoint, client)
    client.touch()
    async with serving(request.param, app, notifier) as port, ClientSession() as http:
        yield Site(http, notifier, f"http://127.0.0.1:{port}", client)


async def test_page_loads_what_is_there(site: Site) -> None:
    """
    Every address of the page's own that it names is answered.
    """
    page = await site.get("/")
    for path in ("/demo/demo.css", "/demo/demo.js"):
        assert f'"{path}"' in page
        assert await site.get(path)
    for name in ("network.js", "tally.js"):
        assert f'"./{name}"' in await site.get("/demo/demo.js")
        assert await site.get(f"/demo/{name}")


async def test_page_says_how_to_build_the_client_when_it_is_not_built(site: Site) -> None:
    """
    And loads no script that would fail; a reload is enough once it is there.
    """
    site.client.unlink()
    page = await site.get("/")
    assert "scripts/build-client" in page
    assert "<script" not in page
    site.client.touch()
    page = await site.get("/")
    assert "scripts/build-client" not in page
    assert "<script" in page


@pytest.mark.parametrize("path", PATHS)
async def test_headers_are_there_whatever_is_answered(site: Site, path: str) -> None:
    """
    Nothing inline, nothing from elsewhere, nothing kept.
    """
    async with site.http.get(site.url + path) as answer:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


async def test_token_lets_the_demos_user_in(site: Site) -> None:
    """
    That user, as a customer.
    """
    token = await site.get("/demo/token")
    query = {"vsn": "2.0.0", "token": token, "join": "user:demo"}
    async with site.http.get(f"{site.url}/socket/longpoll", params=query) as answer:
        assert '"status":"ok"' in (await answer.json())["messages"][0]
    user = site.notifier.endpoint.tokens.verify_user(token)
    assert (user.id, user.role) == (USER, "customer")


async def test_notice_reaches_the_demos_user(site: Site) -> None:
    """
    One after the other of those there are.
    """
    token = await site.get("/demo/token")
    query = {"vsn": "2.0.0", "token": token, "join": "user:demo"}
    async with site.http.get(f"{site.url}/socket/longpoll", params=query) as answer:
        session = (await answer.json())["token"]
    for body in NOTICES[:2]:
        async with site.http.post(f"{site.url}/demo/notice") as answer:
            assert await answer.json() == {"reached": 1}
        query = {"token": session}
        async with site.http.get(f"{site.url}/socket/longpoll", params=query) as answer:
            told = await answer.json()
        assert body in told["messages"][0]
        session = told["token"]


async def test_ticker_is_switched(site: Site) -> None:
    """
    A page that is loaded later shows how it stands.
    """
    for method, is_on in (("PUT", True), ("DELETE", False)):
        async with site.http.request(method, f"{site.url}/demo/ticker") as answer:
            assert await answer.json() == {"on": is_on}
        assert (" checked>" in await site.get("/")) is is_on


async def test_websocket_is_refused_where_the_page_blocks_them(site: Site) -> None:
    """
    As a proxy does it.
    """
    async with site.http.get(f"{site.url}/demo/refused") as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}],
    ids=["name that points here", "page of elsewhere", "page of nowhere"],
)
async def test_nothing_is_given_to_others(site: Site, headers: dict[str, str]) -> None:
    """
    Neither a token nor a say.
    """
    for method, path in (("GET", "/demo/token"), ("POST", "/demo/notice"), ("PUT", "/demo/ticker")):
        async with site.http.request(method, site.url + path, headers=headers) as answer:
            assert answer.status == 403
