"""
What a user token says, whichever kind it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import field, frozen

from notifier.errors import TokenError, describe
from notifier.protocol.reasons import TOKEN_EXPIRED, TOKEN_INVALID

ROLES: Final = ("customer", "operator")

MAX_USER_ID_CHARACTERS: Final = 255
"""Room for any e-mail address or UUID; a longer id is refused where it is met."""

MAX_CLOCK_SKEW_S: Final = 60
"""
How far a host application's clock may be ahead. A token from further in the
future is refused: it would outlive a revocation.
"""


@frozen
class User:
    """
    Who a user token speaks for.
    """

    id: str
    role: str = "customer"


@frozen
class Claims:
    """
    What a user token says that was signed well: for whom, since when, until when.

    Times are whole seconds since the epoch, `expires_at` the last good one.
    `issued_at` is 0 where the token does not say. `data` is all that stands in
    the token, for a `load_user` of yours.
    """

    user: User
    issued_at: int
    expires_at: int
    not_before: int = 0
    data: Mapping[str, Any] = field(
        factory=lambda: MappingProxyType({}), repr=lambda data: f"<{len(data)} claims>"
    )

    def check_time(self, now: int) -> None:
        """
        Raise TokenError if the token is not good at `now`.
        """
        if now > self.expires_at:
            text = f"the token expired {now - self.expires_at} s ago"
            raise TokenError(TOKEN_EXPIRED.code, text)
        early = max(self.issued_at, self.not_before) - now
        if early > MAX_CLOCK_SKEW_S:
            text = f"the token is good in {early} s only: do the clocks agree?"
            raise TokenError(TOKEN_INVALID.code, text)


def check_user_id(id: object) -> str:
    """
    Return a user's id; raise ValueError for what can be none.
    """
    if not isinstance(id, str) or not id:
        raise ValueError(f"expected a user id that is a string and not empty, got {describe(id)}")
    if len(id) > MAX_USER_ID_CHARACTERS:
        allowed = f"at most {MAX_USER_ID_CHARACTERS} characters"
        raise ValueError(f"expected a user id of {allowed}, got {len(id):,}")
    try:
        id.encode()
    except UnicodeEncodeError as error:
        raise ValueError("expected a user id in UTF-8, got other bytes") from error
    return id


def check_role(role: object) -> str:
    """
    Return a role; raise ValueError for a word that is none.
    """
    if not isinstance(role, str) or role not in ROLES:
        got = repr(role[:40]) if isinstance(role, str) else describe(role)
        raise ValueError(f"expected a role of {', '.join(ROLES)}, got {got}")
    return role
