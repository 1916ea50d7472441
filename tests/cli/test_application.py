"""
`notifier serve --app`: which application is found, and what is said of others.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.drive import notifier_command, told_in_one_line
from notifier.cli import load_app
from notifier.errors import ConfigError


def test_app_is_loaded_when_it_stands_in_the_current_directory(tmp_path: Path) -> None:
    """
    A module beside which the command is typed is found, below a class too.
    """
    (tmp_path / "found_app.py").write_text(
        "from notifier import Notifier\nclass Held:\n    app = Notifier(path='/x')\n"
    )
    assert load_app("found_app:Held.app").path == "/x"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("no_such:app", "got 'no_such': there is no 'no_such'"),
        ("notifier.no_such:app", "there is no 'notifier.no_such'"),
        ("notifier:Notifer", "got no 'Notifer' there (but Notifier"),
        ("notifier:qqqqqq", "got no 'qqqqqq' there (but nothing like it)"),
        ("notifier:UserSocket", "app = Notifier(YourSocket), got the class UserSocket"),
        ("sys:path", "app = Notifier(YourSocket), got a list of"),
        ("sys", "expected module:attribute"),
    ],
)
def test_app_is_refused_when_it_is_no_notifier(place: str, told: str) -> None:
    """
    A wrong --app is answered with what was expected and what is there.
    """
    assert told in told_in_one_line(notifier_command("serve", "--app", place))


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        ("needs_more", "import no_such_module", "ModuleNotFoundError: No module named"),
        ("misspells", "\nNotifer()", "NameError: name 'Notifer' is not defined (at"),
        ("unfinished", "def app(", "SyntaxError: '(' was never closed (unfinished.py, line 1)"),
    ],
)
def test_app_is_refused_when_its_module_fails(
    tmp_path: Path, name: str, source: str, told: str
) -> None:
    """
    A module that raises is told with its error and the line, without a traceback.
    """
    (tmp_path / f"{name}.py").write_text(source)
    with pytest.raises(ConfigError) as caught:
        load_app(f"{name}:app")
    assert f"--app: {name} failed: {told}" in str(caught.value)
    assert "importlib" not in str(caught.value)
