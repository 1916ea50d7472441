"""
How many people a notice will reach, as far as can be told before it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from notifier.accounts import Accounts
from notifier.backoffice.languages import Language
from notifier.channels import Endpoint
from notifier.inbox import ToUsers
from notifier.inbox.recipients import Recipients
from notifier.notices import socket_id


@frozen
class Audience:
    """
    For whom a notice is, and who of them is there now.
    """

    people: int
    """Users named, or in a room now."""
    online: int
    """Those of them who are connected now."""
    sessions: int
    """Open pages of theirs; in a room also those that belong to no user."""
    is_named: bool = False
    """Whether it is for users by name, for whom it waits."""
    unknown: Sequence[str] = ()
    """Ids with which nobody has connected yet: misspelt, maybe."""
    kept_out: Sequence[str] = ()

    def words(self, language: Language) -> str:
        """
        Say how many people it will reach.
        """
        return self._words_of_users(language) if self.is_named else self._words_of_room(language)

    def _words_of_room(self, language: Language) -> str:
        if not self.sessions:
            return language.say("Nobody is there now.")
        pages = language.count("%(n)s open page", "%(n)s open pages", self.sessions)
        if not self.people:
            return language.say("It reaches %(pages)s now.", pages=pages)
        return language.count(
            "It reaches %(n)s person now, on %(pages)s.",
            "It reaches %(n)s people now, on %(pages)s.",
            self.people,
            pages=pages,
        )

    def _words_of_users(self, language: Language) -> str:
        if self.online == self.people:
            return language.count(
                "It is for %(n)s person who is online now.",
                "It is for %(n)s people, all of them online now.",
                self.people,
            )
        if not self.online:
            return language.count(
                "It is for %(n)s person, who is not online now: it waits.",
                "It is for %(n)s people, none of them online now: it waits for them.",
                self.people,
            )
        people = language.count("It is for %(n)s person.", "It is for %(n)s people.", self.people)
        online = language.count(
            "%(n)s of them is online now; it waits for the others.",
            "%(n)s of them are online now; it waits for the others.",
            self.online,
        )
        return f"{people} {online}"


async def count_audience(to: Recipients, endpoint: Endpoint, accounts: Accounts) -> Audience:
    """
    Count who will get a notice; raise EngineError where the users cannot be asked for.
    """
    if not isinstance(to, ToUsers):
        crowd = endpoint.crowd(to.topic)
        return Audience(people=crowd.people, online=crowd.people, sessions=crowd.sessions)
    known, sessions = await accounts.known(to.ids), endpoint.count_by_id()
    theirs = [count for id in to.ids if (count := sessions.get(socket_id(id), 0))]
    return Audience(
        people=len(to.ids),
        online=len(theirs),
        sessions=sum(theirs),
        is_named=True,
        unknown=[id for id in to.ids if id not in known],
        kept_out=[id for id in to.ids if id in known and known[id].is_disabled],
    )
