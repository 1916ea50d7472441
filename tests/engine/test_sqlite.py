"""
The engine on SQLite: the contract, and what holds for this one alone.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import define, field

from engine.actors import NOW, TOPIC, Clock, Ear, bodies, listen, log, log_sizes
from engine.contract import EngineContract
from notifier.engine import Engine, Page, Publication, Receipt, Retention, SqliteEngine
from notifier.engine import sqlite as sqlite_engine
from notifier.engine.sqlite_log import Row, SqliteLog
from notifier.errors import EngineError


class TestSqliteEngine(EngineContract):
    """
    The contract, kept by SqliteEngine.
    """

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory, self.made = tmp_path, 0

    async def make_engine(self, clock: Callable[[], float]) -> Engine:
        self.made += 1
        return SqliteEngine(self.directory / f"{self.made}.db", clock)

    async def restart(self, engine: Engine, clock: Callable[[], float]) -> Engine:
        assert isinstance(engine, SqliteEngine)
        await engine.close()
        return SqliteEngine(engine.path, clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def engine(path: Path, clock: Clock) -> AsyncIterator[SqliteEngine]:
    engine = SqliteEngine(path, clock)
    yield engine
    await engine.close()


@define(eq=False)
class Disk:
    """
    Stands before the log: commits are counted, and wait until they are let.
    """

    let_commit: threading.Event = field(factory=threading.Event)
    commits: list[int] = field(factory=list)

    async def begins(self) -> None:
        while not self.commits:
            await asyncio.sleep(0)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """
    A disk that commits nothing before it is let.
    """
    disk, append = Disk(), SqliteLog.append

    def held_append(log: SqliteLog, rows: Sequence[Row]) -> None:
        disk.commits.append(len(rows))
        assert disk.let_commit.wait(10)
        append(log, rows)

    monkeypatch.setattr(SqliteLog, "append", held_append)
    return disk


def publish_soon(engine: Engine, *numbers: int) -> list[asyncio.Task[list[str]]]:
    return [asyncio.create_task(log(engine, number)) for number in numbers]


def rows_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM messages").fetchone()[0])


@contextmanager
def no_room(engine: SqliteEngine) -> Iterator[None]:
    """
    Have SQLite find the disk full, as far as it can tell.
    """
    writer = engine._log._writer
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")
    yield
    writer.execute("PRAGMA max_page_count = 1000000")


# Commits


async def test_publications_share_a_commit_when_they_come_while_one_runs(
    engine: SqliteEngine, disk: Disk
) -> None:
    """
    A hundred publishers cost two commits, not a hundred.
    """
    tasks = publish_soon(engine, *range(100))
    await disk.begins()
    disk.let_commit.set()
    await asyncio.gather(*tasks)
    assert sum(disk.commits) == 100
    assert len(disk.commits) <= 2


async def test_publication_is_delivered_after_its_commit(engine: SqliteEngine, path: Path) -> None:
    """
    Whoever gets it finds it in the file.
    """
    seen = list[int]()

    def look(publication: Publication) -> int:
        seen.append(rows_in(path))
        return 1

    await engine.subscribe(TOPIC, look)
    await log(engine, 1)
    await log(engine, 2)
    assert seen == [1, 2]


async def test_commit_is_delivered_in_several_rounds_of_the_loop(
    engine: SqliteEngine, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Others have their turn between, and what is committed meanwhile comes after it.
    """
    monkeypatch.setattr(sqlite_engine, "MAX_ROUND", 10)
    ear, rounds = await listen(engine), list[int]()
    tasks = publish_soon(engine, 0)
    await disk.begins()
    tasks += publish_soon(engine, *range(1, 101))
    await asyncio.sleep(0)
    disk.let_commit.set()
    while len(ear.heard) < 101:
        rounds.append(len(ear.heard))
        if len(ear.heard) == 11:
            tasks += publish_soon(engine, *range(101, 111))
        await asyncio.sleep(0)
    ids = [id for (id,) in await asyncio.gather(*tasks)]
    # Two rounds may fall between two looks.
    assert max(after - before for before, after in pairwise(rounds)) <= 20
    assert [one.id for one in ear.heard] == ids
    assert repr(engine) == "<SqliteEngine 1 topics, 0 waiting>"


async def test_close_delivers_all_rounds(engine: SqliteEngine, disk: Disk) -> None:
    """
    Whoever published has a receipt when the engine is closed.
    """
    ear = await listen(engine)
    tasks = publish_soon(engine, *range(1_000))
    await disk.begins()
    disk.let_commit.set()
    await engine.close()
    assert (len(ear.heard), engine._waiting) == (1_000, 0)
    await asyncio.gather(*tasks)


