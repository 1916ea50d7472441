"""
How many people a notice will reach, as far as can be told before it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from notifier.accounts import Accounts
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
    unknown: Sequence[str] = ()
    """Ids with which nobody has connected yet: misspelt, maybe."""
    kept_out: Sequence[str] = ()


async def count_audience(to: Recipients, endpoint: Endpoint, accounts: Accounts) -> Audience:
    """
    Count who will get a notice; raise EngineError where the users cannot be asked for.
    """
    if not isinstance(to, ToUsers):
        crowd = endpoint.crowd(to.topic)
        return Audience(people=crowd.people, online=crowd.people, sessions=crowd.sessions)
    sessions = endpoint.count_by_id()
    theirs = [count for id in to.ids if (count := sessions.get(socket_id(id), 0))]
    known = await accounts.known(to.ids)
    return Audience(
        people=len(to.ids),
        online=len(theirs),
        sessions=sum(theirs),
        unknown=[id for id in to.ids if id not in known],
        kept_out=[id for id in to.ids if id in known and known[id].is_disabled],
    )
