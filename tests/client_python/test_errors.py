"""
What the errors tell, and what they do not.
"""

from __future__ import annotations

import pytest
from notifier_client import errors


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.ConnectionRefused("token_expired", "get one"), "token_expired: get one"),
        (errors.ConnectionRefused("connect_refused", ""), "connect_refused"),
        (errors.Unreachable("http://a", "reset", 2.0), "no session at http://a within 2 s: reset"),
        (errors.JoinRefused("room:a", {"reason": "no"}), "join of room:a refused: no"),
        (
            errors.ErrorReply("room:a", "say", {"secret": "x"}),
            "say on room:a answered with an error: no reason was given",
        ),
        (errors.ReplyTimeout("room:a", "say", 0.5), "no reply to say on room:a within 0.5 s"),
        (errors.SessionLost("restarting", "it goes down"), "restarting: it goes down"),
        (errors.ChannelClosed("room:a", by_server=True), "room:a was closed by the server"),
        (errors.ChannelClosed("room:a", by_server=False), "room:a was left"),
        (errors.SocketClosed(), "the socket is closed"),
        (errors.MailboxFull(3, 3, 9), "3 messages wait for the server, at most 3 messages and 9"),
        (errors.ProtocolError("JSON", "a cat"), "expected JSON, got a cat"),
    ],
)
def test_error_tells_in_one_line(error: Exception, text: str) -> None:
    """
    Numbers and the server's reason, never a payload.
    """
    assert str(error).startswith(text)


def test_timeouts_and_lost_connections_are_pythons_too() -> None:
    """
    Who catches the usual classes catches these.
    """
    assert issubclass(errors.ReplyTimeout, TimeoutError)
    assert issubclass(errors.Unreachable, ConnectionError)
