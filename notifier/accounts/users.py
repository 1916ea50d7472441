"""
The users: who may connect, kept in the database.

Nothing here is async; a server calls it through `asyncio.to_thread`. Every
change has a number, higher than those before it, so that other processes on
the same file can ask what is new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, func, insert, or_, select, true, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from notifier.database import Base, cases, open_database
from notifier.session.claims import MAX_USER_ID_CHARACTERS, User, check_role, check_user_id

NAME_MAX_CHARACTERS: Final = 100
"""As an operator's: it is shown in lists; a longer one is refused."""

PAGE_MAX: Final = 1_000
"""Users on one page; a larger page is cut to it."""


class UserExists(ValueError):
    """
    The id is taken by another user.
    """

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id

    def __str__(self) -> str:
        return f"a user {self.id!r} exists already"


class UserUnknown(LookupError):
    """
    Nobody has the id.
    """

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id

    def __str__(self) -> str:
        return f"there is no user {self.id!r}"


class Account(Base):
    """
    A user, as the database knows it.
    """

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    role: Mapped[str]
    """What tokens made here say; a token that says otherwise is taken at its word."""
    is_disabled: Mapped[bool]
    revoked_at: Mapped[int | None]
    """Seconds since 1970; a token issued then or earlier is void."""
    created_at: Mapped[float]
    """Seconds since 1970, UTC."""
    change: Mapped[int] = mapped_column(index=True)
    """The number of its last change; one statement may give several users the same."""


class UserStore:
    """
    The users in one SQLite file, which is made when it is not there.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._engine = open_database(path)
        self._clock = clock

    def create(self, id: str, name: str | None = None, role: str = "customer") -> Account:
        """
        Add a user; raise ValueError saying what is wrong otherwise.

        An id that is taken is `UserExists`, itself a ValueError.
        """
        row = self._row(User(check_user_id(id), check_role(role)), _checked_name(name))
        try:
            with self._session() as session:
                session.execute(insert(Account).values(**row, change=_next_change()))
                session.commit()
        except IntegrityError as error:
            raise UserExists(id) from error
        return self.get_or_raise(id)

    def create_missing(self, users: Iterable[User]) -> None:
        """
        Add those of `users` that are not there; leave the others as they are.
        """
        rows = [self._row(user, None) for user in users]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(_ADD_MISSING, rows)

    def get(self, id: str) -> Account | None:
        """
        Return the user with an id, None where there is none.
        """
        with self._session() as session:
            return session.get(Account, id)

    def get_or_raise(self, id: str) -> Account:
        """
        Return the user with an id; raise UserUnknown.
        """
        found = self.get(id)
        if found is None:
            raise UserUnknown(id)
        return found

    def page(self, limit: int = 100, after: str = "") -> Sequence[Account]:
        """
        List users in the order of their ids: the first `limit` beyond `after`.

        The id of the last one, as `after`, gives the next page; an empty page is the end.
        """
        beyond = select(Account).where(Account.id > after).order_by(Account.id)
        with self._session() as session:
            return session.scalars(beyond.limit(max(1, min(limit, PAGE_MAX)))).all()

    def find(self, text: str, limit: int) -> Sequence[Account]:
        """
        Return users whose id or name has the text in it, those that begin with it first.

        Upper and lower case are one; beyond ASCII where the text is all in one case. All
        users are looked at: with 100,000 that takes some 30 ms of CPU.
        """
        if len(text) > MAX_USER_ID_CHARACTERS:
            return []
        ways, fields = cases(text), (Account.id, func.coalesce(Account.name, ""))
        begins = or_(*(one.startswith(way, autoescape=True) for one in fields for way in ways))
        has = or_(*(one.contains(way, autoescape=True) for one in fields for way in ways))
        question = select(Account).where(has).order_by(begins.desc(), Account.id)
        with self._session() as session:
            return session.scalars(question.limit(max(1, min(limit, PAGE_MAX)))).all()

    def known(self, ids: Iterable[str]) -> Mapping[str, Account]:
        """
        Return those of some users who are there, by their ids.
        """
        asked, found = list(ids), dict[str, Account]()
        with self._session() as session:
            for start in range(0, len(asked), PAGE_MAX):
                some = asked[start : start + PAGE_MAX]
                rows = session.scalars(select(Account).where(Account.id.in_(some)))
                found.update((row.id, row) for row in rows)
        return found

    def count(self) -> int:
        """
        Tell how many users there are.
        """
        with self._session() as session:
            return session.scalar(select(func.count()).select_from(Account)) or 0

    def disable(self, id: str) -> Account:
        """
        Keep a user out until `enable`; raise UserUnknown.
        """
        return self._change(id, is_disabled=True)

    def enable(self, id: str) -> Account:
        """
        Let a user in again, whose revoked tokens stay void; raise UserUnknown.
        """
        return self._change(id, is_disabled=False)

    def revoke(self, id: str) -> Account:
        """
        Make void all tokens of a user that were issued up to now; raise UserUnknown.

        Tokens know whole seconds: one issued later within this second is void, too.
        """
        now = int(self._clock())
        # Never back in time, whatever the clock does: that would make void tokens good again.
        return self._change(id, revoked_at=func.max(func.coalesce(Account.revoked_at, now), now))

    def changes_since(self, change: int, *, everyone: bool) -> tuple[int, Sequence[Account]]:
        """
        Tell the number of the newest change, and who changed after `change`.

        Without `everyone` these are only the users who are, or were, kept out.
        Where the newest is below `change` the file is another one, and all are
        told.
        """
        with self._session() as session, session.begin():
            newest = session.scalar(select(func.max(Account.change))) or 0
            since = 0 if newest < change else change
            is_wanted: ColumnElement[bool] = true()
            if not everyone and since == 0:
                is_wanted = Account.is_disabled | Account.revoked_at.is_not(None)
            query = select(Account).where(Account.change > since, is_wanted)
            return newest, session.scalars(query.order_by(Account.change)).all()

    def _change(self, id: str, **values: Any) -> Account:
        query = update(Account).where(Account.id == id).values(**values, change=_next_change())
        with self._session() as session:
            query = query.returning(Account.id).execution_options(synchronize_session=False)
            changed = session.scalar(query)
            session.commit()
        if changed is None:  # also where the server adds the user a moment later
            raise UserUnknown(id)
        return self.get_or_raise(id)

    def _row(self, user: User, name: str | None) -> dict[str, Any]:
        return {
            "id": user.id,
            "name": name,
            "role": user.role,
            "is_disabled": False,
            "revoked_at": None,
            "created_at": self._clock(),
        }

    def _session(self) -> Session:
        return Session(self._engine, expire_on_commit=False)


def _next_change() -> ColumnElement[int]:
    # Within the statement that writes, so that numbers are given in the order of the commits.
    others = aliased(Account)
    newest = select(func.coalesce(func.max(others.change), 0) + 1)
    return newest.scalar_subquery()


_TABLE = Base.metadata.tables[Account.__tablename__]
# Of the table, not the class: that takes ten times as long for a batch.
_ADD_MISSING = sqlite_insert(_TABLE).values(change=_next_change()).on_conflict_do_nothing()


def _checked_name(name: str | None) -> str | None:
    name = None if name is None else name.strip()
    if not name:
        return None
    if len(name) > NAME_MAX_CHARACTERS:
        allowed = f"at most {NAME_MAX_CHARACTERS} characters"
        raise ValueError(f"name must have {allowed}, got {len(name):,}")
    if not name.isprintable():
        raise ValueError("name must have no control characters")
    return name
