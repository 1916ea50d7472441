"""
The form: writing to everyone or to one user, and throwing a user out.
"""

from __future__ import annotations

import logging
import secrets

from aiohttp import web
from attrs import frozen

from notifier.backoffice.acts import Outcome
from notifier.backoffice.desk import Desk
from notifier.backoffice.fields import FORM_MAX_BYTES, Refusal, read_fields
from notifier.backoffice.gate import PREFIX, Gate
from notifier.backoffice.logins import Login
from notifier.backoffice.overview import Overview, count_sessions
from notifier.backoffice.pages import Pages
from notifier.backoffice.signin import SignIn
from notifier.backoffice.typed import (
    EVERYONE,
    REFRESH,
    TEXT_MAX_CHARACTERS,
    THROW_OUT,
    WRITE_TO,
    Typed,
)
from notifier.logs import log_failure

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
    _overview: Overview

    async def show(self, request: web.Request) -> web.Response:
        """
        Show the form, with the outcome of what was just done.
        """
        login = self._gate.login(request)
        if login is None:
            raise web.HTTPSeeOther(f"{PREFIX}/sign-in")
        outcome = login.acts.take_outcome(request.query.get("done", ""))
        return await self._page(login, login.draft, outcome=outcome)

    async def submit(self, request: web.Request) -> web.Response:
        """
        Do what the form asks for, once, and lead back to it by redirect.

        A button in a row of who is online names its user after a colon.
        Whatever keeps it from being done, the page that says so has
        everything that was typed.
        """
        fields = await read_fields(request, FORM_MAX_BYTES)
        typed = Typed.of(fields)
        act, _, named = fields.get("act", "").partition(":")
        token = fields.get("csrf", "")
        if not self._gate.csrf_is_ours(token):
            raise Refusal(403, "The form did not come from this page, so nothing was done.")
        login = self._gate.login(request)
        if login is None:
            return await self._sign_in.show_instead(request, typed)
        if not self._gate.csrf_is_of(login, token):
            words = "This form was from an earlier log-in, so nothing was done. Look it over again."
            return await self._page(login, typed, 403, failure=words)
        asked = typed.naming(act, named)
        if errors := asked.errors(act):
            return await self._page(login, asked, 422, errors=errors)
        if act in (WRITE_TO, REFRESH):
            login.draft = asked
            return _see_other("#text" if act == WRITE_TO else "#online")
        return await self._do(login, typed, asked, act, fields.get("once", ""))

    async def _do(
        self, login: Login, typed: Typed, asked: Typed, act: str, once: str
    ) -> web.Response:
        act_id = asked.act_id(act, once)
        outcome = await login.acts.once(act_id, lambda: self._perform(login, asked, act))
        if outcome is None:
            words = (
                "The server failed while doing this, and it is not known how far it came."
                " What you typed is still here."
            )
            return await self._page(login, typed, 500, failure=words)
        # Kept where nothing came of it: that is mended without writing the text again; and
        # where a row's button was pressed: that used nothing of what was typed.
        is_used = outcome.is_done and asked is typed
        login.draft = typed.without(act) if is_used else typed
        return _see_other(f"?done={act_id}")

    async def _perform(self, login: Login, asked: Typed, act: str) -> Outcome | None:
        try:
            if act == THROW_OUT:
                outcome = await self._throw_out(asked.out.strip())
            else:
                outcome = await self._send(asked, login.operator)
        except Exception as error:
            log_failure(act, error)
            return None
        logger.info("operator %r: %s, sessions: %d", login.operator, act, outcome.count)
        return outcome

    async def _send(self, asked: Typed, sender: str) -> Outcome:
        body = asked.text.strip()
        user = None if asked.to == EVERYONE else asked.user.strip()
        if user is None:
            count = await self._desk.send_to_all(body, sender)
            if count:
                return Outcome(f"Reached {count_sessions(count)}.", "Sent to everyone.", count)
            return Outcome(
                "Reached nobody: no one is connected.", "The message is still in the form.", 0
            )
        count = await self._desk.send_to_user(user, body, sender)
        if count:
            return Outcome(f"Reached {count_sessions(count)}.", f"Sent to user {user}.", count)
        detail = "Whoever comes with that id gets it then. Where the id is wrong, nobody does."
        return Outcome(f"It waits for user {user}, who is not connected.", detail, 0, is_done=True)

    async def _throw_out(self, user: str) -> Outcome:
        count = await self._desk.throw_out(user)
        if not count:
            return Outcome(f"Ended no session: user {user} is not connected.", "", 0)
        return Outcome(f"Ended {count_sessions(count)}.", f"User {user} was thrown out.", count)

    async def _page(
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
            view=await self._overview.look(),
        )


def _see_other(where: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{PREFIX}{where}"})
