"""
Who is online: since when, by which transport; throwing out, and keeping out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from aiohttp import web
from attrs import frozen

from notifier.accounts import Accounts
from notifier.backoffice.acts import Outcome
from notifier.backoffice.audit import Act, AuditLog
from notifier.backoffice.door.fields import Refusal
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

THROW_OUT: Final = "throw_out"
DISABLE: Final = "disable"

logger = logging.getLogger(__name__)


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
    _accounts: Accounts
    _audit: AuditLog
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
        act, _, user = visit.fields.get("act", "").partition(":")
        if act not in (THROW_OUT, DISABLE) or not can_be_typed(user):
            raise Refusal(400, "The form could not be read, so nothing was done.")
        if act == DISABLE and not visit.operator.is_admin:
            raise Refusal(403, "This is for admins. Ask one of them.")
        perform = self._throw_out if act == THROW_OUT else self._disable
        done = await visit.carry_out(lambda: perform(visit, user), then=visit.path)
        return done or visit.page("online.html", 500, failure=visit.failure, **self._rows(visit))

    async def _throw_out(self, visit: Visit, user: str) -> Outcome:
        say = visit.language.say
        count = self._endpoint.count_by_id().get(f"{USER_SOCKET}{user}", 0)
        await self._accounts.revoke(user)
        await asyncio.to_thread(self._audit.note, visit.operator.name, Act.THROWN_OUT, user)
        return Outcome(
            say("User %(user)s was thrown out.", user=user),
            visit.language.count("%(n)s session was ended.", "%(n)s sessions were ended.", count)
            + " "
            + say("The page can come back once your site has signed the user in again."),
        )

    async def _disable(self, visit: Visit, user: str) -> Outcome:
        say = visit.language.say
        await self._accounts.disable(user)
        await asyncio.to_thread(self._audit.note, visit.operator.name, Act.DISABLED, user)
        return Outcome(
            say("User %(user)s is kept out.", user=user),
            say("All sessions were ended. Under Users you can let the user in again."),
        )

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
