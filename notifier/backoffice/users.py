"""
The users: who may connect, for admins to look up, keep out and let in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import web
from attrs import frozen

from notifier.accounts import Account, Accounts, UserExists
from notifier.accounts.users import NAME_MAX_CHARACTERS
from notifier.backoffice.acts import Outcome
from notifier.backoffice.audit import Act
from notifier.backoffice.keeper import Keeper
from notifier.backoffice.languages import Language
from notifier.backoffice.moment import Moment
from notifier.backoffice.text import can_be_typed, readable
from notifier.backoffice.visit import Visit
from notifier.channels import Endpoint
from notifier.notices import socket_id
from notifier.session.claims import MAX_USER_ID_CHARACTERS

MAX_USERS: Final = 30
"""Users on one page, some 40 kB of it."""

ADD: Final = "add"


@frozen
class UserRow:
    """
    A user, as the page shows them.
    """

    name: str
    """What people call the user; empty where nobody has said."""
    label: str
    id: str
    """What the row's buttons send in; empty where the form could not take it as it is."""
    sessions: int
    is_disabled: bool
    added: Moment


@frozen(repr=False)
class NewUser:
    """
    A user as typed into the form.
    """

    id: str = ""
    name: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> NewUser:
        return cls(fields.get("id", "").strip(), fields.get("name", "").strip())

    def errors(self, language: Language) -> dict[str, str]:
        """
        Say what keeps it from being added, by field; empty when nothing.
        """
        errors = {}
        if not can_be_typed(self.id):
            errors["id"] = language.say(
                "An id has 1 to %(most)s characters, this one has %(n)s.",
                most=language.number(MAX_USER_ID_CHARACTERS),
                n=language.number(len(self.id)),
            )
        if len(self.name) > NAME_MAX_CHARACTERS or not self.name.isprintable():
            errors["name"] = language.say(
                "A name is one line of at most %(most)s characters.",
                most=language.number(NAME_MAX_CHARACTERS),
            )
        return errors


@frozen
class UsersPage:
    """
    Users, in the order of their ids or as found by a text.
    """

    _endpoint: Endpoint
    _accounts: Accounts
    _keeper: Keeper
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show the users who are looked for, or a page of all.
        """
        return await self._page(visit, NewUser.of(visit.take_unsent()))

    async def submit(self, visit: Visit) -> web.StreamResponse:
        """
        Add a user, keep one out, let one in, or void one's tokens: the button says whom,
        after a colon.
        """
        if visit.fields.get("act") == ADD:
            return await self._add(visit)
        done = await visit.carry_out(self._keeper.read(visit), then=visit.path)
        return done or await self._page(visit, NewUser(), 500, failure=visit.failure)

    async def _add(self, visit: Visit) -> web.StreamResponse:
        typed = NewUser.of(visit.fields)
        if errors := typed.errors(visit.language):
            return await self._page(visit, typed, 422, errors=errors)
        done = await visit.carry_out(lambda: self._create(visit, typed), then=visit.path)
        return done or await self._page(visit, typed, 500, failure=visit.failure)

    async def _create(self, visit: Visit, typed: NewUser) -> Outcome:
        say = visit.language.say
        try:
            await self._accounts.create(typed.id, typed.name or None)
        except UserExists:
            words = say("There is a user %(user)s already.", user=typed.id)
            return Outcome(words, is_good=False)
        await visit.note(Act.USER_ADDED, typed.id)
        return Outcome(say("User %(user)s is added.", user=typed.id))

    async def _page(
        self,
        visit: Visit,
        typed: NewUser,
        status: int = 200,
        *,
        failure: str = "",
        errors: dict[str, str] | None = None,
    ) -> web.StreamResponse:
        query = visit.request.query
        words, after = query.get("q", "").strip(), query.get("after", "")
        found = await self._find(words, after)
        return visit.page(
            "users.html",
            status,
            failure=failure,
            errors=errors or {},
            typed=typed,
            words=words,
            rows=[self._row(visit, account) for account in found[:MAX_USERS]],
            # A search shows what fits best, and no more; a list goes on.
            next=found[MAX_USERS - 1].id if len(found) > MAX_USERS and not words else "",
            is_more=len(found) > MAX_USERS,
            is_first=not after,
        )

    async def _find(self, words: str, after: str) -> Sequence[Account]:
        if words:
            return await self._accounts.find(words, MAX_USERS + 1)
        return await self._accounts.page(MAX_USERS + 1, after)

    def _row(self, visit: Visit, account: Account) -> UserRow:
        return UserRow(
            name=readable(account.name or ""),
            label=readable(account.id),
            id=account.id if can_be_typed(account.id) else "",
            sessions=self._endpoint.count_by_id().get(socket_id(account.id), 0),
            is_disabled=account.is_disabled,
            added=Moment.of(account.created_at, self._clock(), visit.language),
        )
