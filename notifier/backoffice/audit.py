"""
The audit trail: every act of an operator, who did it, to what, and when.

It names subjects, never contents: no text of a notice, no password, no key.
Nothing here is async, so that the command line can call it too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from notifier.database import Base, open_database
from notifier.logs import log_failure

MAX_ENTRIES: Final = 100_000
"""Acts kept, some 15 MB: a year of a busy desk; at the limit the oldest ones go."""

SWEEP_EVERY: Final = 1_000
"""Acts between two looks at that limit."""

COMMAND_LINE: Final = "command line"
"""Who did what was done on the server itself."""


class Act(StrEnum):
    """
    What can be done; the words for it are the trail page's.
    """

    SIGNED_IN = "signed in"
    SIGN_IN_FAILED = "sign-in failed"
    SIGNED_OUT = "signed out"
    SIGNED_OUT_EVERYWHERE = "signed out everywhere"
    PASSWORD_CHANGED = "password changed"
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    THROWN_OUT = "thrown out"
    DISABLED = "disabled"
    ENABLED = "enabled"
    USER_ADDED = "user added"
    OPERATOR_ADDED = "operator added"
    OPERATOR_REMOVED = "operator removed"
    ROLE_CHANGED = "role changed"
    KEY_ADDED = "key added"
    KEY_REVOKED = "key revoked"


class Entry(Base):
    """
    One act.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    """Seconds since 1970, UTC."""
    operator: Mapped[str] = mapped_column(index=True)
    act: Mapped[str]
    subject: Mapped[str]
    """The id or name of what it was done to: a notice, user, operator or key."""
    detail: Mapped[str]


class AuditLog:
    """
    The trail in one database file, which is made when it is not there.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = open_database(path)
        self._clock = clock

    def note(self, operator: str, act: Act, subject: str = "", detail: str = "") -> None:
        """
        Note what an operator has done.
        """
        row = {
            "at": self._clock(),
            "operator": operator,
            "act": act,
            "subject": subject,
            "detail": detail,
        }
        with Session(self._engine) as session, session.begin():
            id = session.scalar(insert(Entry).values(**row).returning(Entry.id)) or 0
            if id % SWEEP_EVERY == 0:
                session.execute(delete(Entry).where(Entry.id <= id - MAX_ENTRIES))

    def try_to_note(self, operator: str, act: Act, subject: str = "", detail: str = "") -> None:
        """
        Note what stays done where it cannot be noted; then it is logged.
        """
        try:
            self.note(operator, act, subject, detail)
        except (SQLAlchemyError, OSError) as error:
            log_failure(f"noting in the audit trail: {act} {subject}".rstrip(), error)

    def page(
        self, limit: int, before: int | None = None, operator: str = "", act: str = ""
    ) -> Sequence[Entry]:
        """
        Return the newest acts below the id `before`, of one operator or of one kind.
        """
        question = select(Entry).order_by(Entry.id.desc()).limit(limit)
        if before is not None:
            question = question.where(Entry.id < before)
        if operator:
            question = question.where(Entry.operator == operator)
        if act:
            question = question.where(Entry.act == act)
        with Session(self._engine) as session:
            return session.scalars(question).all()

    def operators(self) -> Sequence[str]:
        """
        Return who has done anything, also those who have been removed since.
        """
        with Session(self._engine) as session:
            return session.scalars(
                select(Entry.operator).group_by(Entry.operator).order_by(func.lower(Entry.operator))
            ).all()
