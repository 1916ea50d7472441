"""
Writing a notice: the form, what it will look like and whom it will reach, and sending it.

The form is checked first, and what comes back is the whole notice once more: only that is
sent. So what was looked at is what goes out, whatever another tab does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web
from attrs import asdict, frozen

from notifier.accounts import Accounts
from notifier.backoffice.acts import Outcome
from notifier.backoffice.audience import Audience, count_audience
from notifier.backoffice.audit import Act, AuditLog
from notifier.backoffice.door.gate import PREFIX
from notifier.backoffice.text import can_be_typed, readable
from notifier.backoffice.typed import EVERYONE, ROOM, ROOM_PREFIX, USERS, Typed
from notifier.backoffice.visit import Visit
from notifier.backoffice.wording import Preview, name_levels
from notifier.channels import Endpoint
from notifier.inbox import Inbox
from notifier.notices import socket_id

CHECK: Final = "check"
SEND: Final = "send"
EDIT: Final = "edit"

MAX_NAMED: Final = 3
"""Users whom the trail names, where a notice went to more."""

MAX_ROOMS: Final = 100
"""Rooms offered as one types; others can be typed all the same."""

MAX_FOUND: Final = 8
"""Users offered as one types."""

FIND_MAX_CHARACTERS: Final = 100
"""What is typed to find a user is cut to so much."""


@frozen
class ComposePage:
    """
    The form to write a notice in.
    """

    _endpoint: Endpoint
    _inbox: Inbox
    _accounts: Accounts
    _audit: AuditLog
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show the form: empty, or for a user (`?to=`), or with a notice to send again
        (`?again=`), or with what an ended log-in had typed.
        """
        unsent, query = visit.take_unsent(), visit.request.query
        typed = Typed(to=EVERYONE)
        if unsent:
            typed = Typed.of(unsent)
        elif "again" in query:
            kept = await asyncio.to_thread(self._inbox.store.get, query["again"])
            typed = typed if kept is None else Typed.again(kept)
        elif can_be_typed(query.get("to", "")):
            typed = Typed(to=USERS, users=query["to"])
        is_fresh = not unsent and "again" not in query and "to" not in query
        return self._form(visit, typed, is_fresh=is_fresh)

    async def submit(self, visit: Visit) -> web.StreamResponse:
        """
        Check the form, and ask whether to send it; or send it; or go back to it.
        """
        typed, act = Typed.of(visit.fields), visit.fields.get("act", CHECK)
        if act == EDIT:
            return self._form(visit, typed)
        if errors := typed.errors(self._clock(), visit.language):
            return self._form(visit, typed, 422, errors=errors)
        if act != SEND:
            return await self._ask(visit, typed)
        done = await visit.carry_out(lambda: self._send(visit, typed), then=PREFIX)
        return done or await self._ask(visit, typed, 500, failure=visit.failure)

    async def find(self, visit: Visit) -> web.StreamResponse:
        """
        Answer with the users whose id or name has what was typed in it: JSON, for scripts.
        """
        text = visit.request.query.get("q", "").strip()[:FIND_MAX_CHARACTERS]
        found = await self._accounts.find(text, MAX_FOUND) if text else ()
        online = self._endpoint.count_by_id()
        users = [
            {
                "id": one.id,
                "name": readable(one.name or ""),
                "online": socket_id(one.id) in online,
                "kept_out": one.is_disabled,
            }
            for one in found
            if can_be_typed(one.id)
        ]
        return web.json_response({"users": users})

    async def _send(self, visit: Visit, typed: Typed) -> Outcome:
        to, sender, language = typed.recipients(), visit.operator.name, visit.language
        sent = await self._inbox.send(to, typed.fields(self._clock()), sender)
        await asyncio.to_thread(self._audit.note, sender, Act.SENT, sent.id, _name(typed))
        headline = language.count(
            "Sent. It is on %(n)s open page already.",
            "Sent. It is on %(n)s open pages already.",
            sent.reached,
        )
        if not sent.reached:
            headline = language.say("Sent. Nobody is there to see it yet.")
        detail = (
            language.say("It waits for whoever is away.")
            if typed.to == USERS
            else language.say("Whoever comes back gets it then.")
        )
        return Outcome(headline, detail, then=f"{PREFIX}/sent/{sent.id}")

    async def _ask(
        self, visit: Visit, typed: Typed, status: int = 200, *, failure: str = ""
    ) -> web.StreamResponse:
        """
        Show what will be sent and to how many, with all that was typed in it.
        """
        audience = await count_audience(typed.recipients(), self._endpoint, self._accounts)
        return visit.page(
            "confirm.html",
            status,
            failure=failure,
            fields=asdict(typed),
            typed=typed,
            audience=audience,
            reaches=_words_for(audience, typed, visit),
            notice=Preview.of(typed.fields(self._clock()), visit.language),
        )

    def _form(
        self,
        visit: Visit,
        typed: Typed,
        status: int = 200,
        *,
        errors: dict[str, str] | None = None,
        is_fresh: bool = False,
    ) -> web.StreamResponse:
        rooms = sorted(self._rooms())
        return visit.page(
            "compose.html",
            status,
            errors=errors or {},
            typed=typed,
            rooms=rooms[:MAX_ROOMS],
            levels=name_levels(visit.language),
            notice=Preview.of(typed.fields(self._clock()), visit.language),
            is_fresh=is_fresh,
        )

    def _rooms(self) -> list[str]:
        names = (topic.removeprefix(ROOM_PREFIX) for topic in self._endpoint.topics(ROOM_PREFIX))
        return [name for name in names if can_be_typed(name)]


def _name(typed: Typed) -> str:
    """
    Name for whom a notice is, for the trail.
    """
    if typed.to == USERS:
        more = len(typed.ids) - MAX_NAMED
        return ", ".join(typed.ids[:MAX_NAMED]) + (f" + {more}" if more > 0 else "")
    return ROOM_PREFIX + typed.room.strip() if typed.to == ROOM else EVERYONE


def _words_for(audience: Audience, typed: Typed, visit: Visit) -> str:
    """
    Say how many people a notice will reach.
    """
    language = visit.language
    if typed.to != USERS:
        return language.count(
            "It reaches %(n)s person who is there now.",
            "It reaches %(n)s people who are there now.",
            audience.people,
        )
    people = language.count("It is for %(n)s person", "It is for %(n)s people", audience.people)
    if audience.online == audience.people:
        there = language.count("who is online now.", "who are all online now.", audience.people)
    elif audience.online:
        there = language.count(
            "of whom %(n)s is online now; it waits for the others.",
            "of whom %(n)s are online now; it waits for the others.",
            audience.online,
        )
    else:
        there = language.count(
            "who is not online now: it waits.",
            "of whom nobody is online now: it waits for them.",
            audience.people,
        )
    return f"{people}{'' if audience.people == audience.online else ','} {there}"
