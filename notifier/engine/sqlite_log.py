"""
The tables of the logs in SQLite, and the few statements that use them.

All here is synchronous, and knows neither event loop nor thread: one thread at
a time may write, another one read. Every step of a statement lets go of the
GIL and may wait 5 ms to get it back, so that there are two rules:

1. A batch is one statement and one step, whatever its size: rows go in through
   a view, whose trigger keeps the books, and the statement is the transaction.
2. What is read comes back as one row, put together as JSON by SQLite.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from attrs import define, field

from notifier.engine.ids import IdMaker
from notifier.errors import EngineError

SCHEMA_VERSION: Final = 2
APPLICATION_ID: Final = 0x4E746672  # "Ntfr", says what the file is to `file` and to us

OLDEST_SQLITE: Final = (3, 37, 0)
"""The first with STRICT tables; all else that is used here is older, and no JSON function is."""

BUSY_TIMEOUT_S: Final = 2.0
"""How long a commit waits for a lock that somebody else's program holds on the
file, before its publications are refused."""

SWEEP_ROWS: Final = 1_000
"""Messages that one sweep deletes at most: about 10 ms, for which commits wait."""

_SCHEMA: Final = """
BEGIN IMMEDIATE;

CREATE TABLE meta (created TEXT NOT NULL) STRICT;

-- A topic's row stays when its messages are gone: no id is ever used again.
CREATE TABLE topics (
    topic TEXT PRIMARY KEY,
    head TEXT NOT NULL,           -- the newest id
    floor TEXT NOT NULL,          -- the last id that was trimmed, or meta.created
    kept INTEGER NOT NULL,        -- how many messages there are
    max_age_ms INTEGER NOT NULL,  -- of the last retention
    largest INTEGER NOT NULL      -- the size of its largest message ever
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,        -- bytes of body; before it, since what is behind is slow to get
    body TEXT NOT NULL            -- JSON: [id, event, payload, sender]
) STRICT;
CREATE UNIQUE INDEX messages_by_topic ON messages (topic, id);
CREATE INDEX messages_by_expiry ON messages (expires_ms);

CREATE TRIGGER message_gone AFTER DELETE ON messages BEGIN
    UPDATE topics SET kept = kept - 1, floor = max(floor, OLD.id) WHERE topic = OLD.topic;
END;

CREATE VIEW incoming (topic, id, expires_ms, body, max_count, max_age_ms, oldest) AS
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL;

CREATE TRIGGER message_comes INSTEAD OF INSERT ON incoming BEGIN
    INSERT INTO messages
        VALUES (NEW.topic, NEW.id, NEW.expires_ms, length(CAST(NEW.body AS BLOB)), NEW.body);
    INSERT INTO topics
        SELECT topic, id, created, 1, NEW.max_age_ms, size FROM messages JOIN meta
        WHERE messages.rowid = last_insert_rowid()
        ON CONFLICT (topic) DO UPDATE
        SET head = excluded.head, kept = kept + 1, max_age_ms = excluded.max_age_ms,
            largest = max(largest, excluded.largest);
    DELETE FROM messages WHERE topic = NEW.topic AND id < NEW.oldest;
    DELETE FROM messages WHERE rowid IN (
        SELECT rowid FROM messages WHERE topic = NEW.topic ORDER BY id
        LIMIT (SELECT max(0, kept - NEW.max_count) FROM topics WHERE topic = NEW.topic)
    );
