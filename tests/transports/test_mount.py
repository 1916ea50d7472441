"""
One place where clients connect.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from notifier import Channel, ConnectInfo, Error, Socket
from notifier.channels import Endpoint
from notifier.engine import MemoryEngine
from notifier.errors import ConnectionRefused
from notifier.session import Tokens
from notifier.transports import Mount, OriginCheck, TrustedProxies
from notifier.transports.base import Query, Request


class Asked(Socket):
    """
    Notes what it is asked.
    """

    channels = {"a": Channel}
    got: list[tuple[Mapping[str, str], ConnectInfo]] = []

    async def connect(self, params, info):
        self.got.append((params, info))
        return Error("no") if "refuse" in params else None


@pytest.fixture
def mount() -> Mount:
    Asked.got = []
    tokens = Tokens(["k"], time.time, 60)
    endpoint = Endpoint(MemoryEngine(time.time), tokens, now=lambda: 0.0)
    origins, proxies = OriginCheck(["https://a.example"]), TrustedProxies(["10.0.0.0/8"])
    return Mount(endpoint, Asked, origins, proxies)


def request(query: str = "", peer: str = "192.0.2.7", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/socket/longpoll", Query.parse(query), named, peer)


async def test_application_is_told_who_comes_and_how(mount: Mount) -> None:
    """
    Its own parameters with the token among them, the transport, the address, the headers.
    """
    made = request("name=ann&token=t", x_forwarded_for="198.51.100.1", user_agent="curl")
    server = await mount.open(made, "longpoll")
    ((params, info),) = Asked.got
    assert params == {"name": "ann", "token": "t"}
    assert (info.transport, info.peer, info.token) == ("longpoll", "192.0.2.7", "t")
    assert info.headers["user-agent"] == "curl"
    assert server.transport == "longpoll"
    await mount.endpoint.shutdown()


async def test_token_of_a_header_is_a_parameter_as_well(mount: Mount) -> None:
    """
    It comes before the query's, in both places that an application looks at.
    """
    await mount.open(request("token=query", x_phoenix_authtoken="header"), "longpoll")
    ((params, info),) = Asked.got
    assert (params["token"], info.token) == ("header", "header")
    await mount.endpoint.shutdown()


async def test_address_comes_through_trusted_proxies(mount: Mount) -> None:
    """
    For the application and for what is held back.
    """
    made = request(peer="10.0.0.1", x_forwarded_for="198.51.100.1")
    await mount.open(made, "longpoll")
    assert Asked.got[0][1].peer == "198.51.100.1"
    assert mount.peer(made) == "198.51.100.1"
    await mount.endpoint.shutdown()


async def test_version_is_the_last_in_the_query(mount: Mount) -> None:
    """
    As of every parameter.
    """
    server = await mount.open(request("vsn=9&vsn=2.0.0"), "longpoll")
    assert server.session.serializer.vsn == "2.0.0"
    with pytest.raises(ConnectionRefused):
        await mount.open(request("vsn=2.0.0&vsn=9"), "longpoll")
    await mount.endpoint.shutdown()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, None),
        ({"origin": "https://a.example"}, None),
        ({"origin": "https://b.example"}, "origin_forbidden"),
        ({"origin": "\udcff"}, "origin_forbidden"),
        ({"origin": ""}, "origin_forbidden"),
    ],
)
def test_page_is_refused_by_its_origin(
    mount: Mount, headers: dict[str, Any], code: str | None
) -> None:
    """
    And counted; who is no page is let through.
    """
    refusal = mount.check_origin(request(**headers))
    assert (None if refusal is None else refusal.code) == code
    assert mount.endpoint.refused == ({} if code is None else {code: 1})


async def test_only_a_repeated_refusal_waits(mount: Mount) -> None:
    """
    Each token on its own, from wherever it comes; who has none does not loop on one.
    """
    looping = request("token=x&refuse=1")
    assert mount.refusal_delay_s(looping) == 0.0
    assert mount.refusal_delay_s(looping) > 0.0
    assert mount.refusal_delay_s(request("token=y")) == 0.0
    assert mount.refusal_delay_s(request("token=x", peer="192.0.2.8")) > 0.0
    assert [mount.refusal_delay_s(request()) for _ in range(3)] == [0.0] * 3
