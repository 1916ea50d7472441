"""
Signed tokens: the user's, which opens the door, and the session's.

Every token is signed with itsdangerous under a salt of its own purpose, so
that none passes for another. Keys rotate: the newest signs, all verify.

    user token       itsdangerous timed JSON: {"id", "role", "max_age"?}
    session token    nts_<session id>.<signature>.<cursor>

The cursor stands outside the signature: it is the client's own word about
what it has received, and concerns nobody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from attrs import define, field, frozen
from itsdangerous import BadData, BadSignature, Signer, URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

from notifier.errors import TokenError
from notifier.protocol.reasons import TOKEN_EXPIRED, TOKEN_INVALID

SESSION_PREFIX: Final = "nts_"
"""What every session token begins with, and no user token."""

ROLES: Final = ("customer", "operator")

_SALT: Final = "notifier."
_MAX_CURSOR_DIGITS: Final = 18


@frozen
class User:
    """
    Who a user token speaks for.
    """

    id: str
    role: str = "customer"


@define(eq=False)
class Tokens:
    """
    Signs and verifies the tokens of one deployment.

    `keys` are the secrets, oldest first; `clock` tells seconds since the
    epoch; `max_age` is how old a user token may be, in seconds, that does not
    say so itself.
    """

    keys: Sequence[str] = field(repr=lambda keys: f"<{len(keys)} keys>")
    clock: Callable[[], float] = field(repr=False)
    max_age: int
    _user: URLSafeTimedSerializer = field(init=False, repr=False)
    _session: Signer = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.keys or not all(self.keys):
            raise ValueError("expected one secret key or more, got none or an empty one")
        self._user = self.serializer("user")
        self._session = Signer(
            list(self.keys), salt=f"{_SALT}session", digest_method=hashlib.sha256
        )

    def serializer(self, purpose: str) -> URLSafeTimedSerializer:
        """
        Make an itsdangerous serializer whose tokens are good for `purpose` only.
        """
        clock = self.clock

        class ClockedSigner(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock())

        return URLSafeTimedSerializer(
            list(self.keys),
            salt=f"{_SALT}{purpose}",
            signer=ClockedSigner,
            signer_kwargs={"digest_method": hashlib.sha256},
        )

    def sign_user(self, user: User, max_age: int | None = None) -> str:
        """
        Make a user token, good for `max_age` seconds (default: the config's).
        """
        if not user.id:
            raise ValueError("expected a user id, got an empty string")
        if user.role not in ROLES:
            raise ValueError(f"expected a role of {', '.join(ROLES)}, got {user.role!r}")
        claims: dict[str, Any] = {"id": user.id, "role": user.role}
        if max_age is not None:
            claims["max_age"] = max_age
        token = self._user.dumps(claims)
        return token if isinstance(token, str) else token.decode()

    def verify_user(self, token: str) -> User:
        """
        Read a user token; raise TokenError that says why it is no good.
        """
        try:
            claims, signed_at = self._user.loads(token, return_timestamp=True)
        except (BadSignature, BadData) as error:
            raise TokenError(TOKEN_INVALID.code, TOKEN_INVALID.text) from error
        match claims:
            case {"id": str(id), "role": str(role)} if id and role in ROLES:
                max_age = claims.get("max_age", self.max_age)
                self._check_age(int(self.clock() - signed_at.timestamp()), max_age)
                return User(id, role)
        raise TokenError(TOKEN_INVALID.code, "the token does not name a user and a role")

    def sign_session(self, session_id: str) -> str:
        """
        Make the signed part of a session token; `with_cursor` completes it.
        """
        return SESSION_PREFIX + self._session.sign(session_id).decode()

    def verify_session(self, token: str) -> tuple[str, int]:
        """
        Read a session token into session id and cursor; raise TokenError.
        """
        signed, _, cursor = token.removeprefix(SESSION_PREFIX).rpartition(".")
        is_number = cursor.isascii() and cursor.isdigit() and len(cursor) <= _MAX_CURSOR_DIGITS
        if not is_session_token(token) or not is_number:
            _refuse_session()
        try:
            return self._session.unsign(signed).decode(), int(cursor)
        except (BadSignature, UnicodeError):
            _refuse_session()

    @staticmethod
    def _check_age(age: int, max_age: object) -> None:
        if not isinstance(max_age, int) or age > max_age:
            detail = f"the token expired {age - max_age} s ago" if isinstance(max_age, int) else ""
            raise TokenError(TOKEN_EXPIRED.code, detail or TOKEN_EXPIRED.text)


def with_cursor(signed: str, cursor: int) -> str:
    """
    Complete the signed part of a session token with a cursor.
    """
    return f"{signed}.{cursor}"


def is_session_token(token: str) -> bool:
    """
    Tell a session token of ours from any other, by its prefix.
    """
    return token.startswith(SESSION_PREFIX)


def _refuse_session() -> NoReturn:
    raise TokenError(TOKEN_INVALID.code, "the session token is not one of ours")
