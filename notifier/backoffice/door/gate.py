"""
Who is at the door: cookies in and out, and the CSRF tokens that go with them.

Three cookies: one for a log-in; one for a visitor who has yet to sign in, so that
showing the sign-in page never ends a log-in; and one that stays and says whose
browser this was, so that a stranger's guesses lock nobody out. All are
SameSite=Strict.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web
from attrs import frozen

from notifier.backoffice.door.logins import Login, Logins
from notifier.backoffice.door.operators import Operator
from notifier.backoffice.door.seals import (
    KNOWN,
    LOGIN,
    LOGIN_CSRF,
    UNSENT,
    VISITOR,
    VISITOR_CSRF,
    Seals,
)

PREFIX: Final = "/backoffice"
LOGIN_COOKIE: Final = "notifier_backoffice"
VISITOR_COOKIE: Final = "notifier_backoffice_visitor"
KNOWN_COOKIE: Final = "notifier_backoffice_known"

KNOWN_MAX_AGE_S: Final = 400 * 86_400
"""As long as browsers keep a cookie."""

SECRET_FIELDS: Final = ("csrf", "once", "password", "new_password", "new_again", "old_password")
"""What is never given back in a page."""


@frozen
class Gate:
    """
    Finds, opens and ends log-ins by what a request carries.
    """

    logins: Logins
    _seals: Seals
    clock: Callable[[], float]
    _is_https: Callable[[web.Request], bool]

    def login(self, request: web.Request, *, is_used: bool = True) -> Login | None:
        """
        Return the log-in that the request belongs to, unless it is over.

        Whether its operator still has it is another question: `Login.is_of`.
        """
        login_id = self._seals.open(LOGIN, request.cookies.get(LOGIN_COOKIE, ""))
        if not isinstance(login_id, str):
            return None
        find = self.logins.use if is_used else self.logins.look
        return find(login_id, self.clock())

    def admit(self, request: web.Request, response: web.Response, operator: Operator) -> Login:
        """
        Open a log-in under a new id, ending the one this browser had.
        """
        self._close(request)
        login = self.logins.open(operator, self.clock())
        self._set_cookie(request, response, LOGIN_COOKIE, self._seals.seal(LOGIN, login.id))
        known = self._seals.seal(KNOWN, operator.name)
        self._set_cookie(request, response, KNOWN_COOKIE, known, max_age=KNOWN_MAX_AGE_S)
        self._drop_cookie(request, response, VISITOR_COOKIE)
        return login

    def knows(self, request: web.Request, name: str) -> bool:
        """
        Return whether whoever has this name has signed in with this browser before.
        """
        return self._seals.names(KNOWN, request.cookies.get(KNOWN_COOKIE, ""), name)

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

    def seal_unsent(self, fields: Mapping[str, str]) -> str:
        """
        Pack a form that could not be taken, to travel through the sign-in page.
        """
        return self._seals.seal(UNSENT, without_secrets(fields))

    def open_unsent(self, sealed: str) -> dict[str, str] | None:
        """
        Unpack the form; None where it is not what we packed.
        """
        found = self._seals.open(UNSENT, sealed)
        return {str(name): str(found[name]) for name in found} if isinstance(found, dict) else None

    def origin(self, request: web.Request) -> str:
        """
        Return where the browser says that it found this server: to be shown, not trusted.
        """
        return f"{'https' if self._is_https(request) else 'http'}://{request.host}"

    def _close(self, request: web.Request) -> None:
        login = self.login(request)
        if login is not None:
            self.logins.close(login.id)

    def _set_cookie(
        self,
        request: web.Request,
        response: web.Response,
        name: str,
        value: str,
        max_age: int | None = None,
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path=PREFIX,
            httponly=True,
            samesite="Strict",
            secure=self._is_https(request),
        )

    def _drop_cookie(self, request: web.Request, response: web.Response, name: str) -> None:
        response.del_cookie(
            name, path=PREFIX, httponly=True, samesite="Strict", secure=self._is_https(request)
        )


def without_secrets(fields: Mapping[str, str]) -> dict[str, str]:
    """
    Return of a form's fields what may be shown in it again.
    """
    return {name: value for name, value in fields.items() if name not in SECRET_FIELDS}
