"""
What `scripts/bench-open` measures, counted instead of timed: round trips until the first reply.
"""

from __future__ import annotations

import pytest
from chaos.opening import OURS, PYTHON, measure
from conftest import require_built_client

pytestmark = [pytest.mark.server, pytest.mark.node]

OPENING_AND_JOIN = 2
"""TCP's handshake, and one POST that opens, joins and has the reply."""


async def round_trips(client: str, websockets: str = "pass") -> float:
    require_built_client()
    (count,) = (await measure(client, websockets, one_way_s=0, rounds=1)).round_trips
    return count


@pytest.mark.parametrize("websockets", ["pass", "refuse", "hang"])
@pytest.mark.parametrize("client", [OURS, PYTHON])
async def test_first_reply_comes_with_the_opening(client: str, websockets: str) -> None:
    """
    Our clients have it after one request, whatever becomes of WebSockets.
    """
    assert await round_trips(client, websockets) == OPENING_AND_JOIN


async def test_websocket_s_first_reply_comes_a_round_trip_later() -> None:
    """
    A WebSocket is opened before anything can be said on it.
    """
    assert await round_trips("phoenix.js, WebSocket") == OPENING_AND_JOIN + 1


async def test_refused_websocket_costs_phoenix_js_two_round_trips_more() -> None:
    """
    phoenix.js falls back to long-polling, which takes four.
    """
    plain = await round_trips("phoenix.js, LongPoll")
    assert plain == OPENING_AND_JOIN + 2
    fallback = await round_trips("phoenix.js, longPollFallbackMs: 2500", "refuse")
    assert fallback == plain + 2
