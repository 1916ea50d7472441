"""
The answers that were given to requests with an `Idempotency-Key`, kept in the database.

A row is committed before anything is done, and completed with the answer
afterwards. One that was begun and never completed is of a server that stopped
in between: nobody knows how that ended, so it is not begun again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import field, frozen
from sqlalchemy import ForeignKey, UniqueConstraint, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from notifier.database import Base, open_database

KEPT_S: Final = 86_400
"""How long an answer is kept, in seconds; after that its key is free again."""

MAX_KEPT: Final = 1_000_000
"""
Answers that are kept, about 300 MB; at the limit the oldest is forgotten before
its 24 hours are over.
"""


@frozen
class Kept:
    """
    What is kept of a request; `answer` is None while nobody knows how it ended.
    """

    fingerprint: str
    answer: bytes | None = field(repr=False)


class _Row(Base):
    """
    A request that is to be carried out once.
    """

    __tablename__ = "api_answers"
    __table_args__ = (UniqueConstraint("api_key_id", "idempotency_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    api_key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"))
    idempotency_key: Mapped[str]
    fingerprint: Mapped[str]
    answer: Mapped[bytes | None]
    begun_at: Mapped[float] = mapped_column(index=True)


class AnswerStore:
    """
    The answers in one database file, which is made when it is not there.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = open_database(path)
        self._clock = clock

    def begin(self, api_key_id: int, idempotency_key: str, fingerprint: str) -> Kept | None:
        """
        Write down that a request begins: None if it does, else what is kept of it.

        Call `finish` or `forget` after None. Forgets what is over age.
        """
        now = self._clock()
        row = _Row(
            api_key_id=api_key_id,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint,
            begun_at=now,
        )
        with Session(self._engine) as session:
            session.execute(delete(_Row).where(_Row.begun_at < now - KEPT_S))
            session.add(row)
            try:
                session.flush()
                session.execute(delete(_Row).where(_Row.id <= row.id - MAX_KEPT))
                session.commit()
            except IntegrityError:
                session.rollback()
            else:
                return None
            found = session.scalar(
                select(_Row).where(
                    _Row.api_key_id == api_key_id, _Row.idempotency_key == idempotency_key
                )
            )
            return None if found is None else Kept(found.fingerprint, found.answer)

    def finish(self, api_key_id: int, idempotency_key: str, answer: bytes) -> None:
        """
        Keep the answer to a request that was begun.
        """
        with Session(self._engine) as session:
            session.execute(
                update(_Row)
                .where(_Row.api_key_id == api_key_id, _Row.idempotency_key == idempotency_key)
                .values(answer=answer)
            )
            session.commit()

    def forget(self, api_key_id: int, idempotency_key: str) -> None:
        """
        Forget a request that was begun and of which nothing was done.
        """
        with Session(self._engine) as session:
            session.execute(
                delete(_Row).where(
                    _Row.api_key_id == api_key_id, _Row.idempotency_key == idempotency_key
                )
            )
            session.commit()
