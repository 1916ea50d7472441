"""
The numbered messages: a second passes when the test lets it.
"""

from __future__ import annotations

import asyncio

import pytest
from attrs import define, field

from notifier import Limits, UserSocket
from notifier.channels import Endpoint
from notifier.demo.ticker import MAX_UNHEARD, TICK, TICKER, Ticker
from notifier.engine import MemoryEngine, Publication
from notifier.session import Tokens

TOPIC = "user:demo"


def make_endpoint() -> Endpoint:
    endpoint = Endpoint(MemoryEngine(lambda: 0.0), Tokens(("k",), lambda: 0.0, 60), Limits())
    endpoint.serve(UserSocket)
    return endpoint


@define(eq=False)
class Clock:
    """
    Seconds that pass by hand, and what was heard meanwhile.
    """

    ticker: Ticker = field(init=False)
    heard: list[tuple[str, object]] = field(factory=list)
    _sleeper: asyncio.Future[None] | None = None

    def __attrs_post_init__(self) -> None:
        self.ticker = Ticker(make_endpoint(), TOPIC, sleep=self._sleep)

    async def _sleep(self, _seconds: float) -> None:
        self._sleeper = asyncio.get_running_loop().create_future()
        await self._sleeper

    async def pass_seconds(self, count: int = 1) -> None:
        for _ in range(count):
            await self._settle()
            if self._sleeper is not None and not self._sleeper.done():
                self._sleeper.set_result(None)
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def listen(self) -> None:
        await self.ticker.endpoint.engine.subscribe(TOPIC, self._hear)

    def _hear(self, publication: Publication) -> int:
        payload = publication.payload
        assert isinstance(payload, dict)
        self.heard.append((publication.event, payload.get("number", payload.get("on"))))
        return 1


@pytest.fixture
async def clock() -> Clock:
    clock = Clock()
    await clock.listen()
    return clock


async def test_ticker_counts_while_it_is_on(clock: Clock) -> None:
    """
    One number a second, and whoever is there sees the switch move.
    """
    await clock.ticker.switch(True)
    await clock.pass_seconds(3)
    await clock.ticker.switch(False)
    await clock.pass_seconds(3)
    ticks = [(TICK, 1), (TICK, 2), (TICK, 3)]
    assert clock.heard == [(TICKER, True), *ticks, (TICKER, False)]


async def test_ticker_goes_on_with_the_next_number_when_it_is_switched_on_again(
    clock: Clock,
) -> None:
    """
    Also within the same second, and never with two at once.
    """
    for is_on in (True, False, True, True):
        await clock.ticker.switch(is_on)
    await clock.pass_seconds(2)
    await clock.ticker.switch(False)
    await clock.pass_seconds(2)
    await clock.ticker.switch(True)
    await clock.pass_seconds(1)
    assert [number for event, number in clock.heard if event == TICK] == [1, 2, 3]


async def test_ticker_stops_when_nobody_is_there() -> None:
    """
    Soon enough that whoever comes back finds all of it in the history; then it begins anew.
    """
    clock = Clock()
    await clock.ticker.switch(True)
    await clock.pass_seconds(MAX_UNHEARD + 5)
    assert (clock.ticker.number, clock.ticker.is_on) == (MAX_UNHEARD, False)
    await clock.ticker.switch(True)
    await clock.pass_seconds(1)
    assert (clock.ticker.number, clock.ticker.is_on) == (MAX_UNHEARD + 1, True)


async def test_ticker_says_nothing_when_the_server_goes_down(clock: Clock) -> None:
    """
    The engine is closed by then.
    """
    await clock.ticker.switch(True)
    await clock.ticker.endpoint.shutdown()
    await clock.pass_seconds(2)
    assert clock.heard == [(TICKER, True)]


async def test_ticker_is_closed_while_it_waits(clock: Clock) -> None:
    """
    Closing takes no second.
    """
    await clock.ticker.close()
    await clock.ticker.switch(True)
    await clock.pass_seconds(1)
    await clock.ticker.close()
    await clock.pass_seconds(1)
    assert clock.heard == [(TICKER, True), (TICK, 1)]
