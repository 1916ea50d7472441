"""
The reasons on the wire: declared once, told apart, fit for a close frame.
"""

from __future__ import annotations

from typing import Any

import pytest

from notifier.protocol import reasons
from notifier.protocol.framing import MAX_CONTROL_BYTES
from notifier.protocol.reasons import Reason

DECLARED = {name: value for name, value in vars(reasons).items() if isinstance(value, Reason)}
WORDS = {name: value for name, value in vars(reasons).items() if name.isupper()}


def by_name(value: object) -> str:
    return value.code if isinstance(value, Reason) else str(value)


def test_words_of_error_replies_are_those_of_phoenix() -> None:
    """
    What Phoenix says in `{"reason": …}` is said in the same words.
    """
    assert {
        name: WORDS[name]
        for name in ("UNMATCHED_TOPIC", "TOO_MANY_CHANNELS", "JOIN_CRASHED", "CHANNEL_CRASH")
    } == {
        "UNMATCHED_TOPIC": "unmatched topic",
        "TOO_MANY_CHANNELS": "too many channels joined",
        "JOIN_CRASHED": "join crashed",
        "CHANNEL_CRASH": "channel_crash",
    }


def test_no_two_reasons_share_a_word() -> None:
    """
    A client that looks at the word alone knows which reason it was given.
    """
    words = [by_name(value) for value in WORDS.values()]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(("name", "reason"), DECLARED.items())
def test_reason_is_named_as_it_is_spelled(name: str, reason: Reason) -> None:
    """
    The name in the code is the word on the wire, so that either finds the other.
    """
    assert reason.code == name.lower()


@pytest.mark.parametrize("reason", DECLARED.values(), ids=by_name)
def test_close_code_may_be_sent(reason: Reason) -> None:
    """
    Each close code is a registered one that RFC 6455 lets stand in a frame, or one of ours.
    """
    code = reason.close_code
    assert 1000 <= code <= 1013 or code in (4403, 4408, 4409, reasons.NO_SUCH_SESSION)
    assert reason.close_code not in (1004, 1005, 1006)


@pytest.mark.parametrize("reason", DECLARED.values(), ids=by_name)
def test_only_the_clients_own_close_is_1000(reason: Reason) -> None:
    """
    phoenix.js stays away after 1000, so no end of ours has that code.
    """
    assert (reason.close_code == 1000) is (reason is reasons.CLIENT_CLOSED)


def test_refusal_of_a_connect_tells_the_reason() -> None:
    """
    Code word and sentence.
    """
    refused = reasons.TOKEN_MISSING.refusal()
    assert (refused.code, refused.text) == ("token_missing", reasons.TOKEN_MISSING.text)


@pytest.mark.parametrize("reason", DECLARED.values(), ids=by_name)
def test_code_word_fits_into_a_close_frame(reason: Reason) -> None:
    """
    Two bytes of code and the word stay within a control frame.
    """
    assert 2 + len(reason.code.encode()) <= MAX_CONTROL_BYTES


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("BAD_MESSAGE", 1011),
        ("MESSAGE_TOO_LARGE", 1009),
        ("SLOW_CONSUMER", 1013),
        ("ACK_BEYOND_SENT", 1002),
        ("DISCONNECTED", 1001),
        ("RESTARTING", 1012),
        ("IDLE", 1002),
        ("SESSION_GONE", 1008),
    ],
)
def test_close_code_is_that_of_phoenix_or_stated(name: str, code: int) -> None:
    """
    A WebSocket is closed with the code that clients know for the case.
    """
    reason: Any = getattr(reasons, name)
    assert reason.close_code == code
