"""
Between aiohttp and the pages: who is asking, may they, and did the form come from us.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from aiohttp import web
from attrs import frozen
from sqlalchemy.exc import SQLAlchemyError

from notifier.backoffice import pages
from notifier.backoffice.audit import AuditLog
from notifier.backoffice.door.fields import FORM_MAX_BYTES, Refusal, read_fields
from notifier.backoffice.door.gate import PREFIX, Gate, without_secrets
from notifier.backoffice.door.logins import Login
from notifier.backoffice.door.operators import OPERATOR, Operator
from notifier.backoffice.door.signin import SignIn, choose_for
from notifier.backoffice.visit import Visit
from notifier.errors import EngineError
from notifier.logs import log_failure

PageHandler = Callable[[Visit], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_NOBODY: Final = 401


@frozen
class Reception:
    """
    Makes aiohttp's handlers of those of the pages.

    `role` is who may: an admin may all that an operator may.
    """

    _gate: Gate
    _sign_in: SignIn
    _audit: AuditLog

    def page(self, handler: PageHandler, role: str = OPERATOR) -> Handler:
        """
        Make the handler of a page, which leads to the sign-in page and back.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            found = await self._sign_in.find(request)
            if found is None:
                where = quote(request.path_qs, safe="/")
                raise web.HTTPSeeOther(f"{PREFIX}/sign-in?next={where}")
            return await handler(self._visit(request, found, role))

        return self.refusing(answer)

    def live(self, handler: PageHandler, role: str = OPERATOR) -> Handler:
        """
        Make the handler of what a script asks for: 401 where nobody is signed in, also
        once what was asked for is there, and asking does not keep a log-in from ending.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            found = await self._sign_in.find(request, is_used=False)
            if found is None:
                return web.Response(status=_NOBODY)
            response = await handler(self._visit(request, found, role))
            # It may have waited long, for something that is not to be told any more.
            is_still = await self._sign_in.find(request, is_used=False)
            return response if is_still else web.Response(status=_NOBODY)

        return self.refusing(answer)

    def form(self, handler: PageHandler, role: str = OPERATOR) -> Handler:
        """
        Make the handler of a form that one of our pages sends in to its own path.

        Where the log-in has ended, what was typed is there again after the next one.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            fields = await read_fields(request, FORM_MAX_BYTES)
            token = fields.get("csrf", "")
            if not self._gate.csrf_is_ours(token):
                raise Refusal(403, "The form did not come from this page, so nothing was done.")
            found = await self._sign_in.find(request)
            if found is None:
                return await self._sign_in.show_instead(request, fields)
            login, _ = found
            if not self._gate.csrf_is_of(login, token):
                login.unsent = {request.path: without_secrets(fields)}
                raise Refusal(
                    403, "This form was from an earlier log-in, so nothing was done. Look it over."
                )
            return await handler(self._visit(request, found, role, fields))

        return self.refusing(answer)

    def refusing(self, handler: Handler) -> Handler:
        """
        Make a page of what the handler refuses, and of what fails below it.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Refusal as refusal:
                return self._refused(request, refusal)
            except (EngineError, SQLAlchemyError, OSError) as error:
                log_failure(f"{request.method} {request.path}", error)
                broken = Refusal(
                    503,
                    "The server could not use its database; its log says why."
                    " Reload this page to try again: what you typed goes with it.",
                )
                return self._refused(request, broken)

        return answer

    def _visit(
        self,
        request: web.Request,
        found: tuple[Login, Operator],
        role: str,
        fields: dict[str, str] | None = None,
    ) -> Visit:
        login, operator = found
        if role != OPERATOR and operator.role != role:
            raise Refusal(403, "This page is for admins. Ask one of them.")
        csrf = self._gate.csrf(login)
        language = choose_for(request)
        return Visit(request, language, login, operator, csrf, fields or {}, self._audit)

    def _refused(self, request: web.Request, refusal: Refusal) -> web.Response:
        language = choose_for(request)
        words = language.say(refusal.words, **refusal.values)
        is_form = request.method == "POST"
        return pages.page(
            "refused.html",
            language,
            refusal.status,
            words=words,
            is_form=is_form,
            back=request.path if is_form else PREFIX,
        )
