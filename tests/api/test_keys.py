"""
The API keys in the database.
"""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from api.caller import Clock
from notifier.api import ApiKeyStore
from notifier.api.keys import KEY_PREFIX, NAME_MAX_CHARACTERS, digest_of


def test_key_is_long_and_recognisable_when_it_is_made(keys: ApiKeyStore) -> None:
    """
    A prefix for whoever scans for secrets, and 256 random bits.
    """
    one, other = keys.add("one", ["read"]), keys.add("other", ["read"])
    assert one != other
    assert one.startswith(KEY_PREFIX)
    assert len(one) == len(KEY_PREFIX) + 43


def test_only_the_digest_is_kept_when_a_key_is_made(keys: ApiKeyStore, database: Path) -> None:
    """
    Whoever reads the database has no key; the file is for its owner alone.
    """
    key = keys.add("shop", ["read"])
    assert key.encode() not in database.read_bytes()
    assert digest_of(key).encode() in database.read_bytes()
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_what_is_known_of_keys_is_listed_when_it_is_asked_for(
    keys: ApiKeyStore, clock: Clock
) -> None:
    """
    Name, scopes, times: the oldest first, and a repr without the digest.
    """
    keys.add("shop", ["publish", "read", "publish"])
    clock.now += 10
    keys.add("till", ["read"])
    shop, till = keys.list()
    assert (shop.name, shop.scopes, shop.last_used_at, shop.revoked_at) == (
        "shop",
        ("publish", "read"),
        None,
        None,
    )
    assert till.created_at - shop.created_at == 10
    assert shop.digest not in repr(shop)


def test_name_is_free_again_when_its_key_is_revoked(keys: ApiKeyStore) -> None:
    """
    One key in use has a name; revoked keys stay in the list.
    """
    keys.add("shop", ["read"])
    with pytest.raises(ValueError, match="a key named 'shop' exists already") as raised:
        keys.add(" shop ", ["read"])
    assert raised.value.__cause__ is None
    assert keys.revoke("shop")
    assert not keys.revoke("shop")
    keys.add("shop", ["read"])
    assert [key.revoked_at is None for key in keys.list()] == [False, True]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * (NAME_MAX_CHARACTERS + 1)])
def test_name_is_refused_when_it_cannot_be_shown(keys: ApiKeyStore, name: str) -> None:
    """
    A name is shown in one line.
    """
    with pytest.raises(ValueError, match="name must have"):
        keys.add(name, ["read"])


@pytest.mark.parametrize("scopes", [[], ["everything"]])
def test_scopes_are_refused_when_there_are_no_such(keys: ApiKeyStore, scopes: list[str]) -> None:
    """
    The error lists the scopes that there are.
    """
    with pytest.raises(ValueError, match="publish, notices, users, tokens, read"):
        keys.add("shop", scopes)


def test_names_are_only_names_when_they_look_like_sql(keys: ApiKeyStore, database: Path) -> None:
    """
    Quotes and semicolons are letters like others.
    """
    name = "x'); DROP TABLE api_keys; --"
    keys.add(name, ["read"])
    assert not keys.revoke("' OR '1'='1")
    assert [key.name for key in keys.list()] == [name]
    assert keys.revoke(name)
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM api_keys").fetchone() == (1,)
    connection.close()


def test_use_is_noted_when_it_is_told(keys: ApiKeyStore, clock: Clock) -> None:
    """
    The last use is a time.
    """
    keys.add("shop", ["read"])
    clock.now += 5
    keys.note_use(keys.list()[0].id)
    assert keys.list()[0].last_used_at == clock.now


def test_keys_are_refused_when_there_are_too_many(
    keys: ApiKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    All of them are held in memory.
    """
    monkeypatch.setattr("notifier.api.keys.MAX_KEYS", 1)
    keys.add("one", ["read"])
    with pytest.raises(ValueError, match="as many as are kept"):
        keys.add("two", ["read"])
