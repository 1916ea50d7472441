"""
What is found in a configuration, each on its own.
"""

from __future__ import annotations

import math
import resource
from pathlib import Path
from typing import Any

import pytest
from backoffice.fakes import quick_hasher

from notifier.app import DATABASE, HISTORY
from notifier.backoffice import OperatorStore
from notifier.channels import Channel
from notifier.checkup import Case, Finding, is_good, look
from notifier.config import Config
from notifier.engine import Retention
from notifier.secrets import KEY_FILE, load_keys
from notifier.session import Limits

SECRET = "a shared secret of at least 32 bytes"


@pytest.fixture(autouse=True)
def _many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**20, 2**20))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """
    A data directory as it should be.
    """
    path = tmp_path / "data"
    load_keys(path)
    OperatorStore(path / DATABASE, hasher=quick_hasher()).add("ada", "correct horse")
    return path


def case(data_dir: Path, **settings: Any) -> Case:
    secret, channels = settings.pop("jwt_secret", None), settings.pop("channels", {})
    config = Config(data_dir=data_dir, **settings)
    return Case(config, data_dir / DATABASE, data_dir / HISTORY, secret, channels)


def told(data_dir: Path, **settings: Any) -> list[tuple[str, str]]:
    return [(one.level, one.setting) for one in look(case(data_dir, **settings))]


def test_nothing_is_found_in_a_configuration_that_is_good(data_dir: Path) -> None:
    """
    The defaults, keys and an operator.
    """
    assert look(case(data_dir)) == []


def test_first_start_is_good(tmp_path: Path) -> None:
    """
    What is not there yet is told and not made.
    """
    data_dir = tmp_path / "data"
    assert told(data_dir) == [("note", "data_dir"), ("note", "operators")]
    assert is_good(look(case(data_dir)))
    assert not data_dir.exists()


def test_keys_are_not_made(tmp_path: Path) -> None:
    """
    A check leaves things as they are.
    """
    tmp_path.chmod(0o700)
    look(case(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"host": "0.0.0.0"}, [("unsafe", "check_origin"), ("note", "host")]),
        ({"host": "notices.example"}, [("unsafe", "check_origin"), ("note", "host")]),
        ({"host": "::", "check_origin": ("//a.example",)}, [("note", "host")]),
        ({"host": "localhost"}, []),
        ({"host": "127.3.2.1"}, []),
        ({"host": "::1"}, []),
        ({"check_origin": ("a.example",)}, [("wrong", "check_origin")]),
        ({"trusted_proxies": ("0.0.0.0/0",)}, [("unsafe", "trusted_proxies")]),
        ({"trusted_proxies": ("::/0",)}, [("unsafe", "trusted_proxies")]),
        ({"trusted_proxies": ("8.0.0.0/8", "10.0.0.0/8")}, [("unsafe", "trusted_proxies")]),
        ({"trusted_proxies": ("10.0.0.0/8", "198.51.100.0/24", "fd00::/8")}, []),
        ({"trusted_proxies": ("nowhere",)}, [("wrong", "trusted_proxies")]),
        ({"token_max_age_s": 31 * 86_400}, [("unsafe", "token_max_age_s")]),
        ({"jwt_secret": "short"}, [("wrong", "jwt_secret_file")]),
        ({"jwt_secret_file": "not/there"}, [("wrong", "jwt_secret_file")]),
        ({"jwt_secret": SECRET}, [("note", "jwt_audience")]),
        ({"jwt_secret": SECRET, "jwt_issuer": "us"}, []),
        ({"jwt_role_claim": "role"}, [("wrong", "jwt_role_claim")]),
    ],
    ids=repr,
)
def test_setting_is_looked_at(data_dir: Path, settings: dict[str, Any], expected: list) -> None:
    """
    What is wrong comes first, then what is unsafe.
    """
    assert told(data_dir, **settings) == expected


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        ({"window_ms": 20_001}, "window_ms"),
        ({"max_message_bytes": 65_535}, "max_message_bytes"),
        ({"max_mailbox_bytes": 65_535}, "max_mailbox_bytes"),
        ({"max_sessions": 10, "max_sessions_per_user": 11}, "max_sessions"),
        ({"resume_window_ms": 9_999}, "resume_window_ms"),
        ({"idle_timeout_ms": 19_999}, "idle_timeout_ms"),
    ],
)
def test_limits_are_held_against_each_other(
    data_dir: Path, limits: dict[str, int], setting: str
) -> None:
    """
    Those that do not fit, with the numbers.
    """
    (found,) = look(case(data_dir, limits=Limits(**limits)))
    assert (found.level, found.setting) == ("wrong", setting)
    assert any(str(number) in found.text for number in limits.values())


