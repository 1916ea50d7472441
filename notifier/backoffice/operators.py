"""
The operators: who may sign in, kept in the database with hashed passwords.

Nothing here is async, so that the command line can call it too. A server
calls it through `asyncio.to_thread`: a hash is made slow on purpose.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from notifier.accounts.database import Base, open_database

PASSWORD_MIN_CHARACTERS: Final = 10
"""
Sign-in is slowed down and the hash is slow, so that length is what counts
(NIST SP 800-63B asks for eight); a shorter password is refused.
"""

PASSWORD_MAX_CHARACTERS: Final = 1_000
"""Room for any passphrase; a longer one is refused when it is set."""

NAME_MAX_CHARACTERS: Final = 100
"""A name is shown beside each notice; a longer one is refused."""


class OperatorExists(ValueError):
    """
    The name is taken by another operator.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"an operator named {self.name!r} exists already"


class Operator(Base):
    """
    Somebody who may sign in to the back office.
    """

    __tablename__ = "operators"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[str]
    created_at: Mapped[float]
    """Seconds since 1970, UTC."""


class OperatorStore:
    """
    The operators in one SQLite file, which is made when it is not there.
    """

    def __init__(
        self,
        path: Path,
        *,
        hasher: PasswordHasher | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = open_database(path)
        self._hasher = hasher or PasswordHasher()
        self._clock = clock
        # Stands in for the hash of a name that nobody has, so that both take the same time.
        self._nobodys_hash = self._hasher.hash("nobody's password")

    def add(self, name: str, password: str, role: str = "operator") -> Operator:
        """
        Add an operator; raise ValueError saying what is wrong otherwise.

        A name that is taken is `OperatorExists`, itself a ValueError.
        """
        name, password = _checked_name(name), _checked_password(password)
        operator = Operator(
            name=name,
            password_hash=self._hasher.hash(password),
            role=role,
            created_at=self._clock(),
        )
        try:
            with self._session() as session:
                session.add(operator)
                session.commit()
        except IntegrityError as error:
            raise OperatorExists(name) from error
        return operator

    def verify(self, name: str, password: str) -> Operator | None:
        """
        Return the operator whose name and password these are, or None.

        Takes as long for a name that nobody has as for a wrong password. A
        hash made with other parameters than today's is made anew.
        """
        password = unicodedata.normalize("NFC", password)
        with self._session() as session:
            operator = session.scalar(select(Operator).where(Operator.name == _normal(name)))
            stored = operator.password_hash if operator else self._nobodys_hash
            if not self._matches(stored, password) or operator is None:
                return None
            if self._hasher.check_needs_rehash(stored):
                operator.password_hash = self._hasher.hash(password)
                session.commit()
            return operator

    def is_empty(self) -> bool:
        """
        Return whether there is no operator yet.
        """
        with self._session() as session:
            return not session.scalar(select(exists().select_from(Operator)))

    def _session(self) -> Session:
        return Session(self._engine, expire_on_commit=False)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def _normal(name: str) -> str:
    # The same letters typed on two keyboards may differ in how they are composed.
    return unicodedata.normalize("NFC", name).strip()


def _checked_name(name: str) -> str:
    name = _normal(name)
    if not 1 <= len(name) <= NAME_MAX_CHARACTERS:
        raise ValueError(f"name must have 1 to {NAME_MAX_CHARACTERS} characters, got {len(name)}")
    if not name.isprintable():
        raise ValueError("name must have no control characters")
    return name


def _checked_password(password: str) -> str:
    password = unicodedata.normalize("NFC", password)
    if len(password) < PASSWORD_MIN_CHARACTERS:
        raise ValueError(
            f"password must have at least {PASSWORD_MIN_CHARACTERS} characters, got {len(password)}"
        )
    if len(password) > PASSWORD_MAX_CHARACTERS:
        raise ValueError(
            f"password must have at most {PASSWORD_MAX_CHARACTERS:,} characters,"
            f" got {len(password):,}"
        )
    return password
