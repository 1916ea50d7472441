"""
The secrets of a deployment: the keys in its data directory, and those it shares
with the host application, for JSON Web Tokens.

In either file: one a line, the oldest first; the newest signs, all verify. To rotate, add
a line; to retire one, remove its line once its tokens have expired. None is
ever part of an error or a repr.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from attrs import field, frozen

from notifier.config import JWT_VARIABLE
from notifier.errors import ConfigError
from notifier.session.json_web_tokens import SECRET_EXPECTED, wrong_secret

KEY_FILE: Final = "secret_keys"

KEY_BYTES: Final = 32
"""Random bytes in a new key: as many as the hash that signs with it gives."""

KEY_MIN_CHARACTERS: Final = 32
"""A shorter key is refused: it was cut off, or thought up by a person."""

_KEY: Final = re.compile(rb"[A-Za-z0-9_-]+")
_EXPECTED: Final = f"a key of at least {KEY_MIN_CHARACTERS} letters, digits, - and _"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@frozen
class SecretKeys:
    """
    The keys, oldest first, and the file that they are from.

    `made_new` says that there was no file, and this call made it: whoever
    runs the program wants to know, since no other server has these keys.
    """

    keys: tuple[str, ...] = field(repr=lambda keys: f"<{len(keys)} keys>")
    path: Path
    made_new: bool


def load_keys(data_dir: Path) -> SecretKeys:
    """
    Read the keys of a data directory; make both where there are none yet.

    Two processes that start at once end up with the same keys. Raises
    ConfigError for a file that cannot be used, and says what to do.
    """
    make_data_dir(data_dir)
    path = data_dir.absolute() / KEY_FILE
    try:
        made_new = not path.exists() and _make_file(path)
        return SecretKeys(_read_file(path), path, made_new)
    except OSError as error:
        raise ConfigError(f"cannot use the secret keys in {path}: {error.strerror}") from error


def load_jwt_secrets(path: Path | None, text: str | None) -> tuple[bytes, ...]:
    """
    Read the secrets that are shared with the host application: from the file, and
    the one in `text`. Neither gives none. Raises ConfigError.
    """
    found = []
    if path is not None:
        try:
            found += [(f"{path}, line {number}", line) for number, line in _lines(path)]
        except OSError as error:
            raise ConfigError(f"cannot read the secrets in {path}: {error.strerror}") from error
    if text:
        found.append((JWT_VARIABLE, os.fsencode(text)))
    for place, secret in found:
        wrong = wrong_secret(secret)
        if wrong:
            raise ConfigError(f"{place}: expected {SECRET_EXPECTED}, got {wrong}")
    return tuple(secret for _, secret in found)


def make_data_dir(data_dir: Path) -> None:
    """
    Make the data directory for its owner alone; leave one that is there as it is.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        place = data_dir.absolute()
        raise ConfigError(f"cannot make the data directory {place}: {error.strerror}") from error


def _make_file(path: Path) -> bool:
    """
    Make the file with one new key; tell whether it was this call that did.
    """
    # mkstemp makes it 0600. Written whole first and then linked, which fails where the name
    # is taken, so that nobody ever reads half a file or replaces another's keys.
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
            _sync_directory(path.parent)
            return True
        return False
    finally:
        os.unlink(draft)


def _sync_directory(directory: Path) -> None:
    # Without it a power cut may take the name of the file back, and all tokens with it.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_file(path: Path) -> tuple[str, ...]:
    keys = []
    for number, line in _lines(path):
        wrong = _what_is_wrong(line)
        if wrong:
            raise ConfigError(f"{path}, line {number}: expected {_EXPECTED}, got {wrong}")
        keys.append(line.decode("ascii"))
    return tuple(keys)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """
    Number the lines of a file that is for its owner alone; raise ConfigError for others.
    """
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & _OTHERS:
            raise ConfigError(
                f"{path} is open to others than its owner (mode {mode:04o}): "
                f"run `chmod 600 {shlex.quote(str(path))}`"
            )
        yield from enumerate(file.read().removesuffix(b"\n").split(b"\n"), 1)


def _what_is_wrong(line: bytes) -> str | None:
    if not line:
        return "an empty line"
    if not _KEY.fullmatch(line):
        return "other characters"
    if len(line) < KEY_MIN_CHARACTERS:
        return f"one of {len(line)}"
    return None
