"""
What a transport is given and what it gives back.
"""

from __future__ import annotations

import json

import pytest

from notifier.protocol.reasons import RESTARTING
from notifier.transports.base import Query, Request, Response, json_body, reason_body


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("&&", []),
        ("a=1&b=2", [("a", "1"), ("b", "2")]),
        ("a=1&a=2&", [("a", "1"), ("a", "2")]),
        ("a", [("a", "")]),
        ("=", [("", "")]),
        ("a=b=c", [("a", "b=c")]),
        ("a=%20+%2B", [("a", "  +")]),
        ("%61=1", [("a", "1")]),
        ("a=%zz%", [("a", "%zz%")]),
        ("a=%ff", [("a", "\ufffd")]),
        ("a=%ED%A0%80", [("a", "\ufffd\ufffd\ufffd")]),
        ("a=%00", [("a", "\0")]),
    ],
)
def test_query_is_read_in_order(text: str, pairs: list[tuple[str, str]]) -> None:
    """
    A name may come twice; a bad escape stays, and what comes out is always text.
    """
    assert list(Query.parse(text).pairs) == pairs
    for name, value in Query.parse(text).pairs:
        (name + value).encode()


def test_query_gives_all_the_last_and_none() -> None:
    """
    Of a name that came twice, once, and not at all.
    """
    query = Query.parse("a=1&b=2&a=3")
    assert query.all("a") == ["1", "3"]
    assert query.last("a") == "3"
    assert (query.all("c"), query.last("c")) == ([], None)


def test_nothing_shows_a_secret_when_printed() -> None:
    """
    Neither requests nor responses: either may come into a log.
    """
    query = Query.parse("token=SECRET")
    request = Request("GET", "/socket", query, {"x": "SECRET"}, "127.0.0.1")
    response = Response(body=b"SECRET")
    for one in (query, request, response):
        assert "SECRET" not in repr(one)
    assert "<6 bytes>" in repr(response)


def test_json_is_short_or_pretty() -> None:
    """
    For programs, or for human eyes with a line end.
    """
    assert json_body({"a": [1]}) == b'{"a":[1]}'
    assert json_body({"a": 1}, pretty=True) == b'{\n  "a": 1\n}\n'


def test_reason_is_told_by_word_and_sentence() -> None:
    """
    The close code is the WebSocket's alone.
    """
    body = json.loads(json_body(reason_body(RESTARTING)))
    assert body == {"reason": "restarting", "message": RESTARTING.text}
