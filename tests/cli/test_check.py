"""
`notifier check`: what it prints, and its exit status.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.drive import notifier_command


def test_status_is_0_when_there_are_notes_alone(tmp_path: Path) -> None:
    """
    The first start, of which nothing is made.
    """
    result = notifier_command("check")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "nothing is wrong")
    assert "note: operators: " in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_status_is_1_when_something_is_unsafe() -> None:
    """
    Each finding is a line: how bad, where, and what to do.
    """
    result = notifier_command("check", "--host", "0.0.0.0")
    assert result.exit_code == 1
    assert result.stdout.startswith("unsafe: check_origin: any page on the web may connect")


def test_findings_are_json_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    For a script that deploys.
    """
    monkeypatch.setenv("NOTIFIER_WINDOW_MS", "60000")
    result = notifier_command("check", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"]) == (1, False)
    assert told["findings"][0].keys() == {"level", "setting", "text"}
    assert told["findings"][0]["setting"] == "window_ms"


def test_setting_is_found_that_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With the nearest ones.
    """
    (tmp_path / "n.toml").write_text("max_chanels = 7\n")
    result = notifier_command("check", "--config", "n.toml")
    assert result.exit_code == 1
    assert "wrong: config: n.toml: max_chanels is no setting" in result.stdout


def test_application_is_found_that_cannot_be_loaded() -> None:
    """
    Beside what else there is.
    """
    result = notifier_command("check", "--app", "no_such:app")
    assert result.exit_code == 1
    assert result.stdout.startswith("wrong: app: --app: expected a module")


def test_secret_of_the_environment_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    And not told.
    """
    monkeypatch.setenv("NOTIFIER_JWT_SECRET", "too-short")
    result = notifier_command("check")
    assert result.exit_code == 1
    assert "NOTIFIER_JWT_SECRET: expected a shared secret" in result.stdout
    assert "too-short" not in result.output
