"""
One's own account: who one is here, one's password, and one's log-ins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web
from attrs import field, frozen

from notifier.backoffice.acts import Outcome
from notifier.backoffice.audit import Act
from notifier.backoffice.door.fields import unreadable
from notifier.backoffice.door.gate import PREFIX, Gate
from notifier.backoffice.door.operators import PASSWORD_MIN_CHARACTERS, OperatorStore
from notifier.backoffice.door.passwords import Passwords, Unchecked, password_error
from notifier.backoffice.languages import Language
from notifier.backoffice.moment import Moment
from notifier.backoffice.pages import see_other
from notifier.backoffice.visit import Visit


@frozen(repr=False)
class Change:
    """
    A change of the password, as typed into the form.
    """

    old: str = field(repr=False)
    new: str = field(repr=False)
    again: str = field(repr=False)

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Change:
        return cls(
            fields.get("old_password", ""),
            fields.get("new_password", ""),
            fields.get("new_again", ""),
        )

    def errors(self, language: Language) -> dict[str, str]:
        """
        Say what keeps it from being made, by field; whether the old one is right is not asked.
        """
        errors = {}
        if not self.old:
            errors["old_password"] = language.say("Write the password you have now.")
        if wrong := password_error(self.new, language):
            errors["new_password"] = wrong
        elif self.new == self.old:
            errors["new_password"] = language.say("This is the password you have now.")
        elif self.new != self.again:
            errors["new_again"] = language.say("This is not the same as above. Write it once more.")
        return errors


@frozen
class AccountPage:
    """
    What everyone may see and change about themselves.
    """

    _operators: OperatorStore
    _gate: Gate
    _passwords: Passwords
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show who is signed in.
        """
        return self._page(visit)

    async def submit(self, visit: Visit) -> web.StreamResponse:
        """
        Change the password, or end all log-ins.
        """
        match visit.fields.get("act"):
            case "password":
                return await self._change_password(visit)
            case "sign_out":
                return await self._sign_out(visit)
        raise unreadable()

    async def _change_password(self, visit: Visit) -> web.StreamResponse:
        change = Change.of(visit.fields)
        if errors := change.errors(visit.language):
            return self._page(visit, 422, errors=errors)
        name = visit.operator.name
        if not visit.is_again:
            try:
                is_right = await self._passwords.check(visit.request, name, change.old)
            except Unchecked as why:
                page = self._page(visit, why.status, failure=why.words(visit.language))
                page.headers.update(why.headers)
                return page
            if not is_right:
                wrong = visit.language.say("This is not the password you have now.")
                return self._page(visit, 422, errors={"old_password": wrong})
        done = await visit.carry_out(lambda: self._set_password(visit, change.new), visit.path)
        if done is None:
            return self._page(visit, 500, failure=visit.failure)
        return await self._stay(visit, done)

    async def _stay(self, visit: Visit, done: web.Response) -> web.Response:
        """
        Open a log-in in place of this one, which has ended with all others.
        """
        operator = await asyncio.to_thread(self._operators.get, visit.operator.name)
        if operator is not None:
            login = self._gate.admit(visit.request, done, operator)
            login.acts = visit.login.acts  # they tell that the password is changed
        return done

    async def _set_password(self, visit: Visit, new: str) -> Outcome:
        name, say = visit.operator.name, visit.language.say
        await asyncio.to_thread(self._operators.set_password, name, new)
        await visit.note(Act.PASSWORD_CHANGED, name)
        return Outcome(
            say("Your password is changed."),
            say("You stay signed in here, and are signed out everywhere else."),
        )

    async def _sign_out(self, visit: Visit) -> web.StreamResponse:
        name = visit.operator.name
        await asyncio.to_thread(self._operators.sign_out_everywhere, name)
        await visit.note(Act.SIGNED_OUT_EVERYWHERE, name)
        response = see_other(f"{PREFIX}/sign-in?signed-out")
        self._gate.dismiss(visit.request, response)
        return response

    def _page(
        self,
        visit: Visit,
        status: int = 200,
        *,
        failure: str = "",
        errors: dict[str, str] | None = None,
    ) -> web.Response:
        operator, now = visit.operator, self._clock()
        return visit.page(
            "account.html",
            status,
            failure=failure,
            errors=errors or {},
            added=Moment.of(operator.created_at, now, visit.language),
            signed_in=Moment.of_any(operator.signed_in_at, now, visit.language),
            least=PASSWORD_MIN_CHARACTERS,
            logins=self._gate.logins.count(operator, self._gate.clock()),
        )
