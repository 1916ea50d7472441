from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from aiohttp.test_utils import BaseTestServer
from itsdangerous import URLSafeTimedSerializer

from backoffice.browser import NAME, PASSWORD, Browser
from backoffice.fakes import Clock, FakeDesk, quick_hasher
from notifier.backoffice import OperatorStore, setup

NewBrowser = Callable[[], Awaitable[Browser]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def operators(tmp_path: Path) -> OperatorStore:
    store = OperatorStore(tmp_path / "notifier.db", hasher=quick_hasher())
    store.add(NAME, PASSWORD)
    return store


@pytest.fixture
def signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer("a key", salt="backoffice")


@pytest.fixture
def app(
    desk: FakeDesk, operators: OperatorStore, signer: URLSafeTimedSerializer, clock: Clock
) -> web.Application:
    app = web.Application()
    setup(app, desk=desk, operators=operators, signer=signer, clock=clock)
    return app


@pytest.fixture
def new_browser(aiohttp_client: AiohttpClient, app: web.Application) -> NewBrowser:
    server: BaseTestServer | None = None

    async def new() -> Browser:
        nonlocal server
        client = await aiohttp_client(server or app)
        server = client.server
        return Browser(client)

    return new


@pytest.fixture
async def browser(new_browser: NewBrowser) -> Browser:
    return await new_browser()
