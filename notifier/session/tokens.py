"""
Signed tokens: the user's, which opens the door, and the session's.

Every token is signed with itsdangerous under a salt of its own purpose, so
that none passes for another. Keys rotate: the newest signs, all verify.

    user token       <base64url of {"id", "role", "max_age"?}>.<time>.<signature>
                     or a JSON Web Token of the host application's
    session token    nts_<session id>.<signature>.<cursor>

The cursor stands outside the signature: it is the client's own word about
what it has received, and concerns nobody else. `docs/tokens.md` has how to
make a user token elsewhere.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b, sha256
from types import MappingProxyType
from typing import Any, Final

import orjson
from attrs import define, field
from itsdangerous import (
    BadData,
    HMACAlgorithm,
    Signer,
    TimestampSigner,
    URLSafeTimedSerializer,
    base64_decode,
    base64_encode,
    want_bytes,
)
from itsdangerous.signer import SigningAlgorithm

from notifier.errors import TokenError
from notifier.protocol.reasons import TOKEN_INVALID
from notifier.session.claims import Claims, User, check_role, check_user_id
from notifier.session.json_web_tokens import JwtRules

SESSION_PREFIX: Final = "nts_"
"""What every session token begins with, and no user token."""

SESSION_SIGNATURE_BYTES: Final = 18

MAX_TOKEN_CHARACTERS: Final = 4_096
"""
A longer user token is refused before anything is done with it; ours are about
a hundred and a browser's cookie has the same bound.
"""

MAX_REMEMBERED_TOKENS: Final = 4_096
"""User tokens whose signature is not checked again while they are among the last seen."""

_SALT: Final = "notifier."
MAX_CURSOR_DIGITS: Final = 18


class _Signer(TimestampSigner):
    """
    itsdangerous' timed signer with SHA-256, on a clock that is handed in.

    What it signs is as from itsdangerous; the keys are derived once, not each time.
    """

    def __init__(
        self,
        keys: Any,
        *,
        salt: str | bytes,
        clock: Callable[[], float],
        algorithm: SigningAlgorithm | None = None,
    ) -> None:
        super().__init__(keys, salt=salt, digest_method=sha256, algorithm=algorithm or _Sha256())
        self._clock = clock
        self._derived: dict[bytes, bytes] = {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        secret = self.secret_key if secret_key is None else want_bytes(secret_key)
        if secret not in self._derived:
            self._derived[secret] = super().derive_key(secret)
        return self._derived[secret]

    def get_timestamp(self) -> int:
        return int(self._clock())


class _Sha256(HMACAlgorithm):
    """
    itsdangerous' own algorithm, in one call.
    """

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class _Blake2(SigningAlgorithm):
    """
    A keyed hash for what nobody else signs: the fastest there is, and short.
    """

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return blake2b(value, digest_size=SESSION_SIGNATURE_BYTES, key=key).digest()


@define(eq=False)
class Tokens:
    """
    Signs and verifies the tokens of one deployment.

    `keys` are the secrets, oldest first; `clock` tells seconds since the
    epoch; `max_age` is how old a user token may be, in seconds, that does not
    say so itself. With `jwt` the host application's tokens are good, too.
    """

    keys: Sequence[str] = field(repr=lambda keys: f"<{len(keys)} keys>")
    clock: Callable[[], float] = field(repr=False)
    max_age: int
    jwt: JwtRules | None = None
    _user: _Signer = field(init=False, repr=False)
    _read: Callable[[str], Claims] = field(init=False, repr=False)
    _session: _Signer = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.keys or not all(self.keys):
            raise ValueError("expected one secret key or more, got none or an empty one")
        self._user = self._signer("user", _Sha256())
        self._session = self._signer("session", _Blake2())
        self._read = lru_cache(MAX_REMEMBERED_TOKENS)(self._verify)

    def serializer(self, purpose: str) -> URLSafeTimedSerializer:
        """
        Make an itsdangerous serializer whose tokens are good for `purpose` only.
        """
        return URLSafeTimedSerializer(
            list(self.keys),
            salt=f"{_SALT}{purpose}",
            signer=_Signer,
            signer_kwargs={"clock": self.clock},
        )

    def _signer(self, purpose: str, algorithm: SigningAlgorithm) -> _Signer:
        salt = f"{_SALT}{purpose}"
        return _Signer(list(self.keys), salt=salt, clock=self.clock, algorithm=algorithm)

    def sign_user(self, user: User, max_age: int | None = None) -> str:
        """
        Make a user token, good for `max_age` seconds (default: the config's).
        """
        check_user_id(user.id)
        check_role(user.role)
        claims: dict[str, Any] = {"id": user.id, "role": user.role}
        if max_age is not None:
            claims["max_age"] = max_age
        return self._user.sign(base64_encode(orjson.dumps(claims))).decode()

    def verify(self, token: str) -> Claims:
        """
        Read a user token; raise TokenError that says why it is no good.

        Clients come back with the token they have: one whose signature was
        good once is remembered, and only its age is looked at again.
        """
        claims = self.read(token)
        claims.check_time(int(self.clock()))
        return claims

    def verify_user(self, token: str) -> User:
        """
        Tell whom a user token speaks for; raise TokenError as `verify` does.
        """
        return self.verify(token).user

    def read(self, token: str) -> Claims:
        """
        Read a user token whatever its age; raise TokenError.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            allowed = f"expected a token of at most {MAX_TOKEN_CHARACTERS:,} characters"
            raise TokenError(TOKEN_INVALID.code, f"{allowed}, got {len(token):,}")
        return self._read(token)

    def _verify(self, token: str) -> Claims:
        try:
            payload, _, time = Signer.unsign(self._user, token).partition(b".")
        except (BadData, ValueError) as error:
            if self.jwt is not None:
                return self.jwt.read(token, self.max_age)
            raise TokenError(TOKEN_INVALID.code, TOKEN_INVALID.text) from error
        return self._claims(payload, time)

    def _claims(self, payload: bytes, time: bytes) -> Claims:
        """
        Read what stands in a token of ours whose signature is good.
        """
        try:
            data = orjson.loads(base64_decode(payload))
            signed_at = int.from_bytes(base64_decode(time))
        except (BadData, ValueError) as error:
            raise TokenError(TOKEN_INVALID.code, TOKEN_INVALID.text) from error
        match data:
            case {"id": str(id), "role": str(role)}:
                max_age = data.get("max_age", self.max_age)
                if type(max_age) is int:
                    user = _checked_user(id, role)
                    expires_at = signed_at + max_age
                    return Claims(user, signed_at, expires_at, data=MappingProxyType(data))
        raise TokenError(TOKEN_INVALID.code, "the token does not name a user and a role")

    def sign_session(self, session_id: str) -> str:
        """
        Make the signed part of a session token; `with_cursor` completes it.
        """
        return SESSION_PREFIX + Signer.sign(self._session, session_id).decode()

    def verify_session(self, signed: str) -> bool:
        """
        Whether the signed part of a session token was made with a key of ours.
        """
        try:
            Signer.unsign(self._session, signed.removeprefix(SESSION_PREFIX))
        except (BadData, ValueError):  # ValueError: half a surrogate pair, which a header may hold
            return False
        return True


def _checked_user(id: str, role: str) -> User:
    try:
        return User(check_user_id(id), check_role(role))
    except ValueError as error:
        text = f"the token does not name a user and a role: {error}"
        raise TokenError(TOKEN_INVALID.code, text) from error


def with_cursor(signed: str, cursor: int) -> str:
    """
    Complete the signed part of a session token with a cursor.
    """
    return f"{signed}.{cursor}"


def split_cursor(token: str) -> tuple[str, int] | None:
    """
    Take a session token apart into its signed part and its cursor; None for
    what is not one by its looks. The signature is not checked.
    """
    signed, _, cursor = token.rpartition(".")
    is_number = cursor.isascii() and cursor.isdigit() and len(cursor) <= MAX_CURSOR_DIGITS
    return (signed, int(cursor)) if is_number and is_session_token(token) else None


def is_session_token(token: str) -> bool:
    """
    Tell a session token of ours from any other, by its prefix.
    """
    return token.startswith(SESSION_PREFIX)
