"""
The engine of one process that keeps everything in memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import accumulate, takewhile
from typing import Final

from attrs import define, field

from notifier.engine.base import (
    MAX_PAGE_BYTES,
    Engine,
    Page,
    Publication,
    Receipt,
    Receiver,
    Retention,
)
from notifier.engine.bodies import check_text, decode, encode
from notifier.engine.ids import IdMaker
from notifier.engine.receivers import Receivers

MAX_EMPTY: Final = 10_000
"""Topics whose last message is gone and whose newest id is remembered all the
same: about 2 MB. With one more the first is forgotten, and a client that comes
back with its id is told that something may be missing, as after a restart."""


@define(eq=False)
class _Log:
    """
    One topic's kept messages, and the retention that came with the last.

    `floor` is the last id trimmed, or where the log begins.
    """

    floor: str
    retention: Retention = field(factory=Retention)
    ids: list[str] = field(factory=list)
    bodies: list[bytes] = field(factory=list)

    @property
    def head(self) -> str:
        return self.ids[-1] if self.ids else self.floor

    def append(self, id: str, body: bytes) -> None:
        self.ids.append(id)
        self.bodies.append(body)

    def page_end(self, start: int, limit: int) -> int:
        """
        Tell where a page ends that begins at `start`.
        """
        bodies = self.bodies[start : start + limit]
        sums = accumulate(map(len, bodies))
        count = sum(1 for size in takewhile(MAX_PAGE_BYTES.__ge__, sums))
        return start + (count or len(bodies[:1]))

    def trim(self, now: float) -> None:
        expired = bisect_left(self.ids, self.retention.oldest(now))
        count = max(expired, len(self.ids) - self.retention.count)
        if count > 0:
            self.floor = self.ids[count - 1]
            del self.ids[:count], self.bodies[:count]


@define(eq=False, repr=False)
class MemoryEngine(Engine):
    """
    Publishes within this process; logs last as long as the process does.

    `clock` tells seconds since the epoch.
    """

    clock: Callable[[], float]
    _ids: IdMaker = field(init=False)
    _receivers: Receivers = field(init=False, factory=Receivers)
    # Ordered ones, since in a plain dict it is a search to find the first after many have gone.
    _logs: OrderedDict[str, _Log] = field(init=False, factory=OrderedDict)
    _empty: OrderedDict[str, str] = field(init=False, factory=OrderedDict)
    """The heads of logs that became empty, the longest empty first."""
    _floor: str = field(init=False)
    """Where the log of any other topic begins: no id that was forgotten is above it."""

    def __attrs_post_init__(self) -> None:
        self._ids = IdMaker(self.clock)
        self._floor = self._ids.make()

    def __repr__(self) -> str:
        return f"<MemoryEngine {len(self._receivers)} topics, {len(self._logs)} logs>"

    async def publish(
        self, publication: Publication, retention: Retention | None = None
    ) -> Receipt:
        """
        Store the publication if its topic is logged, then hand it out at once.
        """
        if retention is not None and isinstance(publication.payload, Mapping):
            publication = self._store(publication, retention)
        return Receipt(publication.id, self._receivers.hand_out(publication))

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
        Read up to `limit` publications that come after the id `since`.
        """
        check_text(topic=topic, since=since)
        log = self._log(topic)
        log.trim(self.clock())
        recovered = log.floor <= since <= log.head
        start = bisect_right(log.ids, since)
        stop = log.page_end(start, limit)
        publications = [decode(topic, body) for body in log.bodies[start:stop]]
        return Page(publications, recovered, log.head, is_last=stop == len(log.ids))

    async def head(self, topic: str) -> str:
        """
        Tell the newest id of a log, or where it begins while it is empty.
        """
        check_text(topic=topic)
        return self._log(topic).head

    def _log(self, topic: str) -> _Log:
        return self._logs.get(topic) or _Log(floor=self._empty.get(topic, self._floor))

    def _store(self, publication: Publication, retention: Retention) -> Publication:
        topic = publication.topic
        check_text(topic=topic)
        id, now = self._ids.make(), self.clock()
        body = encode(publication.with_id(id))
        log = self._logs.setdefault(topic, self._log(topic))
        self._empty.pop(topic, None)
        log.append(id, body)
        log.retention = retention
        log.trim(now)
        self._trim_next(now)
        return decode(topic, body)

    def _trim_next(self, now: float) -> None:
        # One of all the logs with each publication, in turns: those that nobody uses are freed too.
        topic, log = self._logs.popitem(last=False)
        log.trim(now)
        if log.ids:
            self._logs[topic] = log
            return
        self._empty[topic] = log.head
        if len(self._empty) > MAX_EMPTY:
            _, forgotten = self._empty.popitem(last=False)
            self._floor = max(self._floor, forgotten)
