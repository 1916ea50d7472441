"""
What stands beside the form: who is online, and what was sent last.

Whatever fails here costs its part of the page, never the form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from attrs import frozen

from notifier.backoffice.desk import Desk, Online, OnlineUser
from notifier.backoffice.moment import Moment
from notifier.backoffice.typed import USER_ID_MAX_CHARACTERS, can_be_typed, readable
from notifier.inbox import EVERYONE, Kept, NoticeStore
from notifier.logs import log_failure

MAX_USERS: Final = 100
"""Users shown at once, some 100 kB of page; of the others the page tells how many there are."""

MAX_NOTICES: Final = 20
"""Notices shown at once; older ones are in the database only."""

START_MAX_CHARACTERS: Final = 160
"""A longer notice shows its start, and unfolds."""

START_MAX_LINES: Final = 3
"""A notice with more lines shows the first ones, and unfolds."""

TRANSPORTS: Final = {"longpoll": "long-polling", "websocket": "WebSocket"}


@frozen
class UserRow:
    """
    A user who is online, as the page shows them.
    """

    name: str
    id: str
    """What the row's buttons send in; empty where the form could not take it as it is."""
    sessions: str
    transports: str
    since: Moment


@frozen
class NoticeRow:
    """
    A notice that was sent, as the page shows it.
    """

    to: str
    """The users it was for, empty for everyone."""
    room: str
    """The room it was for, where that is not everyone's."""
    sender: str
    start: str
    """The beginning of a long notice, empty for a short one."""
    body: str
    reached: str
    is_withdrawn: bool
    at: Moment


@frozen
class View:
    """
    What stands beside the form; None where it could not be found out.
    """

    at: Moment
    online: Online | None
    users: tuple[UserRow, ...]
    notices: tuple[NoticeRow, ...] | None


@frozen
class Overview:
    """
    Looks at who is online, and at what was sent.
    """

    _desk: Desk
    _store: NoticeStore
    _clock: Callable[[], float]

    async def look(self) -> View:
        """
        Find out what there is to show; never raises.
        """
        now = self._clock()
        online = await self._online()
        notices = await self._notices()
        return View(
            at=Moment.of(now, now),
            online=online,
            users=tuple(_user_row(user, now) for user in online.users) if online else (),
            notices=None if notices is None else tuple(_notice_row(one, now) for one in notices),
        )

    async def _online(self) -> Online | None:
        try:
            return await self._desk.online(MAX_USERS)
        except Exception as error:
            log_failure("telling who is online", error)
            return None

    async def _notices(self) -> list[Kept] | None:
        try:
            return await asyncio.to_thread(self._store.newest, MAX_NOTICES)
        except Exception as error:
            log_failure("reading what was sent", error)
            return None


def count_sessions(count: int) -> str:
    """
    Word a number of sessions.
    """
    return f"{count:,} session{'' if count == 1 else 's'}"


def _user_row(user: OnlineUser, now: float) -> UserRow:
    name = readable(user.id[: USER_ID_MAX_CHARACTERS + 1])
    return UserRow(
        name=name if len(name) <= USER_ID_MAX_CHARACTERS else f"{name[:-1]}…",
        id=user.id if can_be_typed(user.id) else "",
        sessions=count_sessions(user.sessions),
        transports=", ".join(TRANSPORTS.get(name, name) for name in user.transports),
        since=Moment.of(now - user.age_s, now),
    )


def _notice_row(notice: Kept, now: float) -> NoticeRow:
    body = readable(notice.payload["body"], keep="\n\t")
    start = "\n".join(body.split("\n")[:START_MAX_LINES])[:START_MAX_CHARACTERS]
    return NoticeRow(
        to=_name_users(notice),
        room=readable(notice.room or "") if notice.room != EVERYONE else "",
        sender=readable(notice.payload["from"]),
        start="" if start == body else f"{start.rstrip()}…",
        body=body,
        reached=count_sessions(notice.reached) if notice.reached else "nobody",
        is_withdrawn=notice.is_withdrawn,
        at=Moment.of(notice.sent_at, now),
    )


def _name_users(notice: Kept) -> str:
    named = ", ".join(map(readable, notice.users))
    more = notice.user_count - len(notice.users)
    return f"{named} and {more:,} more" if more > 0 else named
