"""
The exception tree: one root, data in attributes, texts that give nothing away.
"""

from __future__ import annotations

from collections import UserDict

import pytest

from notifier.errors import (
    ConfigError,
    ConnectionRefused,
    EngineError,
    NotifierError,
    ProtocolError,
    TokenError,
    describe,
)


@pytest.mark.parametrize(
    "kind", [ConfigError, ConnectionRefused, EngineError, ProtocolError, TokenError]
)
def test_every_error_is_caught_by_the_root(kind: type[Exception]) -> None:
    """
    Whoever catches NotifierError catches all that Notifier raises on purpose.
    """
    assert issubclass(kind, NotifierError)


def test_protocol_error_tells_expected_and_got() -> None:
    """
    The text names what was expected and what came, and no line where there is none.
    """
    assert str(ProtocolError("an object", "null")) == "expected an object, got null"


def test_protocol_error_tells_the_line_when_it_is_of_a_batch() -> None:
    """
    In a batch the text begins with the line.
    """
    assert str(ProtocolError("JSON", "nothing", line=3)) == "line 3: expected JSON, got nothing"


def test_token_error_reads_as_its_detail() -> None:
    """
    The code is for programs, the detail for people.
    """
    error = TokenError("token_expired", "the token expired 5 s ago")
    assert (error.code, str(error)) == ("token_expired", "the token expired 5 s ago")


def test_connection_refused_tells_code_and_text() -> None:
    """
    A log line of a refusal holds the code word and the sentence.
    """
    assert str(ConnectionRefused("too_old", "update the app")) == "too_old: update the app"


def test_connection_refused_keeps_its_own_response() -> None:
    """
    The further keys are a copy, so that adding a key to them changes nobody else's.
    """
    given = {"minimum": "2.0"}
    error = ConnectionRefused("too_old", "update the app", given)
    error.response["status"] = "403"
    assert (given, ConnectionRefused("a", "b").response) == ({"minimum": "2.0"}, {})


def test_engine_error_tells_what_could_not_be_done_and_why() -> None:
    """
    The file and the system's own words, for whoever has to mend it.
    """
    error = EngineError("store on /data/history.db", "database or disk is full")
    assert str(error) == "cannot store on /data/history.db: database or disk is full"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (17, "a number"),
        (1.5, "a number"),
        ("secret", "a string of 6 characters"),
        (b"secret", "6 bytes"),
        (bytearray(2), "2 bytes"),
        (memoryview(b"abc"), "3 bytes"),
        ({"secret": 1}, "an object with 1 keys"),
        (UserDict(secret=1), "an object with 1 keys"),
        (["secret"], "a list of 1"),
        (("secret", 2), "a list of 2"),
        (UserDict, "the class UserDict"),
        ({"secret"}, "a value of type set"),
    ],
)
def test_describe_tells_kind_and_size_only(value: object, text: str) -> None:
    """
    What a value is may be told; what is in it may not.
    """
    assert describe(value) == text
