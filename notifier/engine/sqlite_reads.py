"""
Reads from the log in SQLite: many questions, few statements, none of them large.

A statement answers all questions that wait. Of each log it takes no more than
MAX_PAGE_BYTES, so that it never holds more than MAX_READS times as much. A
message that is larger than a page is fetched by a statement of its own, one
after each of the others, so that nobody waits for more than one of them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from notifier.engine.base import MAX_PAGE_BYTES, Page
from notifier.engine.batches import Batches, settle
from notifier.engine.bodies import publication_of
from notifier.engine.sqlite_log import SqliteLog, Stretch
from notifier.errors import EngineError

MAX_READS: Final = 32
"""Questions that are answered together: 8 MiB of messages at most. What is more
waits for the next statement."""

_BEYOND: Final = "g"
"""Sorts above every id: a read from there finds nothing, and tells the head."""

_ENDLESS: Final = 2**53

Place = tuple[str, str]
"""A topic, and the id after which to read."""


@frozen
class _Question:
    """
    A read that waits for its turn.
    """

    place: Place
    limit: int
    page: asyncio.Future[Page]

    @property
    def key(self) -> tuple[Place, int]:
        return self.place, self.limit


_Answers = Mapping[tuple[Place, int], Page | Exception]


@define(eq=False, repr=False)
class SqliteReads:
    """
    Answers questions in a thread of its own; who asks the same shares the answer.
    """

    log: SqliteLog
    clock: Callable[[], float]
    _batches: Batches[_Question, _Answers] = field(init=False)
    _waiting: set[asyncio.Future[Page]] = field(init=False, factory=set)

    def __attrs_post_init__(self) -> None:
        self._batches = Batches("notifier-reads", self._read, self._answer, MAX_READS)

    def __repr__(self) -> str:
        return f"<SqliteReads {len(self._waiting)} waiting>"

    async def page(self, topic: str, since: str, limit: int) -> Page:
        """
        Read up to `limit` publications that come after the id `since`.
        """
        page = asyncio.get_running_loop().create_future()
        self._waiting.add(page)
        self._batches.put(_Question((topic, since), limit, page))
        found: Page = await page
        return found

    async def head(self, topic: str) -> str:
        """
        Tell the newest id of a log, or where it begins while it is empty.
        """
        return (await self.page(topic, _BEYOND, 0)).head

    async def finish(self) -> None:
        """
        Answer all who asked, and end the thread.
        """
        while self._waiting:
            await asyncio.wait(self._waiting)
            self._waiting = {page for page in self._waiting if not page.done()}
        await self._batches.finish()

    def _answer(self, batch: Sequence[_Question], result: _Answers | Exception) -> None:
        for question in batch:
            answer = result if isinstance(result, Exception) else result.get(question.key)
            if answer is None and not question.page.done():
                self._batches.put(question)  # once more: its message is large, and not the first
                continue
            self._waiting.discard(question.page)
            settle(question.page, answer)

    # --- the thread

    def _read(self, batch: Sequence[_Question]) -> _Answers:
        places = list(dict.fromkeys(question.place for question in batch))
        limit = max(question.limit for question in batch)
        found = dict(zip(places, self._look_up(places, limit), strict=True))
        answers = dict[tuple[Place, int], Page | Exception]()
        for question in batch:
            stretch = found[question.place]
            if isinstance(stretch, Exception):
                answers[question.key] = stretch
            elif stretch is not None and question.key not in answers:
                answers[question.key] = _page(question, stretch)
        return answers

    def _look_up(self, places: Sequence[Place], limit: int) -> list[Stretch | Exception | None]:
        """
        Read them together; one by one if that fails, so that each fails for itself alone.

        None stands for what begins with a large message and is not the first that does.
        """
        try:
            stretches = self.log.read(places, limit, MAX_PAGE_BYTES, self.clock())
        except EngineError as error:
            if len(places) == 1 or _is_locked(error):
                return [error] * len(places)
            return [self._look_up([place], limit)[0] for place in places]
        found = list[Stretch | Exception | None](stretches)
        large = [n for n, one in enumerate(stretches) if limit and _is_cut(one, places[n])]
        for place in large:
            found[place] = None
        if large:
            found[large[0]] = self._fetch(places[large[0]])
        return found

    def _fetch(self, place: Place) -> Stretch | Exception:
        """
        Read one message, which is larger than a page.
        """
        try:
            return self.log.read([place], 1, _ENDLESS, self.clock())[0]
        except EngineError as error:
            return error


def _page(question: _Question, stretch: Stretch) -> Page:
    (topic, since), floor, head = question.place, stretch.floor, stretch.head
    messages = stretch.messages[: question.limit]
    publications = [publication_of(topic, *message) for message in messages]
    return Page(
        publications, floor <= since <= head, head, stretch.reached(since, question.limit) >= head
    )


def _is_cut(stretch: Stretch, place: Place) -> bool:
    """
    Whether nothing was read although there is something: it is larger than a page.
    """
    return not stretch.messages and stretch.reached(place[1]) < stretch.head


def _is_locked(error: EngineError) -> bool:
    # By another program, and for all: to try one by one would take as long with each.
    return getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
