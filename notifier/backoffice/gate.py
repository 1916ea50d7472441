"""
Who is at the door: cookies in and out, and the CSRF tokens that go with them.

Two cookies, so that showing the sign-in page never ends a log-in: one for a
log-in, one for a visitor who has yet to sign in. Both are SameSite=Strict.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from aiohttp import web
from attrs import asdict, frozen

from notifier.backoffice.logins import Login, Logins
from notifier.backoffice.seals import DRAFT, LOGIN, LOGIN_CSRF, VISITOR, VISITOR_CSRF, Seals
from notifier.backoffice.typed import Typed

PREFIX: Final = "/backoffice"
LOGIN_COOKIE: Final = "notifier_backoffice"
VISITOR_COOKIE: Final = "notifier_backoffice_visitor"


@frozen
class Gate:
    """
    Finds, opens and ends log-ins by what a request carries.
    """

    logins: Logins
    _seals: Seals
    clock: Callable[[], float]
    _is_https: Callable[[web.Request], bool]

    def login(self, request: web.Request) -> Login | None:
        """
        Return the log-in that the request belongs to, unless it is over.
        """
        login_id = self._seals.open(LOGIN, request.cookies.get(LOGIN_COOKIE, ""))
        return self.logins.use(login_id, self.clock()) if isinstance(login_id, str) else None

    def admit(self, request: web.Request, response: web.Response, operator: str) -> Login:
        """
        Open a log-in under a new id, ending the one this browser had.
        """
        self._close(request)
        login = self.logins.open(operator, self.clock())
        self._set_cookie(request, response, LOGIN_COOKIE, self._seals.seal(LOGIN, login.id))
        self._drop_cookie(request, response, VISITOR_COOKIE)
        return login

    def dismiss(self, request: web.Request, response: web.Response) -> None:
        """
        End the log-in, here and in the browser.
        """
        self._close(request)
        self._drop_cookie(request, response, LOGIN_COOKIE)

    def csrf(self, login: Login) -> str:
        """
        Return the token for the forms of this log-in.
        """
        return self._seals.seal(LOGIN_CSRF, login.id)

    def csrf_is_of(self, login: Login, token: str) -> bool:
        """
        Return whether the form came from a page of this log-in.
        """
        return self._seals.names(LOGIN_CSRF, token, login.id)

    def csrf_is_ours(self, token: str) -> bool:
        """
        Return whether the form came from a page of any log-in, ended or not.

        That is not enough to act on it, but to show again what was typed.
        """
        return self._seals.open(LOGIN_CSRF, token) is not None

    def visitor(self, request: web.Request) -> str | None:
        """
        Return who is about to sign in, as an earlier sign-in page said it.
        """
        found = self._seals.open(VISITOR, request.cookies.get(VISITOR_COOKIE, ""))
        return found if isinstance(found, str) else None

    def greet(self, request: web.Request) -> str:
        """
        Return the visitor, a new one where no page has said it yet.
        """
        return self.visitor(request) or secrets.token_urlsafe(16)

    def remember_visitor(self, request: web.Request, response: web.Response, visitor: str) -> None:
        """
        Say who the visitor is, so that the sign-in form can be told from a forgery.
        """
        sealed = self._seals.seal(VISITOR, visitor)
        self._set_cookie(request, response, VISITOR_COOKIE, sealed)

    def visitor_csrf(self, visitor: str) -> str:
        """
        Return the token for this visitor's sign-in form.
        """
        return self._seals.seal(VISITOR_CSRF, visitor)

    def visitor_csrf_is_of(self, visitor: str | None, token: str) -> bool:
        """
        Return whether the sign-in form was made for this visitor.
        """
        return visitor is not None and self._seals.names(VISITOR_CSRF, token, visitor)

    def seal_draft(self, typed: Typed) -> str:
        """
        Pack what was typed, to travel through the sign-in form.
        """
        return self._seals.seal(DRAFT, asdict(typed))

    def open_draft(self, sealed: str) -> Typed | None:
        """
        Unpack what was typed; None where it is not what we packed.
        """
        found = self._seals.open(DRAFT, sealed)
        return Typed.of(found) if isinstance(found, dict) else None

    def _close(self, request: web.Request) -> None:
        login = self.login(request)
        if login is not None:
            self.logins.close(login.id)

    def _set_cookie(
        self, request: web.Request, response: web.Response, name: str, value: str
    ) -> None:
        response.set_cookie(
            name,
            value,
            path=PREFIX,
            httponly=True,
            samesite="Strict",
            secure=self._is_https(request),
        )

    def _drop_cookie(self, request: web.Request, response: web.Response, name: str) -> None:
        response.del_cookie(
            name, path=PREFIX, httponly=True, samesite="Strict", secure=self._is_https(request)
        )
