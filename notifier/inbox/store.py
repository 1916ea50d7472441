"""
The notices in the database: what was sent, and what each user got and saw of it.

Nothing here is async; `inbox.py` calls it through `asyncio.to_thread`, one
that writes at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from notifier.database import open_database
from notifier.inbox import catalog
from notifier.inbox.receipts import Reading, Receipt, note_readings, note_recoveries
from notifier.inbox.recipients import MAX_RECIPIENTS, user_of
from notifier.inbox.records import Kept, Outgoing, Sending, Status, Waiting
from notifier.inbox.recoveries import Recovery
from notifier.inbox.tables import Copy, Intent, Notice

MAX_KEPT_PER_USER: Final = 1_000
"""Copies kept for one user, 5 MB at most; at the limit the oldest is deleted, seen or not."""

MAX_KEPT_PER_ROOM: Final = 1_000
"""Notices kept of one room; at the limit the oldest is deleted."""

KEPT_S: Final = 90 * 86_400.0
"""Seconds for which a notice is kept; then it is deleted, seen or not."""

SWEEP_S: Final = 3_600.0
"""Seconds between two sweeps of what is over that age; made while something is sent."""

MAX_BACKLOG: Final = 100
"""Notices that one join brings; where more are unseen, these are the newest."""


class NoticeStore:
    """
    The notices in one SQLite file, which is made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._engine = open_database(path)
        self._swept_at: float | None = None

    # --- sending

    def intend(self, sendings: Sequence[Sending]) -> None:
        """
        Note what is about to be published, before it is.
        """
        rows = [
            {
                "sending": sending.key,
                "topic": one.topic,
                "payload": orjson.dumps(one.payload).decode(),
                "sent_at": sending.sent_at,
                "expires_at": sending.expires_at,
            }
            for sending in sendings
            for one in sending.outgoing
        ]
        with Session(self._engine) as session, session.begin():
            session.execute(insert(Intent), rows)

    def give_up(self, key: str) -> None:
        """
        Forget what was not published after all. Idempotent.
        """
        with Session(self._engine) as session, session.begin():
            session.execute(delete(Intent).where(Intent.sending == key))

    def intended(self) -> list[Sending]:
        """
        Return what a server that was killed had begun, in its order.
        """
        with Session(self._engine) as session:
            rows = session.scalars(select(Intent).order_by(Intent.number)).all()
        by_key = dict[str, list[Intent]]()
        for row in rows:
            by_key.setdefault(row.sending, []).append(row)
        return [
            Sending(
                key,
                parts[0].sent_at,
                parts[0].expires_at,
                [Outgoing(one.topic, orjson.loads(one.payload)) for one in parts],
            )
            for key, parts in by_key.items()
        ]

    def known(self, ids: Iterable[str]) -> set[str]:
        """
        Tell which of these ids of the log are noted here.
        """
        asked, found = list(ids), set[str]()
        with Session(self._engine) as session:
            for start in range(0, len(asked), 1_000):
                some = asked[start : start + 1_000]
                found.update(session.scalars(select(Copy.id).where(Copy.id.in_(some))))
                found.update(session.scalars(select(Notice.id).where(Notice.id.in_(some))))
        return found

    def file(self, sendings: Sequence[Sending]) -> None:
        """
        Note what was published, in the place of the intents; each part has its id now.
        """
        with Session(self._engine) as session, session.begin():
            for sending in sendings:
                _file(session, sending)
            self._sweep(session, max(sending.sent_at for sending in sendings))

    # --- what users have

    def look(
        self, user: str, head: str, since: str | None, now: float, delivered: Sequence[str]
    ) -> Waiting:
        """
        Return what a join is to bring, oldest first, none above `head`.

        That is the unseen; with `since` only what came after it, and what lies
        before it and was handed to nobody. `delivered` was, lately.
        """
        with Session(self._engine) as session, session.begin():
            _mark_delivered(session, delivered, now)
            is_due = and_(_is_unseen_of(user, now), Copy.id <= head)
            wanted = is_due
            if since is not None:
                wanted = and_(is_due, or_(Copy.id > since, Copy.delivered_at.is_(None)))
            question = select(Copy.id, Notice.payload).join(Notice, Copy.notice_id == Notice.id)
            rows = session.execute(
                question.where(wanted).order_by(Copy.id.desc()).limit(MAX_BACKLOG)
            ).all()
            unread = _count(session, is_due)
        return Waiting([(id, orjson.loads(payload)) for id, payload in reversed(rows)], unread)

    def mark_delivered(self, ids: Sequence[str], now: float) -> None:
        """
        Note that copies were handed to a session of their user's; the first time counts.
        """
        with Session(self._engine) as session, session.begin():
            _mark_delivered(session, ids, now)

    def mark_seen(self, user: str, ids: Sequence[str], now: float) -> tuple[list[str], int]:
        """
        Note what a user has seen; return what was news, and how many are unseen yet.

        Ids that are not this user's change nothing.
        """
        theirs = and_(Copy.user_id == user, Copy.id.in_(ids), Copy.seen_at.is_(None))
        with Session(self._engine) as session, session.begin():
            changed = session.scalars(
                update(Copy)
                .where(theirs)
                .values(seen_at=now, delivered_at=func.coalesce(Copy.delivered_at, now))
                .returning(Copy.id)
            ).all()
            unread = _count(session, _is_unseen_of(user, now))
        return sorted(changed), unread

    def unread(self, user: str, now: float) -> int:
        """
        Count what a user has not seen and still could.
        """
        with Session(self._engine) as session:
            return _count(session, _is_unseen_of(user, now))

    # --- what became of a notice

    def withdraw(self, id: str, now: float) -> list[tuple[str, str]] | None:
        """
        Note that a notice is withdrawn; return topic and id of each copy, None for no notice.

        The first time counts; `id` may be that of any copy.
        """
        with Session(self._engine) as session, session.begin():
            notice_id = _notice_id(session, id)
            changed = session.execute(
                update(Notice)
                .where(Notice.id == notice_id, Notice.withdrawn_at.is_(None))
                .values(withdrawn_at=now)
                .returning(Notice.id)
            ).all()
            notice = session.get(Notice, notice_id) if notice_id else None
            if notice is None:
                return None
            return _places(session, notice) if changed else []

    def withdrawn(self, count: int) -> list[tuple[str, str, float]]:
        """
        Return topic, id and time of the `count` copies withdrawn last, in the order of time.
        """
        found = list[tuple[str, str, float]]()
        with Session(self._engine) as session:
            question = select(Notice).where(Notice.withdrawn_at.is_not(None))
            newest = question.order_by(Notice.withdrawn_at.desc()).limit(count)
            for notice in session.scalars(newest):
                at = notice.withdrawn_at or 0.0
                found += [(topic, id, at) for topic, id in _places(session, notice)]
                if len(found) >= count:
                    break
        return found[count - 1 :: -1] if len(found) > count else found[::-1]

    def status(self, id: str) -> Status | None:
        """
        Tell what became of a notice, by its id or that of a copy.
        """
        with Session(self._engine) as session:
            notice = session.get(Notice, _notice_id(session, id) or "")
            if notice is None:
                return None
            users, delivered, read = catalog.figures(session, [notice])[notice.id]
            return Status(
                id=notice.id,
                room=notice.room,
                sent_at=notice.sent_at,
                expires_at=notice.expires_at,
                reached=notice.reached,
                users=users,
                delivered=delivered,
                read=read,
                is_withdrawn=notice.withdrawn_at is not None,
            )

    def search(self, words: str, limit: int, before: str | None = None) -> list[Kept]:
        """
        Return the newest notices below the id `before`, those that have every word:
        see `catalog.search`.
        """
        with Session(self._engine) as session:
            return catalog.search(session, words, limit, before)

    def get(self, id: str) -> Kept | None:
        """
        Return a notice by its id or that of a copy, with all its users.
        """
        with Session(self._engine) as session:
            return catalog.get(session, _notice_id(session, id) or "", MAX_RECIPIENTS)

    def note_recoveries(self, some: Sequence[Recovery]) -> None:
        """
        Note what users have recovered of rooms' notices.
        """
        with Session(self._engine) as session, session.begin():
            note_recoveries(session, some)

    def note_readings(self, some: Sequence[Reading], now: float) -> None:
        """
        Note what users have seen of rooms' notices.
        """
        with Session(self._engine) as session, session.begin():
            note_readings(session, some, now)

    def _sweep(self, session: Session, now: float) -> None:
        """
        Delete what is over age, and notices none of whose copies is kept, if it is time.
        """
        if self._swept_at is not None and abs(now - self._swept_at) < SWEEP_S:
            return
        old = select(Notice.id).where(Notice.sent_at < now - KEPT_S)
        session.execute(delete(Copy).where(Copy.notice_id.in_(old)))
        session.execute(delete(Receipt).where(Receipt.notice_id.in_(old)))
        has_copies = select(Copy.id).where(Copy.notice_id == Notice.id).exists()
        is_orphan = and_(Notice.room.is_(None), ~has_copies)
        session.execute(delete(Notice).where(or_(Notice.sent_at < now - KEPT_S, is_orphan)))
        self._swept_at = now


