"""
The tables of the notices.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from notifier.database import Base


class Notice(Base):
    """
    A notice that was sent. Its id is that of its first copy in the log.
    """

    __tablename__ = "notices"

    id: Mapped[str] = mapped_column(primary_key=True)
    room: Mapped[str | None]
    """The topic it went to, None where it was for users."""
    payload: Mapped[str]
    """What went over the wire, as JSON, without the id."""
    sent_at: Mapped[float]
    """Seconds since 1970, UTC, as all times here."""
    expires_at: Mapped[float | None]
    reached: Mapped[int]
    """Sessions, at the time of sending."""
    withdrawn_at: Mapped[float | None]

    __table_args__ = (
        Index("notices_by_time", "sent_at"),
        Index("notices_by_room", "room", "id"),
        Index("notices_by_withdrawal", "withdrawn_at"),
    )


class Copy(Base):
    """
    One user's copy of a notice: its id is what that user's log and clients call it.
    """

    __tablename__ = "notice_copies"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    notice_id: Mapped[str] = mapped_column(ForeignKey("notices.id"), index=True)
    delivered_at: Mapped[float | None]
    """When it was first handed to a session of the user's."""
    seen_at: Mapped[float | None]

    __table_args__ = (Index("notice_copies_by_user", "user_id", "id"),)


class Intent(Base):
    """
    What is about to be published on one topic; gone once that is noted as a notice.
    """

    __tablename__ = "notice_intents"

    number: Mapped[int] = mapped_column(primary_key=True)
    sending: Mapped[str] = mapped_column(index=True)
    """The same for all topics of one notice."""
    topic: Mapped[str]
    payload: Mapped[str]
    sent_at: Mapped[float]
    expires_at: Mapped[float | None]
