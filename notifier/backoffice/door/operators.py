"""
The operators: who may sign in, kept in the database with hashed passwords.

Nothing here is async, so that the command line can call it too. A server
calls it through `asyncio.to_thread`: a hash is made slow on purpose.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Select, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column, object_session

from notifier.database import Base, open_database
from notifier.errors import describe

PASSWORD_MIN_CHARACTERS: Final = 10
"""
Sign-in is slowed down and the hash is slow, so that length is what counts
(NIST SP 800-63B asks for eight); a shorter password is refused.
"""

PASSWORD_MAX_CHARACTERS: Final = 1_000
"""Room for any passphrase; a longer one is refused when it is set."""

NAME_MAX_CHARACTERS: Final = 100
"""A name is shown beside each notice; a longer one is refused."""

MAX_CODE_POINTS: Final = 4
"""Code points that a keyboard may take for one character, at most."""

OPERATOR: Final = "operator"
"""Sends notices, and throws users out."""

ADMIN: Final = "admin"
"""Keeps operators, users and API keys besides, and reads the audit trail."""

ROLES: Final = (OPERATOR, ADMIN)


class OperatorExists(ValueError):
    """
    The name is taken by another operator.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"an operator named {self.name!r} exists already"


class OperatorUnknown(LookupError):
    """
    No operator has the name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"there is no operator named {self.name!r}"


class LastAdmin(ValueError):
    """
    Without this admin nobody could keep the operators.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name!r} is the only admin: make another one first"


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
    """Seconds since 1970, UTC, as all times here."""
    signed_in_at: Mapped[float | None]
    """When last; None where never."""
    sign_outs: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often all log-ins were ended; a log-in from before the last time is over."""

    @property
    def is_admin(self) -> bool:
        """
        Whether operators, users and keys are this one's to keep.
        """
        return self.role == ADMIN


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

    def add(self, name: str, password: str, role: str | None = None) -> Operator:
        """
        Add an operator; raise ValueError saying what is wrong otherwise.

        A name that is taken is `OperatorExists`, itself a ValueError. Where no role
        is given it is an admin if there is none yet, and an operator otherwise.
        """
        name, password = checked_name(name), checked_password(password)
        role = _checked_role(role or (OPERATOR if self._has_admin() else ADMIN))
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
        nobodys_hash = self._nobodys_hash  # on first need by whoever comes first, known or not
        password = _composed(password, PASSWORD_MAX_CHARACTERS)
        with self._session() as session:
            operator = session.scalar(_named(name))
            stored = operator.password_hash if operator else nobodys_hash
            if not self._matches(stored, password) or operator is None:
                return None
            if self._hasher.check_needs_rehash(stored):
                operator.password_hash = self._hasher.hash(password)
                session.commit()
            return operator

    def get(self, name: str) -> Operator | None:
        """
        Return the operator of a name, None where there is none.
        """
        with self._session() as session:
            return session.scalar(_named(name))

    def list(self) -> Sequence[Operator]:
        """
        List all operators in the order of their names.
        """
        with self._session() as session:
            order = func.lower(Operator.name), Operator.name
            return session.scalars(select(Operator).order_by(*order)).all()

    def note_sign_in(self, name: str) -> None:
        """
        Note that an operator has signed in now.
        """
        with self._changing(name) as operator:
            operator.signed_in_at = self._clock()

    def sign_out_everywhere(self, name: str) -> None:
        """
        End all log-ins of an operator; raise OperatorUnknown.
        """
        with self._changing(name) as operator:
            operator.sign_outs += 1

    def set_password(self, name: str, password: str) -> None:
        """
        Change a password, which ends all log-ins; raise ValueError, OperatorUnknown.
        """
        password = checked_password(password)
        with self._changing(name) as operator:
            operator.password_hash = self._hasher.hash(password)
            operator.sign_outs += 1

    def set_role(self, name: str, role: str) -> None:
        """
        Make an operator an admin, or the other way; raise LastAdmin, OperatorUnknown.
        """
        role = _checked_role(role)
        with self._changing(name) as operator:
            self._keep_an_admin(operator, is_admin=role == ADMIN)
            operator.role = role

    def remove(self, name: str) -> None:
        """
        Take an operator out, which ends all log-ins; raise LastAdmin, OperatorUnknown.
        """
        with self._changing(name) as operator:
            self._keep_an_admin(operator, is_admin=False)
            session = object_session(operator)
            assert session is not None
            session.delete(operator)

    def is_empty(self) -> bool:
        """
        Return whether there is no operator yet.
        """
        with self._session() as session:
            return not session.scalar(select(exists().select_from(Operator)))

    @cached_property
    def _nobodys_hash(self) -> str:
        """
        Stands in for the hash of a name that nobody has, so that both take the same time.
        """
        return self._hasher.hash("nobody's password")

    def _has_admin(self) -> bool:
        with self._session() as session:
            return bool(session.scalar(select(exists().where(Operator.role == ADMIN))))

    @contextmanager
    def _changing(self, name: str) -> Iterator[Operator]:
        """
        Hand out an operator to be changed, while nobody else changes one.
        """
        with self._session() as session, session.begin():
            # Writes before it reads: two admins at once then do not take each other out.
            session.execute(update(Operator).where(Operator.id < 0).values(role=OPERATOR))
            operator = session.scalar(_named(name))
            if operator is None:
                raise OperatorUnknown(name)
            yield operator

    def _keep_an_admin(self, operator: Operator, *, is_admin: bool) -> None:
        session = object_session(operator)
        assert session is not None
        admins = session.scalar(
            select(func.count()).select_from(Operator).where(Operator.role == ADMIN)
        )
        if operator.is_admin and not is_admin and admins == 1:
            raise LastAdmin(operator.name)

    def _session(self) -> Session:
        return Session(self._engine, expire_on_commit=False)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def normal_name(name: str) -> str:
    """
    Return a name as it is looked up, however it was typed.
    """
    return _composed(name, NAME_MAX_CHARACTERS).strip()


def _composed(text: str, max_characters: int) -> str:
    # The same letters typed on two keyboards may differ in how they are composed. What is longer
    # than any text that is kept stays as it is: composing takes the square of the length.
    if len(text) > max_characters * MAX_CODE_POINTS:
        return text
    return unicodedata.normalize("NFC", text)


def _named(name: str) -> Select[Operator]:
    return select(Operator).where(Operator.name == normal_name(name))


def _checked_role(role: str) -> str:
    if role not in ROLES:
        raise ValueError(f"expected a role of {', '.join(ROLES)}, got {describe(role)}")
    return role


def checked_name(name: str) -> str:
    """
    Return a name as it is kept; raise ValueError saying what is wrong with it.
    """
    name = normal_name(name)
    if not 1 <= len(name) <= NAME_MAX_CHARACTERS:
        raise ValueError(f"name must have 1 to {NAME_MAX_CHARACTERS} characters, got {len(name)}")
    if not name.isprintable():
        raise ValueError("name must have no control characters")
    return name


def checked_password(password: str) -> str:
    """
    Return a password as it is hashed; raise ValueError saying what is wrong with it.
    """
    password = _composed(password, PASSWORD_MAX_CHARACTERS)
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