def _file(session: Session, sending: Sending) -> None:
    first = sending.outgoing[0]
    is_for_users = user_of(first.topic) is not None
    notice = {
        "id": first.id,
        "room": None if is_for_users else first.topic,
        "payload": orjson.dumps(first.payload).decode(),
        "sent_at": sending.sent_at,
        "expires_at": sending.expires_at,
        "reached": sending.reached,
        "withdrawn_at": sending.withdrawn_at,
    }
    session.execute(delete(Intent).where(Intent.sending == sending.key))
    session.execute(insert(Notice), [notice])
    if not is_for_users:
        _trim_room(session, first.topic)
        return
    users = [user_of(one.topic) or "" for one in sending.outgoing]
    copies = [
        {"id": one.id, "user_id": user, "notice_id": first.id}
        for one, user in zip(sending.outgoing, users, strict=True)
    ]
    session.execute(insert(Copy), copies)
    for user in users:
        _trim_user(session, user)


def _is_unseen_of(user: str, now: float) -> ColumnElement[bool]:
    """
    Select a user's copies that are to be seen yet; needs the join with their notices.
    """
    return and_(
        Copy.user_id == user,
        Copy.seen_at.is_(None),
        Notice.withdrawn_at.is_(None),
        or_(Notice.expires_at.is_(None), Notice.expires_at > now),
    )


