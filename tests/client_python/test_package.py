"""
The package as a whole: its list of names, its layers, and that it stands alone.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import notifier_client
import pytest
from notifier_client import errors

ROOT = Path(notifier_client.__file__).parent
FILES = sorted(ROOT.glob("*.py"))
ROWS = (
    "errors events reasons backoff",
    "message v2 requests mailbox",
    "ledger attachment attachments session seat presence",
    "longpoll websocket driver",
    "channel socket",
)
PURE = {name for row in ROWS[:3] for name in row.split()}
IMPURE = {"aiohttp", "asyncio", "datetime", "os", "random", "secrets", "socket", "time"}
ROW_OF = {name: number for number, row in enumerate(ROWS) for name in row.split()}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_run_downwards(path: Path) -> None:
    """
    A row imports itself and those below; nothing of the server's, and little from outside.
    """
    used = set(imports(path))
    outside = {name.split(".")[0] for name in used} - set(sys.stdlib_module_names)
    assert outside <= {"aiohttp", "attrs", "notifier_client"}
    if path.stem == "__init__":
        return
    mine = {name.removeprefix("notifier_client.") for name in used if "notifier_client." in name}
    assert all(ROW_OF[name] <= ROW_OF[path.stem] for name in mine)


@pytest.mark.parametrize("name", sorted(PURE))
def test_core_names_no_io(name: str) -> None:
    """
    No event loop, no socket, no clock and no chance in the core.
    """
    assert not {one.split(".")[0] for one in imports(ROOT / f"{name}.py")} & IMPURE


def test_every_name_of_the_list_is_there() -> None:
    assert sorted(notifier_client.__all__) == notifier_client.__all__
    assert all(hasattr(notifier_client, name) for name in notifier_client.__all__)


def test_every_error_is_in_the_tree_at_the_top() -> None:
    """
    One root, and each class is exported and told of in the docstring.
    """
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    mine = [one for one in classes if one.__module__ == errors.__name__]
    assert all(issubclass(one, notifier_client.NotifierClientError) for one in mine)
    assert {one.__name__ for one in mine} <= set(notifier_client.__all__)
    assert all(one.__name__ in (errors.__doc__ or "") for one in mine)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_module_imports_alone(path: Path) -> None:
    """
    With warnings as errors, and without the server.
    """
    code = f"import sys; sys.modules['notifier'] = None; import notifier_client.{path.stem}"
    code = code.removesuffix(".__init__")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=30)
