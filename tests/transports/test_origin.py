"""
Which pages may connect.
"""

from __future__ import annotations

import pytest

from notifier.errors import ConfigError
from notifier.transports import OriginCheck


@pytest.mark.parametrize(
    ("entry", "origin", "allowed"),
    [
        ("https://a.example", "https://a.example", True),
        ("https://a.example", "https://a.example:443", True),
        ("https://a.example", "https://A.EXAMPLE", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://a.example", "https://b.a.example", False),
        ("https://a.example", "https://a.example.evil.example", False),
        ("https://a.example:8443", "https://a.example:8443", True),
        ("https://a.example:8443", "https://a.example", False),
        ("//a.example", "http://a.example", True),
        ("//a.example", "https://a.example:8443", True),
        ("//a.example", "https://b.example", False),
        ("//*.example.com", "https://example.com", True),
        ("//*.example.com", "https://a.example.com", True),
        ("//*.example.com", "https://a.b.example.com:8443", True),
        ("//*.example.com", "https://aexample.com", False),
        ("//*.example.com", "https://example.com.evil.example", False),
        ("https://*.example.com", "http://a.example.com", False),
        ("//a.example", "null", False),
        ("//a.example", "", False),
        ("//a.example", "https://a.example:notaport", False),
        ("//a.example", "https://[", False),
    ],
)
def test_origin_is_held_against_the_list(entry: str, origin: str, allowed: bool) -> None:
    """
    Scheme and port count where the entry names them.
    """
    assert OriginCheck([entry]).allows(origin) is allowed


def test_every_origin_passes_when_the_list_is_empty() -> None:
    """
    An empty list turns the check off.
    """
    assert OriginCheck().allows("https://anything.example")


def test_request_without_origin_passes() -> None:
    """
    It is not a browser's.
    """
    assert OriginCheck(["//a.example"]).allows(None)


@pytest.mark.parametrize("entry", ["a.example", "", "//", "//a.*.example", "//**.a", "https://a/b"])
def test_entry_is_refused_when_it_is_no_origin(entry: str) -> None:
    """
    The message shows the forms there are and what came.
    """
    with pytest.raises(ConfigError, match=r"expected origins such as https://a\.example"):
        OriginCheck([entry])
