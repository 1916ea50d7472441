"""
The command line as a whole: help, version, and how a mistake is told.
"""

from __future__ import annotations

import pytest

from cli.drive import notifier_command, told_in_one_line


def test_help_shows_how_to_begin_when_it_is_asked_for() -> None:
    """
    A newcomer sees the commands to type first.
    """
    shown = notifier_command("--help").stdout
    assert all(part in shown for part in ("notifier serve", "curl", "notifier operator add alice"))


def test_serve_help_lists_every_setting_when_it_is_asked_for() -> None:
    """
    The help of serve shows settings that have no flag too, as the file spells them.
    """
    shown = notifier_command("serve", "--help").stdout
    assert all(part in shown for part in ("port = 4000", "check_origin = []", "window_ms = 10000"))


def test_version_is_told_when_it_is_asked_for() -> None:
    """
    --version prints one line and ends.
    """
    result = notifier_command("--version")
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    assert result.stdout.startswith("notifier ")


def test_flag_is_refused_when_it_is_misspelt() -> None:
    """
    A misspelt flag is answered with the ones that are near.
    """
    result = notifier_command("serve", "--prot", "1")
    assert result.exit_code == 2
    assert "--port" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("words", [("serve",), ("token", "me"), ("operator", "add", "alice")])
def test_variable_is_refused_when_it_is_misspelt(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every command refuses a NOTIFIER_ variable that is no setting.
    """
    monkeypatch.setenv("NOTIFIER_DATADIR", "elsewhere")
    assert "NOTIFIER_DATA_DIR" in told_in_one_line(notifier_command(*words))
