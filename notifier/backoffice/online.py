"""
Who is online: since when, by which transport; throwing out, and keeping out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from aiohttp import web
from aiohttp.hdrs import IF_NONE_MATCH
from attrs import field, frozen
from markupsafe import Markup

from notifier.backoffice.keeper import Keeper
from notifier.backoffice.live import Live, tag_of
from notifier.backoffice.moment import Moment
from notifier.backoffice.text import can_be_typed, readable
from notifier.backoffice.visit import Visit
from notifier.channels import Endpoint
from notifier.channels.endpoint import SessionInfo
from notifier.notices import USER_SOCKET

MAX_USERS: Final = 30
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
    _newest: dict[tuple[str, bool], tuple[float, str]] = field(factory=dict, init=False)
    """The list by language and by whether an admin sees it, and when it was rendered."""

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show who is online.
        """
        return self._page(visit)

    async def show_rows(self, visit: Visit) -> web.StreamResponse:
        """
        Answer with the list alone, once it is other than what is shown.
        """
        is_new = IF_NONE_MATCH not in visit.request.headers

        async def render() -> str:
            return self._render(visit) if is_new else self._render_once(visit)

        return await self._live.answer(visit.request, render, lambda: asyncio.sleep(LOOK_S))

    async def submit(self, visit: Visit) -> web.StreamResponse:
        """
        Throw a user out, or keep one out: the button says whom, after a colon.
        """
        done = await visit.carry_out(self._keeper.read(visit), then=visit.path)
        return done or self._page(visit, 500, visit.failure)

    def _page(self, visit: Visit, status: int = 200, failure: str = "") -> web.Response:
        html = self._render(visit)
        rows = Markup(html)  # noqa: S704 - a template's
        return visit.page("online.html", status, failure=failure, rows=rows, tag=tag_of(html))

    def _render_once(self, visit: Visit) -> str:
        """
        Render the list once for all who look at it: it takes milliseconds, in which
        nothing else goes on.
        """
        at, html = self._newest.get(_kind(visit), (-LOOK_S, ""))
        return html if abs(self._clock() - at) < LOOK_S else self._render(visit)

    def _render(self, visit: Visit) -> str:
        html = visit.part("online_rows.html", **self._rows(visit))
        self._newest[_kind(visit)] = self._clock(), html
        return html

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


def _kind(visit: Visit) -> tuple[str, bool]:
    """
    Name what the list depends on beside who is online.
    """
    return visit.language.code, visit.operator.is_admin
