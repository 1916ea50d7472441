"""
Signing in and out.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Final

from aiohttp import web
from attrs import define, field, frozen

from notifier.backoffice.fields import SIGN_IN_MAX_BYTES, Refusal, read_fields
from notifier.backoffice.gate import LOGIN_COOKIE, PREFIX, Gate
from notifier.backoffice.operators import NAME_MAX_CHARACTERS, Operator, OperatorStore
from notifier.backoffice.pages import Pages
from notifier.backoffice.throttle import Throttle
from notifier.backoffice.typed import Typed

MAX_CHECKS: Final = 2
"""Passwords checked at once: each takes a core and 64 MiB for some 50 ms."""

MAX_WAITING: Final = 40
"""
Sign-ins waiting for their check, about a second's worth; at the limit they are
told to try again.
"""

logger = logging.getLogger(__name__)


@frozen(repr=False)
class _Asked:
    name: str = ""
    password: str = ""
    draft: Typed | None = None

    def errors(self) -> dict[str, str]:
        errors = {}
        if not self.name:
            errors["name"] = "Write your name."
        if not self.password:
            errors["password"] = "Write your password."
        return errors


@define(repr=False)
class SignIn:
    """
    The sign-in page, and what leads to it and away from it.
    """

    _gate: Gate
    _pages: Pages
    _operators: OperatorStore
    _throttle: Throttle = field(factory=Throttle)
    _checks: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(MAX_CHECKS))
    _waiting: int = 0

    async def show(self, request: web.Request) -> web.Response:
        """
        Show the sign-in page, or the form to who is signed in already.
        """
        if self._gate.login(request):
            raise web.HTTPSeeOther(PREFIX)
        if LOGIN_COOKIE in request.cookies:
            response = await self._page(request, notice="Your log-in has ended. Sign in again.")
            self._gate.dismiss(request, response)
            return response
        signed_out = "signed-out" in request.query
        return await self._page(request, notice="You are signed out." if signed_out else "")

    async def show_instead(self, request: web.Request, typed: Typed) -> web.Response:
        """
        Show the sign-in page in place of acting, and keep what was typed.
        """
        notice = (
            "Your log-in has ended, so nothing was done."
            " Sign in, and what you typed is back in the form."
        )
        return await self._page(request, 403, notice=notice, asked=_Asked(draft=typed))

    async def submit(self, request: web.Request) -> web.Response:
        """
        Sign in by name and password.
        """
        fields = await read_fields(request, SIGN_IN_MAX_BYTES)
        asked = _Asked(
            name=fields.get("name", "").strip(),
            password=fields.get("password", ""),
            draft=self._gate.open_draft(fields.get("draft", "")),
        )
        visitor = self._gate.visitor(request)
        if not self._gate.visitor_csrf_is_of(visitor, fields.get("csrf", "")):
            words = "This page was too old. Try again, and allow cookies if that does not help."
            return await self._page(request, 403, failure=words, asked=asked)
        if errors := asked.errors():
            return await self._page(request, 422, errors=errors, asked=asked)
        return await self._try(request, asked)

    async def leave(self, request: web.Request) -> web.Response:
        """
        Sign out: the log-in ends on the server, whatever becomes of the cookie.
        """
        fields = await read_fields(request, SIGN_IN_MAX_BYTES)
        login = self._gate.login(request)
        if login and not self._gate.csrf_is_of(login, fields.get("csrf", "")):
            raise Refusal(403, "That page was from an earlier log-in. You are still signed in.")
        response = _see_other(f"{PREFIX}/sign-in?signed-out")
        self._gate.dismiss(request, response)
        return response

    async def _try(self, request: web.Request, asked: _Asked) -> web.Response:
        if self._waiting >= MAX_WAITING:
            words = "Too many people are signing in right now. Try again in a moment."
            return await self._page(request, 503, failure=words, asked=asked)
        # Cut because no operator's name is longer, and what is remembered of a name is bounded.
        counted = asked.name[:NAME_MAX_CHARACTERS]
        if wait := self._throttle.attempt(counted, self._gate.clock()):
            response = await self._page(request, 429, failure=_wait_words(wait), asked=asked)
            response.headers["Retry-After"] = str(math.ceil(wait))
            return response
        operator = await self._verify(asked)
        if operator is None:
            # Without the name: people type passwords into the wrong field.
            logger.warning("a sign-in to the back office failed")
            words = "This name and password do not belong together."
            return await self._page(request, 403, failure=words, asked=asked)
        self._throttle.forget(counted)
        return self._welcome(request, operator, asked.draft)

    def _welcome(
        self, request: web.Request, operator: Operator, draft: Typed | None
    ) -> web.Response:
        response = _see_other(PREFIX)
        login = self._gate.admit(request, response, operator.name)
        if draft:
            login.draft = draft
        logger.info("operator %r signed in", operator.name)
        return response

    async def _verify(self, asked: _Asked) -> Operator | None:
        self._waiting += 1
        try:
            async with self._checks:
                return await asyncio.to_thread(self._operators.verify, asked.name, asked.password)
        finally:
            self._waiting -= 1

    async def _page(
        self,
        request: web.Request,
        status: int = 200,
        *,
        notice: str = "",
        failure: str = "",
        errors: dict[str, str] | None = None,
        asked: _Asked | None = None,
    ) -> web.Response:
        asked = asked or _Asked()
        visitor = self._gate.greet(request)
        response = self._pages.page(
            "sign_in.html",
            status,
            csrf=self._gate.visitor_csrf(visitor),
            notice=notice,
            failure=failure,
            errors=errors or {},
            name=asked.name,
            draft=self._gate.seal_draft(asked.draft) if asked.draft else "",
            nobody=await asyncio.to_thread(self._operators.is_empty),
        )
        self._gate.remember_visitor(request, response, visitor)
        return response


def _see_other(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location})


def _wait_words(wait: float) -> str:
    if wait > 90:
        time = f"{math.ceil(wait / 60)} minutes"
    else:
        seconds = math.ceil(wait)
        time = f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"Too many failed attempts for this name. Try again in {time}."
