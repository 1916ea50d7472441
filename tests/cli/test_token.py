"""
`notifier token`: what is printed, and what is said beside it.
"""

from __future__ import annotations

import re
import stat
import time
from pathlib import Path

import pytest

import notifier
from cli.drive import notifier_command, told_in_one_line
from notifier.accounts import UserStore
from notifier.app import DATABASE
from notifier.secrets import KEY_FILE, load_keys
from notifier.session import Tokens, User


def tokens(data_dir: Path, now: float | None = None) -> Tokens:
    return Tokens(load_keys(data_dir).keys, lambda: now or time.time(), 86_400)


def test_token_is_printed_alone_when_there_are_keys(tmp_path: Path) -> None:
    """
    Standard output is the token, for $(…); nothing else is said.
    """
    notifier_command("token", "me")
    result = notifier_command("token", "me")
    assert result.stderr == ""
    assert re.fullmatch(r"\S+\n", result.stdout)
    assert tokens(tmp_path / "notifier-data").verify_user(result.stdout.strip()) == User("me")


def test_token_says_where_when_it_makes_the_keys(tmp_path: Path) -> None:
    """
    New keys are told on standard error, with the whole path and without the key.
    """
    result = notifier_command("token", "me")
    path = tmp_path / "notifier-data" / KEY_FILE
    assert str(path) in result.stderr
    assert path.read_text().strip() not in result.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_token_has_the_role_when_one_is_asked_for(tmp_path: Path) -> None:
    """
    --role operator makes an operator's token.
    """
    token = notifier_command("token", "me", "--role", "operator").stdout.strip()
    assert tokens(tmp_path / "notifier-data").verify_user(token).role == "operator"


def test_token_expires_when_its_age_is_over(tmp_path: Path) -> None:
    """
    --max-age counts over the age that the server allows.
    """
    token = notifier_command("token", "me", "--max-age", "60").stdout.strip()
    later = tokens(tmp_path / "notifier-data", time.time() + 62)
    with pytest.raises(notifier.errors.TokenError, match="expired"):
        later.verify_user(token)


def test_token_is_of_the_data_dir_when_one_is_named(tmp_path: Path) -> None:
    """
    --data-dir chooses the keys.
    """
    token = notifier_command("token", "me", "--data-dir", "other").stdout.strip()
    assert tokens(tmp_path / "other").verify_user(token) == User("me")
    assert not (tmp_path / "notifier-data").exists()


def test_token_is_of_the_data_dir_when_the_file_names_one(tmp_path: Path) -> None:
    """
    --config names the file, and the file the data directory.
    """
    (tmp_path / "n.toml").write_text('data_dir = "other"')
    notifier_command("token", "me", "--config", "n.toml")
    assert (tmp_path / "other" / KEY_FILE).exists()


def test_token_is_refused_when_the_user_is_empty() -> None:
    """
    A user without a name is told as a mistake.
    """
    notifier_command("token", "me")
    assert "user id" in told_in_one_line(notifier_command("token", ""))


def test_token_is_refused_when_others_can_read_the_keys(tmp_path: Path) -> None:
    """
    Keys that are open to others are told with the command that mends it.
    """
    notifier_command("token", "me")
    (tmp_path / "notifier-data" / KEY_FILE).chmod(0o644)
    assert "chmod 600" in told_in_one_line(notifier_command("token", "me"))


# The user's account


def test_token_has_the_role_of_the_account(tmp_path: Path) -> None:
    """
    Unless another is asked for; one without an account is a customer's.
    """
    notifier_command("user", "add", "me", "--role", "operator")
    roles = []
    for words in (("me",), ("me", "--role", "customer"), ("you",)):
        token = notifier_command("token", *words).stdout.strip()
        roles.append(tokens(tmp_path / "notifier-data").verify_user(token).role)
    assert roles == ["operator", "customer", "customer"]


def test_token_is_printed_with_a_note_when_the_user_is_disabled() -> None:
    """
    It may be enabled before the token is used.
    """
    notifier_command("user", "add", "me")
    notifier_command("user", "disable", "me")
    notifier_command("token", "me")
    result = notifier_command("token", "me")
    assert re.fullmatch(r"\S+\n", result.stdout)
    assert "disabled" in result.stderr


def test_token_is_not_void_when_it_is_made_right_after_a_revocation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is signed in the next second.
    """
    now = [1_000.25]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.append(now.pop() + seconds))
    store = UserStore(tmp_path / "notifier-data" / DATABASE, clock=lambda: now[0])
    store.create("me")
    revoked_at = store.revoke("me").revoked_at
    token = notifier_command("token", "me").stdout.strip()
    assert (revoked_at, tokens(tmp_path / "notifier-data").read(token).issued_at) == (1_000, 1_001)


def test_token_is_refused_when_the_user_is_not_utf8() -> None:
    """
    What a shell may hand over is told in one line.
    """
    notifier_command("token", "me")
    assert "UTF-8" in told_in_one_line(notifier_command("token", "\udcff"))
