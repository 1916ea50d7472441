"""
JSON Web Tokens: the one algorithm, what the claims must say, and what is tried to get past.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256, sha512
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import base64_encode

from notifier.errors import TokenError
from notifier.session import JwtRules, Tokens, User

NOW = 1_700_000_000
SECRET = b"a shared secret of at least 32 bytes!"
OLD = b"an older secret, which is still good."
PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf
9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==
-----END PUBLIC KEY-----
"""


def segment(value: object) -> bytes:
    return base64_encode(value if isinstance(value, bytes) else orjson.dumps(value))


def jwt(
    claims: object,
    secret: bytes = SECRET,
    *,
    header: object = {"alg": "HS256", "typ": "JWT"},
    digest: Any = sha256,
) -> str:
    """
    Make a token by the RFC's recipe, of any content.
    """
    signed = segment(header) + b"." + segment(claims)
    return (signed + b"." + segment(hmac.digest(secret, signed, digest))).decode()


def tokens(clock: Callable[[], float] = lambda: NOW, **rules: Any) -> Tokens:
    rules.setdefault("secrets", (OLD, SECRET))
    return Tokens(("k",), clock, 3600, JwtRules(**rules))


def refusal(token: str, **rules: Any) -> TokenError:
    with pytest.raises(TokenError) as caught:
        tokens(**rules).verify(token)
    return caught.value


GOOD = {"sub": "42", "iat": NOW, "exp": NOW + 60}


@pytest.mark.parametrize("secret", [OLD, SECRET])
def test_token_is_good_whichever_secret_signed(secret: bytes) -> None:
    """
    Secrets rotate.
    """
    assert tokens().verify_user(jwt(GOOD, secret)) == User("42")


def test_both_kinds_are_good_at_once() -> None:
    """
    Ours, and the host application's; the latter only where a secret is shared.
    """
    both = tokens()
    assert both.verify_user(both.sign_user(User("7"))) == User("7")
    assert both.verify_user(jwt(GOOD)) == User("42")
    with pytest.raises(TokenError):
        Tokens(("k",), lambda: NOW, 3600).verify(jwt(GOOD))


@given(
    st.dictionaries(
        st.text(), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
    ),
    st.text(min_size=1, max_size=255),
)
def test_claims_come_back_as_they_were(more: dict[str, Any], id: str) -> None:
    """
    For a `load_user` that wants more of them than the id.
    """
    claims = {**more, "sub": id, "exp": NOW + 60, "iat": NOW}
    for name in ("nbf", "aud"):
        claims.pop(name, None)
    got = tokens().verify(jwt(claims))
    assert (got.user.id, got.issued_at, dict(got.data)) == (id, NOW, claims)


def test_time_is_that_of_the_clock_when_a_token_expires() -> None:
    """
    On or after `exp` it is no good (RFC 7519, 4.1.4), also where it is remembered.
    """
    clock = [float(NOW)]
    some = tokens(lambda: clock[0])
    some.verify(jwt(GOOD))
    clock[0] = NOW + 59
    some.verify(jwt(GOOD))
    clock[0] = NOW + 60
    with pytest.raises(TokenError, match="expired"):
        some.verify(jwt(GOOD))


