"""
The world that a test of a transport lives in, behind each door.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from doors import DOORS

from transports.world import World, world_behind


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=("1.0.0", "2.0.0"))
def vsn(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def world(door: str) -> AsyncIterator[World]:
    async with world_behind(door) as one:
        yield one
