"""
Messages as values: equal by what they hold, silent about their payloads.
"""

from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError

from notifier.protocol import Broadcast, Message, Outgoing, Reply

SECRET = {"body": "for your eyes only"}
EACH: list[Outgoing] = [
    Message("1", "2", "room:a", "new_msg", SECRET),
    Reply("1", "2", "room:a", "ok", SECRET),
    Broadcast("room:a", "new_msg", SECRET),
]


@pytest.mark.parametrize("message", EACH, ids=lambda message: type(message).__name__)
def test_repr_tells_the_topic_and_not_the_payload(message: Outgoing) -> None:
    """
    A message in a log line or a traceback shows where it goes, not what it says.
    """
    text = repr(message)
    assert "room:a" in text
    assert "an object with 1 keys" in text
    assert "eyes" not in text


@pytest.mark.parametrize("message", EACH, ids=lambda message: type(message).__name__)
def test_message_cannot_be_changed(message: Outgoing) -> None:
    """
    A message that is shared by many channels stays as it was made.
    """
    with pytest.raises(FrozenInstanceError):
        message.topic = "room:b"  # type: ignore[misc]  # what is tried


def test_messages_are_equal_when_what_they_hold_is() -> None:
    """
    Two messages of one content are one value.
    """
    assert Message("1", "2", "t", "e", {}) == Message("1", "2", "t", "e", {})
    assert Message("1", "2", "t", "e", {}) != Message(None, "2", "t", "e", {})