@pytest.mark.parametrize(
    ("claims", "issued_at", "expires_at"),
    [
        ({"exp": NOW + 60}, 0, NOW + 59),
        ({"exp": NOW + 60.5}, 0, NOW + 60),
        ({"iat": NOW}, NOW, NOW + 3600),
        ({"iat": NOW - 0.5}, NOW - 1, NOW - 1 + 3600),
        ({"iat": NOW - 9_999, "exp": NOW + 99_999}, NOW - 9_999, NOW + 99_998),
    ],
)
def test_times_are_read(claims: dict[str, Any], issued_at: int, expires_at: int) -> None:
    """
    `exp` rules; without it the token is as old as `iat` says; without that it is from 1970.
    """
    got = tokens().verify(jwt({"sub": "42", **claims}))
    assert (got.issued_at, got.expires_at) == (issued_at, expires_at)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"exp": None, "iat": None}, "needs exp or iat"),
        ({"exp": True}, "expected exp to be a number of seconds, got true"),
        ({"exp": "never"}, "expected exp to be a number"),
        ({"exp": 1e300}, "expected exp to be a number"),
        ({"iat": -1e300}, "expected iat to be a number"),
        ({"iat": -0.5}, "expected iat to be 1970 or later"),
        ({"iat": -1}, "expected iat to be 1970 or later"),
        ({"exp": NOW}, "expired 1 s ago"),
        ({"nbf": NOW + 61}, "good in 61 s only"),
        ({"iat": NOW + 61}, "good in 61 s only"),
        ({"nbf": []}, "expected nbf to be a number"),
        ({"sub": None}, "expected a user id"),
        ({"sub": ""}, "expected a user id"),
        ({"sub": True}, "expected a user id"),
        ({"sub": 4.2}, "expected a user id"),
        ({"sub": ["42"]}, "expected a user id"),
        ({"sub": "x" * 256}, "at most 255 characters"),
        ({"aud": "others"}, "not for this audience"),
        ({"aud": {}}, "not for this audience"),
    ],
    ids=repr,
)
def test_claims_are_refused_that_will_not_do(claims: dict[str, Any], told: str) -> None:
    """
    The signature is good; what the token says is not.
    """
    assert told in str(refusal(jwt(GOOD | claims)))


def test_id_may_be_a_number() -> None:
    """
    Many host applications have the number of a row; the topic's name has it as text.
    """
    assert tokens().verify_user(jwt(GOOD | {"sub": 42})) == User("42")


@pytest.mark.parametrize(
    ("claims", "role"),
    [({}, "customer"), ({"r": "operator"}, "operator"), ({"r": "customer"}, "customer")],
)
def test_role_is_that_of_the_claim(claims: dict[str, Any], role: str) -> None:
    """
    Where the config names one; the lesser role is the default.
    """
    token = jwt(GOOD | claims)
    assert tokens(role_claim="r").verify_user(token).role == role
    assert tokens().verify_user(token).role == "customer"


@pytest.mark.parametrize("role", ["admin", "", None, ["operator"], True])
def test_role_is_refused_that_is_none(role: object) -> None:
    """
    A claim that is there and means nothing to us is a mistake to be told.
    """
    assert "expected a role" in str(refusal(jwt(GOOD | {"r": role}), role_claim="r"))


@pytest.mark.parametrize(
    ("claims", "is_good"),
    [
        ({"aud": "us", "iss": "host"}, True),
        ({"aud": ["others", "us"], "iss": "host"}, True),
        ({"aud": "them", "iss": "host"}, False),
        ({"aud": ["us "], "iss": "host"}, False),
        ({"iss": "host"}, False),
        ({"aud": "us"}, False),
        ({"aud": "us", "iss": "Host"}, False),
        ({"aud": "us", "iss": ["host"]}, False),
    ],
    ids=repr,
)
def test_audience_and_issuer_must_be_ours_where_they_are_given(
    claims: dict[str, Any], is_good: bool
) -> None:
    """
    A secret may be shared with more than us.
    """
    some, token = tokens(audience="us", issuer="host"), jwt(GOOD | claims)
    if is_good:
        assert some.verify_user(token) == User("42")
    else:
        assert refusal(token, audience="us", issuer="host").code == "token_invalid"


def none_token(alg: object) -> str:
    return jwt(GOOD, header={"alg": alg}).rpartition(".")[0] + "."


