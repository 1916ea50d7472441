"""
The ladder of layers: imports run downwards, and each row adds little from outside.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import notifier

ROOT = Path(notifier.__file__).parent
ALONE = Path(__file__).parent / "alone.py"
LADDER = (
    ("errors", set[str]()),
    ("protocol", {"attrs", "orjson"}),
    ("session", {"attrs", "orjson", "itsdangerous", "jwt"}),
    ("engine", {"attrs", "orjson"}),
    ("channels", {"attrs", "orjson"}),
    ("transports", {"attrs", "orjson", "aiohttp", "multidict"}),
    (
        "app checkup config database notices secrets logs server "
        "accounts backoffice inbox api demo",
        {
            "attrs",
            "aiohttp",
            "argon2",
            "babel",
            "itsdangerous",
            "jinja2",
            "jsonschema",
            "markupsafe",
        }
        | {"orjson", "sqlalchemy"},
    ),
    (
        "cli __main__",
        {"aiohttp", "attrs", "click", "notifier_client", "orjson", "sqlalchemy", "uvloop"},
    ),
)
ROW_OF = {name: number for number, (names, _) in enumerate(LADDER) for name in names.split()}
PURE = ("errors", "protocol", "session")
IMPURE = {
    "aiohttp",
    "asyncio",
    "datetime",
    "os",
    "random",
    "selectors",
    "socket",
    "threading",
    "time",
}
MAX_LINES = 600
ALL_FILES = sorted(ROOT.rglob("*.py"))
FILES = [path for path in ALL_FILES if path != ROOT / "__init__.py"]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """
    Every module that a file imports when it runs; not what only a type checker sees.
    """
    package = path.parent.relative_to(ROOT.parent).parts
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            name = ".".join(filter(None, (base, node.module)))
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def row_of(module: str) -> str:
    return module.split(".")[1]


def is_module(name: str) -> bool:
    path = ROOT.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


PURE_FILES = [path for path in FILES if row_of(module_name(path)) in PURE]
INIT_FILES = [path for path in ALL_FILES if path.name == "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_run_downwards(path: Path) -> None:
    """
    A row imports itself and the rows below it.
    """
    own = ROW_OF[row_of(module_name(path))]
    upwards = {
        name
        for name in imports(path)
        if name.startswith("notifier.") and is_module(name) and ROW_OF[row_of(name)] > own
    }
    assert not upwards


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_nothing_new_comes_from_outside(path: Path) -> None:
    """
    What a row uses from outside stands in the table above.
    """
    _, allowed = LADDER[ROW_OF[row_of(module_name(path))]]
    used = {name.split(".")[0] for name in imports(path)}
    assert used - set(sys.stdlib_module_names) - {"notifier"} <= allowed


@pytest.mark.parametrize(
    "path", [one for one in FILES if row_of(module_name(one)) in PURE], ids=module_name
)
def test_core_names_no_io(path: Path) -> None:
    """
    The pure rows name no event loop, no socket, no clock and no environment.
    """
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE


def test_modules_form_no_cycle() -> None:
    """
    No module imports itself by way of others.
    """
    graph = {
        module_name(path): {name for name in imports(path) if name.startswith("notifier.")}
        for path in FILES
        if path.name != "__init__.py"
    }
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " > ".join((*above, name))
        if name in done or name not in graph:
            return
        for other in sorted(graph[name]):
            visit(other, (*above, name))
        done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_transports_do_not_import_each_other() -> None:
    """
    Neither transport knows of the other.
    """
    for one, other in (("longpoll", "websocket"), ("websocket", "longpoll")):
        assert f"notifier.transports.{other}" not in set(imports(ROOT / f"transports/{one}.py"))


@pytest.mark.parametrize("path", INIT_FILES, ids=module_name)
def test_packages_only_reexport(path: Path) -> None:
    """
    An `__init__` holds a docstring, imports, and the list of what it gives.
    """
    docstring, *rest = ast.parse(path.read_text()).body
    assert isinstance(docstring, ast.Expr)
    for node in rest:
        is_list = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        assert is_list or isinstance(node, ast.ImportFrom), ast.unparse(node)


@pytest.mark.parametrize("path", ALL_FILES, ids=module_name)
def test_files_stay_short(path: Path) -> None:
    """
    A file that grows past the wall is to be taken apart.
    """
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.slow
def test_each_module_imports_alone() -> None:
    """
    Every module can be the first that is imported, with warnings as errors.
    """
    modules = [module_name(path) for path in FILES if path.name != "__main__.py"]
    outside = sorted(set().union(*(names for _, names in LADDER)) - {"notifier_client"})
    command = [sys.executable, "-W", "error", str(ALONE), str(ROOT), ",".join(outside), *modules]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (told.returncode, told.stdout) == (0, ""), told.stderr
