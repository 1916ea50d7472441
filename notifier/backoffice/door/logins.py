"""
The log-ins: who is signed in now. Pure; time is handed in.

They live in this process only: a restart signs everybody out, and what they
were typing comes back through the sealed form.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from attrs import define, field

from notifier.backoffice.acts import Acts
from notifier.backoffice.door.operators import Operator

LOGIN_MAX_AGE_S: Final = 8 * 3_600.0
"""A working day: a log-in that was forgotten on a shared computer ends with it."""

LOGIN_IDLE_S: Final = 3_600.0
"""A log-in that nobody used for so long ends."""

MAX_LOGINS: Final = 1_000
"""Log-ins at once; at the limit the one that was not used for the longest time ends."""


@define(repr=False)
class Login:
    """
    One operator signed in with one browser.
    """

    id: str
    operator: str
    operator_since: float
    """When the operator was added: another one may have been given the name since."""
    sign_outs: int
    """What `Operator.sign_outs` was when this was opened; by another one it is over."""
    opened_at: float
    used_at: float
    unsent: dict[str, Mapping[str, str]] = field(factory=dict)
    """What an earlier log-in had typed into a form, by its path: shown there once."""
    acts: Acts = field(factory=Acts)

    def is_over(self, now: float) -> bool:
        """
        Return whether its time is up.
        """
        return now - self.opened_at >= LOGIN_MAX_AGE_S or now - self.used_at >= LOGIN_IDLE_S

    def is_of(self, operator: Operator | None) -> bool:
        """
        Return whether it still stands, now that this is what is kept under its name.
        """
        return (
            operator is not None
            and operator.name == self.operator
            and operator.created_at == self.operator_since
            and operator.sign_outs == self.sign_outs
        )

    def __repr__(self) -> str:
        # The id is what the cookie proves, and does not belong in a log.
        return f"<Login operator={self.operator!r}>"


@define(repr=False)
class Logins:
    """
    All log-ins by id, the least recently used first.
    """

    _by_id: OrderedDict[str, Login] = field(factory=OrderedDict, init=False)

    def open(self, operator: Operator, now: float) -> Login:
        """
        Open a log-in with an id that nobody has seen before.
        """
        login = Login(
            id=secrets.token_urlsafe(32),
            operator=operator.name,
            operator_since=operator.created_at,
            sign_outs=operator.sign_outs,
            opened_at=now,
            used_at=now,
        )
        self._by_id[login.id] = login
        if len(self._by_id) > MAX_LOGINS:
            self._by_id.popitem(last=False)
        return login

    def use(self, login_id: str, now: float) -> Login | None:
        """
        Return the log-in, which counts as using it, or None where it is over.
        """
        login = self.look(login_id, now)
        if login is not None:
            login.used_at = now
            self._by_id.move_to_end(login_id)
        return login

    def look(self, login_id: str, now: float) -> Login | None:
        """
        Return the log-in without using it: a page that keeps itself up to date has
        nobody in front of it, maybe.
        """
        login = self._by_id.get(login_id)
        if login is not None and login.is_over(now):
            self.close(login_id)
            return None
        return login

    def count(self, operator: Operator, now: float) -> int:
        """
        Count the log-ins that an operator has now.
        """
        return sum(
            login.is_of(operator) and not login.is_over(now) for login in self._by_id.values()
        )

    def close(self, login_id: str) -> None:
        """
        End the log-in; its cookie is worth nothing from now on.
        """
        self._by_id.pop(login_id, None)

    def __len__(self) -> int:
        return len(self._by_id)

    def __repr__(self) -> str:
        return f"<Logins count={len(self)}>"
