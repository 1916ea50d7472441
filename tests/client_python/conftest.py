"""
The real server behind each door, and a network that can be turned bad.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from attrs import evolve
from doors import DOORS
from transports.world import LIMITS, World, world_behind

from client_python.history import HistorySocket
from client_python.relay import Relay, relay_to


@pytest.fixture(params=DOORS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """
    A server; whatever is left of its clients is an error.
    """
    # Half of the mailbox must hold more than a client leaves unacknowledged, or it waits ACK_S.
    limits = evolve(LIMITS, max_channel_messages=1_000, max_mailbox_messages=100)
    async with world_behind(request.param, HistorySocket, limits=limits) as one:
        yield one


@pytest.fixture
async def relay(world: World) -> AsyncIterator[Relay]:
    """
    A network between client and server.
    """
    async with relay_to(world.port) as one:
        yield one
