"""
The notices that were sent from the form, kept in the database.

Nothing here is async; a server calls it through `asyncio.to_thread`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from notifier.accounts.database import Base, open_database

MAX_KEPT: Final = 1_000
"""
Sent notices that are kept, 16 MB if all are as long as they may be; at the
limit the oldest is deleted.
"""


class SentNotice(Base):
    """
    A notice that was sent, and how many sessions it reached.
    """

    __tablename__ = "sent_notices"

    id: Mapped[int] = mapped_column(primary_key=True)
    sent_at: Mapped[float]
    """Seconds since 1970, UTC."""
    sender: Mapped[str]
    user_id: Mapped[str | None]
    """Whom it was for, None for everyone."""
    body: Mapped[str]
    reached: Mapped[int]
    """Sessions, at the time of sending."""


class SentStore:
    """
    The sent notices in one SQLite file, which is made when it is not there.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = open_database(path)
        self._clock = clock

    def add(self, sender: str, user_id: str | None, body: str, reached: int) -> None:
        """
        Note a notice that was just sent, `user_id` None for everyone.
        """
        notice = SentNotice(
            sent_at=self._clock(), sender=sender, user_id=user_id, body=body, reached=reached
        )
        with Session(self._engine) as session:
            session.add(notice)
            session.flush()
            session.execute(delete(SentNotice).where(SentNotice.id <= notice.id - MAX_KEPT))
            session.commit()

    def newest(self, count: int) -> Sequence[SentNotice]:
        """
        Return what was sent last, the newest first.
        """
        with Session(self._engine) as session:
            return session.scalars(
                select(SentNotice).order_by(SentNotice.id.desc()).limit(count)
            ).all()
