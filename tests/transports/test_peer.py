"""
Whose address a request comes from.
"""

from __future__ import annotations

import pytest

from notifier.errors import ConfigError
from notifier.transports import TrustedProxies

PROXIES = TrustedProxies(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5, 10.0.0.2", "203.0.113.5"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5, nonsense\r\nforged", "10.0.0.1"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_address_is_the_last_one_that_is_no_proxy(peer: str, forwarded: str, client: str) -> None:
    """
    Only what a trusted proxy has written is believed.
    """
    assert PROXIES.client(peer, {"x-forwarded-for": forwarded}) == client


def test_nobody_is_believed_by_default() -> None:
    """
    Without trusted proxies the peer is the client.
    """
    assert TrustedProxies().client("10.0.0.1", {"x-forwarded-for": "203.0.113.5"}) == "10.0.0.1"


def test_network_is_refused_when_it_is_none() -> None:
    """
    The message shows the form there is.
    """
    with pytest.raises(ConfigError, match=r"such as 10\.0\.0\.0/8"):
        TrustedProxies(["10.0.0.0/33"])


@pytest.mark.parametrize(
    ("peer", "said", "is_https"),
    [
        ("10.0.0.1", {"x-forwarded-proto": "https"}, True),
        ("10.0.0.1", {"x-forwarded-proto": "http"}, False),
        ("10.0.0.1", {}, False),
        ("203.0.113.9", {"x-forwarded-proto": "https"}, False),
        ("", {"x-forwarded-proto": "https"}, False),
    ],
)
def test_https_is_believed_of_a_proxy_alone(
    peer: str, said: dict[str, str], is_https: bool
) -> None:
    """
    Whoever else says so is not looked at.
    """
    assert PROXIES.is_https(peer, said) is is_https
