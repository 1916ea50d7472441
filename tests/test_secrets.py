"""
The key file: made once, kept to its owner, refused where it cannot be right.
"""

from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from notifier.errors import ConfigError
from notifier.secrets import (
    KEY_FILE,
    KEY_MIN_CHARACTERS,
    SecretKeys,
    load_jwt_secrets,
    load_keys,
    make_data_dir,
)

OLD, NEW = "o" * KEY_MIN_CHARACTERS, "n" * KEY_MIN_CHARACTERS


def write_keys(data_dir: Path, text: str, mode: int = 0o600) -> Path:
    path = data_dir / KEY_FILE
    path.write_text(text)
    path.chmod(mode)
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_load_makes_one_key_when_there_is_none(tmp_path: Path) -> None:
    """
    The first use makes a key and says so.
    """
    loaded = load_keys(tmp_path / "data")
    assert loaded.made_new
    assert [len(key) >= KEY_MIN_CHARACTERS for key in loaded.keys] == [True]


def test_load_reads_the_same_key_when_it_is_called_again(tmp_path: Path) -> None:
    """
    The second use finds the key of the first.
    """
    first, second = load_keys(tmp_path), load_keys(tmp_path)
    assert second == SecretKeys(first.keys, first.path, made_new=False)


def test_load_makes_two_keys_when_there_are_two_directories(tmp_path: Path) -> None:
    """
    No two deployments get the same key.
    """
    assert load_keys(tmp_path / "a").keys != load_keys(tmp_path / "b").keys


def test_file_and_directory_are_their_owners_alone_when_made(tmp_path: Path) -> None:
    """
    What is made has mode 0600, in a directory of mode 0700, whatever the umask.
    """
    before = os.umask(0)
    try:
        loaded = load_keys(tmp_path / "data")
    finally:
        os.umask(before)
    assert (mode_of(loaded.path), mode_of(loaded.path.parent)) == (0o600, 0o700)


