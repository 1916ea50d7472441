"""
The tables in SQLite: what is stored, trimmed and read, and which files are taken.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.actors import NOW, TOPIC, Clock
from notifier.engine.sqlite_log import SWEEP_ROWS, Row, SqliteLog
from notifier.errors import EngineError

START_MS = int(NOW * 1000)
MANY = 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(path, Clock())) as log:
        yield log


def row(number: int, topic: str = TOPIC, *, count: int = 100, age_ms: int = 1_000) -> Row:
    """
    A message that was made so many milliseconds after the start.
    """
    id = f"{START_MS + number:012x}-00000"
    body = orjson.dumps([id, "e", {"body": number}, None]).decode()
    oldest = f"{START_MS + number - age_ms:012x}"
    return Row(topic, id, START_MS + number + age_ms, body, count, age_ms, oldest)


def numbers(log: SqliteLog, topic: str = TOPIC, now: float = NOW) -> list[int]:
    (stretch,) = log.read([(topic, "")], 1_000, MANY, now)
    return [payload["body"] for _, _, payload, _ in stretch.messages]


def rows_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM messages").fetchone()[0])


def test_append_is_one_transaction(log: SqliteLog) -> None:
    """
    One row that cannot be stored, and none is: neither of its topic nor of another.
    """
    log.append([row(1)])
    with pytest.raises(EngineError, match=r"cannot store on .*history\.db: UNIQUE"):
        log.append([row(2), row(3, "room:b"), row(1)])
    assert (numbers(log), numbers(log, "room:b")) == ([1], [])
    log.append([row(4), row(5, "room:b")])
    assert (numbers(log), numbers(log, "room:b")) == ([1, 4], [5])


def test_append_takes_as_many_rows_as_a_commit_has(log: SqliteLog) -> None:
    """
    All of them are parameters of one statement.
    """
    log.append([row(number, count=2_000) for number in range(1, 1_001)])
    assert len(numbers(log)) == 1_000


def test_append_is_on_the_disk_when_it_returns(log: SqliteLog) -> None:
    """
    The write-ahead log is synced at each commit: 2 is FULL.
    """
    asked = [log._writer.execute(f"PRAGMA {name}") for name in ("synchronous", "journal_mode")]
    assert [one.fetchone()[0] for one in asked] == [2, "wal"]


def test_sweep_deletes_what_is_over_age(log: SqliteLog, path: Path) -> None:
    """
    Of every topic, whether anybody publishes there or not; the floor moves with it.
    """
    log.append([row(1), row(500), row(1, "room:b"), row(1, "room:c", age_ms=9_000)])
    assert not log.sweep(NOW + 1.0)
    assert rows_in(path) == 4
    assert not log.sweep(NOW + 1.4)
    assert rows_in(path) == 2
    stretches = log.read([(TOPIC, ""), ("room:b", "")], 10, MANY, NOW)
    assert [one.floor for one in stretches] == [row(1).id, row(1).id]


def test_sweep_stops_when_it_has_deleted_so_many(log: SqliteLog, path: Path) -> None:
    """
    Commits are not held up for long: what is left waits for another sweep.
    """
    log.append([row(number, f"room:{number}") for number in range(SWEEP_ROWS)])
    log.append([row(SWEEP_ROWS), row(SWEEP_ROWS + 1)])
    assert log.sweep(NOW + 60)
    assert rows_in(path) == 2
    assert not log.sweep(NOW + 60)
    assert rows_in(path) == 0


def test_floor_never_falls_when_an_age_was_shortened(log: SqliteLog) -> None:
    """
    An older message that was to live longer is gone with a newer one that was not.
    """
    log.append([row(0, age_ms=90_000), row(1, age_ms=90_000)])
    log.append([row(2, age_ms=10)])
    log.sweep(NOW + 1.0)
    log.append([row(60_000, age_ms=90_000)])
    assert numbers(log) == [60_000]
    assert log.read([(TOPIC, "")], 10, MANY, NOW)[0].floor == row(2).id


def test_read_says_so_when_the_file_is_damaged(log: SqliteLog, path: Path) -> None:
    """
    A message that is no JSON any more is told as such, without it.
    """
    log.append([row(1)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE messages SET body = '[secret'")
    with pytest.raises(EngineError, match=r"cannot read .*history\.db: it is damaged$"):
        numbers(log)


def test_last_is_the_greatest_id_of_all_topics(path: Path) -> None:
    """
    Also where nothing is kept; and the date of the file where nothing ever was.
    """
    with closing(SqliteLog(path, Clock())) as log:
        assert log.last == f"{START_MS:012x}-00000"
        log.append([row(7, count=0), row(8, "room:b", count=0), row(5, "room:c", count=0)])
    with closing(SqliteLog(path, Clock(1.0))) as log:
        assert log.last == row(8).id


def test_file_is_for_its_owner_alone(log: SqliteLog, path: Path) -> None:
    """
    Messages are nobody else's on the machine, nor are those in the write-ahead log.
    """
    log.append([row(1)])
    files = list(path.parent.iterdir())
    assert {one.name for one in files} >= {"history.db", "history.db-wal", "history.db.lock"}
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_file_has_one_owner(log: SqliteLog, path: Path) -> None:
    """
    Another one is refused, and can have it afterwards; neither of them loses anything.
    """
    log.append([row(1)])
    for _ in range(2):
        with pytest.raises(EngineError, match="another server uses it"):
            SqliteLog(path, Clock())
    log.append([row(2)])
    log.close()
    log.close()
    with closing(SqliteLog(path, Clock())) as other:
        assert numbers(other) == [1, 2]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        ("PRAGMA user_version = 1", "expected a history of version 2, got version 1"),
        ("PRAGMA application_id = 7", "it is the database of another program"),
    ],
)
def test_file_is_refused_when_it_is_not_ours(path: Path, make: str, told: str) -> None:
    """
    What another release or another program has made is left as it is.
    """
    SqliteLog(path, Clock()).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(make)
    before = path.read_bytes()
    with pytest.raises(EngineError, match=told):
        SqliteLog(path, Clock())
    assert path.read_bytes() == before


def test_file_is_refused_when_it_holds_other_tables(path: Path) -> None:
    """
    Also where they do not say whose they are.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE orders (id)")
    with pytest.raises(EngineError, match="it is the database of another program"):
        SqliteLog(path, Clock())


