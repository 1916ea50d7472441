"""
What a transport is given and what it gives back, whatever door it came by.

A door (the aiohttp handlers, the front) turns bytes into a `Request`, calls
the transport's logic, and turns a `Response` into bytes. No rule of the
protocol lives in a door.

To add a transport: one file beside `longpoll.py` with its logic over
`SocketServer` (`receive` for what comes, `session.mailbox` for what goes, or
`session.resume` where the session has one), and one route in each door.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_plus

import orjson
from attrs import define, field

from notifier.protocol.reasons import Reason
from notifier.session.tokens import is_session_token

JSON_TYPE = "application/json; charset=utf-8"


@define
class Query:
    """
    The query of a URL: pairs in order, since `token` may come twice.
    """

    pairs: Sequence[tuple[str, str]] = field(repr=lambda pairs: f"<{len(pairs)} pairs>")

    @classmethod
    def parse(cls, text: str) -> Query:
        """
        Read a query string; a bad escape stays as it is.
        """
        is_escaped = "%" in text or "+" in text
        pairs = []
        for pair in text.split("&"):
            name, _, value = pair.partition("=")
            if is_escaped:
                name, value = unquote_plus(name), unquote_plus(value)
            if pair:
                pairs.append((name, value))
        return cls(pairs)

    def all(self, name: str) -> list[str]:
        """
        Give every value of a name, in order.
        """
        return [value for key, value in self.pairs if key == name]

    def last(self, name: str) -> str | None:
        """
        Give the last value of a name, None where it is missing.
        """
        for key, value in reversed(self.pairs):
            if key == name:
                return value
        return None

    def params(self) -> dict[str, str]:
        """
        Give what `Socket.connect` is handed: the last of each name, but no
        session token and no word of ours, which are not the application's business.
        """
        return {
            key: value
            for key, value in self.pairs
            if not is_session_token(value) and key != "notifier"
        }


@define
class Request:
    """
    The head of a request. Header names are in lower case; `peer` is the
    client's address.
    """

    method: str
    path: str
    query: Query
    headers: Mapping[str, str] = field(repr=lambda headers: f"<{len(headers)} headers>")
    peer: str
    http_version: tuple[int, int] = (1, 1)


@define
class Response:
    """
    What a door writes: HTTP status, headers, body. `closes` ends the connection.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=lambda body: f"<{len(body)} bytes>")
    closes: bool = False


TOO_SLOW: Final = Response(408, closes=True)
"""Refuses a head or a body that has not come in its time."""


def json_body(value: Mapping[str, Any], *, pretty: bool = False) -> bytes:
    """
    Encode a JSON answer; pretty for human eyes.
    """
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE if pretty else 0
    return orjson.dumps(value, option=option)


def reason_body(reason: Reason) -> dict[str, str]:
    """
    Give the keys that tell a reason: the code word and the sentence.
    """
    return {"reason": reason.code, "message": reason.text}
