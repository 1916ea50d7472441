"""
The API keys: who may call the API, and what for.

A key is shown when it is made, and never again: only its SHA-256 is kept. That
is enough, since nobody guesses 256 random bits, fast hash or not. Nothing here
is async, so that the command line can call it too.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from attrs import field, frozen
from sqlalchemy import Index, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from notifier.api.operations import SCOPES
from notifier.database import Base, open_database
from notifier.errors import describe

KEY_PREFIX: Final = "nta_"
"""What every key begins with, so that a secret scanner finds one that leaked."""

KEY_BYTES: Final = 32

NAME_MAX_CHARACTERS: Final = 100
"""A name stands in lists and in the log; a longer one is refused."""

MAX_KEYS: Final = 10_000
"""Keys in the database, revoked ones too; a further one is refused. All are held in memory."""


@frozen
class ApiKey:
    """
    What is known of a key; the key itself is not.
    """

    id: int
    name: str
    scopes: tuple[str, ...]
    created_at: float
    last_used_at: float | None
    """Seconds since 1970, UTC; noted once a minute at most."""
    revoked_at: float | None
    digest: str = field(repr=False)


class _Row(Base):
    """
    An API key in the database.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        # A name is free again once its key is revoked: that is how a key is replaced.
        Index(
            "api_keys_name",
            "name",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    scopes: Mapped[str]
    """Joined by spaces."""
    digest: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[float]
    last_used_at: Mapped[float | None]
    revoked_at: Mapped[float | None]

    def value(self) -> ApiKey:
        return ApiKey(
            self.id,
            self.name,
            tuple(self.scopes.split()),
            self.created_at,
            self.last_used_at,
            self.revoked_at,
            self.digest,
        )


class ApiKeyStore:
    """
    The API keys in one database file, which is made when it is not there.

    `changes` counts what this store has added and revoked.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = open_database(path)
        self._clock = clock
        self.changes = 0

    def add(self, name: str, scopes: Iterable[str]) -> str:
        """
        Make a key; it is not kept, so show it now. Raise ValueError saying what
        is wrong otherwise.
        """
        name, scopes = _checked_name(name), _checked_scopes(scopes)
        key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
        row = _Row(
            name=name,
            scopes=" ".join(scopes),
            digest=digest_of(key),
            created_at=self._clock(),
        )
        try:
            with Session(self._engine) as session:
                if (session.scalar(select(func.count(_Row.id))) or 0) >= MAX_KEYS:
                    raise ValueError(f"there are {MAX_KEYS:,} keys, which is as many as are kept")
                session.add(row)
                session.commit()
        except IntegrityError:
            # Without the cause: its text shows what was to be stored.
            raise ValueError(
                f"a key named {name!r} exists already: revoke it first, or choose another name"
            ) from None
        self.changes += 1
        return key

    def list(self) -> Sequence[ApiKey]:
        """
        List every key, the oldest first, revoked ones too.
        """
        with Session(self._engine) as session:
            return [row.value() for row in session.scalars(select(_Row).order_by(_Row.id))]

    def revoke(self, name: str) -> bool:
        """
        Refuse the key of this name from now on; False where no key in use has it.
        """
        statement = (
            update(_Row)
            .where(_Row.name == name, _Row.revoked_at.is_(None))
            .values(revoked_at=self._clock())
        )
        with Session(self._engine) as session:
            revoked = len(session.scalars(statement.returning(_Row.id)).all())
            session.commit()
        self.changes += 1
        return bool(revoked)

    def note_use(self, id: int) -> None:
        """
        Note that a key is used now.
        """
        with Session(self._engine) as session:
            session.execute(update(_Row).where(_Row.id == id).values(last_used_at=self._clock()))
            session.commit()


def digest_of(key: str) -> str:
    """
    Make what is kept of a key.
    """
    # A header may hold what is no text: it is no key either, and has a digest like any other.
    return sha256(key.encode(errors="surrogatepass")).hexdigest()


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= NAME_MAX_CHARACTERS:
        raise ValueError(f"name must have 1 to {NAME_MAX_CHARACTERS} characters, got {len(name)}")
    if not name.isprintable():
        raise ValueError("name must have no control characters")
    return name


def _checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    given = tuple(dict.fromkeys(scopes))
    for scope in given:
        if scope not in SCOPES:
            raise ValueError(f"expected scopes of {', '.join(SCOPES)}, got {describe(scope)}")
    if not given:
        raise ValueError(f"expected one scope or more of {', '.join(SCOPES)}, got none")
    return given
