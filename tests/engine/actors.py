"""
Who takes part in the tests of an engine: a clock, listeners, publishers, a ledger.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable

import pytest
from attrs import define, field

from notifier.engine import Engine, Page, Publication, Retention
from notifier.engine.ids import milliseconds

NOW = 1_753_000_000.0
TOPIC = "room:a"


@define(eq=False)
class Clock:
    """
    Seconds since the epoch, moved by hand.
    """

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@define(eq=False)
class Ear:
    """
    A receiver that notes what it was given.
    """

    sessions: int = 1
    heard: list[Publication] = field(factory=list)

    def __call__(self, publication: Publication) -> int:
        self.heard.append(publication)
        return self.sessions

    @property
    def payloads(self) -> list[object]:
        return [publication.payload for publication in self.heard]


async def listen(engine: Engine, topic: str = TOPIC, *, sessions: int = 1) -> Ear:
    ear = Ear(sessions)
    await engine.subscribe(topic, ear)
    return ear


async def log(
    engine: Engine, *bodies: int, topic: str = TOPIC, retention: Retention | None = None
) -> list[str]:
    """
    Publish numbers on a logged topic and return their ids.
    """
    ids = list[str]()
    for body in bodies:
        publication = Publication(topic, "new_msg", {"body": body})
        receipt = await engine.publish(publication, retention or Retention())
        assert receipt.id is not None
        ids.append(receipt.id)
    return ids


async def log_sizes(engine: Engine, sizes: list[int]) -> list[str]:
    """
    Publish messages of about so many bytes on a logged topic and return their ids.
    """
    ids = list[str]()
    for size in sizes:
        receipt = await engine.publish(Publication(TOPIC, "e", {"body": "x" * size}), Retention())
        assert receipt.id is not None
        ids.append(receipt.id)
    return ids


def bodies(page: Page) -> list[int]:
    return [publication.payload["body"] for publication in page.publications]


@define(eq=False)
class Ledger:
    """
    A topic's log as a plain list: every id since its beginning, and how many are gone.
    """

    ids: list[str]
    retention: Retention
    gone: int = 1
    """Trimmed by a publish; the first is where the log begins, and never was a message."""
    doubtful: int = 1
    """Over age at some time, by a clock that may have run back: there or gone."""

    def over_age(self, now: float) -> int:
        oldest = int(now * 1000) - int(self.retention.max_age_s * 1000)
        return 1 + sum(milliseconds(id) < oldest for id in self.ids[1:])

    def add(self, ids: list[str], now: float) -> None:
        assert ids == sorted(set(ids))
        self.ids += ids
        self.gone = max(self.gone, len(self.ids) - self.retention.max_count, self.over_age(now))

    async def check(self, engine: Engine, topic: str, now: float) -> None:
        hidden = max(self.gone, self.over_age(now))
        self.doubtful = max(self.doubtful, hidden)
        page = await engine.read(topic, "", 1_000)
        there = [publication.id for publication in page.publications]
        first = len(self.ids) - len(there)
        assert there == self.ids[first:]
        assert hidden <= first <= self.doubtful
        assert page.head == self.ids[-1] == await engine.head(topic)
        for place in (0, first - 2, first - 1, first, -1):
            place %= len(self.ids)
            page = await engine.read(topic, self.ids[place], 2)
            assert page.recovered is (place >= first - 1)
            newer = self.ids[max(first, place + 1) :]
            assert [one.id for one in page.publications] == newer[:2]
            assert page.is_last is (len(newer) <= 2)


class EngineMaker(ABC):
    """
    What a suite of tests needs to know of an engine.
    """

    @abstractmethod
    async def make_engine(self, clock: Callable[[], float]) -> Engine:
        """
        Make an engine that has nothing logged yet.
        """

    async def restart(self, engine: Engine, clock: Callable[[], float]) -> Engine:
        """
        Close an engine and open it again on what it stored, if it outlasts its process.
        """
        return engine

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    async def engine(self, clock: Clock) -> AsyncIterator[Engine]:
        engine = await self.make_engine(clock)
        yield engine
        await engine.close()
