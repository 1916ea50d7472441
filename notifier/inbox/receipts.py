"""
Who has got and who has read a room's notice: asked for by its sender alone.

A room has no unread state. Its notices go out to who is there, and that is not
noted; noted is who came back later and recovered one, and who says to have seen it.
A person takes a row of some 100 bytes a notice, and it goes with the notice.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from sqlalchemy import ForeignKey, bindparam, func, or_, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from notifier.database import Base
from notifier.inbox.recoveries import Recovery
from notifier.inbox.tables import Notice


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


@frozen
class Reading:
    """
    A user has seen some notices of a room.
    """

    room: str
    user: str
    ids: Sequence[str]


def note_recoveries(session: Session, some: Sequence[Recovery]) -> None:
    """
    Note what was recovered; the first time counts.
    """
    rows = [
        {"room": one.room, "user": one.user, "since": one.since, "head": one.head, "now": one.at}
        for one in some
    ]
    if rows:
        session.connection().execute(_RECOVERED, rows)


def note_readings(session: Session, some: Sequence[Reading], now: float) -> None:
    """
    Note what was seen; the first time counts, and ids of no notice of the room change nothing.
    """
    rows = [
        {"room": one.room, "user": one.user, "id": id, "now": now} for one in some for id in one.ids
    ]
    if rows:
        session.connection().execute(_SEEN, rows)


# Of the table, not the class: that takes many times as long for a batch.
_TABLE = Base.metadata.tables[Receipt.__tablename__]
_RECOVERED = (
    insert(_TABLE)
    .from_select(
        ["notice_id", "user_id", "delivered_at"],
        select(Notice.id, bindparam("user"), bindparam("now")).where(
            Notice.room == bindparam("room"),
            Notice.id > bindparam("since"),
            Notice.id <= bindparam("head"),
            Notice.withdrawn_at.is_(None),
            or_(Notice.expires_at.is_(None), Notice.expires_at > bindparam("now")),
        ),
    )
    .on_conflict_do_nothing()  # who has read it has got it before
)
_READ = insert(_TABLE).from_select(
    ["notice_id", "user_id", "seen_at"],
    select(Notice.id, bindparam("user"), bindparam("now")).where(
        Notice.room == bindparam("room"), Notice.id == bindparam("id")
    ),
)
_SEEN = _READ.on_conflict_do_update(
    index_elements=["notice_id", "user_id"],
    set_={"seen_at": func.coalesce(_TABLE.c.seen_at, _READ.excluded.seen_at)},
)
