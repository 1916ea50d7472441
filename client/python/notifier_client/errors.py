"""
The exception tree: one class for each way in which something can fail.

    NotifierClientError
    ├── ConnectionRefused   the server said no to the connect
    ├── Unreachable         no session could be opened in time
    ├── TokenFailed         the function that gives the token raised
    ├── JoinRefused         the server said no to a join, or to a rejoin
    ├── ErrorReply          a push was answered with status "error"
    ├── ReplyTimeout        no reply came in time to a push or a join
    ├── SessionLost         the session ended before the reply came
    ├── ChannelClosed       the channel is closed: by the server, or left
    ├── SocketClosed        the socket is closed
    ├── MailboxFull         more waits for the server than the mailbox holds
    └── ProtocolError       the server sent what the protocol does not allow

Misuse is `TypeError`, `ValueError` or `RuntimeError` with the allowed forms
and the value got. No error shows a token or a payload in its text.
"""

from __future__ import annotations

from typing import Any


class NotifierClientError(Exception):
    """
    Root of every error that this package raises on purpose.
    """


class ConnectionRefused(NotifierClientError):
    """
    A connect that the server refused; `code` and `text` are its own words.

    Final: nothing is tried again, since the answer would be the same.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.text else self.code


class Unreachable(NotifierClientError, ConnectionError):
    """
    No session could be opened within `timeout_s`; `why` is the last failure.
    """

    def __init__(self, url: str, why: str, timeout_s: float) -> None:
        super().__init__(url, why, timeout_s)
        self.url = url
        self.why = why
        self.timeout_s = timeout_s

    def __str__(self) -> str:
        return f"no session at {self.url} within {self.timeout_s:g} s: {self.why}"


class TokenFailed(NotifierClientError):
    """
    The function that gives the token raised, or gave no string; see `__cause__`.
    """

    def __str__(self) -> str:
        return f"no token: {self.__cause__!r}"


class JoinRefused(NotifierClientError):
    """
    A join that was answered with an error; `response` is what the server said.
    """

    def __init__(self, topic: str, response: Any) -> None:
        super().__init__(topic, response)
        self.topic = topic
        self.response = response

    def __str__(self) -> str:
        return f"join of {self.topic} refused: {reason_of(self.response)}"


class ErrorReply(NotifierClientError):
    """
    A push that was answered with status "error"; `response` is what was said.
    """

    def __init__(self, topic: str, event: str, response: Any) -> None:
        super().__init__(topic, event, response)
        self.topic = topic
        self.event = event
        self.response = response

    def __str__(self) -> str:
        return f"{self.event} on {self.topic} answered with an error: {reason_of(self.response)}"


class ReplyTimeout(NotifierClientError, TimeoutError):
    """
    No reply came within `timeout_s`. The message may have been handled.
    """

    def __init__(self, topic: str, event: str, timeout_s: float) -> None:
        super().__init__(topic, event, timeout_s)
        self.topic = topic
        self.event = event
        self.timeout_s = timeout_s

    def __str__(self) -> str:
        return f"no reply to {self.event} on {self.topic} within {self.timeout_s:g} s"


class SessionLost(NotifierClientError):
    """
    The session, or the channel, ended before the reply came.

    The message may have been handled. It is not sent again by itself.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.text else self.code


class ChannelClosed(NotifierClientError):
    """
    The channel is closed; `by_server` tells whether we left or it stopped.
    """

    def __init__(self, topic: str, *, by_server: bool) -> None:
        super().__init__(topic, by_server)
        self.topic = topic
        self.by_server = by_server

    def __str__(self) -> str:
        return f"{self.topic} was {'closed by the server' if self.by_server else 'left'}"


class SocketClosed(NotifierClientError):
    """
    The socket is closed, and nothing more comes or goes.
    """

    def __str__(self) -> str:
        return "the socket is closed"


class MailboxFull(NotifierClientError):
    """
    More waits for the server than the mailbox holds; this message was not taken.
    """

    def __init__(self, messages: int, max_messages: int, max_bytes: int) -> None:
        super().__init__(messages, max_messages, max_bytes)
        self.messages = messages
        self.max_messages = max_messages
        self.max_bytes = max_bytes

    def __str__(self) -> str:
        return (
            f"{self.messages} messages wait for the server, at most {self.max_messages} "
            f"messages and {self.max_bytes} bytes may"
        )


class ProtocolError(NotifierClientError):
    """
    The server sent something that the protocol does not allow.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"expected {self.expected}, got {self.got}"


def reason_of(response: Any) -> str:
    """
    Tell the `reason` of an error's response, and no more of it.
    """
    match response:
        case {"reason": str(reason)}:
            return reason
        case _:
            return "no reason was given"
