"""
What every test may use.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import nginx
import pytest
from sqlalchemy import Engine, event

CLIENT_JS = Path(__file__).parents[1] / "client" / "js"


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """
    Let the database of a test be lost with the machine: nine tenths of making one is fsync.

    A process of its own, as `scripts/chaos --kill` kills it, still waits.
    """
    event.listen(Engine, "connect", _leave_to_the_system)
    yield
    event.remove(Engine, "connect", _leave_to_the_system)


def _leave_to_the_system(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def require(program: str) -> str:
    """
    Find a program that a test needs: without it the test fails in CI, and is skipped elsewhere.
    """
    path = shutil.which(program)
    if path is None:
        _missing(program)
    return path


def require_node_modules(package: str) -> None:
    """
    Make sure of a package that `tests/js/package.json` names, as `require` does of a program.
    """
    require("node")
    if not (Path(__file__).parent / "js" / "node_modules" / package).is_dir():
        _missing(package)


def require_nginx() -> None:
    """
    Make sure of nginx, as `require` does of another program.
    """
    if nginx.find() is None:
        _missing("nginx")


def require_built_client() -> None:
    """
    Make sure of our JavaScript client, built, and of the phoenix.js that it serves.
    """
    require_node_modules("phoenix")
    if not (CLIENT_JS / "dist" / "notifier-client.js").is_file():
        _missing("client/js, built,")


def _missing(what: str) -> NoReturn:
    missing = f"{what} is not installed: scripts/install-tools tells how"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
