"""
What was sent: a list to search, and one notice with what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web
from attrs import frozen

from notifier.backoffice.acts import Outcome
from notifier.backoffice.audit import Act
from notifier.backoffice.door.fields import Refusal, unreadable
from notifier.backoffice.live import Live
from notifier.backoffice.visit import Visit
from notifier.backoffice.wording import Shown
from notifier.inbox import Inbox, NoticeStore
from notifier.inbox.records import Kept, Status

MAX_NOTICES: Final = 30
"""Notices on one page."""

WORDS_MAX_CHARACTERS: Final = 200
"""What is searched for is cut to so much."""

WITHDRAW: Final = "withdraw"


@frozen
class SentPage:
    """
    The notices that were sent, the newest first.
    """

    _store: NoticeStore
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show those that have all the words, or a page of all.
        """
        query = visit.request.query
        words = query.get("q", "").strip()[:WORDS_MAX_CHARACTERS]
        before = query.get("before") or None
        found = await asyncio.to_thread(self._store.search, words, MAX_NOTICES + 1, before)
        now, shown = self._clock(), found[:MAX_NOTICES]
        return visit.page(
            "sent.html",
            words=words,
            notices=[(Shown.of(one, now, visit.language), one) for one in shown],
            older=shown[-1].id if len(found) > MAX_NOTICES else "",
            is_first=before is None,
        )


@frozen
class NoticePage:
    """
    One notice, and what became of it.
    """

    _inbox: Inbox
    _live: Live
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show a notice; the figures keep themselves up to date.
        """
        return await self._page(visit, await self._find(visit))

    async def show_figures(self, visit: Visit) -> web.StreamResponse:
        """
        Answer with the figures alone, once they are other than what is shown.
        """
        id, changes = visit.request.match_info["id"], self._inbox.changes
        seen = changes.count

        async def render() -> str:
            nonlocal seen
            seen = changes.count
            return visit.part("figures.html", became=await self._became(id))

        return await self._live.answer(visit.request, render, lambda: changes.wait(seen))

    async def submit(self, visit: Visit) -> web.StreamResponse:
        """
        Withdraw the notice.
        """
        kept = await self._find(visit)
        if visit.fields.get("act") != WITHDRAW:
            raise unreadable()
        done = await visit.carry_out(lambda: self._withdraw(visit, kept), then=visit.path)
        return done or await self._page(visit, kept, 500, failure=visit.failure)

    async def _withdraw(self, visit: Visit, kept: Kept) -> Outcome:
        await self._inbox.withdraw(kept.id)
        await visit.note(Act.WITHDRAWN, kept.id)
        return Outcome(
            visit.language.say("The notice is withdrawn."),
            visit.language.say("It is gone from every page, and nobody gets it any more."),
        )

    async def _find(self, visit: Visit) -> Kept:
        kept = await asyncio.to_thread(self._inbox.store.get, visit.request.match_info["id"])
        if kept is None:
            raise _is_gone()
        return kept

    async def _became(self, id: str) -> Status:
        status = await self._inbox.status(id)
        if status is None:
            raise _is_gone()
        return status

    async def _page(
        self, visit: Visit, kept: Kept, status: int = 200, *, failure: str = ""
    ) -> web.StreamResponse:
        return visit.page(
            "notice.html",
            status,
            failure=failure,
            notice=Shown.of(kept, self._clock(), visit.language),
            users=kept.users if len(kept.users) > 1 else (),
            became=await self._became(kept.id),
        )


def _is_gone() -> Refusal:
    return Refusal(404, "There is no such notice. It may be too old to be kept.")
