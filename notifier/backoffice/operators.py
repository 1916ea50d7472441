"""
The operators: who may sign in here, for admins to add, change and remove.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from aiohttp import web
from attrs import field, frozen

from notifier.backoffice.acts import Outcome
from notifier.backoffice.audit import Act
from notifier.backoffice.door.fields import Refusal, unreadable
from notifier.backoffice.door.gate import PREFIX, Gate
from notifier.backoffice.door.operators import (
    ADMIN,
    NAME_MAX_CHARACTERS,
    OPERATOR,
    PASSWORD_MIN_CHARACTERS,
    ROLES,
    LastAdmin,
    Operator,
    OperatorExists,
    OperatorStore,
    OperatorUnknown,
    checked_name,
    normal_name,
)
from notifier.backoffice.door.passwords import make_password, password_error
from notifier.backoffice.languages import Language
from notifier.backoffice.moment import Moment
from notifier.backoffice.visit import Visit

ADD: Final = "add"
NOT_ONESELF: Final = ("password", "sign_out")
"""Acts that would end the log-in that asks, and lose what they tell: see the account page."""


@frozen
class OperatorRow:
    """
    An operator, as the page shows them.
    """

    name: str
    is_admin: bool
    is_oneself: bool
    is_last_admin: bool
    added: Moment
    signed_in: Moment | None
    logins: int
    """How many browsers they are signed in with now."""


@frozen(repr=False)
class NewOperator:
    """
    An operator as typed into the form.
    """

    name: str = ""
    role: str = OPERATOR
    password: str = field(default="", repr=False)
    """Empty where one is to be made."""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> NewOperator:
        return cls(
            normal_name(fields.get("name", "")),
            fields.get("role", OPERATOR),
            fields.get("password", ""),
        )

    def errors(self, language: Language, *, is_taken: bool) -> dict[str, str]:
        """
        Say what keeps it from being added, by field; empty when nothing.
        """
        errors = {}
        try:
            checked_name(self.name)
        except ValueError:
            errors["name"] = language.say(
                "A name is one line of 1 to %(most)s characters.",
                most=language.number(NAME_MAX_CHARACTERS),
            )
        if is_taken:
            errors["name"] = _taken(self.name, language)
        if self.role not in ROLES:
            errors["role"] = language.say("Choose one of these.")
        if self.password and (wrong := password_error(self.password, language)):
            errors["password"] = wrong
        return errors


@frozen
class OperatorsPage:
    """
    Who may sign in, and what they may.
    """

    _operators: OperatorStore
    _gate: Gate
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show the operators.
        """
        return await self._page(visit, NewOperator.of(visit.take_unsent()))

    async def submit(self, visit: Visit) -> web.StreamResponse:
        """
        Add an operator, or change one: the button says whom, after a colon.
        """
        if visit.fields.get("act") == ADD:
            return await self._add(visit)
        perform, then = self._read(visit)
        done = await visit.carry_out(perform, then=then)
        return done or await self._page(visit, NewOperator(), 500, failure=visit.failure)

    async def _add(self, visit: Visit) -> web.StreamResponse:
        typed = NewOperator.of(visit.fields)
        taken = None if visit.is_again else await asyncio.to_thread(self._operators.get, typed.name)
        if errors := typed.errors(visit.language, is_taken=taken is not None):
            return await self._page(visit, typed, 422, errors=errors)
        done = await visit.carry_out(lambda: self._create(visit, typed), then=visit.path)
        return done or await self._page(visit, typed, 500, failure=visit.failure)

    async def _create(self, visit: Visit, typed: NewOperator) -> Outcome:
        say, made = visit.language.say, "" if typed.password else make_password()
        try:
            await asyncio.to_thread(
                self._operators.add, typed.name, typed.password or made, typed.role
            )
        except OperatorExists:
            return Outcome(_taken(typed.name, visit.language), is_good=False)
        await visit.note(Act.OPERATOR_ADDED, typed.name, typed.role)
        headline = say("%(name)s can sign in now.", name=typed.name)
        detail = say("With this password, which can be changed after signing in:") if made else ""
        return Outcome(headline, detail, secret=made)

    def _read(self, visit: Visit) -> tuple[Callable[[], Awaitable[Outcome]], str]:
        """
        Return what a row's button asks for, and the page that tells of it.
        """
        act, _, name = visit.fields.get("act", "").partition(":")
        does = {
            "make_admin": self._make_admin,
            "make_operator": self._make_operator,
            "password": self._set_password,
            "sign_out": self._sign_out,
            "remove": self._remove,
        }.get(act)
        if does is None or not name:
            raise unreadable()
        is_oneself = name == visit.operator.name
        if is_oneself and act in NOT_ONESELF:
            raise Refusal(400, "What is your own you change under your account.")

        async def do() -> Outcome:
            try:
                return await does(visit, name)
            except OperatorUnknown:
                words = visit.language.say("There is no operator %(name)s any more.", name=name)
            except LastAdmin:
                words = visit.language.say(
                    "%(name)s is the only admin. Make somebody else an admin first.", name=name
                )
            return Outcome(words, is_good=False)

        # Who is no admin any more may not see this page again.
        return do, f"{PREFIX}/account" if is_oneself else visit.path

    async def _make_admin(self, visit: Visit, name: str) -> Outcome:
        await self._set_role(visit, name, ADMIN)
        return Outcome(visit.language.say("%(name)s is an admin now.", name=name))

    async def _make_operator(self, visit: Visit, name: str) -> Outcome:
        await self._set_role(visit, name, OPERATOR)
        return Outcome(visit.language.say("%(name)s is no admin any more.", name=name))

    async def _set_role(self, visit: Visit, name: str, role: str) -> None:
        await asyncio.to_thread(self._operators.set_role, name, role)
        await visit.note(Act.ROLE_CHANGED, name, role)

    async def _set_password(self, visit: Visit, name: str) -> Outcome:
        say, made = visit.language.say, make_password()
        await asyncio.to_thread(self._operators.set_password, name, made)
        await visit.note(Act.PASSWORD_CHANGED, name)
        return Outcome(
            say("%(name)s has a new password.", name=name),
            say("The old one opens nothing any more, and all log-ins have ended."),
            secret=made,
        )

    async def _sign_out(self, visit: Visit, name: str) -> Outcome:
        await asyncio.to_thread(self._operators.sign_out_everywhere, name)
        await visit.note(Act.SIGNED_OUT_EVERYWHERE, name)
        return Outcome(visit.language.say("%(name)s is signed out everywhere.", name=name))

    async def _remove(self, visit: Visit, name: str) -> Outcome:
        await asyncio.to_thread(self._operators.remove, name)
        await visit.note(Act.OPERATOR_REMOVED, name)
        return Outcome(visit.language.say("%(name)s was removed.", name=name))

    async def _page(
        self,
        visit: Visit,
        typed: NewOperator,
        status: int = 200,
        *,
        failure: str = "",
        errors: dict[str, str] | None = None,
    ) -> web.StreamResponse:
        operators = await asyncio.to_thread(self._operators.list)
        return visit.page(
            "operators.html",
            status,
            failure=failure,
            errors=errors or {},
            typed=typed,
            least=PASSWORD_MIN_CHARACTERS,
            rows=self._rows(visit, operators),
        )

    def _rows(self, visit: Visit, operators: Sequence[Operator]) -> list[OperatorRow]:
        now, language = self._clock(), visit.language
        admins = sum(one.is_admin for one in operators)
        return [
            OperatorRow(
                name=one.name,
                is_admin=one.is_admin,
                is_oneself=one.name == visit.operator.name,
                is_last_admin=one.is_admin and admins == 1,
                added=Moment.of(one.created_at, now, language),
                signed_in=Moment.of_any(one.signed_in_at, now, language),
                logins=self._gate.logins.count(one, self._gate.clock()),
            )
            for one in operators
        ]


def _taken(name: str, language: Language) -> str:
    return language.say("There is an operator %(name)s already.", name=name)
