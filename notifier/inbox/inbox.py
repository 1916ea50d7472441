"""
Sends notices, keeps them for users who are away, and knows what became of them.

The rules of this file:

- A sending is noted as an intent, then published, then filed as a notice in the
  intent's place. A kill in between leaves the intent, which `start` carries
  out: what is in the log already is filed, what is not is published first.
- A user's lock is held over publishing and filing, and over each look into that
  user's inbox. So what the log's head tells of is in the inbox when a join looks.
- The locks of one sending are taken in the order of their topics.
- One thing is written at a time: SQLite would make the second one wait, or fail. What is
  sent at the same time is written together.
- What was asked for is done to its end, also where whoever asked has gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, ParamSpec, TypeVar
from uuid import uuid4
from weakref import WeakValueDictionary

from attrs import define, evolve, field, frozen
from sqlalchemy.exc import SQLAlchemyError

from notifier.channels import Endpoint
from notifier.engine import Receipt
from notifier.engine.ids import IdMaker
from notifier.errors import EngineError
from notifier.inbox import withdrawals
from notifier.inbox.changes import Changes
from notifier.inbox.commits import Commits
from notifier.inbox.deliveries import Deliveries
from notifier.inbox.notice import Draft, InvalidNotice, has_expired
from notifier.inbox.receipts import Reading
from notifier.inbox.recipients import Recipients, user_topic
from notifier.inbox.records import Outgoing, Sending, Status, Waiting
from notifier.inbox.recoveries import Recoveries, Recovery
from notifier.inbox.store import NoticeStore
from notifier.inbox.withdrawals import Withdrawals

NEW_MSG: Final = "new_msg"
WITHDRAWN: Final = "withdrawn"
SEEN: Final = "seen"

MAX_SEEN_IDS: Final = 1_000
"""Ids marked as seen at once: all that a user has. More are refused."""

PAGE_MESSAGES: Final = 500
"""Messages of a log that are read at once, where a kill is mended."""

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")

logger = logging.getLogger(__name__)


@frozen
class Sent:
    """
    A notice that is stored and on its way: its id, and how many sessions it has reached.
    """

    id: str
    reached: int


@define(eq=False, repr=False)
class Inbox:
    """
    The notices of one process. `clock` tells seconds since 1970.

    Call `start` before clients come, and `close` once the endpoint is shut down. All
    that it does raises EngineError where the database or the engine fails.
    """

    endpoint: Endpoint
    store: NoticeStore
    clock: Callable[[], float]
    withdrawals: Withdrawals = field(init=False, factory=Withdrawals)
    changes: Changes = field(init=False, factory=Changes)
    """Grows with whatever `status` may tell otherwise than before."""
    _deliveries: Deliveries = field(init=False, factory=Deliveries)
    _recoveries: Recoveries = field(init=False, factory=Recoveries)
    _unfiled: dict[str, Sending] = field(init=False, factory=dict)
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(init=False, factory=WeakValueDictionary)
    _writing: asyncio.Lock = field(init=False, factory=asyncio.Lock)
    _noting: asyncio.Task[None] | None = field(init=False, default=None)
    _tasks: set[asyncio.Task[Any]] = field(init=False, factory=set)
    _ids: IdMaker = field(init=False)
    _intents: Commits[Sending] = field(init=False)
    _filings: Commits[Sending] = field(init=False)
    _readings: Commits[Reading] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ids = IdMaker(self.clock)
        self._intents = Commits(lambda some: self._ask(self.store.intend, some), self._writing)
        self._filings = Commits(lambda some: self._ask(self.store.file, some), self._writing)
        self._readings = Commits(self._note_readings, self._writing)

    def __repr__(self) -> str:
        return f"<Inbox {self._deliveries!r} {self.withdrawals!r} {len(self._unfiled)} unfiled>"

    async def start(self) -> None:
        """
        Carry out what a server that was killed had begun. Once, before anything else.

        What cannot be carried out is logged, and left for the next start.
        """
        for topic, id, at in await self._ask(self.store.withdrawn, withdrawals.MAX_KEPT):
            self.withdrawals.add(id, topic, at)
        for sending in await self._ask(self.store.intended):
            try:
                await self._mend(sending)
            except EngineError as error:
                logger.error("a notice that was being sent before the start waits: %s", error)

    async def close(self) -> None:
        """
        Finish what was begun. Idempotent.
        """
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._note_deliveries()

    # --- for senders

    async def send(self, to: Recipients, fields: object, sender: str) -> Sent:
        """
        Send a notice; return once it is stored: from then on it is lost no more.

        `fields` are those of the wire (`body`, `level`, `title`, `link`,
        `expires_at`); raises InvalidNotice, which says what was expected. For
        several users each has a copy of its own id, and the id returned, the
        first one's, means them all. Where EngineError is raised nobody keeps it.
        """
        now = self.clock()
        draft, topics = Draft.read(fields, now), to.topics()
        payload = draft.payload(sender, now)
        outgoing = [Outgoing(topic, payload) for topic in topics]
        return await self._to_its_end(
            self._send(Sending(uuid4().hex, now, draft.expires_at, outgoing))
        )

    async def withdraw(self, id: str) -> bool:
        """
        Take a notice back: nobody gets it any more, and who has it is told. Idempotent.

        Returns False where there is no such notice. `id` may be that of any copy.
        """
        return await self._to_its_end(self._withdraw(id))

    async def status(self, id: str) -> Status | None:
        """
        Tell what became of a notice, None where there is none of that id.
        """
        await self._file_left()
        await self._note_deliveries()
        return await self._write(self.store.status, id)

    # --- for users

    async def unread(self, user: str) -> int:
        """
        Count the notices that a user has not seen and still could.
        """
        return await self._ask(self.store.unread, user, self.clock())

    async def seen(self, user: str, ids: Iterable[str], sender: str | None = None) -> int:
        """
        Mark notices as seen by their user, and tell that user's sessions; return
        how many are unseen yet. Idempotent, and ids of no notice change nothing.

        `sender` is the key of the channel that knows already. Raises InvalidNotice
        for more than MAX_SEEN_IDS.
        """
        return await self._to_its_end(self._seen(user, _checked_ids(ids), sender))

    async def read_in_room(self, user: str, room: str, ids: Iterable[str]) -> None:
        """
        Note that a user has seen notices of a room. Idempotent, and ids of no notice of
        that room change nothing. Raises InvalidNotice for more than MAX_SEEN_IDS.
        """
        await self._to_its_end(self._read_in_room(Reading(room, user, _checked_ids(ids))))

    # --- for the channels

    async def waiting(self, user: str, head: str, since: str | None) -> Waiting:
        """
        Tell what a join of a user's own is to bring: see `NoticeStore.look`.

        To be asked once the channel is subscribed and the log's head is known.
        """
        topic = user_topic(user)
        async with self._locked([topic]):
            await self._file_left(topic)
            delivered = self._deliveries.take(topic)
            # In turn with what is just being noted, if anything is.
            call = self._write if delivered or self._noting else self._ask
            found = await call(self.store.look, user, head, since, self.clock(), delivered)
        if delivered:
            self.changes.tell()
        return found

    def delivered(self, topic: str, id: str) -> None:
        """
        Note that a copy was handed to a session of its user's; the database learns of it later.
        """
        self._deliveries.add(topic, id)
        self._note_soon()

    def recovered(self, user: str, room: str, since: str, head: str) -> None:
        """
        Note that a user came back to a room and gets what its log has after `since`; the
        database learns of it later.
        """
        self._recoveries.add(Recovery(room, user, since, head, self.clock()))
        self._note_soon()

    # --- sending

    async def _send(self, sending: Sending) -> Sent:
        async with self._locked(sending.topics):
            await self._intents.put(sending)
            return await self._carry_out(sending)

    async def _carry_out(self, sending: Sending) -> Sent:
        """
        Publish what has no id yet, and file it all: whole, or as taken back.
        """
        outcomes = await asyncio.gather(
            *(self._publish(one) for one in sending.outgoing), return_exceptions=True
        )
        receipts = [one for one in outcomes if isinstance(one, Receipt)]
        published = [
            evolve(one, id=receipt.id)
            for one, receipt in zip(sending.outgoing, outcomes, strict=True)
            if isinstance(receipt, Receipt)
        ]
        reached = sum(receipt.reached for receipt in receipts)
        sending = evolve(sending, outgoing=published, reached=reached)
        failures = [one for one in outcomes if isinstance(one, BaseException)]
        if failures:
            await self._take_back(sending)
            raise failures[0]
        await self._file(sending)
        self.changes.tell()
        return Sent(published[0].id or "", reached)

    async def _publish(self, one: Outgoing) -> Receipt:
        if one.id is not None:
            return Receipt(one.id, 0)
        receipt = await self.endpoint.broadcast(one.topic, NEW_MSG, dict(one.payload))
        # A topic without a log gives no id: one of ours, which no client is told.
        return receipt if receipt.id else evolve(receipt, id=f"{self._ids.make()}-unlogged")

    async def _file(self, sending: Sending) -> None:
        """
        Note what was published; where that fails it is done before anybody looks.
        """
        try:
            await self._filings.put(sending)
        except EngineError as error:
            logger.error("a notice that was published is to be filed later: %s", error)
            self._unfiled[sending.key] = sending

    async def _file_left(self, topic: str | None = None) -> None:
        """
        File what could not be filed before, of one topic or of all.
        """
        for key, sending in tuple(self._unfiled.items()):
            if topic is None or topic in sending.topics:
                async with self._writing:
                    if key in self._unfiled:
                        await self._ask(self.store.file, [sending])
                        del self._unfiled[key]

    async def _take_back(self, sending: Sending) -> None:
        """
        Leave nothing of a sending that failed for some of its users.
        """
        if not sending.outgoing:
            try:
                await self._write(self.store.give_up, sending.key)
            except EngineError as error:
                logger.error("a notice that was refused will be sent at the next start: %s", error)
            return
        now = self.clock()
        await self._filings.put(evolve(sending, withdrawn_at=now))
        await self._announce([(one.topic, one.id or "") for one in sending.outgoing], now)

    async def _mend(self, sending: Sending) -> None:
        """
        Carry out an intent of a server that was killed.
        """
        async with self._locked(sending.topics):
            outgoing = [evolve(one, id=await self._find(one)) for one in sending.outgoing]
            is_new = all(one.id is None for one in outgoing)
            if is_new and has_expired(outgoing[0].payload, self.clock()):
                await self._write(self.store.give_up, sending.key)
            else:
                await self._carry_out(evolve(sending, outgoing=outgoing))

    async def _find(self, one: Outgoing) -> str | None:
        """
        Look in the log for what was published and not filed.
        """
        since = ""
        while True:
            page = await self.endpoint.engine.read(one.topic, since, PAGE_MESSAGES)
            same = [
                publication.id
                for publication in page.publications
                if publication.id and publication.payload == {**one.payload, "id": publication.id}
            ]
            known = await self._ask(self.store.known, same)
            if left := [id for id in same if id not in known]:
                return left[0]
            if page.is_last:
                return None
            since = page.publications[-1].id or page.head

    # --- marking

    async def _withdraw(self, id: str) -> bool:
        await self._file_left()
        now = self.clock()
        places = await self._write(self.store.withdraw, id, now)
        if places is not None:
            await self._announce(places, now)
        return places is not None

    async def _announce(self, places: Sequence[tuple[str, str]], now: float) -> None:
        """
        Tell the sessions that something is withdrawn; the replays first, which look here.
        """
        for topic, id in places:
            self.withdrawals.add(id, topic, now)
        self.changes.tell()
        for topic, id in places:
            await self.endpoint.broadcast(topic, WITHDRAWN, {"id": id}, is_logged=False)

    async def _seen(self, user: str, ids: Sequence[str], sender: str | None) -> int:
        topic = user_topic(user)
        async with self._locked([topic]):
            await self._file_left(topic)
            changed, unread = await self._write(self.store.mark_seen, user, ids, self.clock())
            if changed:
                self.changes.tell()
                payload = {"ids": changed, "unread": unread}
                await self.endpoint.broadcast(topic, SEEN, payload, sender=sender, is_logged=False)
        return unread

    async def _read_in_room(self, reading: Reading) -> None:
        async with self._locked([reading.room]):  # what was published there is filed by then
            await self._file_left(reading.room)
        await self._readings.put(reading)

    async def _note_readings(self, some: Sequence[Reading]) -> None:
        # What was recovered before it was read; the other way round that would be no news.
        while back := self._recoveries.take(self._is_locked):
            await self._note(len(back), self._ask(self.store.note_recoveries, back))
        await self._ask(self.store.note_readings, some, self.clock())
        self.changes.tell()

    def _note_soon(self) -> None:
        if self._noting is None and (self._deliveries or self._recoveries):
            self._noting = self._spawn(self._note_in_background())

    async def _note_in_background(self) -> None:
        try:
            await self._note_deliveries()
        finally:
            self._noting = None  # here, so that none slips in between the last look and the end

    async def _note_deliveries(self) -> None:
        """
        Note the deliveries that wait, but for those whose notice is being filed.
        """
        while ids := self._deliveries.take_all(self._is_locked):
            await self._note(len(ids), self._write(self.store.mark_delivered, ids, self.clock()))
        while some := self._recoveries.take(self._is_locked):
            await self._note(len(some), self._write(self.store.note_recoveries, some))

    async def _note(self, count: int, writing: Awaitable[None]) -> None:
        """
        Note what was handed out; where the database fails that costs nothing else.
        """
        try:
            await writing
            self.changes.tell()
        except EngineError as error:
            logger.error("%d deliveries are not noted: %s", count, error)

    # --- within

    @asynccontextmanager
    async def _locked(self, topics: Sequence[str]) -> AsyncIterator[None]:
        locks = [self._locks.setdefault(topic, asyncio.Lock()) for topic in topics]
        async with AsyncExitStack() as held:
            for lock in locks:
                await held.enter_async_context(lock)
            yield
        self._note_soon()

    def _is_locked(self, topic: str) -> bool:
        lock = self._locks.get(topic)
        return lock is not None and lock.locked()

    async def _write(
        self,
        method: Callable[Arguments, Found],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Found:
        async with self._writing:
            return await self._ask(method, *arguments, **named)

    async def _ask(
        self,
        method: Callable[Arguments, Found],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Found:
        try:
            return await asyncio.to_thread(method, *arguments, **named)
        except (SQLAlchemyError, OSError) as error:
            # The error's own text has what was to be stored.
            why = f"the database failed with {type(error).__name__}"
            raise EngineError(f"{method.__name__} notices", why) from None

    def _spawn(self, work: Coroutine[Any, Any, Found]) -> asyncio.Task[Found]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _to_its_end(self, work: Coroutine[Any, Any, Found]) -> Found:
        return await asyncio.shield(self._spawn(work))


def _checked_ids(ids: Iterable[str]) -> list[str]:
    asked = list(dict.fromkeys(ids))
    if len(asked) > MAX_SEEN_IDS:
        expected = f"at most {MAX_SEEN_IDS:,} ids"
        raise InvalidNotice({"ids": expected}, {"ids": f"a list of {len(asked)}"})
    return asked
