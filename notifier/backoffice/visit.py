"""
One request of an operator who is signed in, and how a page answers it.

A page is a class with `async` methods that take a `Visit`: `show` for GET, and
`submit` for POST of the form that stands there, at the same path. What a form
asks for is carried out once, and leads back by redirect:

    async def submit(self, visit: Visit) -> web.StreamResponse:
        typed = Typed.of(visit.fields)
        if errors := typed.errors(visit.language):
            return self._page(visit, typed, 422, errors=errors)
        done = await visit.carry_out(lambda: self._rename(visit, typed), then=visit.path)
        return done or self._page(visit, typed, 500, failure=visit.failure)
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web
from attrs import define, field

from notifier.backoffice import pages
from notifier.backoffice.acts import Outcome
from notifier.backoffice.audit import Act, AuditLog
from notifier.backoffice.door.logins import Login
from notifier.backoffice.door.operators import Operator
from notifier.backoffice.languages import Language
from notifier.logs import log_failure

_NOT_ASKED: Final = ("csrf",)


@define(repr=False)
class Visit:
    """
    Who asks, in which language, and what the form says that was sent in.
    """

    request: web.Request
    language: Language
    login: Login
    operator: Operator
    csrf: str
    fields: Mapping[str, str]
    """Empty for a GET; for a POST the form came from a page of this log-in."""
    _audit: AuditLog
    failure: str = field(default="", init=False)
    """Words for what `carry_out` could not carry out."""

    @property
    def path(self) -> str:
        """
        The path asked for, where the form is sent in, too.
        """
        return self.request.path

    def take_unsent(self) -> Mapping[str, str]:
        """
        Return, once, what an ended log-in had sent in from this page: it is to be shown
        in the form again. Empty where there is nothing.
        """
        return self.login.unsent.pop(self.path, {})

    def page(self, template: str, status: int = 200, /, **values: object) -> web.Response:
        """
        Answer with a page, which tells the outcome of what was just done.
        """
        return pages.page(
            template,
            self.language,
            status,
            operator=self.operator,
            csrf=self.csrf,
            once=secrets.token_urlsafe(12),
            path=self.path,
            outcome=self.login.acts.take_outcome(self.request.query.get("done", "")),
            **{"failure": "", "errors": {}, **values},
        )

    def part(self, template: str, /, **values: object) -> str:
        """
        Render a part of a page, for a script that puts it into place.
        """
        return pages.part(template, self.language, operator=self.operator, **values)

    async def carry_out(
        self, perform: Callable[[], Awaitable[Outcome]], then: str
    ) -> web.Response | None:
        """
        Do what the form asks for, once, and lead to the path `then`, or that of the
        outcome, which tells of it.

        The same form sent in twice is done once. Returns None where `perform` says that
        nothing was done, or raised anything, which is in the log: then the page is to
        be shown with what was typed, and `failure`.
        """
        outcome = await self.login.acts.once(self._act_id, lambda: self._perform(perform))
        if outcome.is_done:
            return pages.see_other(f"{outcome.then or then}?done={self._act_id}")
        self.failure = outcome.headline
        return None

    async def note(self, act: Act, subject: str = "", detail: str = "") -> None:
        """
        Note in the audit trail what this operator has done.
        """
        await asyncio.to_thread(self._audit.note, self.operator.name, act, subject, detail)

    async def try_to_note(self, act: Act, subject: str = "", detail: str = "") -> None:
        """
        Note it as `note` does, unless that fails: then the log says so.
        """
        await asyncio.to_thread(self._audit.try_to_note, self.operator.name, act, subject, detail)

    @property
    def is_again(self) -> bool:
        """
        Whether this very form was carried out before, or is being: then what it made is
        there, and no reason to refuse it.
        """
        return self._act_id in self.login.acts

    @property
    def _act_id(self) -> str:
        asked = sorted(item for item in self.fields.items() if item[0] not in _NOT_ASKED)
        return hashlib.sha256(repr((self.path, asked)).encode()).hexdigest()[:32]

    async def _perform(self, perform: Callable[[], Awaitable[Outcome]]) -> Outcome:
        try:
            return await perform()
        except Exception as error:
            log_failure(f"{self.fields.get('act', 'send')} on {self.path}", error)
            words = self.language.say(
                "The server failed while doing this, and it is not known how far it came."
                " What you typed is still here."
            )
            return Outcome(words, is_done=False)
