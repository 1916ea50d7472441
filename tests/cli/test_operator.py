"""
`notifier operator`: who may sign in.
"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cli.drive import notifier_command, told_in_one_line
from notifier.app import DATABASE
from notifier.backoffice import OperatorStore

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
