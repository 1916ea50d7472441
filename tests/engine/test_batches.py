"""
A thread that takes whatever is waiting in one go.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest
from attrs import define, field

from notifier.engine.batches import Batches


@define(eq=False)
class Bench:
    """
    Work that begins when it is let, and what came of it.
    """

    max_batch: int = 100
    let: threading.Event = field(factory=threading.Event)
    rest: Callable[[], float | None] = lambda: None
    began: list[list[int]] = field(factory=list)
    answers: list[tuple[list[int], object]] = field(factory=list)
    batches: Batches[int, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.batches = Batches("bench", self.work, self.done, self.max_batch, self.rest)

    def work(self, batch: Sequence[int]) -> int:
        self.began.append(list(batch))
        assert self.let.wait(10)
        if 13 in batch:
            raise ValueError("thirteen")
        return sum(batch)

    def done(self, batch: Sequence[int], result: int | Exception) -> None:
        self.answers.append((list(batch), result))

    async def begin(self, *items: int) -> None:
        """
        Put the first item, and the others once it is being worked on.
        """
        self.batches.put(items[0])
        while not self.began:
            await asyncio.sleep(0)
        for item in items[1:]:
            self.batches.put(item)
        self.let.set()


async def test_items_go_together_when_they_come_while_one_runs() -> None:
    """
    Whatever has come is the next batch, in the order in which it came.
    """
    bench = Bench()
    await bench.begin(1, 2, 3, 4)
    await bench.batches.finish()
    assert bench.answers == [([1], 1), ([2, 3, 4], 9)]


async def test_batch_is_no_larger_than_it_may_be() -> None:
    """
    What is more goes into the next.
    """
    bench = Bench(max_batch=2)
    await bench.begin(1, 2, 3, 4, 5, 6)
    await bench.batches.finish()
    assert [batch for batch, _ in bench.answers] == [[1], [2, 3], [4, 5], [6]]


async def test_error_is_the_answer_and_the_next_batch_goes_on() -> None:
    """
    The thread outlives what goes wrong in it.
    """
    bench = Bench(max_batch=1)
    await bench.begin(13, 2)
    await bench.batches.finish()
    (_, error), answer = bench.answers
    assert isinstance(error, ValueError)
    assert answer == ([2], 2)


async def test_answer_is_given_in_the_event_loop() -> None:
    """
    `done` needs no lock.
    """
    answered_in = list[threading.Thread]()
    batches = Batches[int, None](
        "bench", lambda _: None, lambda *_: answered_in.append(threading.current_thread()), 10
    )
    batches.put(1)
    await batches.finish()
    assert answered_in == [threading.main_thread()]


async def test_rest_is_called_again_when_nothing_has_come_for_as_long_as_it_said() -> None:
    """
    The thread looks after things by itself, too.
    """
    rested, again = list[int](), threading.Event()

    def rest() -> float | None:
        rested.append(1)
        if len(rested) < 3:
            return 0.0
        again.set()
        return None

    bench = Bench(rest=rest)
    await bench.begin(1)
    assert await asyncio.to_thread(again.wait, 10)
    await bench.batches.finish()
    assert bench.answers == [([1], 1)]


async def test_rest_is_called_when_the_thread_begins_and_nothing_was_put() -> None:
    """
    Things are looked after from the first use on; to begin twice is to begin once.
    """
    rested = list[int]()
    batches = Bench(rest=lambda: rested.append(1)).batches
    batches.begin()
    batches.begin()
    while not rested:
        await asyncio.sleep(0)
    await batches.finish()
    assert rested == [1, 1]  # and at the end


async def test_finish_does_nothing_when_nothing_was_put() -> None:
    """
    No thread begins before there is something to do.
    """
    batches = Bench().batches
    await batches.finish()
    assert "bench" not in {thread.name for thread in threading.enumerate()}
    assert repr(batches) == "<Batches 'bench', 0 waiting>"


@pytest.mark.parametrize("rest_s", [None, 0.0])
def test_thread_ends_when_its_loop_is_gone(rest_s: float | None) -> None:
    """
    Nobody waits for the answer any more, and nothing is printed about it.
    """
    bench = Bench(rest=lambda: rest_s)
    asyncio.run(_begin_and_leave(bench))
    (thread,) = (one for one in threading.enumerate() if one.name == "bench")
    bench.let.set()
    thread.join(10)
    assert not thread.is_alive()


async def _begin_and_leave(bench: Bench) -> None:
    bench.batches.put(1)
    while not bench.began:
        await asyncio.sleep(0)
