"""
The exception tree, and how a value is described to whoever sent it.

    NotifierError
    ├── ProtocolError       the peer sent what the protocol does not allow
    ├── TokenError          a token that does not open the door
    ├── ConnectionRefused   a connect that was answered with no
    ├── ConfigError         a setting that cannot be used
    └── EngineError         what carries and stores messages could not

Misuse of the API by an application's author is `TypeError`, `ValueError` or
`RuntimeError` with the allowed forms and the value got.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class NotifierError(Exception):
    """
    Root of every error that Notifier raises on purpose.
    """


class ProtocolError(NotifierError):
    """
    The peer sent something that the protocol does not allow.

    `expected` and `got` are safe to send back: they tell shapes and sizes,
    never contents. `line` is the line of a batch, counted from 1, if any.
    """

    def __init__(self, expected: str, got: str, *, line: int | None = None) -> None:
        super().__init__(expected, got)
        self.expected = expected
        self.got = got
        self.line = line

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}: "
        return f"{where}expected {self.expected}, got {self.got}"


class TokenError(NotifierError):
    """
    A token that does not verify; `code` is a wire reason, `detail` says why.

    The token itself is never part of the error.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class ConnectionRefused(NotifierError):
    """
    A connect that was refused; `code` and `text` go to the peer as they are.

    `response` holds the further keys that a `Socket.connect` wants to answer.
    """

    def __init__(self, code: str, text: str, response: Mapping[str, Any] | None = None) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.response = dict(response or {})

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


class ConfigError(NotifierError):
    """
    A setting that cannot be used: the text names it and says what is allowed.
    """


class EngineError(NotifierError):
    """
    The engine could not do what it was asked for: `what`, and `why` not.

    Nothing of it was done or delivered, and it may be asked again. No payload
    is ever part of the error.
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what = what
        self.why = why

    def __str__(self) -> str:
        return f"cannot {self.what}: {self.why}"


def describe(value: object) -> str:
    """
    Tell what a value is without telling what is in it.

    For error texts: kinds and sizes are safe to show to the peer and to log.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return f"a string of {len(value)} characters"
        case bytes() | bytearray() | memoryview():
            return f"{len(value)} bytes"
        case Mapping():
            return f"an object with {len(value)} keys"
        case Sequence():
            return f"a list of {len(value)}"
        case type():
            return f"the class {value.__name__}"
        case _:
            return f"a value of type {type(value).__name__}"
