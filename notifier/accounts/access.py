"""
Who is kept out, in memory, so that a connect asks no database. Pure.

The rules: what is in the database rules, a change counts once it is applied
here, and a change applied twice is applied once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from attrs import define, field

from notifier.protocol.reasons import TOKEN_REVOKED, USER_DISABLED, USER_UNKNOWN, Reason
from notifier.session import Claims


class Standing(Protocol):
    """
    What of a user counts at the door; an `Account` has it.
    """

    id: str
    is_disabled: bool
    revoked_at: int | None


@define(eq=False, repr=False)
class Access:
    """
    The users who are disabled, and when tokens were revoked last.

    With `is_closed` a user must be known here: that takes memory for each one.
    """

    is_closed: bool = False
    _disabled: set[str] = field(init=False, factory=set)
    _revoked: dict[str, int] = field(init=False, factory=dict)
    _known: set[str] = field(init=False, factory=set)

    def __repr__(self) -> str:
        return f"<Access {len(self._disabled)} disabled, {len(self._revoked)} revoked>"

    def refusal(self, claims: Claims) -> Reason | None:
        """
        Tell why a token opens nothing, None if it does.
        """
        id = claims.user.id
        if id in self._disabled:
            return USER_DISABLED
        if claims.issued_at <= self._revoked.get(id, -1):
            return TOKEN_REVOKED
        if self.is_closed and id not in self._known:
            return USER_UNKNOWN
        return None

    def apply(self, changed: Iterable[Standing]) -> Sequence[str]:
        """
        Take in users as they are now; tell whose sessions must end.
        """
        return [one.id for one in changed if self._apply(one)]

    def replace(self, everyone: Iterable[Standing]) -> Sequence[str]:
        """
        Take in users as `apply` does, and forget what was known of all others.
        """
        was_disabled, was_revoked = self._disabled, self._revoked
        self._disabled, self._revoked, self._known = set(), {}, set()
        self.apply(everyone)
        newly_disabled = self._disabled - was_disabled
        newly_revoked = {id for id, at in self._revoked.items() if at > was_revoked.get(id, -1)}
        return sorted(newly_disabled | newly_revoked)

    def _apply(self, one: Standing) -> bool:
        is_news = one.is_disabled and one.id not in self._disabled
        if one.is_disabled:
            self._disabled.add(one.id)
        else:
            self._disabled.discard(one.id)
        if one.revoked_at is not None and one.revoked_at > self._revoked.get(one.id, -1):
            self._revoked[one.id] = one.revoked_at
            is_news = True
        if self.is_closed:
            self._known.add(one.id)
        return is_news
