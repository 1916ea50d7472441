"""
`notifier operator`: who may sign in.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from cli.drive import notifier_command, told_in_one_line
from notifier.app import DATABASE
from notifier.backoffice import COMMAND_LINE, Act, AuditLog, OperatorStore

PASSWORD = "correct horse battery"


def test_operator_can_sign_in_when_the_password_was_typed_twice(tmp_path: Path) -> None:
    """
    The password is asked for twice and never shown.
    """
    result = notifier_command("operator", "add", "alice", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert OperatorStore(tmp_path / "notifier-data" / DATABASE).verify("alice", PASSWORD)


def test_operator_can_sign_in_when_the_password_came_by_stdin(tmp_path: Path) -> None:
    """
    --password-stdin reads one line, with or without its end.
    """
    for name, end in (("alice", "\n"), ("bob", "")):
        stdin = PASSWORD + end
        notifier_command("operator", "add", name, "--password-stdin", stdin=stdin)
    store = OperatorStore(tmp_path / "notifier-data" / DATABASE)
    assert store.verify("alice", PASSWORD)
    assert store.verify("bob", PASSWORD)


def test_data_dir_is_the_owners_alone_when_an_operator_makes_it(tmp_path: Path) -> None:
    """
    The first command to use the data directory makes it for its owner alone.
    """
    notifier_command("operator", "add", "alice", "--password-stdin", stdin=PASSWORD)
    assert stat.S_IMODE((tmp_path / "notifier-data").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("name", "stdin", "told"),
    [
        ("alice", PASSWORD.encode(), "an operator named 'alice' exists already"),
        ("bob", b"short", "password must have at least"),
        ("bob", b"", "password must have at least"),
        ("bob", b"\xff" * 20, "expected the password in UTF-8, got other bytes"),
        ("", PASSWORD.encode(), "name must have 1 to"),
    ],
)
def test_operator_is_refused_when_name_or_password_will_not_do(
    name: str, stdin: bytes, told: str
) -> None:
    """
    What is wrong with a name or a password is told in one line.
    """
    notifier_command("operator", "add", "alice", "--password-stdin", stdin=PASSWORD)
    result = notifier_command("operator", "add", name, "--password-stdin", stdin=stdin)
    assert told_in_one_line(result).startswith(told)


def test_operator_is_refused_when_the_database_is_none(tmp_path: Path) -> None:
    """
    A file that is no database is told with its path.
    """
    (tmp_path / DATABASE).write_text("no database at all, and long enough to be taken for one")
    result = notifier_command(
        "operator", "add", "alice", "--password-stdin", "--data-dir", ".", stdin=PASSWORD
    )
    assert told_in_one_line(result).startswith(f"cannot use the database {tmp_path / DATABASE}: ")


@pytest.fixture
def store(tmp_path: Path) -> OperatorStore:
    return OperatorStore(tmp_path / "notifier-data" / DATABASE)


@pytest.fixture
def audit(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "notifier-data" / DATABASE)


def add(name: str, *words: str) -> str:
    command = ("operator", "add", name, "--password-stdin", *words)
    return notifier_command(*command, stdin=PASSWORD).stdout


def test_first_operator_is_an_admin_when_nothing_is_said(audit: AuditLog) -> None:
    """
    It is told, and stands in the trail.
    """
    assert add("alice") == "alice can sign in at /backoffice now, as an admin\n"
    assert add("bob") == "bob can sign in at /backoffice now, as an operator\n"
    assert add("carol", "--role", "admin") == "carol can sign in at /backoffice now, as an admin\n"
    told = [(one.operator, one.act, one.subject, one.detail) for one in audit.page(9)]
    assert told == [
        (COMMAND_LINE, Act.OPERATOR_ADDED, "carol", "admin"),
        (COMMAND_LINE, Act.OPERATOR_ADDED, "bob", "operator"),
        (COMMAND_LINE, Act.OPERATOR_ADDED, "alice", "admin"),
    ]


def test_operators_are_listed(store: OperatorStore) -> None:
    """
    For people a line each, for programs JSON; neither has a hash.
    """
    add("alice")
    add("bob")
    store.note_sign_in("alice")
    alice, bob = notifier_command("operator", "list").stdout.splitlines()
    assert alice.startswith("alice: admin; added 20")
    assert "signed in 20" in alice
    assert bob.endswith("never signed in")
    told = json.loads(notifier_command("operator", "list", "--json").stdout)
    assert [(one["name"], one["role"], one["signed_in_at"] is None) for one in told] == [
        ("alice", "admin", False),
        ("bob", "operator", True),
    ]
    assert "argon2" not in str(told)


def test_password_is_changed(store: OperatorStore, audit: AuditLog) -> None:
    """
    All log-ins end by it.
    """
    add("alice")
    command = ("operator", "password", "alice", "--password-stdin")
    result = notifier_command(*command, stdin="another horse battery")
    assert result.stdout == "alice has a new password, and is signed out everywhere\n"
    assert store.verify("alice", PASSWORD) is None
    operator = store.verify("alice", "another horse battery")
    assert operator
    assert operator.sign_outs == 1
    assert audit.page(1)[0].act == Act.PASSWORD_CHANGED


def test_operator_is_removed(store: OperatorStore, audit: AuditLog) -> None:
    """
    And cannot sign in any more.
    """
    add("alice")
    add("bob")
    result = notifier_command("operator", "remove", "bob")
    assert result.stdout == "bob cannot sign in any more\n"
    assert store.get("bob") is None
    assert audit.page(1)[0].act == Act.OPERATOR_REMOVED


def test_last_admin_is_not_removed(store: OperatorStore) -> None:
    """
    It is told what to do first.
    """
    add("alice")
    result = notifier_command("operator", "remove", "alice")
    assert told_in_one_line(result) == "'alice' is the only admin: make another one first"
    assert store.get("alice")


def test_operator_is_signed_out(store: OperatorStore, audit: AuditLog) -> None:
    """
    Everywhere, and may come back.
    """
    add("alice")
    result = notifier_command("operator", "sign-out", "alice")
    assert result.stdout == "alice is signed out everywhere\n"
    operator = store.verify("alice", PASSWORD)
    assert operator
    assert operator.sign_outs == 1
    assert audit.page(1)[0].act == Act.SIGNED_OUT_EVERYWHERE


@pytest.mark.parametrize("command", ["password", "remove", "sign-out"])
def test_mistake_is_told_when_nobody_has_the_name(command: str) -> None:
    """
    Before a password is asked for.
    """
    add("alice")
    told = told_in_one_line(notifier_command("operator", command, "eve"))
    assert told.startswith("there is no operator named 'eve': `notifier operator list`")
