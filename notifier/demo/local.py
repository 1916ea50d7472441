"""
What counts as this machine.
"""

from __future__ import annotations

from ipaddress import ip_address


def is_local(host: str | None) -> bool:
    """
    Whether a name or an address is that of this machine to itself alone.
    """
    if host is None or host.lower() == "localhost":
        return host is not None
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
