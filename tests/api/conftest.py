from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient

from api.caller import Caller, Clock
from notifier.accounts import Accounts, UserStore
from notifier.api import SCOPES, AnswerStore, ApiKeyStore, operations, setup
from notifier.app import Notifier, keep_notices
from notifier.app import setup as setup_notifier
from notifier.inbox import NoticeStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "notifier.db"


@pytest.fixture
def keys(database: Path, clock: Clock) -> ApiKeyStore:
    return ApiKeyStore(database, clock=clock)


@pytest.fixture
def answers(database: Path, keys: ApiKeyStore, clock: Clock) -> AnswerStore:
    return AnswerStore(database, clock=clock)


@pytest.fixture
def accounts(database: Path, clock: Clock) -> Accounts:
    accounts = Accounts(UserStore(database, clock=clock))
    accounts.load()
    return accounts


@pytest.fixture
def app(
    database: Path, accounts: Accounts, keys: ApiKeyStore, answers: AnswerStore, clock: Clock
) -> tuple[web.Application, Notifier]:
    app = web.Application()
    notifier = setup_notifier(app, keys=["a secret"], load_user=accounts.load_user, clock=clock)
    inbox = keep_notices(app, notifier.endpoint, NoticeStore(database))
    app.cleanup_ctx.append(accounts.keep_up(notifier.endpoint))
    setup(
        app,
        operations(notifier.endpoint, accounts, inbox),
        keys=keys,
        answers=answers,
        rate_per_s=50,
        burst=100,
        max_body_bytes=10_000,
        now=clock,
    )
    return app, notifier


@pytest.fixture
async def caller(
    aiohttp_client: AiohttpClient, app: tuple[web.Application, Notifier], keys: ApiKeyStore
) -> Caller:
    """
    A host application with a key that may do everything.
    """
    key = keys.add("host", SCOPES)
    return Caller(await aiohttp_client(app[0]), app[1], key)
