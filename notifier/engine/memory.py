"""
The engine of one process that keeps everything in memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping

from attrs import define, field

from notifier.engine.base import Engine, Page, Publication, Receipt, Receiver, Retention
from notifier.engine.bodies import check_text, decode, encode
from notifier.engine.ids import IdMaker
from notifier.engine.receivers import Receivers


@define(eq=False)
class _Log:
    """
    One topic's kept messages, and the retention that came with the last.

    `floor` is the last id trimmed, or the engine's first: nothing of a topic
    is older than its engine.
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
    _created: str = field(init=False)
    _receivers: Receivers = field(init=False, factory=Receivers)
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
        publications = [decode(topic, body) for body in log.bodies[start : start + limit]]
        return Page(publications, recovered, log.head)

    async def head(self, topic: str) -> str:
        """
        Tell the newest id of a log, or where it begins while it is empty.
        """
        check_text(topic=topic)
        return self._log(topic).head

    def _log(self, topic: str) -> _Log:
        return self._logs.get(topic) or _Log(floor=self._created)

    def _store(self, publication: Publication, retention: Retention) -> Publication:
        topic = publication.topic
        check_text(topic=topic)
        id, now = self._ids.make(), self.clock()
        body = encode(publication.with_id(id))
        log = self._logs.setdefault(topic, self._log(topic))
        log.append(id, body)
        log.retention = retention
        log.trim(now)
        self._trim_next(now)
        return decode(topic, body)

    def _trim_next(self, now: float) -> None:
        # One of all the logs with each publication, in turns: those that nobody uses are freed too.
        topic = next(iter(self._logs))
        log = self._logs[topic] = self._logs.pop(topic)
        log.trim(now)
