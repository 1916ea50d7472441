"""
JSON Web Tokens of a host application: HS256 with a shared secret, RFC 7519.

PyJWT checks the header and the signature, and is told of one algorithm; what
the claims mean is looked at here, by the clock that is handed in.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from math import ceil, floor, isfinite
from types import MappingProxyType
from typing import Any, Final

import attrs
import orjson
from attrs import field, frozen
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from notifier.errors import TokenError, describe
from notifier.protocol.reasons import TOKEN_INVALID
from notifier.session.claims import Claims, User, check_role, check_user_id

ALGORITHM: Final = "HS256"

SECRET_MIN_BYTES: Final = 32
"""As many as the hash gives (RFC 7518, 3.2); a shorter secret is refused."""

SECRET_EXPECTED: Final = f"a shared secret of at least {SECRET_MIN_BYTES} bytes"
_KEY_FORMATS: Final = (b"-----BEGIN", b"ssh-", b"ecdsa-", b"sk-ssh-", b"sk-ecdsa-")

MAX_NUMERIC_DATE: Final = 2**53
"""Seconds that a date may have; beyond it JSON's numbers are not exact."""


def wrong_secret(secret: object) -> str | None:
    """
    Tell what a secret is instead of one, None for one that will do.
    """
    if not isinstance(secret, bytes):
        return describe(secret)
    # Whoever has a public key could sign with it, if it were taken for a secret.
    if secret.lstrip().startswith(_KEY_FORMATS):
        return "a key in PEM or SSH format"
    return None if len(secret) >= SECRET_MIN_BYTES else f"one of {len(secret)}"


def _check_secrets(
    _rules: JwtRules, _attribute: attrs.Attribute[Any], secrets: Sequence[bytes]
) -> None:
    if not secrets:
        raise ValueError("expected one secret for JSON Web Tokens or more, got none")
    for wrong in filter(None, map(wrong_secret, secrets)):
        raise ValueError(f"expected {SECRET_EXPECTED}, got {wrong}")


@frozen(kw_only=True)
class JwtRules:
    """
    How the JSON Web Tokens of a host application are read.

    Any of `secrets` may have signed. `user_claim` names the claim with the
    user's id, `role_claim` that with the role, None for customers only.
    `audience` and `issuer` must be the token's where they are given.
    """

    secrets: Sequence[bytes] = field(
        validator=_check_secrets, repr=lambda secrets: f"<{len(secrets)} secrets>"
    )
    user_claim: str = "sub"
    role_claim: str | None = None
    audience: str | None = None
    issuer: str | None = None

    def read(self, token: str, max_age: int) -> Claims:
        """
        Check the signature and what the claims say; raise TokenError.

        `max_age` is for a token that does not say when it expires. The time is
        not looked at: see `Claims.check_time`.
        """
        claims = self._unsigned(token)
        self._check_parties(claims)
        try:
            user = User(check_user_id(_as_id(claims.get(self.user_claim))), self._role(claims))
        except ValueError as error:
            raise _invalid(str(error)) from error
        issued, expires = _date(claims, "iat"), _date(claims, "exp")
        if expires is None and issued is None:
            raise _invalid("the token does not say until when it is good: it needs exp or iat")
        if issued is not None and issued < 0:
            raise _invalid("expected iat to be 1970 or later")
        issued_at = floor(issued or 0)
        # RFC 7519, 4.1.4: not accepted on or after the time.
        expires_at = issued_at + max_age if expires is None else ceil(expires) - 1
        not_before = ceil(_date(claims, "nbf") or 0)
        return Claims(user, issued_at, expires_at, not_before, MappingProxyType(claims))

    def _unsigned(self, token: str) -> dict[str, Any]:
        for secret in self.secrets:
            try:
                decoded = PyJWS().decode_complete(token, secret, algorithms=[ALGORITHM])
                claims = orjson.loads(decoded["payload"])
            except (PyJWTError, ValueError, RecursionError):
                continue
            if isinstance(claims, dict):
                return claims
        raise TokenError(TOKEN_INVALID.code, TOKEN_INVALID.text)

    def _check_parties(self, claims: Mapping[str, Any]) -> None:
        """
        Refuse a token that was made by others, or for others.
        """
        audience = claims.get("aud", [])
        audiences = audience if isinstance(audience, list) else [audience]
        # RFC 7519, 4.1.3: a token that names an audience is for nobody else.
        is_ours = self.audience in audiences if self.audience else not audiences
        if not is_ours:
            raise _invalid("the token is not for this audience (aud; jwt_audience)")
        issuer = claims.get("iss")
        if self.issuer and not (isinstance(issuer, str) and _is_same(issuer, self.issuer)):
            raise _invalid("the token is not from this issuer (iss; jwt_issuer)")

    def _role(self, claims: Mapping[str, Any]) -> str:
        if self.role_claim is None or self.role_claim not in claims:
            return User("").role
        return check_role(claims[self.role_claim])


def _as_id(value: object) -> object:
    # A string by the RFC; many host applications have the number of a row.
    return str(value) if type(value) is int else value


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _date(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not isfinite(value) or abs(value) > MAX_NUMERIC_DATE:
        raise _invalid(f"expected {name} to be a number of seconds, got {describe(value)}")
    return float(value)


def _invalid(detail: str) -> TokenError:
    return TokenError(TOKEN_INVALID.code, detail)
