"""
What every test may use.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import nginx
import pytest

CLIENT_JS = Path(__file__).parents[1] / "client" / "js"


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
