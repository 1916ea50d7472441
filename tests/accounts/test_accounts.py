"""
The accounts of a running server: at the door, after a change, and beside another process.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy.exc import OperationalError

from notifier.accounts import Accounts, UserStore, UserUnknown
from notifier.accounts import accounts as module
from notifier.channels import ConnectInfo, Endpoint, Error
from notifier.engine import MemoryEngine
from notifier.errors import ConnectionRefused, EngineError
from notifier.notices import UserSocket, socket_id
from notifier.session import Claims, Tokens, User

NOW = 1_000


class House:
    """
    An endpoint with accounts, and a second store as the command line has one.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        self.now = NOW
        self.store = UserStore(path, clock=lambda: self.now)
        self.other = UserStore(path, clock=lambda: self.now)
        self.accounts = Accounts(self.store, **options)
        self.accounts.load()
        self.tokens = Tokens(["k"], lambda: self.now, 3600)
        self.endpoint = Endpoint(
            MemoryEngine(lambda: 0.0), self.tokens, load_user=self.accounts.load_user
        )
        self.endpoint.serve(UserSocket)

    async def connect(self, id: str = "ann", token: str | None = None) -> str | None:
        """
        Connect with a token made now, or that one; give the reason of a refusal.
        """
        info = ConnectInfo("longpoll", "::1", token or self.tokens.sign_user(User(id)), {})
        try:
            await self.endpoint.open(UserSocket, "2.0.0", {}, info)
        except ConnectionRefused as refusal:
            return refusal.code
        return None


@asynccontextmanager
async def house_at(path: Path, **options: Any) -> AsyncIterator[House]:
    house = House(path, **options)
    app = web.Application()
    app.cleanup_ctx.append(house.accounts.keep_up(house.endpoint))
    runner = web.AppRunner(app)
    await runner.setup()
    yield house
    await runner.cleanup()
    await house.endpoint.shutdown()


@pytest.fixture(autouse=True)
def _no_poll_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 3600.0)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path / "n.db") as one:
        yield one


async def test_user_is_found_at_once_when_it_has_connected(house: House) -> None:
    """
    Whoever looks for somebody who is there need not wait until that is written.
    """
    await house.connect("ann")
    assert [one.id for one in await house.accounts.find("AN", 10)] == ["ann"]
    await house.connect("bob")
    assert set(await house.accounts.known(["ann", "bob", "eve"])) == {"ann", "bob"}


async def test_user_is_added_after_the_first_connect(house: House) -> None:
    """
    And not before: the connect does not wait for the disk.
    """
    assert await house.connect("ann") is None
    assert house.store.get("ann") is None
    found = await house.accounts.get("ann")
    assert found is not None
    assert found.role == "customer"


