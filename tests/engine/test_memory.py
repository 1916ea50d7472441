"""
The engine in memory: the contract, and what holds for this one alone.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.actors import TOPIC, Clock, listen, log
from engine.contract import EngineContract
from notifier.engine import Engine, MemoryEngine, Publication, Retention


class TestMemoryEngine(EngineContract):
    """
    The contract, kept by MemoryEngine.
    """

    async def make_engine(self, clock: Callable[[], float]) -> Engine:
        return MemoryEngine(clock)


async def test_log_is_stored_before_it_is_handed_out() -> None:
    """
    A receiver that looks finds the message in the log.
    """
    engine, seen = MemoryEngine(Clock()), list[bool]()

    def look(publication: Publication) -> int:
        seen.append(engine._log(TOPIC).head == publication.id)
        return 1

    await engine.subscribe(TOPIC, look)
    await log(engine, 1)
    assert seen == [True]


async def test_log_of_an_earlier_engine_is_not_recovered() -> None:
    """
    Nothing is older than its engine: an id from before a restart lies below the log.
    """
    clock = Clock()
    ids = await log(MemoryEngine(clock), 1)
    clock.now += 1
    page = await MemoryEngine(clock).read(TOPIC, ids[0], 10)
    assert (page.recovered, list(page.publications)) == (False, [])


async def test_topic_takes_no_memory_when_all_have_left_it() -> None:
    """
    Reading and listening leave nothing behind; a log stays.
    """
    engine = MemoryEngine(Clock())
    ear = await listen(engine)
    await engine.read("room:b", "", 10)
    await engine.head("room:c")
    assert repr(engine) == "<MemoryEngine 1 topics, 0 logs>"
    await engine.unsubscribe(TOPIC, ear)
    await log(engine, 1)
    assert repr(engine) == "<MemoryEngine 0 topics, 1 logs>"


async def test_log_holds_no_more_than_is_kept() -> None:
    """
    What is trimmed is freed, in each of the log's lists.
    """
    engine = MemoryEngine(Clock())
    await log(engine, *range(50), retention=Retention(max_count=3))
    kept = engine._log(TOPIC)
    assert len(kept.ids) == len(kept.bodies) == 3


async def test_log_is_freed_in_time_when_nobody_uses_it() -> None:
    """
    Each publication looks after one more log, in turns.
    """
    clock = Clock()
    engine = MemoryEngine(clock)
    for number in range(3):
        await log(engine, 1, 2, topic=f"room:{number}", retention=Retention(max_age_s=10.0))
    clock.now += 60
    await log(engine, *range(4), topic="room:3")
    assert [len(kept.ids) for kept in engine._logs.values() if len(kept.ids) < 3] == [0, 0, 0]
