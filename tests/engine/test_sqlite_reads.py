"""
Many readers, few statements: who reads together, and who fails alone.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from engine.actors import TOPIC, Clock, bodies, log, log_sizes
from notifier.engine import MAX_PAGE_BYTES, SqliteEngine
from notifier.engine.sqlite_log import SqliteLog
from notifier.engine.sqlite_reads import SqliteReads
from notifier.errors import EngineError


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "history.db", Clock())
    yield engine
    await engine.close()


@define(eq=False)
class Statements:
    """
    Stands before the log: counts the questions of each statement, and can hold the first up.
    """

    sizes: list[int] = field(factory=list)
    characters: list[int] = field(factory=list)
    let: threading.Event = field(factory=threading.Event)

    async def begin(self) -> None:
        while not self.sizes:
            await asyncio.sleep(0)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    statements, read = Statements(), SqliteLog.read
    statements.let.set()

    def counted_read(log: SqliteLog, asked: Sequence[tuple[str, str]], *rest: Any) -> object:
        statements.sizes.append(len(asked))
        assert statements.let.wait(10)
        stretches = read(log, asked, *rest)
        lengths = (len(str(m[2]["body"])) for one in stretches for m in one.messages)
        statements.characters.append(sum(lengths))
        return stretches

    monkeypatch.setattr(SqliteLog, "read", counted_read)
    return statements


async def together(engine: SqliteEngine, statements: Statements, *asked: Any) -> list[Any]:
    """
    Ask while something else is being read, so that all are one batch; give what came of each.
    """
    statements.sizes.clear()
    statements.let.clear()
    first = asyncio.create_task(engine.head("room:never"))
    await statements.begin()
    tasks = [asyncio.create_task(engine.read(*one)) for one in asked]
    await asyncio.sleep(0)
    statements.let.set()
    _, *outcomes = await asyncio.gather(first, *tasks, return_exceptions=True)
    assert statements.sizes.pop(0) == 1
    return outcomes


@contextmanager
def at_the_prompt(engine: SqliteEngine) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(engine.path, isolation_level=None)) as other:
        yield other


async def test_reads_go_together_and_the_same_is_read_once(
    engine: SqliteEngine, statements: Statements
) -> None:
    """
    Those who come back after a restart all have the same question, with one limit or another.
    """
    ids = await log(engine, 1, 2, 3)
    same, shorter = (TOPIC, ids[0], 10), (TOPIC, ids[0], 1)
    *pages, short, other = await together(
        engine, statements, *[same] * 20, shorter, ("room:b", ids[0], 10)
    )
    assert statements.sizes == [2]
    assert [bodies(page) for page in pages] == [[2, 3]] * 20
    assert (bodies(short), short.is_last, bodies(other)) == ([2], False, [])


async def test_statement_holds_no_more_than_a_page_of_each(
    engine: SqliteEngine, statements: Statements
) -> None:
    """
    What is larger than a page is read alone, when the others have been.
    """
    ids = await log_sizes(engine, [100_000, 400_000, 100_000, 100_000, 100_000])
    statements.characters.clear()
    asked = [(TOPIC, since, 128) for since in ["", *ids]]
    pages = await together(engine, statements, *asked)
    assert statements.sizes == [6, 1]
    assert statements.characters[-2:] == [600_000, 400_000]
    assert MAX_PAGE_BYTES < 400_000
    assert [len(page.publications) for page in pages] == [1, 1, 2, 2, 1, 0]
    assert [page.is_last for page in pages] == [False, False, False, True, True, True]


async def test_read_waits_for_one_large_message_at_most(engine: SqliteEngine) -> None:
    """
    Those who read small ones are answered before the second of the others, all of whom are.
    """
    ids = await log_sizes(engine, [300_000] * 20)
    answered = list[str]()

    async def read(topic: str, since: str) -> None:
        assert (await engine.read(topic, since, 128)).head
        answered.append(topic)

    large = (read(TOPIC, since) for since in ["", *ids[:-1]])
    await asyncio.gather(*large, read("room:b", ""))
    assert answered.index("room:b") <= 2
    assert len(answered) == 21


async def test_finish_waits_for_the_last_large_message(engine: SqliteEngine) -> None:
    """
    However often its question was put off; who has gone meanwhile is not waited for.
    """
    ids = await log_sizes(engine, [300_000] * 5)
    tasks = [asyncio.create_task(engine.read(TOPIC, since, 9)) for since in ["", *ids[:-1]]]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await engine.close()
    assert [task.done() for task in tasks] == [True] * 5
    assert [bool(task.cancelled()) for task in tasks] == [False, False, True, False, False]


async def test_log_that_cannot_be_read_fails_its_own_readers_only(
    engine: SqliteEngine, statements: Statements
) -> None:
    """
    The others are read one by one, and the next may do better.
    """
    await log(engine, 1)
    ids = await log(engine, 2, 3, topic="room:b")
    with at_the_prompt(engine) as prompt:
        prompt.execute("UPDATE messages SET body = '[' WHERE topic = ?", (TOPIC,))
        asked = [(TOPIC, "", 10), ("room:b", "", 10), ("room:b", ids[0], 10)]
        broken, *others = await together(engine, statements, *asked)
        assert statements.sizes == [3, 1, 1, 1]
        assert [bodies(page) for page in others] == [[2, 3], [3]]
        assert (type(broken), broken.why) == (EngineError, "it is damaged")
        prompt.execute("DELETE FROM messages WHERE topic = ?", (TOPIC,))
    assert bodies(await engine.read(TOPIC, "", 10)) == []


async def test_large_message_that_cannot_be_read_fails_its_own_readers_only(
    engine: SqliteEngine, statements: Statements
) -> None:
    """
    That statement is its own from the first.
    """
    await log_sizes(engine, [300_000])
    await log(engine, 2, topic="room:b")
    with at_the_prompt(engine) as prompt:
        prompt.execute("UPDATE messages SET body = '[' WHERE topic = ?", (TOPIC,))
        broken, other = await together(engine, statements, (TOPIC, "", 9), ("room:b", "", 9))
        assert isinstance(broken, EngineError)
        assert bodies(other) == [2]


async def test_all_fail_at_once_when_the_file_is_locked(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    To ask one by one would make each wait as long, for nothing.
    """
    asked = list[tuple[str, str]]()

    def locked(log: SqliteLog, places: Sequence[tuple[str, str]], *_: object) -> None:
        asked.extend(places)
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise EngineError("read it", "database is locked") from error

    monkeypatch.setattr(SqliteLog, "read", locked)
    topics = [f"room:{number}" for number in range(10)]
    reads = (engine.read(topic, "", 10) for topic in topics)
    outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert {type(one) for one in outcomes} == {EngineError}
    assert sorted(topic for topic, _ in asked) == topics


async def test_reads_tell_how_many_wait(tmp_path: Path) -> None:
    """
    And not what they ask for.
    """
    with closing(SqliteLog(tmp_path / "history.db", Clock())) as history:
        assert repr(SqliteReads(history, Clock())) == ("<SqliteReads 0 waiting>")
