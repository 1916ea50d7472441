"""
A thread that takes whatever is waiting in one go: group commit, and its like.

Each trip between the event loop and a thread may cost 5 ms while the loop is
busy (`sys.getswitchinterval`: the thread asks for the GIL and waits as long).
So a batch makes few trips, whatever its size: items that come while one batch
runs go together into the next, and each batch is answered by one call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from attrs import define, field

Item = TypeVar("Item")
Result = TypeVar("Result")


@define(eq=False, repr=False)
class Batches(Generic[Item, Result]):
    """
    Runs `work` in a thread on what was put, in order, at most `max_batch` at once.

    `done` is called in the event loop with each batch and what `work` made of
    it, or raised; it must not raise. `rest` runs in the thread when it begins,
    after a batch is answered, and again when nothing has come for the seconds
    that it returned; it must not raise either. The thread begins with the first
    `put`, or before it with `begin`.
    """

    name: str
    work: Callable[[Sequence[Item]], Result]
    done: Callable[[Sequence[Item], Result | Exception], None]
    max_batch: int
    rest: Callable[[], float | None] = field(default=lambda: None)
    _queue: SimpleQueue[Item | None] = field(init=False, factory=SimpleQueue)
    _ended: asyncio.Future[None] | None = field(init=False, default=None)

    def __repr__(self) -> str:
        return f"<Batches {self.name!r}, {self._queue.qsize()} waiting>"

    def put(self, item: Item) -> None:
        """
        Leave an item for the thread; not after `finish`.
        """
        self.begin()
        self._queue.put(item)

    def begin(self) -> None:
        """
        Start the thread, in a running event loop. Idempotent.
        """
        if self._ended is None:
            ended = asyncio.get_running_loop().create_future()
            # A daemon, so that a disk that hangs does not keep the process alive.
            Thread(target=self._run, args=(ended,), name=self.name, daemon=True).start()
            self._ended = ended

    async def finish(self) -> None:
        """
        Wait until all that was put is answered, and the thread has ended.
        """
        if self._ended is not None:
            self._queue.put(None)
            await self._ended

    def _run(self, ended: asyncio.Future[None]) -> None:
        call = ended.get_loop().call_soon_threadsafe
        pause, goes_on = self.rest(), True
        while goes_on:
            batch, goes_on = self._take(pause)
            if batch:
                answer = self._work(batch)
                try:
                    call(self.done, batch, answer)
                except RuntimeError:
                    return  # the loop is closed: nobody waits for an answer any more
            pause = self.rest()
        with suppress(RuntimeError):
            call(ended.set_result, None)

    def _take(self, pause: float | None) -> tuple[list[Item], bool]:
        """
        Wait for the next batch, `pause` seconds at most; tell whether more may come.
        """
        batch = list[Item]()
        with suppress(Empty):
            item = self._queue.get(timeout=pause)
            while item is not None:
                batch.append(item)
                if len(batch) == self.max_batch:
                    return batch, True
                item = self._queue.get_nowait()
            return batch, False
        return batch, True

    def _work(self, batch: Sequence[Item]) -> Result | Exception:
        try:
            return self.work(batch)
        except Exception as error:
            return error


def settle(future: asyncio.Future[Any], outcome: Any) -> None:
    """
    Tell a future what came of it, unless whoever waited was cancelled.
    """
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
