from __future__ import annotations

import stat
from pathlib import Path

from backoffice.fakes import quick_hasher
from sqlalchemy import inspect

from notifier.accounts import UserStore
from notifier.backoffice import OperatorStore
from notifier.database import cases, open_database
from notifier.inbox import NoticeStore


def test_file_is_for_its_owner_only_when_made(tmp_path: Path) -> None:
    """
    Nobody else on the machine can read the hashes and the notices.
    """
    path = tmp_path / "data" / "notifier.db"
    open_database(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_tables_are_added_when_the_file_lacks_them(tmp_path: Path) -> None:
    """
    A file of an earlier version keeps what it has and gets the rest.
    """
    path = tmp_path / "notifier.db"
    operators = OperatorStore(path, hasher=quick_hasher())
    operators.add("ada", "correct horse")
    with open_database(path).begin() as connection:
        connection.exec_driver_sql("DROP TABLE notice_copies")
    assert NoticeStore(path).unread("ada", 0.0) == 0
    assert {"operators", "notice_copies"} <= set(inspect(open_database(path)).get_table_names())
    assert operators.verify("ada", "correct horse")


def test_columns_are_added_when_the_file_lacks_them(tmp_path: Path) -> None:
    """
    An operator of an earlier version signs in as before.
    """
    path = tmp_path / "notifier.db"
    OperatorStore(path, hasher=quick_hasher()).add("ada", "correct horse")
    with open_database(path).begin() as connection:
        for name in ("signed_in_at", "sign_outs"):
            connection.exec_driver_sql(f"ALTER TABLE operators DROP COLUMN {name}")
    operator = OperatorStore(path, hasher=quick_hasher()).verify("ada", "correct horse")
    assert operator
    assert (operator.signed_in_at, operator.sign_outs) == (None, 0)


def test_columns_are_added_when_a_table_lacks_them(tmp_path: Path) -> None:
    """
    A table of an earlier version keeps its rows, which have nothing there.
    """
    path = tmp_path / "notifier.db"
    UserStore(path).create("ann", "Ann")
    with open_database(path).begin() as connection:
        connection.exec_driver_sql("ALTER TABLE users DROP COLUMN name")
    old = UserStore(path).get_or_raise("ann")
    assert (old.id, old.name) == ("ann", None)


def test_text_is_looked_for_as_it_may_be_written() -> None:
    """
    Once where the database knows its case.
    """
    assert cases("aB") == {"aB"}
    assert cases("éB") == {"éB", "éb", "ÉB", "Éb"}