def test_limits_are_held_against_the_system(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Each session is an open file.
    """
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4_096))
    assert told(data_dir) == [("note", "max_sessions")]


@pytest.mark.parametrize(
    ("kept", "level"),
    [
        (Retention(max_count=10), None),
        (None, None),
        (Retention(max_count=math.inf, max_age_s=math.inf), "unsafe"),
        (Retention(max_count=math.inf), None),
        (Retention(max_age_s=59), "wrong"),
    ],
    ids=repr,
)
def test_history_is_looked_at(data_dir: Path, kept: Retention | None, level: str | None) -> None:
    """
    One that grows for ever, and one from which nobody recovers.
    """
    channel = type("Room", (Channel,), {"history": kept})
    expected = [] if level is None else [(level, "history of room:*")]
    assert told(data_dir, channels={"room:*": channel}) == expected


@pytest.mark.parametrize(
    ("name", "mode", "level"),
    [
        ("", 0o750, "unsafe"),
        (DATABASE, 0o644, "unsafe"),
        (f"{HISTORY}-wal", 0o640, "unsafe"),
        (KEY_FILE, 0o604, "wrong"),
    ],
)
def test_file_is_found_that_others_can_read(
    data_dir: Path, name: str, mode: int, level: str
) -> None:
    """
    With its path, and what mends it.
    """
    path = data_dir / name
    if not path.exists():
        path.touch()
    path.chmod(mode)
    (found,) = look(case(data_dir))
    assert (found.level, found.setting) == (level, "data_dir")
    assert str(path) in found.text
    assert "chmod" in found.text


def test_database_is_found_that_is_none(data_dir: Path) -> None:
    """
    And said why.
    """
    (data_dir / DATABASE).write_text("no database at all, and long enough to be taken for one")
    (found,) = look(case(data_dir))
    assert (found.level, "file is not a database" in found.text) == ("wrong", True)


def test_data_dir_is_found_that_is_a_file(tmp_path: Path) -> None:
    """
    Nothing else is looked for in it.
    """
    (tmp_path / "data").touch()
    assert ("wrong", "data_dir") in told(tmp_path / "data")


def test_directory_is_found_that_cannot_be_read(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Somebody else's; what needs no file is looked at all the same.
    """

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    found = look(case(data_dir, check_origin=("x",)))
    assert ("wrong", "check_origin") in [(one.level, one.setting) for one in found]
    assert f"cannot look at {data_dir}: Permission denied" in [one.text for one in found]


def test_secret_is_found_that_is_also_a_key(data_dir: Path) -> None:
    """
    The host application could then make what is ours alone; the secret is not told.
    """
    (key,) = load_keys(data_dir).keys
    (found,) = look(case(data_dir, jwt_secret=key, jwt_issuer="us"))
    assert (found.level, found.setting) == ("unsafe", "jwt_secret_file")
    assert key not in found.text


@pytest.mark.parametrize(
    ("level", "expected"), [("wrong", False), ("unsafe", False), ("note", True)]
)
def test_notes_are_good(level: Any, expected: bool) -> None:
    """
    They are there to be read.
    """
    assert is_good([Finding(level, "x", "y")]) is expected
