"""
What is done to users: throwing out, keeping out, letting in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import frozen

from notifier.accounts import Accounts, UserUnknown
from notifier.backoffice.acts import Outcome
from notifier.backoffice.audit import Act
from notifier.backoffice.door.fields import Refusal, unreadable
from notifier.backoffice.text import can_be_typed
from notifier.backoffice.visit import Visit
from notifier.channels import Endpoint
from notifier.notices import socket_id

THROW_OUT: Final = "throw_out"
KEEP_OUT: Final = "keep_out"
LET_IN: Final = "let_in"

FOR_ADMINS: Final = (KEEP_OUT, LET_IN)


@frozen
class Keeper:
    """
    Does to a user what a button says: `throw_out:42`.
    """

    _endpoint: Endpoint
    _accounts: Accounts

    def read(self, visit: Visit) -> Callable[[], Awaitable[Outcome]]:
        """
        Return what is to be carried out; raise Refusal for what no button says, or not
        to this operator.
        """
        act, _, user = visit.fields.get("act", "").partition(":")
        does = {
            THROW_OUT: self._throw_out,
            KEEP_OUT: self._keep_out,
            LET_IN: self._let_in,
        }.get(act)
        if does is None or not can_be_typed(user):
            raise unreadable()
        if act in FOR_ADMINS and not visit.operator.is_admin:
            raise Refusal(403, "This is for admins. Ask one of them.")

        async def do() -> Outcome:
            try:
                return await does(visit, user)
            except UserUnknown:
                words = visit.language.say("There is no user %(user)s any more.", user=user)
                return Outcome(words, is_good=False)

        return do

    async def _throw_out(self, visit: Visit, user: str) -> Outcome:
        say, count = visit.language.say, self._endpoint.count_by_id().get(socket_id(user), 0)
        await self._accounts.revoke(user)
        await visit.note(Act.THROWN_OUT, user)
        ended = visit.language.count(
            "%(n)s session was ended.", "%(n)s sessions were ended.", count
        )
        back = say("The page can come back once your site has signed the user in again.")
        return Outcome(say("User %(user)s was thrown out.", user=user), f"{ended} {back}")

    async def _keep_out(self, visit: Visit, user: str) -> Outcome:
        say = visit.language.say
        await self._accounts.disable(user)
        await visit.note(Act.DISABLED, user)
        return Outcome(
            say("User %(user)s is kept out.", user=user),
            say("All sessions were ended. Under Users you can let the user in again."),
        )

    async def _let_in(self, visit: Visit, user: str) -> Outcome:
        await self._accounts.enable(user)
        await visit.note(Act.ENABLED, user)
        return Outcome(visit.language.say("User %(user)s is let in again.", user=user))