END;
"""

_APPEND: Final = "INSERT INTO incoming VALUES "

_SWEEP: Final = """
DELETE FROM messages WHERE rowid IN (
    SELECT rowid FROM messages WHERE expires_ms < ? ORDER BY expires_ms LIMIT ?
)
"""

# Two parts, with a row of VALUES for each stretch between them; ?1 is the time, ?2 how
# many messages of each, ?3 how many bytes. What is over age is below the floor here
# already, whether a sweep has come by or not. The sizes are added up only where the
# bytes could be too many: that costs four times as much as reading.
_READ: Final = (
    "WITH asked (place, topic, since) AS (VALUES ",
    """),
    logs AS (
        SELECT asked.*, largest, coalesce(head, created) AS head, max(
            coalesce(floor, created),
            coalesce((
                SELECT max(id) FROM messages WHERE messages.topic = asked.topic
                AND id < printf('%012x', max(0, ?1 - max_age_ms))
            ), '')
        ) AS floor
        FROM asked JOIN meta LEFT JOIN topics ON topics.topic = asked.topic
    )
    SELECT '[' || group_concat(
        '[' || place || ',"' || floor || '","' || head || '",[' || coalesce(
            CASE WHEN largest * ?2 <= ?3 THEN (
                SELECT group_concat(body) FROM (
                    SELECT body FROM messages
                    WHERE topic = logs.topic AND id > max(since, floor) ORDER BY id LIMIT ?2
                )
            ) ELSE (
                SELECT group_concat(body) FROM messages WHERE rowid IN (
                    SELECT row FROM (
                        SELECT row, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS upto
                        FROM (
                            SELECT rowid AS row, id, size FROM messages
                            WHERE topic = logs.topic AND id > max(since, floor)
                            ORDER BY id LIMIT ?2
                        )
                    ) WHERE upto <= ?3
                )
            ) END, ''
        ) || ']]'
    ) || ']' FROM logs""",
)


class Row(NamedTuple):
    """
    A message on its way in; a tuple in the order of the view's columns.
    """

    topic: str
    id: str
    expires_ms: int
    body: str
    max_count: int
    max_age_ms: int
    oldest: str


class Stretch(NamedTuple):
    """
    What a read found; `messages` are `[id, event, payload, sender]`.
    """

    floor: str
    head: str
    messages: list[list[Any]]

    def reached(self, since: str, limit: int | None = None) -> str:
        """
        Tell how far the log is known to who reads `limit` messages after `since`.
        """
        last: list[str] = [id for id, *_ in self.messages[:limit][-1:]]
        return max([since, self.floor, *last])


@define(eq=False, repr=False)
class SqliteLog:
    """
    The logs of one file, which is made where there is none; one owner at a time.

    `clock` dates a file that is new. Raises EngineError for a file that another
    process owns, that may not be written, that is no log of ours, or that another
    release of Notifier has made.
    """

    path: Path
    clock: Callable[[], float]
    last: str = field(init=False)
    """The greatest id that was ever stored here."""
    _lock: sqlite3.Connection = field(init=False)
    _writer: sqlite3.Connection = field(init=False)
    _reader: sqlite3.Connection = field(init=False)
    _is_closed: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise EngineError(
                f"open {self.path}", f"expected SQLite 3.37 or newer, got {sqlite3.sqlite_version}"
            )
        with self._telling("open"), ExitStack() as opened:
            self._lock = opened.enter_context(closing(self._take_lock()))
            self._writer = opened.enter_context(closing(_connect(self.path, BUSY_TIMEOUT_S)))
            self._check()
            self._writer.execute("PRAGMA synchronous = FULL")
            self._reader = opened.enter_context(closing(_connect(self.path, BUSY_TIMEOUT_S)))
            opened.pop_all()  # open they stay: nothing went wrong

    def __repr__(self) -> str:
        return f"<SqliteLog {self.path.name}>"

    def append(self, rows: Sequence[Row]) -> None:
        """
        Store rows, in the order of their ids, and trim their topics: all or none.
        """
        marks = f"({','.join('?' * len(Row._fields))})"
        statement = _APPEND + ",".join([marks] * len(rows))
        with self._telling("store on"):
            self._writer.execute(statement, tuple(chain.from_iterable(rows)))

    def sweep(self, now: float) -> bool:
        """
        Delete what is over age; tell whether there may be more.
        """
        with self._telling("sweep"):
            swept = self._writer.execute(_SWEEP, (int(now * 1000), SWEEP_ROWS))
            return swept.rowcount >= SWEEP_ROWS

    def read(
        self, asked: Sequence[tuple[str, str]], limit: int, max_bytes: int, now: float
    ) -> list[Stretch]:
        """
        Read for each topic what comes after an id: `limit` messages and `max_bytes` at most.

        That may be nothing, where the first is larger.
        """
        rows = (f"({n},?{2 * n + 4},?{2 * n + 5})" for n in range(len(asked)))
        values = (int(now * 1000), limit, max_bytes, *chain.from_iterable(asked))
        with self._telling("read"):
            [(text,)] = self._reader.execute(",".join(rows).join(_READ), values).fetchall()
            found = sorted(orjson.loads(text), key=lambda one: one[0])
        return [
            Stretch(floor, head, sorted(messages, key=lambda message: message[0]))
            for _, floor, head, messages in found
        ]

    def close(self) -> None:
        """
        Close the file, and let another owner have it. Idempotent.
        """
        if not self._is_closed:
            self._is_closed = True
            with self._telling("close"):
                # The writer last: it is then that the write-ahead log goes into the file.
                for connection in (self._reader, self._writer, self._lock):
                    connection.close()

    # --- within

    def _take_lock(self) -> sqlite3.Connection:
        """
        Own the file for as long as this process lives, by a transaction left open on another.
        """
        with ExitStack() as opened:
            lock = _connect(self.path.with_name(f"{self.path.name}.lock"), timeout_s=0)
            opened.enter_context(closing(lock))
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                why = "another server uses it; one file serves one process"
                raise EngineError(f"open {self.path}", why) from error
            opened.pop_all()
        return lock

    def _check(self) -> None:
        application, version, tables = (
            self._writer.execute(question).fetchone()[0]
            for question in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT count(*) FROM sqlite_schema",
            )
        )
        if (application, version, tables) == (0, 0, 0):
            self._make_tables()
        elif application != APPLICATION_ID:
            raise EngineError(f"open {self.path}", "it is the database of another program")
        elif version != SCHEMA_VERSION:
            raise EngineError(
                f"open {self.path}",
                f"expected a history of version {SCHEMA_VERSION}, got version {version}: "
                "it was made by another release of Notifier",
            )
        # A file that may only be read would say so at the first publication and no sooner.
        self._writer.executescript("BEGIN IMMEDIATE; UPDATE meta SET created = created; ROLLBACK")
        question = "SELECT max(created, coalesce((SELECT max(head) FROM topics), '')) FROM meta"
        self.last = self._writer.execute(question).fetchone()[0]

    def _make_tables(self) -> None:
        (mode,) = self._writer.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise EngineError(f"open {self.path}", "no write-ahead log is possible where it lies")
        self._writer.executescript(_SCHEMA)
        self._writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._writer.execute("INSERT INTO meta VALUES (?)", (IdMaker(self.clock).make(),))
        self._writer.execute("COMMIT")

    @contextmanager
    def _telling(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, orjson.JSONDecodeError) as error:
            why = "it is damaged" if isinstance(error, orjson.JSONDecodeError) else str(error)
            raise EngineError(f"{verb} {self.path}", why) from error


def _connect(path: Path, timeout_s: float) -> sqlite3.Connection:
    # Made by hand because SQLite would leave the messages readable for everyone. Never opened
    # by hand where it is there: to close it would end this process' locks on it (POSIX).
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