FORGED = {
    "alg none": none_token("none"),
    "alg None": none_token("None"),
    "alg nOnE": none_token("nOnE"),
    "alg empty": none_token(""),
    "alg null": none_token(None),
    "alg a list": none_token(["HS256"]),
    "no alg": jwt(GOOD, header={"typ": "JWT"}),
    "alg none, signed": jwt(GOOD, header={"alg": "none"}),
    "alg hs256": jwt(GOOD, header={"alg": "hs256"}),
    "HS512": jwt(GOOD, header={"alg": "HS512"}, digest=sha512),
    "HS512 said, HS256 done": jwt(GOOD, header={"alg": "HS512"}),
    "HS256 said, HS512 done": jwt(GOOD, digest=sha512),
    "RS256": jwt(GOOD, header={"alg": "RS256"}),
    "ES256": jwt(GOOD, header={"alg": "ES256"}),
    "signed with a public key": jwt(GOOD, PUBLIC_KEY),
    "signed with the empty key": jwt(GOOD, b""),
    "signed with our own key": jwt(GOOD, b"k"),
    "key in the header": jwt(
        GOOD,
        b"theirs" * 8,
        header={"alg": "HS256", "jwk": {"kty": "oct", "k": base64_encode(b"theirs" * 8).decode()}},
    ),
    "kid with a path": jwt(GOOD, b"", header={"alg": "HS256", "kid": "/dev/null"}),
    "crit": jwt(GOOD, header={"alg": "HS256", "crit": ["x"], "x": 1}),
    "b64 false": jwt(GOOD, header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
    "no claims": jwt(b""),
    "claims a list": jwt([GOOD]),
    "claims no JSON": jwt(b"{"),
    "header a list": jwt(GOOD, header=["HS256"]),
    "header no JSON": jwt(GOOD, header=b"{"),
    "header deep": jwt(GOOD, header=b"[" * 2_000),
    "signature cut": jwt(GOOD)[:-4],
    "signature gone": jwt(GOOD).rpartition(".")[0] + ".",
    "two segments": jwt(GOOD).rpartition(".")[0],
    "four segments": jwt(GOOD) + ".x",
    "five segments": jwt(GOOD) + "..",
    "padded": jwt(GOOD) + "==.",
    "claims of another": ".".join(
        [jwt(GOOD).split(".")[0], segment(GOOD | {"sub": "1"}).decode(), jwt(GOOD).split(".")[2]]
    ),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_forged_token_is_refused(token: str) -> None:
    """
    Nothing in a token chooses how it is checked.
    """
    error = refusal(token)
    assert error.code == "token_invalid"
    assert "eyJ" not in str(error)


@pytest.mark.parametrize("secret", [PUBLIC_KEY, b"ssh-ed25519 AAAA" * 3, b" \n" + PUBLIC_KEY])
def test_public_key_as_a_secret_is_refused(secret: bytes) -> None:
    """
    Whoever configures one by mistake has published what would sign.
    """
    with pytest.raises(ValueError, match="got a key in PEM or SSH format"):
        JwtRules(secrets=[secret])


def test_session_tokens_and_seals_are_no_user_tokens() -> None:
    """
    Also where JSON Web Tokens are read, and where both have the same secret.
    """
    key = SECRET.decode()
    some = Tokens((key,), lambda: NOW, 3600, JwtRules(secrets=[SECRET]))
    claims = {**GOOD, "id": "42", "role": "operator"}
    for token in (some.sign_session("s1"), str(some.serializer("backoffice").dumps(claims))):
        with pytest.raises(TokenError):
            some.verify(token)


@pytest.mark.parametrize("secrets", [(), (b"x" * 31,), ("x" * 32,), (SECRET, b"")])
def test_secret_is_refused_that_is_too_short(secrets: Any) -> None:
    """
    Whoever has a token could guess it; the secret itself is not told.
    """
    with pytest.raises(ValueError, match="expected ") as raised:
        JwtRules(secrets=secrets)
    assert "xxx" not in str(raised.value)


def test_repr_counts_the_secrets() -> None:
    """
    They stand in no log line.
    """
    text = repr(tokens())
    assert "<2 secrets>" in text
    assert "shared" not in text
