"""
The form: writing to everyone or to one user, and throwing a user out.
"""

from __future__ import annotations

import logging
import secrets
import traceback

from aiohttp import web
from attrs import frozen

from notifier.backoffice.acts import Outcome
from notifier.backoffice.desk import Desk
from notifier.backoffice.fields import FORM_MAX_BYTES, Refusal, read_fields
from notifier.backoffice.gate import PREFIX, Gate
from notifier.backoffice.logins import Login
from notifier.backoffice.pages import Pages
from notifier.backoffice.signin import SignIn
from notifier.backoffice.typed import EVERYONE, TEXT_MAX_CHARACTERS, THROW_OUT, Typed

logger = logging.getLogger(__name__)


@frozen
class Compose:
    """
    The form, shown to who is signed in.
    """

    _gate: Gate
    _pages: Pages
    _sign_in: SignIn
    _desk: Desk

    async def show(self, request: web.Request) -> web.Response:
        """
        Show the form, with the outcome of what was just done.
        """
        login = self._gate.login(request)
        if login is None:
            raise web.HTTPSeeOther(f"{PREFIX}/sign-in")
        outcome = login.acts.take_outcome(request.query.get("done", ""))
        return self._page(login, login.draft, outcome=outcome)

    async def submit(self, request: web.Request) -> web.Response:
        """
        Do what the form asks for, once, and lead back to it by redirect.

        Whatever keeps it from being done, the page that says so has
        everything that was typed.
        """
        fields = await read_fields(request, FORM_MAX_BYTES)
        typed, act = Typed.of(fields), fields.get("act", "")
        token = fields.get("csrf", "")
        if not self._gate.csrf_is_ours(token):
            raise Refusal(403, "The form did not come from this page, so nothing was done.")
        login = self._gate.login(request)
        if login is None:
            return await self._sign_in.show_instead(request, typed)
        if not self._gate.csrf_is_of(login, token):
            words = "This form was from an earlier log-in, so nothing was done. Look it over again."
            return self._page(login, typed, 403, failure=words)
        if errors := typed.errors(act):
            return self._page(login, typed, 422, errors=errors)
        return await self._do(login, typed, act, fields.get("once", ""))

    async def _do(self, login: Login, typed: Typed, act: str, once: str) -> web.Response:
        act_id = typed.act_id(act, once)
        outcome = await login.acts.once(act_id, lambda: self._perform(login, typed, act))
        if outcome is None:
            words = (
                "The server failed while doing this, and it is not known how far it came."
                " What you typed is still here."
            )
            return self._page(login, typed, 500, failure=words)
        # Kept where nobody was reached: a mistyped id is mended without writing the text again.
        login.draft = typed.without(act) if outcome.count else typed
        return web.Response(status=303, headers={"Location": f"{PREFIX}?done={act_id}"})

    async def _perform(self, login: Login, typed: Typed, act: str) -> Outcome | None:
        try:
            if act == THROW_OUT:
                outcome = await self._throw_out(typed.out.strip())
            else:
                outcome = await self._send(typed, login.operator)
        except Exception as error:
            # Without its text, which may hold the message: a log is no place for it.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("%s failed with %s\n%s", act, type(error).__name__, where)
            return None
        logger.info("operator %r: %s, sessions: %d", login.operator, act, outcome.count)
        return outcome

    async def _send(self, typed: Typed, sender: str) -> Outcome:
        body, user = typed.text.strip(), typed.user.strip()
        if typed.to == EVERYONE:
            count = await self._desk.send_to_all(body, sender)
            detail, nobody = "Sent to everyone.", "no one is connected"
        else:
            count = await self._desk.send_to_user(user, body, sender)
            detail, nobody = f"Sent to user {user}.", f"user {user} is not connected"
        if not count:
            return Outcome(f"Reached nobody: {nobody}.", "The message is still in the form.", 0)
        return Outcome(f"Reached {_sessions(count)}.", detail, count)

    async def _throw_out(self, user: str) -> Outcome:
        count = await self._desk.throw_out(user)
        if not count:
            return Outcome(f"Ended no session: user {user} is not connected.", "", 0)
        return Outcome(f"Ended {_sessions(count)}.", f"User {user} was thrown out.", count)

    def _page(
        self,
        login: Login,
        typed: Typed,
        status: int = 200,
        *,
        failure: str = "",
        errors: dict[str, str] | None = None,
        outcome: Outcome | None = None,
    ) -> web.Response:
        return self._pages.page(
            "form.html",
            status,
            operator=login.operator,
            csrf=self._gate.csrf(login),
            once=secrets.token_urlsafe(12),
            typed=typed,
            text_max=TEXT_MAX_CHARACTERS,
            failure=failure,
            errors=errors or {},
            outcome=outcome,
        )


def _sessions(count: int) -> str:
    return f"{count:,} session{'' if count == 1 else 's'}"
