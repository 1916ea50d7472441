"""
Whose address a request comes from, behind proxies that are trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from attrs import define, field

from notifier.errors import ConfigError


@define(eq=False)
class TrustedProxies:
    """
    The networks whose X-Forwarded-For is believed; empty believes nobody.

    Raises ConfigError for an entry that is no address or network.
    """

    networks: Sequence[str] = ()
    _networks: list[IPv4Network | IPv6Network] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        try:
            self._networks = [ip_network(network, strict=False) for network in self.networks]
        except ValueError as error:
            raise ConfigError(
                f"trusted_proxies: expected addresses or networks such as 10.0.0.0/8, {error}"
            ) from None

    def client(self, peer: str, headers: Mapping[str, str]) -> str:
        """
        Tell the client's address: the last one forwarded that is no proxy of ours.
        """
        if not self._networks:
            return peer
        hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",")]
        while hops and self._is_trusted(peer) and _is_address(hops[-1]):
            peer = hops.pop()
        return peer

    def is_https(self, peer: str, headers: Mapping[str, str]) -> bool:
        """
        Tell whether a proxy of ours says that the client has come by https.
        """
        return self._is_trusted(peer) and headers.get("x-forwarded-proto") == "https"

    def _is_trusted(self, peer: str) -> bool:
        return _is_address(peer) and any(ip_address(peer) in net for net in self._networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