def test_path_is_absolute_when_the_directory_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever is told the path can find the file from anywhere.
    """
    monkeypatch.chdir(tmp_path)
    assert load_keys(Path("data")).path == tmp_path / "data" / KEY_FILE


def test_load_agrees_on_one_key_when_many_start_at_once(tmp_path: Path) -> None:
    """
    Of many that start at once one makes the file, and all have its key.
    """
    starters = 8
    for round_ in range(20):
        barrier = threading.Barrier(starters)

        def start(data_dir: Path, barrier: threading.Barrier = barrier) -> SecretKeys:
            barrier.wait()
            return load_keys(data_dir)

        data_dir = tmp_path / str(round_)
        with ThreadPoolExecutor(starters) as pool:
            loaded = list(pool.map(start, [data_dir] * starters))
        assert len({one.keys for one in loaded}) == 1
        assert sum(one.made_new for one in loaded) == 1
        assert os.listdir(data_dir) == [KEY_FILE]


def test_load_keeps_the_order_when_there_are_several_keys(tmp_path: Path) -> None:
    """
    The oldest key stands first in the file and comes first.
    """
    write_keys(tmp_path, f"{OLD}\n{NEW}\n")
    assert load_keys(tmp_path).keys == (OLD, NEW)


def test_load_takes_the_last_line_when_no_newline_ends_it(tmp_path: Path) -> None:
    """
    A key that was added by hand may lack its newline.
    """
    write_keys(tmp_path, f"{OLD}\n{NEW}")
    assert load_keys(tmp_path).keys == (OLD, NEW)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o660])
def test_load_refuses_when_others_can_open_the_file(tmp_path: Path, mode: int) -> None:
    """
    A file that others may open is refused with the command that closes it.
    """
    path = write_keys(tmp_path, f"{OLD}\n", mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600 {path}"):
        load_keys(tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "got"),
    [
        ("", 1, "an empty line"),
        (f"{OLD}\n\n{NEW}\n", 2, "an empty line"),
        (f"{OLD}\n{NEW}\n\n", 3, "an empty line"),
        (f"{OLD}\n{NEW[:-1]}\n", 2, f"one of {KEY_MIN_CHARACTERS - 1}"),
        (f"{OLD}\r\n{NEW}\n", 1, "other characters"),
        (f"{OLD}\nkey = {NEW}\n", 2, "other characters"),
        (f"{OLD}\n{NEW}é\n", 2, "other characters"),
    ],
)
def test_load_refuses_when_a_line_is_no_key(tmp_path: Path, text: str, line: int, got: str) -> None:
    """
    A line that is empty, cut off or garbled is named by its number.
    """
    write_keys(tmp_path, text)
    with pytest.raises(ConfigError, match=rf"line {line}: expected a key .*, got {got}"):
        load_keys(tmp_path)


def test_no_key_is_told_when_a_line_is_refused(tmp_path: Path) -> None:
    """
    The error holds neither the garbled line nor a good one.
    """
    write_keys(tmp_path, f"{OLD}\n{NEW}!\n")
    with pytest.raises(ConfigError) as caught:
        load_keys(tmp_path)
    assert OLD not in str(caught.value)
    assert NEW not in str(caught.value)


def test_repr_counts_keys_when_it_is_printed(tmp_path: Path) -> None:
    """
    The repr tells how many keys there are, not which.
    """
    write_keys(tmp_path, f"{OLD}\n{NEW}\n")
    shown = repr(load_keys(tmp_path))
    assert "<2 keys>" in shown
    assert OLD not in shown


def test_load_refuses_when_a_file_has_the_name_of_the_directory(tmp_path: Path) -> None:
    """
    A data directory that cannot be made is told with its path.
    """
    taken = tmp_path / "data"
    taken.write_text("")
    with pytest.raises(ConfigError, match=f"cannot make the data directory {taken}: "):
        load_keys(taken)


def test_load_refuses_when_the_key_file_is_a_directory(tmp_path: Path) -> None:
    """
    Keys that cannot be read are told with the path and the reason.
    """
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(ConfigError, match=r"cannot use the secret keys in .*: Is a directory"):
        load_keys(tmp_path)


def test_data_dir_is_left_as_it_is_when_it_is_there(tmp_path: Path) -> None:
    """
    Who may look into a directory that was there before is not for us to change.
    """
    tmp_path.chmod(0o750)
    make_data_dir(tmp_path)
    assert mode_of(tmp_path) == 0o750


# Secrets that are shared with the host application


SECRETS = (b"a shared secret of at least 32 bytes", "ein geteiltes Geheimnis, länger".encode())


def test_shared_secrets_are_read_from_the_file_and_the_text(tmp_path: Path) -> None:
    """
    A line each, as it stands; neither gives none.
    """
    path = tmp_path / "jwt"
    path.write_bytes(b"\n".join(SECRETS) + b"\n")
    path.chmod(0o600)
    assert load_jwt_secrets(path, "x" * 32) == (*SECRETS, b"x" * 32)
    assert load_jwt_secrets(path, None) == SECRETS
    assert load_jwt_secrets(None, "") == ()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "line 1: expected a shared secret of at least 32 bytes, got one of 0"),
        (b"x" * 31, "line 1: expected a shared secret of at least 32 bytes, got one of 31"),
        (SECRETS[0] + b"\n\n", "line 2: expected a shared secret of at least 32"),
        (b"-----BEGIN PUBLIC KEY-----\nMFww", "line 1: expected a shared secret of at least 32"),
        (b"ssh-ed25519 " + b"A" * 68, "got a key in PEM or SSH format"),
    ],
)
def test_shared_secret_is_refused_that_will_not_do(
    tmp_path: Path, content: bytes, told: str
) -> None:
    """
    With the place, and without the secret.
    """
    path = tmp_path / "jwt"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as raised:
        load_jwt_secrets(path, None)
    assert told in str(raised.value)
    assert "xxx" not in str(raised.value)


def test_shared_secret_is_refused_when_others_can_read_it(tmp_path: Path) -> None:
    """
    With the command that mends it.
    """
    path = tmp_path / "jwt"
    path.write_bytes(SECRETS[0])
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"mode 0640.*chmod 600"):
        load_jwt_secrets(path, None)


def test_shared_secret_is_refused_when_its_file_is_not_there(tmp_path: Path) -> None:
    """
    None is made: the host application would not have it.
    """
    with pytest.raises(ConfigError, match="No such file"):
        load_jwt_secrets(tmp_path / "jwt", None)
