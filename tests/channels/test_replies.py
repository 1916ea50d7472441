"""
What a handler may return.
"""

from __future__ import annotations

from typing import Any

import pytest

from notifier import Error, Ok
from notifier.channels.replies import check_result


def test_ok_without_response_answers_an_empty_object() -> None:
    """
    A new one each time, so that nobody writes into another's answer.
    """
    assert Ok().response == {}
    assert Ok().response is not Ok().response


@pytest.mark.parametrize(
    ("given", "response"),
    [
        ("not you", {"reason": "not you"}),
        ({"reason": "not you", "retry": True}, {"reason": "not you", "retry": True}),
        (b"\0", b"\0"),
        ([1], [1]),
        (None, None),
    ],
)
def test_error_takes_a_word_for_its_reason(given: Any, response: Any) -> None:
    """
    A string is short for an object with a reason; anything else is answered as it is.
    """
    assert Error(given).response == response


def test_error_without_response_answers_an_empty_object() -> None:
    """
    As Phoenix does.
    """
    assert Error().response == {}


@pytest.mark.parametrize("result", [None, Ok(), Ok([1]), Error("no")])
def test_result_is_passed_on_when_it_is_one(result: Any) -> None:
    """
    There are three forms.
    """
    assert check_result(result, "Room.join") is result


@pytest.mark.parametrize(
    ("result", "got"),
    [
        (True, "true"),
        (0, "a number"),
        ("ok", "a string of 2 characters"),
        ({"secret": 1}, "an object with 1 keys"),
        (("ok", {}), "a list of 2"),
        (Ok, "the class Ok"),
        (object(), "a value of type object"),
    ],
)
def test_result_is_refused_when_it_is_none_of_the_forms(result: Any, got: str) -> None:
    """
    The message names the place, the forms there are, and the kind of what came.
    """
    with pytest.raises(TypeError) as raised:
        check_result(result, "Room.join")
    assert str(raised.value) == (
        "Room.join must return None, Ok(response) or Error(reason or response), got " + got
    )


@pytest.mark.parametrize("result", [Ok({"word": "SECRET"}), Error("SECRET"), Ok(b"SECRET")])
def test_result_shows_no_payload_when_printed(result: Any) -> None:
    """
    It may come into a log.
    """
    assert "SECRET" not in repr(result)
