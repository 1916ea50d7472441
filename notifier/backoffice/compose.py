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
from notifier.backoffice.audience import count_audience
from notifier.backoffice.audit import Act
from notifier.backoffice.door.gate import PREFIX
from notifier.backoffice.languages import Language
from notifier.backoffice.moment import Moment
from notifier.backoffice.text import can_be_typed, readable
from notifier.backoffice.typed import EVERYONE, ROOM, ROOM_PREFIX, USERS, Typed
from notifier.backoffice.visit import Visit
from notifier.backoffice.wording import Preview, name_levels
from notifier.channels import Endpoint
from notifier.errors import EngineError
from notifier.inbox import Draft, Inbox, Sent
from notifier.inbox.catalog import MAX_NAMED
from notifier.inbox.notice import BODY_MAX_CHARACTERS, TITLE_MAX_CHARACTERS
from notifier.logs import log_failure
from notifier.notices import socket_id

CHECK: Final = "check"
SEND: Final = "send"
EDIT: Final = "edit"

BLANK: Final = "blank"
LINKED: Final = "linked"
TYPED: Final = "typed"
"""Where what stands in the form came from, by which a script knows what to do with its draft."""

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
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show the form: empty, or for a user (`?to=`), or with a notice to send again
        (`?again=`), or with what an ended log-in had typed.
        """
        unsent, query = visit.take_unsent(), visit.request.query
        if unsent:
            return self._form(visit, Typed.of(unsent))
        if "again" in query:
            return await self._form_again(visit, query["again"])
        if can_be_typed(query.get("to", "")):
            return self._form(visit, Typed(to=USERS, users=query["to"]), source=LINKED)
        return self._form(visit, Typed(to=EVERYONE), source=BLANK)

    async def submit(self, visit: Visit) -> web.StreamResponse:
        """
        Check the form, and ask whether to send it; or send it; or go back to it.
        """
        typed, act = Typed.of(visit.fields), visit.fields.get("act", CHECK)
        if act == EDIT:
            return self._form(visit, typed)
        errors = {} if visit.is_again else typed.errors(self._clock(), visit.language)
        if errors:
            return self._form(visit, typed, 422, errors=errors)
        if act != SEND:
            return await self._ask(visit, typed)
        done = await visit.carry_out(lambda: self._send(visit, typed), then=PREFIX)
        return done or self._form(visit, typed, 500, failure=visit.failure)

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
                "is_online": socket_id(one.id) in online,
                "is_disabled": one.is_disabled,
            }
            for one in found
            if can_be_typed(one.id)
        ]
        return web.json_response({"users": users})

    async def _send(self, visit: Visit, typed: Typed) -> Outcome:
        language, fields = visit.language, typed.fields(self._clock())
        try:
            sent = await self._inbox.send(typed.recipients(), fields, visit.operator.name)
        except EngineError as error:
            log_failure("sending a notice", error)
            words = language.say(
                "Nothing was sent: the server could not store the notice."
                " What you typed is still here. Try again in a moment."
            )
            return Outcome(words, is_done=False)
        # It stays sent where it cannot be noted: told that it was not, one would send it twice.
        await visit.try_to_note(Act.SENT, sent.id, _name(typed))
        return _tell(sent, typed, language)

    async def _ask(self, visit: Visit, typed: Typed) -> web.StreamResponse:
        """
        Show what will be sent and to how many, with all that was typed in it.
        """
        try:
            audience = await count_audience(typed.recipients(), self._endpoint, self._accounts)
        except EngineError as error:
            log_failure("counting whom a notice reaches", error)
            words = visit.language.say(
                "Nothing was sent: the server could not look up its users."
                " What you typed is still here. Try again in a moment."
            )
            return self._form(visit, typed, 503, failure=words)
        now = self._clock()
        fields = typed.fields(now)
        expires_at = Draft.read(fields, now).expires_at
        return visit.page(
            "confirm.html",
            fields=asdict(typed),
            typed=typed,
            audience=audience,
            reaches=audience.words(visit.language),
            expires=Moment.of_any(expires_at, now, visit.language),
            notice=Preview.of(fields, visit.language),
        )

    async def _form_again(self, visit: Visit, id: str) -> web.StreamResponse:
        kept = await asyncio.to_thread(self._inbox.store.get, id)
        if kept is not None:
            return self._form(visit, Typed.again(kept), source=LINKED)
        words = visit.language.say("That notice is not kept any more. Write it anew.")
        return self._form(visit, Typed(to=EVERYONE), failure=words, source=BLANK)

    def _form(
        self,
        visit: Visit,
        typed: Typed,
        status: int = 200,
        *,
        errors: dict[str, str] | None = None,
        failure: str = "",
        source: str = TYPED,
    ) -> web.StreamResponse:
        return visit.page(
            "compose.html",
            status,
            errors=errors or {},
            failure=failure,
            typed=typed,
            source=source,
            rooms=sorted(self._rooms())[:MAX_ROOMS],
            levels=name_levels(visit.language),
            most={"title": TITLE_MAX_CHARACTERS, "text": BODY_MAX_CHARACTERS},
            notice=Preview.of(typed.fields(self._clock()), visit.language),
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


def _tell(sent: Sent, typed: Typed, language: Language) -> Outcome:
    """
    Tell how far a notice has come, and lead to where that is followed.
    """
    headline = language.count(
        "Sent. It is on %(n)s open page already.",
        "Sent. It is on %(n)s open pages already.",
        sent.reached,
    )
    if not sent.reached:
        headline = language.say("Sent. Nobody is there to see it yet.")
    waits = (
        language.say("It waits for whoever is away.")
        if typed.to == USERS
        else language.say("Whoever comes back within a day gets it then.")
    )
    return Outcome(headline, waits, then=f"{PREFIX}/sent/{sent.id}")
