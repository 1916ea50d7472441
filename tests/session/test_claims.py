"""
What a user token says: when it is good, and what may be an id and a role.
"""

from __future__ import annotations

import pytest

from notifier.errors import TokenError
from notifier.session.claims import (
    MAX_CLOCK_SKEW_S,
    MAX_USER_ID_CHARACTERS,
    Claims,
    User,
    check_role,
    check_user_id,
)

ANN = User("ann")


def test_token_is_good_through_its_last_second() -> None:
    """
    And not a second longer.
    """
    claims = Claims(ANN, 0, 100)
    claims.check_time(100)
    with pytest.raises(TokenError, match="expired 1 s ago") as raised:
        claims.check_time(101)
    assert raised.value.code == "token_expired"


@pytest.mark.parametrize("name", ["issued_at", "not_before"])
def test_token_from_the_future_is_refused_beyond_the_skew(name: str) -> None:
    """
    A clock may be a little ahead; a token from further ahead would outlive a revocation.
    """
    times = {"issued_at": 0, "expires_at": 10**6, name: 1_000}
    claims = Claims(ANN, **times)
    claims.check_time(1_000 - MAX_CLOCK_SKEW_S)
    with pytest.raises(TokenError, match="good in 61 s only") as raised:
        claims.check_time(1_000 - MAX_CLOCK_SKEW_S - 1)
    assert raised.value.code == "token_invalid"


@pytest.mark.parametrize(
    ("id", "told"),
    [
        ("", "not empty, got a string of 0"),
        (42, "got a number"),
        (None, "got null"),
        ("x" * (MAX_USER_ID_CHARACTERS + 1), "at most 255 characters, got 256"),
        ("\udcff", "in UTF-8, got other bytes"),
    ],
)
def test_id_is_refused_that_can_be_nobodys(id: object, told: str) -> None:
    """
    With what was expected, and without the id.
    """
    with pytest.raises(ValueError, match=told):
        check_user_id(id)


@pytest.mark.parametrize("id", ["x" * MAX_USER_ID_CHARACTERS, "'; DROP TABLE users; --", "a\x00b"])
def test_id_may_be_any_other_text(id: str) -> None:
    """
    It is the host application's, and only ever compared.
    """
    assert check_user_id(id) == id


@pytest.mark.parametrize("role", ["admin", "", None, 1, ["operator"], "x" * 10_000])
def test_role_is_refused_that_is_none(role: object) -> None:
    """
    There are two, and the text stays short.
    """
    with pytest.raises(ValueError, match="expected a role of customer, operator") as raised:
        check_role(role)
    assert len(str(raised.value)) < 120


def test_repr_counts_the_claims() -> None:
    """
    What else stands in a token is the host application's, and nobody's to log.
    """
    assert "SECRET" not in repr(Claims(ANN, 0, 1, data={"mail": "SECRET"}))
