"""
Who has got and who has read a room's notice: asked for by its sender alone.

A room has no unread state. Its notices go out to who is there, and that is not
noted; noted is who came back later and recovered one, and who says to have seen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import asdict, frozen
from sqlalchemy import ForeignKey, String, bindparam, func, literal, or_, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from notifier.accounts.database import Base
from notifier.inbox.tables import Notice

MAX_WAITING: Final = 10_000
"""Receipts that wait to be noted, some 2 MB; beyond that they are not noted."""


class Receipt(Base):
    """
    What one user got and saw of a room's notice.
    """

    __tablename__ = "notice_receipts"

    notice_id: Mapped[str] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    delivered_at: Mapped[float | None]
    """When it was recovered from the log, where it was."""
    seen_at: Mapped[float | None]

    # In the order of its key, which is how it is counted.
    __table_args__ = ({"sqlite_with_rowid": False},)


@frozen
class Recovery:
    """
    A user came back to a room, and gets what is above `since` up to `head`.
    """

    room: str
    user: str
    since: str
    head: str


@frozen
class Reading:
    """
    A user has seen some notices of a room.
    """

    room: str
    user: str
    ids: Sequence[str]


def note_recoveries(session: Session, some: Sequence[Recovery], now: float) -> None:
    """
    Note what was recovered; the first time counts.
    """
    notices = select(Notice.id, bindparam("user", type_=String), literal(now)).where(
        Notice.room == bindparam("room"),
        Notice.id > bindparam("since"),
        Notice.id <= bindparam("head"),
        Notice.withdrawn_at.is_(None),
        or_(Notice.expires_at.is_(None), Notice.expires_at > now),
    )
    columns = ["notice_id", "user_id", "delivered_at"]
    statement = insert(Receipt).from_select(columns, notices).on_conflict_do_nothing()
    # All in one call of the driver.
    session.connection().execute(statement, [asdict(one) for one in some])


def note_readings(session: Session, some: Sequence[Reading], now: float) -> None:
    """
    Note what was seen; the first time counts, and ids of no notice of the room change nothing.
    """
    for one in some:
        notices = select(Notice.id, literal(one.user), literal(now)).where(
            Notice.room == one.room, Notice.id.in_(one.ids)
        )
        statement = insert(Receipt).from_select(["notice_id", "user_id", "seen_at"], notices)
        seen_at = func.coalesce(Receipt.seen_at, statement.excluded.seen_at)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["notice_id", "user_id"], set_={"seen_at": seen_at}
            )
        )
