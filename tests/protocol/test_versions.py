"""
Which `vsn` gets which serializer, as Phoenix decides it.
"""

from __future__ import annotations

import pytest

from notifier.protocol import serializer_for


@pytest.mark.parametrize(
    ("vsn", "served"),
    [
        (None, "1.0.0"),
        ("1.0.0", "1.0.0"),
        ("1.0.7", "1.0.0"),
        ("2.0.0", "2.0.0"),
        ("2.0.9", "2.0.0"),
        ("2.0.10", "2.0.0"),
    ],
)
def test_serializer_is_found_when_phoenix_finds_one(vsn: str | None, served: str) -> None:
    """
    Any patch level of 1.0 and 2.0 is served, and nothing said means 1.0.0.
    """
    serializer = serializer_for(vsn)
    assert serializer is not None
    assert serializer.vsn == served


@pytest.mark.parametrize(
    "vsn",
    [
        "",
        "2",
        "2.0",
        "2.1.0",
        "1.1.0",
        "3.0.0",
        "0.0.0",
        "2.0.0-rc.1",
        "2.0.0+build",
        "2.0.00",
        "2.0.01",
        "2x0x0",
        " 2.0.0",
        "2.0.0\n",
        "2.0.٣",
        "12.0.0",
    ],
)
def test_serializer_is_none_when_the_vsn_is_another(vsn: str) -> None:
    """
    Short forms, pre-releases and other versions are refused, not guessed at.
    """
    assert serializer_for(vsn) is None


def test_serializer_is_shared_when_asked_for_again() -> None:
    """
    Clients of one version share a serializer, so that a broadcast is encoded once for all.
    """
    assert serializer_for("2.0.0") is serializer_for("2.0.3")