def _count(session: Session, wanted: ColumnElement[bool]) -> int:
    question = select(func.count()).select_from(Copy).join(Notice, Copy.notice_id == Notice.id)
    return session.scalar(question.where(wanted)) or 0


def _mark_delivered(session: Session, ids: Sequence[str], now: float) -> None:
    for start in range(0, len(ids), 1_000):
        some = ids[start : start + 1_000]
        theirs = and_(Copy.id.in_(some), Copy.delivered_at.is_(None))
        session.execute(update(Copy).where(theirs).values(delivered_at=now))


def _notice_id(session: Session, id: str) -> str | None:
    """
    Find the notice that is meant by the id of any of its copies, or by its own.
    """
    found = session.scalar(select(Copy.notice_id).where(Copy.id == id))
    return found or session.scalar(select(Notice.id).where(Notice.id == id))


def _places(session: Session, notice: Notice) -> list[tuple[str, str]]:
    if notice.room is not None:
        return [(notice.room, notice.id)]
    rows = session.execute(select(Copy.user_id, Copy.id).where(Copy.notice_id == notice.id))
    return [(f"user:{user}", id) for user, id in rows]


def _trim_user(session: Session, user: str) -> None:
    beyond = (
        select(Copy.id)
        .where(Copy.user_id == user)
        .order_by(Copy.id.desc())
        .offset(MAX_KEPT_PER_USER)
        .limit(1)
    ).scalar_subquery()
    session.execute(delete(Copy).where(Copy.user_id == user, Copy.id <= beyond))


def _trim_room(session: Session, room: str) -> None:
    beyond = (
        select(Notice.id)
        .where(Notice.room == room)
        .order_by(Notice.id.desc())
        .offset(MAX_KEPT_PER_ROOM)
        .limit(1)
    ).scalar_subquery()
    is_old = and_(Notice.room == room, Notice.id <= beyond)
    session.execute(delete(Receipt).where(Receipt.notice_id.in_(select(Notice.id).where(is_old))))
    session.execute(delete(Notice).where(is_old))
