"""
The engine in memory: the contract, and what holds for this one alone.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.actors import TOPIC, Clock, bodies, listen, log
from engine.contract import EngineContract
from notifier.engine import Engine, MemoryEngine, Page, Publication, Retention, memory


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
    assert repr(engine) == "<MemoryEngine 0 topics, 1 logs>"


async def test_topic_goes_on_when_its_log_was_freed() -> None:
    """
    Its newest id stays known: who has it has missed nothing, before and after the next message.
    """
    engine, ids = await _with_expired(2)
    assert await engine.head("room:0") == ids[0]
    assert await engine.read("room:0", ids[0], 10) == Page([], True, ids[0], True)
    await log(engine, 7, topic="room:0")
    page = await engine.read("room:0", ids[0], 10)
    assert (bodies(page), page.recovered) == ([7], True)
    assert engine._empty == {"room:1": ids[1]}


async def test_topic_is_not_recovered_when_its_id_was_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Of too many empty topics the first are forgotten: their ids then lie below every new log.
    """
    monkeypatch.setattr(memory, "MAX_EMPTY", 2)
    engine, ids = await _with_expired(4)
    assert len(engine._empty) == 2
    forgotten = {f"room:{number}": id for number, id in enumerate(ids)}
    for topic in engine._empty:
        assert (await engine.read(topic, forgotten.pop(topic), 10)).recovered
    topic, lowest = min(forgotten.items())
    for one in (topic, "room:never"):
        assert await engine.read(one, lowest, 10) == Page([], False, max(forgotten.values()), True)
    await log(engine, 7, topic=topic)
    assert not (await engine.read(topic, lowest, 10)).recovered


async def _with_expired(count: int) -> tuple[MemoryEngine, list[str]]:
    """
    An engine whose first topics have lost their only message, and their ids.
    """
    clock, ids = Clock(), list[str]()
    engine = MemoryEngine(clock)
    for number in range(count):
        ids += await log(engine, 1, topic=f"room:{number}", retention=Retention(max_age_s=10.0))
    clock.now += 60
    await log(engine, *range(2 * count), topic="room:busy")
    return engine, ids
