"""
The engine of one process that keeps everything in memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping

from attrs import define, evolve, field

from notifier.engine.base import Engine, Page, Publication, Receipt, Receiver, Retention
from notifier.engine.ids import IdMaker


@define(eq=False)
class _Log:
    """
    One topic's kept messages.

    `floor` is the last id trimmed, or the engine's first: nothing of a topic
    is older than its engine.
    """

    floor: str
    ids: list[str] = field(factory=list)
    publications: list[Publication] = field(factory=list)
    stored_at: list[float] = field(factory=list)

    @property
    def head(self) -> str:
        return self.ids[-1] if self.ids else self.floor

    def append(self, publication: Publication, id: str, now: float) -> None:
        self.ids.append(id)
        self.publications.append(publication)
        self.stored_at.append(now)

    def trim(self, retention: Retention, now: float) -> None:
        expired = bisect_left(self.stored_at, now - retention.max_age_s)
        count = max(expired, len(self.ids) - retention.max_count)
        if count > 0:
            self.floor = self.ids[count - 1]
            del self.ids[:count], self.publications[:count], self.stored_at[:count]


@define(eq=False, repr=False)
class MemoryEngine(Engine):
    """
    Publishes within this process; logs last as long as the process does.

    `clock` tells seconds since the epoch.
    """

    clock: Callable[[], float]
    _ids: IdMaker = field(init=False)
    _created: str = field(init=False)
    _receivers: dict[str, list[Receiver]] = field(init=False, factory=dict)
    _logs: dict[str, _Log] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._ids = IdMaker(self.clock)
        self._created = self._ids.make()

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
        receivers = self._receivers.get(publication.topic, ())
        reached = sum(receiver(publication) for receiver in tuple(receivers))
        return Receipt(publication.id, reached)

    async def subscribe(self, topic: str, receiver: Receiver) -> None:
        """
        Call `receiver` for every publication on `topic` from now on.
        """
        self._receivers.setdefault(topic, []).append(receiver)

    async def unsubscribe(self, topic: str, receiver: Receiver) -> None:
        """
        End a subscription. Idempotent.
        """
        receivers = self._receivers.get(topic, [])
        if receiver in receivers:
            receivers.remove(receiver)
            if not receivers:
                del self._receivers[topic]

    async def read(self, topic: str, since: str, limit: int) -> Page:
        """
        Read up to `limit` publications that come after the id `since`.
        """
        log = self._log(topic)
        recovered = log.floor <= since <= log.head
        start = bisect_right(log.ids, since)
        return Page(log.publications[start : start + limit], recovered, log.head)

    async def head(self, topic: str) -> str:
        """
        Tell the newest id of a log, or where it begins while it is empty.
        """
        return self._log(topic).head

    def _log(self, topic: str) -> _Log:
        return self._logs.get(topic) or _Log(floor=self._created)

    def _store(self, publication: Publication, retention: Retention) -> Publication:
        log = self._logs.setdefault(publication.topic, self._log(publication.topic))
        id, now = self._ids.make(), self.clock()
        stored = evolve(publication, id=id, payload={**publication.payload, "id": id})
        log.append(stored, id, now)
        log.trim(retention, now)
        return stored