def test_file_is_refused_when_it_is_no_database(path: Path) -> None:
    """
    It is told which file, and then SQLite's own words.
    """
    path.write_text("no database at all, and long enough to be taken for one" * 20)
    with pytest.raises(EngineError) as raised:
        SqliteLog(path, Clock())
    assert str(raised.value) == f"cannot open {path}: file is not a database"


def test_file_is_refused_when_its_directory_is_missing(tmp_path: Path) -> None:
    """
    Whoever gave the path made a mistake, more likely than not.
    """
    with pytest.raises(EngineError, match="No such file or directory"):
        SqliteLog(tmp_path / "missing" / "history.db", Clock())


def test_file_is_refused_when_it_may_only_be_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    At once, not at the first publication; SQLite itself opens such a file in silence.
    """
    SqliteLog(path, Clock()).close()
    connect = sqlite3.connect

    def connect_to_read(place: Path, **options: Any) -> sqlite3.Connection:
        mode = "ro" if place == path else "rw"
        return connect(f"file:{place}?mode={mode}", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", connect_to_read)
    with pytest.raises(EngineError) as raised:
        SqliteLog(path, Clock())
    assert str(raised.value) == f"cannot open {path}: attempt to write a readonly database"


def test_file_is_made_anew_when_the_first_start_was_cut_off(path: Path) -> None:
    """
    Killed before its tables were there, it is an empty file.
    """
    path.touch()
    with closing(SqliteLog(path, Clock())) as log:
        assert numbers(log) == []


def test_sqlite_is_refused_when_it_is_too_old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    By name and number, not with the first statement that it does not know.
    """
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(EngineError, match=r"expected SQLite 3\.37 or newer, got"):
        SqliteLog(path, Clock())
