"""
Who is online: since when, by which transport; throwing out, and keeping out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from aiohttp import web
from attrs import frozen

from notifier.backoffice.keeper import Keeper
from notifier.backoffice.live import Live
from notifier.backoffice.moment import Moment
from notifier.backoffice.text import can_be_typed, readable
from notifier.backoffice.visit import Visit
from notifier.channels import Endpoint
from notifier.channels.endpoint import SessionInfo
from notifier.notices import USER_SOCKET

MAX_USERS: Final = 50
"""Users shown at once, some 40 kB of page; of the others it is told how many there are."""

LOOK_S: Final = 1.0
"""Seconds between two looks at who is online, while a page waits for news."""


@frozen
class UserRow:
    """
    A user who is online, as the page shows them.
    """

    name: str
    id: str
    """What the row's buttons send in; empty where the form could not take it as it is."""
    sessions: int
    transports: tuple[str, ...]
    since: Moment


@frozen
class OnlinePage:
    """
    Users while they are connected.
    """

    _endpoint: Endpoint
    _keeper: Keeper
    _live: Live
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show who is online.
        """
        return visit.page("online.html", **self._rows(visit))

    async def show_rows(self, visit: Visit) -> web.StreamResponse:
        """
        Answer with the list alone, once it is other than what is shown.
        """

        async def render() -> str:
            return visit.part("online_rows.html", **self._rows(visit))

        return await self._live.answer(visit.request, render, lambda: asyncio.sleep(LOOK_S))

    async def submit(self, visit: Visit) -> web.StreamResponse:
        """
        Throw a user out, or keep one out: the button says whom, after a colon.
        """
        done = await visit.carry_out(self._keeper.read(visit), then=visit.path)
        return done or visit.page("online.html", 500, failure=visit.failure, **self._rows(visit))

    def _rows(self, visit: Visit) -> dict[str, object]:
        now = self._clock()
        per_id = self._endpoint.count_by_id()
        counts = [count for id, count in per_id.items() if id.startswith(USER_SOCKET)]
        users = tuple(islice(self._users(visit, now), MAX_USERS))
        sessions = self._endpoint.count()
        return {
            "users": users,
            "user_count": len(counts),
            "session_count": sessions,
            "sessions_without_user": sessions - sum(counts),
        }

    def _users(self, visit: Visit, now: float) -> Iterator[UserRow]:
        """
        Find the users, newest first; how far this is read is how much it costs.
        """
        per_id = self._endpoint.count_by_id()
        met: dict[str, list[SessionInfo]] = {}
        for session in self._endpoint.sessions():
            if session.id is None or not session.id.startswith(USER_SOCKET):
                continue
            theirs = met.setdefault(session.id, [])
            theirs.append(session)
            if len(theirs) == per_id[session.id]:  # all are met, and the last one is the oldest
                id = session.id.removeprefix(USER_SOCKET)
                yield UserRow(
                    name=readable(id),
                    id=id if can_be_typed(id) else "",
                    sessions=len(theirs),
                    transports=tuple(sorted({one.transport for one in theirs})),
                    since=Moment.of(now - session.age_s, now, visit.language),
                )
