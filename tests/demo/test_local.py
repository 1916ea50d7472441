"""
What counts as this machine.
"""

from __future__ import annotations

import pytest

from notifier.demo import is_local


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LocalHost"])
def test_machine_is_local_by_its_own_names(host: str) -> None:
    """
    Every address of the loopback, and the name that it has everywhere.
    """
    assert is_local(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.5", "evil.example", "localhost.evil.example", "", None]
)
def test_machine_is_not_local_by_any_other_name(host: str | None) -> None:
    """
    Not by an address that others reach either, nor by a name that may point anywhere.
    """
    assert not is_local(host)
