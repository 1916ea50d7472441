"""
`notifier apikey`: what it prints, and what it refuses.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from notifier.api import SCOPES, ApiKeyStore
from notifier.cli import main


def apikey(data_dir: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["apikey", *words, "--data-dir", str(data_dir)])


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_key_is_all_that_is_printed_when_it_is_made(data_dir: Path) -> None:
    """
    A script puts it into a variable; it may do everything where nothing else is said.
    """
    result = apikey(data_dir, "add", "shop")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("nta_")
    assert result.stdout.count("\n") == 1
    (key,) = ApiKeyStore(data_dir / "notifier.db").list()
    assert (key.name, key.scopes) == ("shop", tuple(SCOPES))


def test_key_has_the_scopes_that_are_named(data_dir: Path) -> None:
    """
    One flag for each; the JSON holds the key too.
    """
    result = apikey(data_dir, "add", "shop", "--scope", "read", "--scope", "publish", "--json")
    told = json.loads(result.stdout)
    assert (told["name"], told["scopes"]) == ("shop", ["read", "publish"])
    assert told["key"].startswith("nta_")


def test_keys_are_listed_without_what_is_secret(data_dir: Path) -> None:
    """
    For people a line each, for programs JSON; neither has the key nor its digest.
    """
    key = apikey(data_dir, "add", "shop", "--scope", "read").stdout.strip()
    apikey(data_dir, "add", "old")
    apikey(data_dir, "revoke", "old")
    store = ApiKeyStore(data_dir / "notifier.db")
    shop, old = apikey(data_dir, "list").stdout.splitlines()
    assert shop.startswith("shop: read; made 20")
    assert shop.endswith("never used")
    assert "revoked 20" in old
    result = apikey(data_dir, "list", "--json")
    first, second = json.loads(result.stdout)
    assert (first["revoked_at"], first["last_used_at"], first["scopes"]) == (None, None, ["read"])
    assert second["revoked_at"].endswith("Z")
    for secret in (key, store.list()[0].digest):
        assert secret not in result.stdout


def test_key_is_revoked_by_its_name(data_dir: Path) -> None:
    """
    A name that no key in use has is a mistake.
    """
    apikey(data_dir, "add", "shop")
    assert json.loads(apikey(data_dir, "revoke", "shop", "--json").stdout)["revoked"] is True
    result = apikey(data_dir, "revoke", "shop")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "expected the name of a key in use" in result.stderr
    apikey(data_dir, "add", "shop")
    assert "refused from now on" in apikey(data_dir, "revoke", "shop").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "shop"), "exists already"),
        (("add", "x" * 200), "1 to 100 characters"),
        (("add", "new", "--scope", "all"), "'publish', 'notices'"),
    ],
)
def test_key_is_refused_when_it_cannot_be(
    data_dir: Path, words: tuple[str, ...], told: str
) -> None:
    """
    A mistake is told on stderr, with what is allowed.
    """
    apikey(data_dir, "add", "shop")
    result = apikey(data_dir, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