async def test_publication_that_is_not_logged_waits_for_no_commit(
    engine: SqliteEngine, disk: Disk
) -> None:
    """
    No retention, or no object: it is delivered at once, whatever the disk does.
    """
    ear = await listen(engine)
    tasks = publish_soon(engine, 1)
    await disk.begins()
    assert await engine.publish(Publication(TOPIC, "e", {})) == Receipt(None, 1)
    assert await engine.publish(Publication(TOPIC, "e", b"\xff"), Retention()) == Receipt(None, 1)
    assert ear.payloads == [{}, b"\xff"]
    assert repr(engine) == "<SqliteEngine 1 topics, 1 waiting>"
    disk.let_commit.set()
    await asyncio.gather(*tasks)
    assert (len(ear.heard), disk.commits) == (3, [1])
    assert repr(engine) == "<SqliteEngine 1 topics, 0 waiting>"


async def test_publication_is_refused_when_too_many_wait(
    engine: SqliteEngine, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A disk that hangs does not fill the memory; those that wait are not hurt by it.
    """
    monkeypatch.setattr(sqlite_engine, "MAX_WAITING", 2)
    tasks = publish_soon(engine, 1, 2)
    await disk.begins()
    with pytest.raises(EngineError, match=r"2 publications of .* wait for the disk already"):
        await log(engine, 3)
    disk.let_commit.set()
    await asyncio.gather(*tasks)
    await log(engine, 4)
    assert bodies(await engine.read(TOPIC, "", 10)) == [1, 2, 4]


async def test_publication_is_refused_when_too_much_waits(
    engine: SqliteEngine, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The bound counts characters too, and takes one message of any size.
    """
    monkeypatch.setattr(sqlite_engine, "MAX_WAITING_CHARACTERS", 5)
    tasks = publish_soon(engine, 1)
    await disk.begins()
    with pytest.raises(EngineError, match="wait for the disk already"):
        await log(engine, 2)
    disk.let_commit.set()
    await asyncio.gather(*tasks)


async def test_receiver_that_raises_fails_no_other(engine: SqliteEngine) -> None:
    """
    It broke its word; the publisher is told, the rest of the batch goes on.
    """

    def broken(publication: Publication) -> int:
        raise RuntimeError("broken")

    ear = await listen(engine, "room:b")
    await engine.subscribe(TOPIC, broken)
    outcomes = await asyncio.gather(
        log(engine, 1), log(engine, 2, topic="room:b"), return_exceptions=True
    )
    assert isinstance(outcomes[0], RuntimeError)
    assert (len(ear.heard), bodies(await engine.read(TOPIC, "", 10))) == (1, [1])


async def test_read_waits_for_no_commit(engine: SqliteEngine, disk: Disk) -> None:
    """
    It gives what is committed, while something else is on its way to the disk.
    """
    start = await engine.head(TOPIC)
    tasks = publish_soon(engine, 1)
    await disk.begins()
    assert await engine.read(TOPIC, start, 10) == Page([], True, start, True)
    disk.let_commit.set()
    await asyncio.gather(*tasks)


# Restarts


async def test_log_outlasts_the_engine(path: Path, clock: Clock) -> None:
    """
    Messages, senders, head and floor are there again, also where all was trimmed.
    """
    engine = SqliteEngine(path, clock)
    ids = await log(engine, 1, 2, 3, retention=Retention(max_count=2))
    gone = await log(engine, 1, topic="room:b", retention=Retention(max_age_s=0.0))
    clock.now += 1
    start = await engine.head("room:c")
    before = await engine.read(TOPIC, "", 10)
    await engine.close()
    engine = SqliteEngine(path, clock)
    assert await engine.read(TOPIC, "", 10) == before
    assert (await engine.read(TOPIC, ids[0], 10)).recovered
    assert (await engine.head("room:b"), await engine.head("room:c")) == (gone[0], start)
    await engine.close()


@pytest.mark.parametrize("retention", [Retention(), Retention(max_age_s=0.0)], ids=["kept", "gone"])
async def test_ids_go_on_when_the_clock_was_set_back(path: Path, retention: Retention) -> None:
    """
    No id is used again after a restart, also where nothing is left of the first.
    """
    ids = list[str]()
    for now in (NOW, NOW - 3600.0, 1.0):
        engine = SqliteEngine(path, Clock(now))
        ids += await log(engine, 1, 2, retention=retention)
        await engine.close()
    assert ids == sorted(set(ids))


# Age


async def test_idle_topic_is_swept_when_others_publish(
    engine: SqliteEngine, clock: Clock, path: Path
) -> None:
    """
    What is over age is freed, without anybody coming back to its topic.
    """
    await log(engine, 1, 2, retention=Retention(max_age_s=10.0))
    clock.now += sqlite_engine.SWEEP_S
    await log(engine, 3, topic="room:b")
    await engine.close()
    assert rows_in(path) == 1


async def test_idle_topic_is_swept_when_nobody_publishes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The thread looks by itself, once in a while.
    """
    monkeypatch.setattr(sqlite_engine, "SWEEP_S", 0.001)
    clock = Clock()
    engine = SqliteEngine(path, clock)
    await log(engine, 1, retention=Retention(max_age_s=10.0))
    assert rows_in(path) == 1
    clock.now += 60
    while rows_in(path):
        await asyncio.sleep(0)
    await engine.close()


async def test_idle_topic_is_swept_when_there_are_only_readers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    After a restart nobody need publish for what is over age to go.
    """
    monkeypatch.setattr(sqlite_engine, "SWEEP_S", 0.001)
    clock = Clock()
    engine = SqliteEngine(path, clock)
    await log(engine, 1, retention=Retention(max_age_s=10.0))
    await engine.close()
    engine = SqliteEngine(path, clock)
    await engine.read("room:b", "", 10)
    clock.now += 60
    while rows_in(path):
        await asyncio.sleep(0)
    await engine.close()


async def test_sweep_that_fails_is_told_and_hurts_nobody(
    engine: SqliteEngine, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    """
    It is tried again when it is due again.
    """

    def sweep(self: SqliteLog, now: float) -> bool:
        raise EngineError("sweep it", "disk I/O error")

    monkeypatch.setattr(SqliteLog, "sweep", sweep)
    for number in range(2):
        clock.now += sqlite_engine.SWEEP_S
        await log(engine, number)
        while len(caplog.records) == number:
            await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == [
        "what is over age stays for now: cannot sweep it: disk I/O error"
    ] * 2


# What goes wrong


async def test_batch_is_refused_when_the_disk_is_full(engine: SqliteEngine, caplog) -> None:
    """
    Nobody gets anything of it, its ids are not used, and it works again once there is room.
    """
    ear = await listen(engine)
    ids = await log(engine, 1)
    with no_room(engine):
        big = {"body": "secret" * 2_000}
        publication = Publication(TOPIC, "e", big)
        tasks = (engine.publish(publication, Retention()) for _ in range(10))
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {str(one) for one in outcomes} == {
        f"cannot store on {engine.path}: database or disk is full"
    }
    assert {type(one) for one in outcomes} == {EngineError}
    assert "database or disk is full" in caplog.text
    assert "secret" not in caplog.text
    assert (len(ear.heard), await engine.head(TOPIC)) == (1, ids[0])
    ids += await log(engine, 2)
    assert [one.id for one in ear.heard] == ids
    assert list((await engine.read(TOPIC, "", 10)).publications) == ear.heard


async def test_refusals_are_logged_when_they_begin_and_when_they_end(
    engine: SqliteEngine, caplog
) -> None:
    """
    A disk that is full for an hour is two lines in the log; the next time it is told again.
    """
    for _ in range(2):
        with no_room(engine):
            for _ in range(3):
                with pytest.raises(EngineError):
                    await log_sizes(engine, [100_000])
        await log(engine, 1, 2)
    assert [record.getMessage() for record in caplog.records] == [
        f"publications are refused: cannot store on {engine.path}: database or disk is full",
        "publications are stored again, 3 were refused",
    ] * 2


async def test_batch_is_refused_when_somebody_locks_the_file(path: Path, clock: Clock) -> None:
    """
    A person with a sqlite3 prompt and an open transaction: told as such, and over when it is.
    """
    engine = SqliteEngine(path, clock)
    await log(engine, 1)
    engine._log._writer.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(EngineError, match="database is locked"):
            await log(engine, 2)
        assert bodies(await engine.read(TOPIC, "", 10)) == [1]
    await log(engine, 3)
    assert bodies(await engine.read(TOPIC, "", 10)) == [1, 3]
    await engine.close()


async def test_mistake_of_ours_is_logged_with_its_traceback(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    """
    The publisher gets it, the thread outlives it.
    """
    with monkeypatch.context() as patch:
        patch.setattr(SqliteLog, "append", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await log(engine, 1)
    await log(engine, 2)
    record, _ = caplog.records
    assert (record.levelno, record.exc_info is None) == (logging.ERROR, False)


# Its end


async def test_close_commits_and_delivers_what_waits(
    engine: SqliteEngine, disk: Disk, path: Path
) -> None:
    """
    Whoever published before gets a receipt; two who close at once both wait for it.
    """
    ear = await listen(engine)
    tasks = [*publish_soon(engine, *range(20)), asyncio.create_task(engine.head(TOPIC))]
    await asyncio.sleep(0)
    closing_tasks = [asyncio.create_task(engine.close()) for _ in range(2)]
    await asyncio.sleep(0)
    disk.let_commit.set()
    await asyncio.gather(*closing_tasks)
    assert all(task.done() for task in tasks)
    assert (len(ear.heard), rows_in(path)) == (20, 20)


async def test_close_goes_on_when_who_called_it_is_cancelled(
    engine: SqliteEngine, disk: Disk, path: Path
) -> None:
    """
    A bound on the shutdown does not leave the file half closed.
    """
    tasks = publish_soon(engine, 1)
    await disk.begins()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(engine.close(), 0)
    disk.let_commit.set()
    await engine.close()
    assert (await asyncio.gather(*tasks))[0] != []
    SqliteLog(path, Clock()).close()


async def test_engine_refuses_all_when_it_is_closed(engine: SqliteEngine) -> None:
    """
    Nobody waits for ever for a thread that has ended.
    """
    await engine.close()
    publication = Publication(TOPIC, "e", {})
    for work in (
        engine.publish(publication, Retention()),
        engine.publish(publication),
        engine.read(TOPIC, "", 1),
        engine.head(TOPIC),
    ):
        with pytest.raises(EngineError, match=r"cannot use .*history\.db: the engine is closed"):
            await work


async def test_close_leaves_no_thread(engine: SqliteEngine) -> None:
    """
    Neither that which writes nor that which reads.
    """
    await log(engine, 1)
    await engine.head(TOPIC)
    threads = [one for one in threading.enumerate() if one.name.startswith("notifier-")]
    await engine.close()
    for thread in threads:
        thread.join(10)
    assert [one.is_alive() for one in threads] == [False, False]


# Processes


PUBLISHER = """
import asyncio, sys, time
from pathlib import Path
from notifier.engine import Publication, Retention, SqliteEngine

async def publisher(engine, number):
    while True:
        retention = Retention(max_count=10_000)
        receipt = await engine.publish(Publication("room:a", "e", {"body": number}), retention)
        print(receipt.id, flush=True)

async def main():
    engine = SqliteEngine(Path(sys.argv[1]), time.time)
    print("open", flush=True)
    await asyncio.gather(*(publisher(engine, number) for number in range(20)))

asyncio.run(main())
"""


@contextmanager
def publishing(path: Path) -> Iterator[subprocess.Popen[str]]:
    """
    A process that publishes all the time and prints the ids; killed at the end.
    """
    command = [sys.executable, "-c", PUBLISHER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


@pytest.mark.server
async def test_nothing_confirmed_is_lost_when_the_process_is_killed(
    path: Path, clock: Clock
) -> None:
    """
    Whatever the moment of kill -9: the log is whole, goes on, and reuses no id.
    """
    confirmed = list[str]()
    for lines in (1, 50, 333):
        with publishing(path) as process:
            assert process.stdout is not None
            confirmed += [process.stdout.readline() for _ in range(lines)]
            process.kill()
            confirmed += process.stdout.readlines()
    confirmed = [line.strip() for line in confirmed if line.endswith("\n")]
    assert confirmed == sorted(set(confirmed))
    engine, ear = SqliteEngine(path, clock), Ear()
    await engine.subscribe(TOPIC, ear)
    page = await engine.read(TOPIC, "", 100_000)
    stored = [publication.id for publication in page.publications]
    assert set(confirmed) <= set(stored)
    (id,) = await log(engine, 1)
    assert id > max(i for i in stored if i)
    await engine.close()


@pytest.mark.server
async def test_file_has_one_process(path: Path, clock: Clock) -> None:
    """
    A second one is refused while the first lives, and not when it was killed.
    """
    with publishing(path), pytest.raises(EngineError, match="another server uses it"):
        SqliteEngine(path, clock)
    await SqliteEngine(path, clock).close()
