from __future__ import annotations

import pytest
from itsdangerous import URLSafeTimedSerializer

from notifier.backoffice.door.seals import LOGIN, LOGIN_CSRF, UNSENT, Seals


def test_value_comes_back_when_its_purpose_is_named(signer: URLSafeTimedSerializer) -> None:
    """
    What was sealed for a purpose opens for it.
    """
    seals = Seals(signer)
    assert seals.open(UNSENT, seals.seal(UNSENT, {"text": "é\n"})) == {"text": "é\n"}


def test_value_stays_shut_when_another_purpose_is_named(signer: URLSafeTimedSerializer) -> None:
    """
    A CSRF token is no cookie.
    """
    seals = Seals(signer)
    assert seals.open(LOGIN, seals.seal(LOGIN_CSRF, "id")) is None


@pytest.mark.parametrize("sealed", ["", ".", "x.y.z", "\x00", "é", "W10.aaaa.bbbb", "a" * 9_000])
def test_nothing_comes_back_when_it_was_not_sealed(
    signer: URLSafeTimedSerializer, sealed: str
) -> None:
    """
    Whatever else is given opens nothing and raises nothing.
    """
    assert Seals(signer).open(LOGIN, sealed) is None


@pytest.mark.parametrize("value", ["text", 1, ["login"], {"login": 1}, None])
def test_nothing_comes_back_when_the_key_signed_something_else(
    signer: URLSafeTimedSerializer, value: object
) -> None:
    """
    A value of another shape under the same signature opens nothing.
    """
    assert Seals(signer).open(LOGIN, str(signer.dumps(value))) is None


def test_nothing_comes_back_when_another_key_sealed_it(signer: URLSafeTimedSerializer) -> None:
    """
    Another server's seal is worth nothing here.
    """
    other = Seals(URLSafeTimedSerializer("another key", salt="backoffice"))
    assert Seals(signer).open(LOGIN, other.seal(LOGIN, "id")) is None


def test_names_tells_whose_seal_it_is(signer: URLSafeTimedSerializer) -> None:
    """
    A seal names the one value it was made for.
    """
    seals = Seals(signer)
    sealed = seals.seal(LOGIN_CSRF, "mine é")
    assert seals.names(LOGIN_CSRF, sealed, "mine é")
    assert not seals.names(LOGIN_CSRF, sealed, "yours")
    assert not seals.names(LOGIN_CSRF, seals.seal(LOGIN_CSRF, 5), "5")
