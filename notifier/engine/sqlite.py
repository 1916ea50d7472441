"""
The engine of one process that keeps its logs in a SQLite file.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from notifier.engine.base import Engine, Page, Publication, Receipt, Receiver, Retention
from notifier.engine.batches import Batches, settle
from notifier.engine.bodies import check_text, decode, encode
from notifier.engine.ids import IdMaker, milliseconds
from notifier.engine.receivers import Receivers
from notifier.engine.sqlite_log import Row, SqliteLog
from notifier.engine.sqlite_reads import SqliteReads
from notifier.errors import EngineError

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000
"""Publications that wait for the disk: some seconds' worth. One more is refused
with EngineError, so that a disk that hangs does not fill the memory."""

MAX_WAITING_CHARACTERS: Final = 64 * 1024 * 1024
"""The same, by the size of what waits, for publications that are large."""

MAX_COMMIT: Final = 1_000
"""Publications in one commit: about 10 ms of SQLite, and well below the 32,766
parameters that a statement may have. What is more waits for the next."""

MAX_ROUND: Final = 64
"""Publications that are delivered in one round of the event loop, so that others
have their turn between: a commit may bring MAX_COMMIT, each for thousands."""

SWEEP_S: Final = 60.0
"""Seconds between two sweeps of what is over age. It is out of sight before."""


@frozen
class _Entry:
    """
    A publication that waits for its commit, and who waits for it.
    """

    row: Row
    publication: Publication
    receipt: asyncio.Future[Receipt]


@define(eq=False, repr=False)
class SqliteEngine(Engine):
    """
    Publishes within this process; logs outlast it, to the last commit.

    The file is opened at once, and made where there is none, in a directory
    that is there; raises EngineError where it cannot be used. `clock` tells
    seconds since the epoch, in any thread. All else happens in one event loop.
    Call `close` at the end: until then no other engine can have the file.
    """

    path: Path
    clock: Callable[[], float]
    _log: SqliteLog = field(init=False)
    _ids: IdMaker = field(init=False)
    _receivers: Receivers = field(init=False, factory=Receivers)
    _commits: Batches[_Entry, None] = field(init=False)
    _reads: SqliteReads = field(init=False)
    _outcomes: deque[tuple[_Entry, Exception | None]] = field(init=False, factory=deque)
    _refused: int = field(init=False, default=0)
    _waiting: int = field(init=False, default=0)
    _waiting_characters: int = field(init=False, default=0)
    _swept_at: float = field(init=False)
    _closing: asyncio.Task[None] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._log = SqliteLog(self.path, self.clock)
        self._ids = IdMaker(self.clock, self._log.last)
        self._swept_at = self.clock()
        self._commits = Batches(
            "notifier-commits", self._commit, self._committed, MAX_COMMIT, self._sweep
        )
        self._reads = SqliteReads(self._log, self.clock)

    def __repr__(self) -> str:
        return f"<SqliteEngine {len(self._receivers)} topics, {self._waiting} waiting>"

    async def publish(
        self, publication: Publication, retention: Retention | None = None
    ) -> Receipt:
        """
        Hand the publication out, after the commit that stores it if its topic is logged.
        """
        self._check_open()
        if retention is None or not isinstance(publication.payload, Mapping):
            return Receipt(None, self._receivers.hand_out(publication))
        if self._waiting >= MAX_WAITING or self._waiting_characters >= MAX_WAITING_CHARACTERS:
            raise EngineError(
                f"store on {self.path}",
                f"{self._waiting} publications of {self._waiting_characters} characters "
                "wait for the disk already",
            )
        entry = self._entry(publication, retention)
        self._waiting += 1
        self._waiting_characters += len(entry.row.body)
        self._commits.put(entry)
        return await entry.receipt

    async def subscribe(self, topic: str, receiver: Receiver) -> None:
        """
        Call `receiver` for every publication on `topic` from now on.
        """
        self._receivers.add(topic, receiver)

    async def unsubscribe(self, topic: str, receiver: Receiver) -> None:
        """
        End a subscription. Idempotent.
        """
        self._receivers.remove(topic, receiver)

    async def read(self, topic: str, since: str, limit: int) -> Page:
        """
        Read up to `limit` publications that come after the id `since`; waits for no commit.
        """
        self._check_open()
        check_text(topic=topic, since=since)
        self._commits.begin()  # which sweeps, also where nobody publishes
        return await self._reads.page(topic, since, limit)

    async def head(self, topic: str) -> str:
        """
        Tell the newest id of a log, or where it begins while it is empty.
        """
        self._check_open()
        check_text(topic=topic)
        return await self._reads.head(topic)

    async def close(self) -> None:
        """
        Commit and deliver what waits, answer who reads, close the file. Idempotent.
        """
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    def discard(self) -> None:
        """
        Close the file of an engine that was never used, as `close` does, outside an event loop.
        """
        self._log.close()

    async def _close(self) -> None:
        await self._commits.finish()
        while self._outcomes:
            self._deliver()
        await self._reads.finish()
        await asyncio.to_thread(self._log.close)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise EngineError(f"use {self.path}", "the engine is closed")

    def _entry(self, publication: Publication, retention: Retention) -> _Entry:
        # What cannot be stored is found here, where it fails nobody else's.
        check_text(topic=publication.topic)
        now, id = self.clock(), self._ids.make()
        body = encode(publication.with_id(id)).decode()
        row = Row(
            topic=publication.topic,
            id=id,
            expires_ms=milliseconds(id) + retention.age_ms,
            body=body,
            max_count=retention.count,
            max_age_ms=retention.age_ms,
            oldest=retention.oldest(now),
        )
        return _Entry(row, decode(row.topic, body), asyncio.get_running_loop().create_future())

    # --- the thread that writes

    def _commit(self, batch: Sequence[_Entry]) -> None:
        self._log.append([entry.row for entry in batch])

    def _committed(self, batch: Sequence[_Entry], result: Exception | None) -> None:
        self._tell_changes(len(batch), result)
        is_idle = not self._outcomes  # else a round is to come, and these are behind
        self._outcomes.extend((entry, result) for entry in batch)
        if is_idle:
            self._deliver()

    def _tell_changes(self, count: int, result: Exception | None) -> None:
        """
        Log the first batch that is refused and the first that is stored again, none between.
        """
        if result is None:
            if self._refused:
                logger.warning("publications are stored again, %d were refused", self._refused)
            self._refused = 0
            return
        if not self._refused:
            why = None if isinstance(result, EngineError) else result
            logger.error("publications are refused: %s", result, exc_info=why)
        self._refused += count

    def _deliver(self) -> None:
        """
        Tell what came of the next few, and leave the others to the next round of the loop.
        """
        for _ in range(min(MAX_ROUND, len(self._outcomes))):
            entry, error = self._outcomes.popleft()
            self._waiting -= 1
            self._waiting_characters -= len(entry.row.body)
            settle(entry.receipt, error or self._hand_out(entry.publication))
        if self._outcomes:
            asyncio.get_running_loop().call_soon(self._deliver)

    def _hand_out(self, publication: Publication) -> Receipt | Exception:
        try:
            return Receipt(publication.id, self._receivers.hand_out(publication))
        except Exception as error:  # a receiver's: the others of the batch go on
            return error

    def _sweep(self) -> float:
        """
        Sweep if it is time; tell for how many seconds there is nothing to do.
        """
        now = self.clock()
        if abs(now - self._swept_at) < SWEEP_S:
            return SWEEP_S
        try:
            if self._log.sweep(now):
                return 0.0
        except Exception as error:
            logger.warning("what is over age stays for now: %s", error)
        self._swept_at = now
        return SWEEP_S
