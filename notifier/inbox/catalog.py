"""
Looking notices up, for who sends them: the newest, those with some words, and one by its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from notifier.database import cases
from notifier.inbox.receipts import Receipt
from notifier.inbox.records import Kept
from notifier.inbox.tables import Copy, Notice

MAX_SEARCHED: Final = 20_000
"""
Notices looked through for words, the newest: of 100,000, where none has them, that takes
some 70 ms of CPU, 130 ms with ten words; older ones are not found.
"""

MAX_WORDS: Final = 10
"""Words searched for; more are not looked at."""

MAX_CHARACTERS: Final = 1_000
"""Of what is searched for; beyond it is not looked at. SQLite refuses patterns of 50,000 bytes."""

MAX_NAMED: Final = 3
"""Users whom a list names, where a notice went to more."""

_TEXTS: Final = ("body", "title", "link", "from")

Figures = tuple[int, int, int]  # users, delivered, read


def search(session: Session, words: str, limit: int, before: str | None) -> list[Kept]:
    """
    Return the newest notices below the id `before` that have every word, in any case of
    its letters, in text, title, link, sender, room, or a recipient's id.
    """
    question = select(Notice).order_by(Notice.id.desc()).limit(limit)
    if before is not None:
        question = question.where(Notice.id < before)
    # LIKE takes a NUL for the end of its pattern.
    wanted = words[:MAX_CHARACTERS].replace("\0", " ").split()[:MAX_WORDS]
    if wanted:
        newest = select(Notice.id).order_by(Notice.id.desc()).limit(MAX_SEARCHED)
        question = question.where(Notice.id.in_(newest), *map(_has, wanted))
    return _kept(session, session.scalars(question).all(), MAX_NAMED)


def get(session: Session, id: str, max_users: int) -> Kept | None:
    """
    Return one notice with up to `max_users` of its users, None where there is none.
    """
    notice = session.get(Notice, id)
    return None if notice is None else _kept(session, [notice], max_users)[0]


def figures(session: Session, notices: Sequence[Notice]) -> dict[str, Figures]:
    """
    Count what became of some notices: of users' by their copies, of a room's by receipts.
    """
    ids = [one.id for one in notices]
    copies = select(
        Copy.notice_id, func.count(), func.count(Copy.delivered_at), func.count(Copy.seen_at)
    ).where(Copy.notice_id.in_(ids))
    receipts = select(
        Receipt.notice_id, func.count(Receipt.delivered_at), func.count(Receipt.seen_at)
    ).where(Receipt.notice_id.in_(ids))
    found: dict[str, Figures] = dict.fromkeys(ids, (0, 0, 0))
    for id, delivered, read in session.execute(receipts.group_by(Receipt.notice_id)):
        found[id] = (0, delivered, read)
    for id, users, delivered, read in session.execute(copies.group_by(Copy.notice_id)):
        found[id] = (users, delivered, read)
    return found


def _has(word: str) -> ColumnElement[bool]:
    texts = (func.json_extract(Notice.payload, f"$.{name}") for name in _TEXTS)
    fields: list[ColumnElement[Any]] = [*texts, func.coalesce(Notice.room, "")]
    ways = cases(word)
    is_recipient = (
        select(Copy.id)
        .where(
            Copy.notice_id == Notice.id,
            or_(*(Copy.user_id.contains(way, autoescape=True) for way in ways)),
        )
        .exists()
    )
    found = (field.contains(way, autoescape=True) for field in fields for way in ways)
    return or_(*found, is_recipient)


def _kept(session: Session, notices: Sequence[Notice], max_users: int) -> list[Kept]:
    users, counts = _users(session, notices, max_users), figures(session, notices)
    return [
        Kept(
            id=one.id,
            room=one.room,
            users=tuple(users.get(one.id, ())),
            user_count=counts[one.id][0],
            payload=orjson.loads(one.payload),
            sent_at=one.sent_at,
            expires_at=one.expires_at,
            reached=one.reached,
            delivered=counts[one.id][1],
            read=counts[one.id][2],
            is_withdrawn=one.withdrawn_at is not None,
        )
        for one in notices
    ]


def _users(
    session: Session, notices: Sequence[Notice], max_users: int
) -> Mapping[str, Sequence[str]]:
    """
    Name the first users of each notice.
    """
    place = func.row_number().over(partition_by=Copy.notice_id, order_by=Copy.id).label("place")
    ids = [one.id for one in notices]
    placed = select(Copy.notice_id, Copy.user_id, place).where(Copy.notice_id.in_(ids)).subquery()
    found = dict[str, list[str]]()
    question = select(placed.c.notice_id, placed.c.user_id).where(placed.c.place <= max_users)
    for id, user in session.execute(question.order_by(placed.c.notice_id, placed.c.place)):
        found.setdefault(id, []).append(user)
    return found
