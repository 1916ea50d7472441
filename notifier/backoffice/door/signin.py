"""
Signing in and out.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Final

from aiohttp import web
from attrs import define, field, frozen
from sqlalchemy.exc import SQLAlchemyError

from notifier.backoffice import pages
from notifier.backoffice.audit import Act, AuditLog
from notifier.backoffice.door.fields import SIGN_IN_MAX_BYTES, Refusal, read_fields
from notifier.backoffice.door.gate import LOGIN_COOKIE, PREFIX, Gate
from notifier.backoffice.door.logins import Login
from notifier.backoffice.door.operators import Operator, OperatorStore
from notifier.backoffice.door.passwords import Passwords, Unchecked
from notifier.backoffice.languages import Language, choose
from notifier.logs import log_failure

_OURS: Final = re.compile(rf"{PREFIX}(/[A-Za-z0-9_/-]*)?(\?[!-\[\]-~]*)?")

logger = logging.getLogger(__name__)


@frozen(repr=False)
class _Asked:
    name: str = ""
    password: str = ""
    then: str = PREFIX
    """The page to come to, one of ours."""
    unsent: str = ""
    """The sealed form that an ended log-in had sent in there."""

    def errors(self, language: Language) -> dict[str, str]:
        errors = {}
        if not self.name:
            errors["name"] = language.say("Write your name.")
        if not self.password:
            errors["password"] = language.say("Write your password.")
        return errors


@define(repr=False)
class SignIn:
    """
    The sign-in page, and what leads to it and away from it.
    """

    _gate: Gate
    _operators: OperatorStore
    _audit: AuditLog
    _passwords: Passwords
    _noting: set[asyncio.Task[None]] = field(factory=set, init=False)

    async def find(
        self, request: web.Request, *, is_used: bool = True
    ) -> tuple[Login, Operator] | None:
        """
        Return the log-in that the request belongs to and whose it is, None where there is
        none or it is over.
        """
        login = self._gate.login(request, is_used=is_used)
        if login is None:
            return None
        operator = await asyncio.to_thread(self._operators.get, login.operator)
        logins = self._gate.logins
        if operator is None or not login.is_of(operator):
            logins.close(login.id)
            return None
        # It may have ended meanwhile: somebody signs out while another tab loads.
        is_still = logins.look(login.id, self._gate.clock()) is login
        return (login, operator) if is_still else None

    async def show(self, request: web.Request) -> web.Response:
        """
        Show the sign-in page, or what was asked for to who is signed in already.
        """
        asked = _Asked(then=ours(request.query.get("next", "")))
        if await self.find(request):
            raise web.HTTPSeeOther(asked.then)
        say = choose_for(request).say
        if LOGIN_COOKIE in request.cookies:
            notice = say("Your log-in has ended. Sign in again.")
            response = await self._page(request, notice=notice, asked=asked)
            self._gate.dismiss(request, response)
            return response
        notice = say("You are signed out.") if "signed-out" in request.query else ""
        return await self._page(request, notice=notice, asked=asked)

    async def show_instead(self, request: web.Request, fields: dict[str, str]) -> web.Response:
        """
        Show the sign-in page in place of acting, and keep what was typed.
        """
        notice = choose_for(request).say(
            "Your log-in has ended, so nothing was done."
            " Sign in, and what you typed is back in the form."
        )
        asked = _Asked(then=ours(request.path_qs), unsent=self._gate.seal_unsent(fields))
        return await self._page(request, 403, notice=notice, asked=asked)

    async def submit(self, request: web.Request) -> web.Response:
        """
        Sign in by name and password.
        """
        fields = await read_fields(request, SIGN_IN_MAX_BYTES)
        asked = _Asked(
            name=fields.get("name", "").strip(),
            password=fields.get("password", ""),
            then=ours(fields.get("next", "")),
            unsent=fields.get("unsent", ""),
        )
        language = choose_for(request)
        visitor = self._gate.visitor(request)
        if not self._gate.visitor_csrf_is_of(visitor, fields.get("csrf", "")):
            words = language.say(
                "This page was too old. Try again, and allow cookies if that does not help."
            )
            return await self._page(request, 403, failure=words, asked=asked)
        if errors := asked.errors(language):
            return await self._page(request, 422, errors=errors, asked=asked)
        return await self._try(request, language, asked)

    async def leave(self, request: web.Request) -> web.Response:
        """
        Sign out: the log-in ends on the server, whatever becomes of the cookie.
        """
        fields = await read_fields(request, SIGN_IN_MAX_BYTES)
        login = self._gate.login(request)
        if login and not self._gate.csrf_is_of(login, fields.get("csrf", "")):
            raise Refusal(403, "That page was from an earlier log-in. You are still signed in.")
        response = pages.see_other(f"{PREFIX}/sign-in?signed-out")
        self._gate.dismiss(request, response)
        if login:
            # It is over by now, and stays so where that cannot be noted.
            await asyncio.to_thread(self._audit.try_to_note, login.operator, Act.SIGNED_OUT)
        return response

    async def _try(self, request: web.Request, language: Language, asked: _Asked) -> web.Response:
        try:
            operator = await self._passwords.check(request, asked.name, asked.password)
        except Unchecked as why:
            words = why.words(language)
            response = await self._page(request, why.status, failure=words, asked=asked)
            response.headers.update(why.headers)
            return response
        if operator is None:
            self._note_failure(asked.name)
            words = language.say("This name and password do not belong together.")
            return await self._page(request, 403, failure=words, asked=asked)
        return await self._welcome(request, operator, asked)

    def _note_failure(self, name: str) -> None:
        # Without the name: people type passwords into the wrong field.
        logger.warning("a sign-in to the back office failed")
        # The answer does not wait for it: only a name that exists is noted, and that takes time.
        noting = asyncio.ensure_future(asyncio.to_thread(self._note_failure_of, name))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    def _note_failure_of(self, name: str) -> None:
        try:
            operator = self._operators.get(name)
        except (SQLAlchemyError, OSError) as error:
            log_failure("looking up whose sign-in failed", error)
        else:
            if operator is not None:
                self._audit.try_to_note(operator.name, Act.SIGN_IN_FAILED)

    async def _welcome(
        self, request: web.Request, operator: Operator, asked: _Asked
    ) -> web.Response:
        # Before it is opened: none begins that cannot be noted, and the one before goes on.
        await asyncio.to_thread(self._operators.note_sign_in, operator.name)
        await asyncio.to_thread(self._audit.note, operator.name, Act.SIGNED_IN)
        response = pages.see_other(asked.then)
        login = self._gate.admit(request, response, operator)
        unsent = self._gate.open_unsent(asked.unsent)
        if unsent:
            login.unsent = {asked.then.partition("?")[0]: unsent}
        logger.info("operator %r signed in", operator.name)
        return response

    async def _page(
        self,
        request: web.Request,
        status: int = 200,
        *,
        notice: str = "",
        failure: str = "",
        errors: dict[str, str] | None = None,
        asked: _Asked,
    ) -> web.Response:
        visitor = self._gate.greet(request)
        response = pages.page(
            "sign_in.html",
            choose_for(request),
            status,
            csrf=self._gate.visitor_csrf(visitor),
            notice=notice,
            failure=failure,
            errors=errors or {},
            name=asked.name,
            then=asked.then,
            unsent=asked.unsent,
            nobody=await asyncio.to_thread(self._operators.is_empty),
        )
        self._gate.remember_visitor(request, response, visitor)
        return response


def choose_for(request: web.Request) -> Language:
    """
    Return the language that the request's browser likes best.
    """
    return choose(request.headers.get("Accept-Language", ""))


def ours(path: str) -> str:
    """
    Return a path that leads to a page of the back office: the one given, if it does.
    """
    return path if _OURS.fullmatch(path) and not path.startswith(f"{PREFIX}/sign-") else PREFIX
