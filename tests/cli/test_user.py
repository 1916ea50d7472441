"""
`notifier user`: who is added, shown, kept out, and how that is told.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.drive import notifier_command, told_in_one_line
from notifier.accounts import UserStore
from notifier.app import DATABASE


@pytest.fixture
def store(tmp_path: Path) -> UserStore:
    return UserStore(tmp_path / "notifier-data" / DATABASE)


def test_user_is_added_and_shown() -> None:
    """
    With a name and a role, or without.
    """
    added = notifier_command("user", "add", "42", "--name", "Ann Lee", "--role", "operator")
    assert (added.exit_code, added.stdout) == (0, "42\toperator\tenabled\tAnn Lee\n")
    assert notifier_command("user", "show", "42").stdout == added.stdout
    assert notifier_command("user", "add", "43").stdout == "43\tcustomer\tenabled\n"


def test_user_is_shown_as_json_when_asked() -> None:
    """
    One object, times in UTC.
    """
    notifier_command("user", "add", "42")
    notifier_command("user", "revoke", "42")
    told = json.loads(notifier_command("user", "disable", "42", "--json").stdout)
    assert told.keys() == {"id", "name", "role", "disabled", "revoked_at", "created_at"}
    assert (told["id"], told["disabled"]) == ("42", True)
    assert told["revoked_at"].endswith("Z")


@pytest.mark.parametrize(
    ("verb", "state"),
    [("disable", "disabled"), ("enable", "enabled"), ("revoke", "enabled, tokens void up to 2")],
)
def test_user_is_changed(store: UserStore, verb: str, state: str) -> None:
    """
    And what it is now is told.
    """
    store.create("42")
    assert notifier_command("user", verb, "42").stdout.startswith(f"42\tcustomer\t{state}")
    found = store.get_or_raise("42")
    assert (found.is_disabled, found.revoked_at is None) == (verb == "disable", verb != "revoke")


@pytest.mark.parametrize("verb", ["show", "disable", "enable", "revoke"])
def test_nobody_is_told_when_there_is_no_such_user(verb: str) -> None:
    """
    A misspelt id changes nobody, and says so.
    """
    told = told_in_one_line(notifier_command("user", verb, "43"))
    assert told == "there is no user '43': `notifier user add` adds one"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("42",), "a user '42' exists already"),
        (("",), "expected a user id that is a string and not empty"),
        (("x" * 256,), "at most 255 characters, got 256"),
        (("\udcff",), "in UTF-8"),
        (("44", "--name", "x" * 101), "at most 100 characters"),
    ],
)
def test_user_is_refused_that_will_not_do(words: tuple[str, ...], told: str) -> None:
    """
    In one line.
    """
    notifier_command("user", "add", "42")
    assert told in told_in_one_line(notifier_command("user", "add", *words))


def test_users_are_listed_in_order(store: UserStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    All of them, or from one on so many.
    """
    monkeypatch.setattr("notifier.cli.user.PAGE", 2)
    for id in "edcba":
        store.create(id)

    def listed(*words: str) -> str:
        lines = notifier_command("user", "list", "--json", *words).stdout.splitlines()
        return "".join(json.loads(line)["id"] for line in lines)

    assert listed() == "abcde"
    assert listed("--after", "b", "--limit", "2") == "cd"
    assert listed("--limit", "3") == "abc"
    assert listed("--after", "e") == ""


def test_id_does_not_move_the_cursor_of_a_terminal(store: UserStore) -> None:
    """
    Ids come from the tokens of others.
    """
    store.create("\x1b[2J\nadmin")
    assert notifier_command("user", "list").stdout == '"\\u001b[2J\\nadmin"\tcustomer\tenabled\n'


def test_mistake_is_told_when_the_database_is_none(tmp_path: Path) -> None:
    """
    With its path.
    """
    (tmp_path / DATABASE).write_text("no database at all, and long enough to be taken for one")
    result = notifier_command("user", "list", "--data-dir", ".")
    assert told_in_one_line(result).startswith(f"cannot use the database {tmp_path / DATABASE}: ")