async def test_connect_asks_no_database(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Neither for who is let in, nor for who is not.
    """
    await house.accounts.create("bob")
    await house.accounts.disable("bob")
    with monkeypatch.context() as patch:
        patch.setattr(UserStore, "_session", lambda _: pytest.fail("the database was asked"))
        assert await house.connect("ann") is None
        assert await house.connect("bob") == "user_disabled"


async def test_user_is_written_once_however_often_it_comes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Thousands of connects of one user are one row, and one attempt.
    """
    written: list[User] = []
    create = house.store.create_missing
    monkeypatch.setattr(
        house.store, "create_missing", lambda batch: (written.extend(batch), create(batch))
    )
    for _ in range(3):
        await house.connect("ann")
        await house.accounts.write()
    assert written == [User("ann")]


async def test_users_that_wait_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    One beyond is let in all the same, and written when it comes again.
    """
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    for id in "abc":
        assert await house.connect(id) is None
    await house.accounts.write()
    assert [one.id for one in house.store.page()] == ["a", "b"]
    await house.connect("c")
    await house.accounts.write()
    assert house.store.get("c")


async def test_users_that_are_remembered_are_bounded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One that is forgotten is written in vain.
    """
    monkeypatch.setattr(module, "MAX_REMEMBERED", 2)
    for id in "abcda":
        await house.connect(id)
        await house.accounts.write()
    assert house.store.count() == 4


async def test_disable_ends_the_sessions_and_keeps_out(house: House) -> None:
    """
    Once the call returns, and of nobody else.
    """
    for id in ("ann", "ann", "bob"):
        await house.connect(id)
    assert (await house.accounts.disable("ann")).is_disabled
    assert dict(house.endpoint.count_by_id()) == {socket_id("bob"): 1}
    assert await house.connect("ann") == "user_disabled"
    await house.accounts.enable("ann")
    assert await house.connect("ann") is None


async def test_revoke_ends_the_sessions_and_voids_the_tokens(house: House) -> None:
    """
    Before they expire; a token made later is good.
    """
    old = house.tokens.sign_user(User("ann"), max_age=10**6)
    await house.connect(token=old)
    house.now += 1
    await house.accounts.revoke("ann")
    assert not house.endpoint.count()
    assert await house.connect(token=old) == "token_revoked"
    assert await house.connect("ann") == "token_revoked", "the same second"
    house.now += 1
    assert await house.connect("ann") is None


async def test_change_of_another_process_is_noticed(house: House) -> None:
    """
    At the next look; what counts then is in force after a restart, too.
    """
    await house.connect("ann")
    await house.accounts.write()
    house.other.disable("ann")
    assert await house.connect("ann") is None
    await house.accounts.refresh()
    assert not house.endpoint.count()
    assert await house.connect("ann") == "user_disabled"


async def test_look_is_taken_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without anybody asking for it.
    """
    monkeypatch.setattr(module, "POLL_S", 0.01)
    async with house_at(tmp_path / "n.db") as house:
        await house.connect("ann")
        async with asyncio.timeout(5):
            while not house.other.get("ann"):
                await asyncio.sleep(0.01)
            house.other.disable("ann")
            while house.endpoint.count():
                await asyncio.sleep(0.01)


async def test_what_was_decided_outlasts_the_server(tmp_path: Path) -> None:
    """
    The first connect after a restart is refused.
    """
    async with house_at(tmp_path / "n.db") as house:
        await house.connect("ann")
        await house.accounts.disable("ann")
        await house.connect("bob")
    async with house_at(tmp_path / "n.db") as house:
        assert await house.connect("ann") == "user_disabled"
        assert house.store.get("bob"), "who waited when the server ended is written"


async def test_stranger_is_refused_where_users_are_not_created(tmp_path: Path) -> None:
    """
    Until somebody adds it, here or in another process.
    """
    async with house_at(tmp_path / "n.db", create_users=False) as house:
        assert await house.connect("ann") == "user_unknown"
        await house.accounts.create("ann")
        assert await house.connect("ann") is None
        house.other.create("bob")
        await house.accounts.refresh()
        assert await house.connect("bob") is None
        assert await house.accounts.page() != []
    async with house_at(tmp_path / "n.db", create_users=False) as house:
        assert await house.connect("bob") is None


async def test_backup_that_is_put_back_counts(tmp_path: Path) -> None:
    """
    With its lower numbers: who is disabled in it is kept out.
    """
    path, backup = tmp_path / "n.db", tmp_path / "old.db"
    UserStore(backup).create("ann")
    UserStore(backup).disable("ann")
    async with house_at(path) as house:
        for id in "abcd":
            await house.accounts.create(id)
        await house.accounts.disable("a")
        await house.connect("ann")
        await house.accounts.write()
        backup.replace(path)
        await house.accounts.refresh()
        assert await house.connect("ann") == "user_disabled"
        assert await house.connect("a") is None


async def test_door_stays_as_it_is_when_the_database_fails(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It is logged once, without a user's id, and made up for later.
    """

    def fail(*_: object) -> None:
        raise OperationalError(
            "INSERT", {"id": "SECRET"}, sqlite3.OperationalError("database is locked")
        )

    await house.accounts.create("bob")
    await house.accounts.disable("bob")
    await house.connect("SECRET")
    with monkeypatch.context() as patch:
        patch.setattr(UserStore, "_session", fail)
        for _ in range(3):
            await house.accounts._try()
        assert await house.connect("bob") == "user_disabled"
        assert await house.connect("ann") is None
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == [
        "cannot keep up with the users: OperationalError: database is locked"
    ]
    assert "SECRET" not in caplog.text
    await house.accounts._try()
    assert house.store.count() == 3


async def test_change_is_noticed_when_users_cannot_be_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A full disk takes no user in, and still lets none stay who was disabled.
    """

    def fail(*_: object) -> None:
        raise OSError("disk full")

    await house.accounts.create("bob")
    await house.connect("ann")
    house.other.disable("bob")
    monkeypatch.setattr(UserStore, "create_missing", fail)
    await house.accounts._try()
    assert await house.connect("bob") == "user_disabled"


async def test_sessions_end_later_when_they_could_not_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An engine that fails keeps nobody's session alive for good.
    """

    async def fail(*_: object) -> None:
        raise EngineError("publish", "it is not there")

    await house.connect("ann")
    await house.accounts.write()
    house.other.disable("ann")
    with monkeypatch.context() as patch:
        patch.setattr(MemoryEngine, "publish", fail)
        await house.accounts._try()
        assert house.endpoint.count() == 1
    await house.accounts._try()
    assert house.endpoint.count() == 0


async def test_nobody_is_changed_when_there_is_no_such_user(house: House) -> None:
    """
    The caller hears of it; the door stays as it is.
    """
    with pytest.raises(UserUnknown):
        await house.accounts.disable("nobody")


async def test_application_loads_whom_the_accounts_let_in(tmp_path: Path) -> None:
    """
    It is not asked for others, and its own refusal is told.
    """
    asked: list[str] = []

    async def load(claims: Claims) -> User | Error:
        asked.append(claims.user.id)
        return User("ann-2", "operator") if claims.user.id == "ann" else Error("not_here")

    async with house_at(tmp_path / "n.db", inner=load) as house:
        await house.accounts.create("bob")
        await house.accounts.disable("bob")
        assert await house.connect("bob") == "user_disabled"
        assert await house.connect("eve") == "not_here"
        assert await house.connect("ann") is None
        assert asked == ["eve", "ann"]
        assert dict(house.endpoint.count_by_id()) == {socket_id("ann-2"): 1}
        assert [one.id for one in await house.accounts.page()] == ["ann-2", "bob"]
        await house.accounts.disable("ann-2")
        assert not house.endpoint.count()
        assert await house.connect("ann") == "user_disabled"


async def test_user_is_kept_out_that_is_disabled_while_it_is_loaded(tmp_path: Path) -> None:
    """
    The application takes its time; what is decided meanwhile counts.
    """
    is_asked, goes_on = asyncio.Event(), asyncio.Event()

    async def load(claims: Claims) -> User:
        is_asked.set()
        await goes_on.wait()
        return claims.user

    async with house_at(tmp_path / "n.db", inner=load) as house:
        await house.accounts.create("ann")
        connecting = asyncio.create_task(house.connect("ann"))
        await is_asked.wait()
        await house.accounts.disable("ann")
        goes_on.set()
        assert await connecting == "user_disabled"
        assert not house.endpoint.count()


async def test_changes_at_once_leave_the_door_as_the_database(house: House) -> None:
    """
    Whoever is last in the database is last at the door.
    """
    await house.accounts.create("ann")
    verbs = [house.accounts.disable, house.accounts.enable] * 10
    await asyncio.gather(*(verb("ann") for verb in verbs))
    expected = "user_disabled" if house.store.get_or_raise("ann").is_disabled else None
    assert await house.connect("ann") == expected


def test_repr_counts(tmp_path: Path) -> None:
    """
    Not who waits.
    """
    accounts = Accounts(UserStore(tmp_path / "n.db"))
    assert repr(accounts) == "<Accounts <Access 0 disabled, 0 revoked>, 0 waiting>"
