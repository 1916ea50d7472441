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
from notifier.inbox import NoticeStore

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
def wall_clock() -> Clock:
    return Clock(1_800_000_000.0)


@pytest.fixture
def notices(tmp_path: Path, desk: FakeDesk, wall_clock: Clock) -> NoticeStore:
    desk.notices, desk.wall_clock = NoticeStore(tmp_path / "notifier.db"), wall_clock
    return desk.notices


@pytest.fixture
def signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer("a key", salt="backoffice")


@pytest.fixture
def app(
    desk: FakeDesk,
    operators: OperatorStore,
    notices: NoticeStore,
    signer: URLSafeTimedSerializer,
    clock: Clock,
    wall_clock: Clock,
) -> web.Application:
    app = web.Application()
    setup(
        app,
        desk=desk,
        operators=operators,
        notices=notices,
        signer=signer,
        clock=clock,
        wall_clock=wall_clock,
    )
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
