"""
Answers: what is read of them, and what is none.
"""

from __future__ import annotations

from typing import Any

import pytest
from notifier_client.errors import ProtocolError
from notifier_client.requests import Answer, Poll, read_answer


def test_answer_is_read() -> None:
    """
    Unknown keys are ignored, missing ones are None or empty.
    """
    body = {"status": 200, "token": "t", "messages": ["[1]", "AAE="], "seq": 3, "more": 1}
    assert read_answer(body) == Answer(200, "t", ["[1]", b"\x00\x01"], 3)
    assert read_answer({"status": 204, "messages": None}) == Answer(204, None, [])


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"status": "200"},
        {"status": 200, "seq": "1"},
        {"status": 200, "received": True},
        {"status": 200, "messages": "[]"},
        {"status": 200, "messages": [[]]},
        {"status": 200, "messages": ["?"]},
    ],
)
def test_read_raises_when_it_is_none(body: Any) -> None:
    """
    A captive portal's JSON is no answer of a server's.
    """
    with pytest.raises(ProtocolError):
        read_answer(body)


def test_repr_shows_no_token() -> None:
    assert "secret" not in repr(Poll("secret", 0, 0, 0.0)) + repr(Answer(200, "secret", ["secret"]))
