from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientWebSocketResponse, web
from aiohttp.pytest_plugin import AiohttpClient
from aiohttp.test_utils import BaseTestServer
from itsdangerous import URLSafeTimedSerializer

from backoffice.browser import NAME, PASSWORD, Browser
from backoffice.fakes import NOW, Clock, quick_hasher
from notifier import Notifier, User
from notifier.accounts import Accounts, UserStore
from notifier.api import ApiKeyStore
from notifier.backoffice import AuditLog, OperatorStore, setup
from notifier.backoffice.door.operators import OPERATOR
from notifier.channels import Endpoint
from notifier.engine import MemoryEngine
from notifier.inbox import Inbox, NoticeStore
from notifier.notices import INBOX
from notifier.session import Limits, Tokens

NewApp = Callable[..., web.Application]
NewBrowser = Callable[[], Awaitable[Browser]]
Connect = Callable[[str], Awaitable[ClientWebSocketResponse]]

BOB, BOBS_PASSWORD = "bob", "battery staple"


@pytest.fixture
def clock() -> Clock:
    """
    By which log-ins, the throttle and sessions live.
    """
    return Clock()


@pytest.fixture
def wall_clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "notifier.db"


@pytest.fixture
def operators(database: Path, wall_clock: Clock) -> OperatorStore:
    """
    Ada, who is an admin, and Bob, who is not.
    """
    store = OperatorStore(database, hasher=quick_hasher(), clock=wall_clock)
    store.add(NAME, PASSWORD)
    store.add(BOB, BOBS_PASSWORD, OPERATOR)
    return store


@pytest.fixture
def audit(database: Path, wall_clock: Clock) -> AuditLog:
    return AuditLog(database, clock=wall_clock)


@pytest.fixture
def keys(database: Path, wall_clock: Clock) -> ApiKeyStore:
    return ApiKeyStore(database, clock=wall_clock)


@pytest.fixture
def accounts(database: Path, wall_clock: Clock) -> Accounts:
    accounts = Accounts(UserStore(database, clock=wall_clock))
    accounts.load()
    return accounts


@pytest.fixture
def endpoint(accounts: Accounts, clock: Clock, wall_clock: Clock) -> Endpoint:
    tokens = Tokens(("key",), wall_clock, 86_400)
    engine = MemoryEngine(wall_clock)
    return Endpoint(engine, tokens, Limits(), now=clock, load_user=accounts.load_user)


@pytest.fixture
def inbox(endpoint: Endpoint, database: Path, wall_clock: Clock) -> Inbox:
    return Inbox(endpoint, NoticeStore(database), wall_clock)


@pytest.fixture
def signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer("a key", salt="backoffice")


@pytest.fixture
def new_app(
    endpoint: Endpoint,
    inbox: Inbox,
    accounts: Accounts,
    operators: OperatorStore,
    audit: AuditLog,
    keys: ApiKeyStore,
    signer: URLSafeTimedSerializer,
    clock: Clock,
    wall_clock: Clock,
) -> NewApp:
    """
    Make the application, with other parts where they are named.
    """
    parts = {
        "endpoint": endpoint,
        "inbox": inbox,
        "accounts": accounts,
        "operators": operators,
        "audit": audit,
        "keys": keys,
        "signer": signer,
        "clock": clock,
        "wall_clock": wall_clock,
    }

    async def start(_app: web.Application) -> None:
        await inbox.start()

    async def close(_app: web.Application) -> None:
        await inbox.close()

    def new(**others: object) -> web.Application:
        app = web.Application()
        app.cleanup_ctx.append(accounts.keep_up(endpoint))
        Notifier().attach(app, endpoint)
        endpoint.assigns[INBOX] = inbox
        app.on_startup.append(start)
        app.on_cleanup.append(close)
        setup(app, **{**parts, **others})  # type: ignore[arg-type]  # the tests' own parts
        return app

    return new


@pytest.fixture
def app(new_app: NewApp) -> web.Application:
    return new_app()


@pytest.fixture
def new_browser(aiohttp_client: AiohttpClient, app: web.Application) -> NewBrowser:
    """
    Open another browser on the same server.
    """
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


@pytest.fixture
async def admin(browser: Browser) -> Browser:
    """
    A browser in which Ada is signed in.
    """
    await browser.sign_in()
    return browser


@pytest.fixture
async def operator(new_browser: NewBrowser) -> Browser:
    """
    A browser in which Bob is signed in, who is no admin.
    """
    browser = await new_browser()
    await browser.sign_in(BOB, BOBS_PASSWORD)
    return browser


@pytest.fixture
def connect(browser: Browser, endpoint: Endpoint) -> Connect:
    """
    Connect a user's page by WebSocket.
    """

    async def connect(user: str) -> ClientWebSocketResponse:
        token = endpoint.tokens.sign_user(User(user))
        query = {"vsn": "2.0.0", "token": token}
        return await browser.client.ws_connect("/socket/websocket?", params=query)

    return connect
