"""
What every engine must do with a log: keep it, trim it, and say what is missing.
"""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.actors import TOPIC, Clock, EngineMaker, Ledger, bodies, log, log_sizes
from notifier.engine import MAX_PAGE_BYTES, Engine, Page, Publication, Retention


class LogContract(EngineMaker):
    """
    The half of the contract that is about reading what was published.
    """

    async def test_read_gives_what_comes_after_since(self, engine: Engine) -> None:
        """
        Who has seen an id gets all that is newer, oldest first, and nothing twice.
        """
        ids = await log(engine, 1, 2, 3, 4)
        page = await engine.read(TOPIC, ids[1], 10)
        assert (bodies(page), page.recovered, page.head) == ([3, 4], True, ids[3])

    async def test_read_gives_nothing_when_there_is_nothing_newer(self, engine: Engine) -> None:
        """
        Who has the head has everything.
        """
        ids = await log(engine, 1, 2)
        assert await engine.read(TOPIC, ids[1], 10) == Page([], True, ids[1], True)

    async def test_read_gives_the_oldest_when_there_is_more_than_the_limit(
        self, engine: Engine
    ) -> None:
        """
        Who reads on from the last that it was given misses nothing.
        """
        since, got = await engine.head(TOPIC), list[int]()
        ids = await log(engine, *range(7))
        for size in (3, 3, 1):
            page = await engine.read(TOPIC, since, 3)
            assert page.is_last is (size == 1)
            assert (len(page.publications), page.recovered, page.head) == (size, True, ids[-1])
            got += bodies(page)
            assert page.publications[-1].id is not None
            since = page.publications[-1].id
        assert got == list(range(7))

    async def test_page_is_last_when_it_holds_all_that_is_newer(self, engine: Engine) -> None:
        """
        Exactly then, also where it is as long as the limit, or empty.
        """
        start = await engine.head(TOPIC)
        ids = [start, *await log(engine, 1, 2, 3)]
        for place, since in enumerate(ids):
            for limit in range(5):
                page = await engine.read(TOPIC, since, limit)
                assert page.is_last is (limit >= 3 - place)
        assert (await engine.read(TOPIC, "ffffffffffff-00000", 0)).is_last
        assert (await engine.read("room:never", start, 0)).is_last

    async def test_page_is_last_when_all_that_was_newer_is_over_age(
        self, engine: Engine, clock: Clock
    ) -> None:
        """
        Its head is then above its last message, and there is nothing to read on for.
        """
        start = await engine.head(TOPIC)
        ids = await log(engine, 1, 2, retention=Retention(max_age_s=10.0))
        clock.now += 60.0
        assert await engine.read(TOPIC, start, 10) == Page([], False, ids[1], True)

    @pytest.mark.parametrize(
        ("sizes", "pages"),
        [
            ([100_000] * 5, [2, 2, 1]),
            ([1_000, 300_000, 1_000, 1_000], [1, 1, 2]),
            ([300_000, 300_000], [1, 1]),
            ([MAX_PAGE_BYTES - 200, 1_000, 1_000], [1, 2]),
            ([1_000] * 300, [128, 128, 44]),
            ([2_500] * 128, [102, 26]),
        ],
        ids=["even", "one-large", "all-large", "full", "small", "middling"],
    )
    async def test_page_holds_so_many_bytes_or_one_message(
        self, engine: Engine, sizes: list[int], pages: list[int]
    ) -> None:
        """
        Who reads on while a page is not the last gets all, whatever the sizes.
        """
        since = await engine.head(TOPIC)
        ids = await log_sizes(engine, sizes)
        got, lengths = list[str | None](), list[int]()
        for is_last in [False] * (len(pages) - 1) + [True]:
            page = await engine.read(TOPIC, since, 128)
            assert (page.recovered, page.head, page.is_last) == (True, ids[-1], is_last)
            got += [one.id for one in page.publications]
            lengths.append(len(page.publications))
            since = got[-1] or ""
        assert (got, lengths) == (ids, pages)

    async def test_page_counts_bytes_and_not_characters(self, engine: Engine) -> None:
        """
        A text of four bytes a character takes up as much as it does.
        """
        for _ in range(3):
            await engine.publish(Publication(TOPIC, "e", {"body": "😀" * 40_000}), Retention())
        assert len((await engine.read(TOPIC, "", 10)).publications) == 1

    async def test_read_of_large_messages_hurts_no_other(self, engine: Engine) -> None:
        """
        Many who read the largest, from different places, and one who reads small ones.
        """
        ids = await log_sizes(engine, [1_000_000] * 20)
        await log(engine, 1, 2, topic="room:b")
        large = (engine.read(TOPIC, since, 128) for since in ["", *ids[:-1]])
        *pages, small = await asyncio.gather(*large, engine.read("room:b", "", 128))
        assert [page.publications[0].id for page in pages] == ids
        assert {len(page.publications) for page in pages} == {1}
        assert [page.is_last for page in pages] == [False] * 19 + [True]
        assert (bodies(small), small.is_last) == ([1, 2], True)

    async def test_read_is_recovered_when_since_was_taken_before_the_first(
        self, engine: Engine
    ) -> None:
        """
        The head of a topic without a message is a place in its log like any other.
        """
        start = await engine.head(TOPIC)
        await log(engine, 1, topic="room:b")
        await log(engine, 1, 2)
        page = await engine.read(TOPIC, start, 10)
        assert (bodies(page), page.recovered) == ([1, 2], True)

    async def test_read_keeps_topics_apart(self, engine: Engine) -> None:
        """
        One topic's log says nothing of another's.
        """
        start = await engine.head("room:b")
        ids = await log(engine, 1, 2)
        assert await engine.read("room:b", start, 10) == Page([], True, start, True)
        assert await engine.head(TOPIC) == ids[-1]

    async def test_read_answers_each_when_many_read_at_once(self, engine: Engine) -> None:
        """
        Those who come back together get each their own: topic, place and number.
        """
        ids = await log(engine, *range(5))
        others = await log(engine, *range(10, 13), topic="room:b")
        asked = [(TOPIC, since, limit) for since in ids for limit in (0, 2, 10)]
        asked += [("room:b", since, 2) for since in others] * 2
        pages = await asyncio.gather(*(engine.read(*one) for one in asked))
        for (topic, since, limit), page in zip(asked, pages, strict=True):
            everything = [*ids, *range(5)] if topic == TOPIC else [*others, *range(10, 13)]
            count = len(everything) // 2
            newer = everything[count + everything.index(since) + 1 :]
            assert (bodies(page), page.recovered) == (newer[:limit], True)
            assert page.is_last is (len(newer) <= limit)

    async def test_read_holds_all_that_was_published_before(self, engine: Engine) -> None:
        """
        However many others publish and read meanwhile.
        """

        async def publish_and_look(number: int) -> bool:
            (id,) = await log(engine, number)
            head = await engine.head(TOPIC)
            page = await engine.read(TOPIC, "", 100)
            return id <= head and number in bodies(page)

        assert all(await asyncio.gather(*(publish_and_look(number) for number in range(40))))

    @pytest.mark.parametrize("since", ["", "0", "000000000000-00000"])
    async def test_read_is_not_recovered_when_since_lies_below_the_log(
        self, engine: Engine, since: str
    ) -> None:
        """
        Who was away since before the log began gets what there is, and is not told that it is all.
        """
        ids = await log(engine, 1, 2)
        page = await engine.read(TOPIC, since, 10)
        assert (bodies(page), page.recovered, page.head) == ([1, 2], False, ids[-1])

    async def test_read_is_not_recovered_when_since_lies_above_the_head(
        self, engine: Engine
    ) -> None:
        """
        An id that this log never gave out is another log's: nothing is said to be complete.
        """
        ids = await log(engine, 1)
        page = await engine.read(TOPIC, "ffffffffffff-00000", 10)
        assert (bodies(page), page.recovered, page.head) == ([], False, ids[-1])

    async def test_read_of_an_empty_log_is_not_recovered_when_since_is_another(
        self, engine: Engine
    ) -> None:
        """
        A server that lost its log does not say that nothing happened.
        """
        start = await engine.head(TOPIC)
        for since in ("", "000000000000-00000", "ffffffffffff-00000"):
            assert await engine.read(TOPIC, since, 10) == Page([], False, start, True)

    async def test_log_keeps_the_newest_up_to_its_count(self, engine: Engine) -> None:
        """
        The floor is the last id that went: from there on all is there, below it not.
        """
        ids = await log(engine, 1, 2, 3, 4, 5, retention=Retention(max_count=2))
        at_floor = await engine.read(TOPIC, ids[2], 10)
        below = await engine.read(TOPIC, ids[1], 10)
        assert (bodies(at_floor), at_floor.recovered) == ([4, 5], True)
        assert (bodies(below), below.recovered) == ([4, 5], False)

    async def test_log_keeps_no_message_past_its_age(self, engine: Engine, clock: Clock) -> None:
        """
        A message that is as old as the retention allows is kept, an older one goes at the next.
        """
        retention = Retention(max_age_s=100.0)
        ids = await log(engine, 1, retention=retention)
        clock.now += 100.0
        ids += await log(engine, 2, retention=retention)
        assert bodies(await engine.read(TOPIC, "", 10)) == [1, 2]
        clock.now += 0.5
        await log(engine, 3, retention=retention)
        page = await engine.read(TOPIC, ids[0], 10)
        assert (bodies(page), page.recovered) == ([2, 3], True)
        assert bodies(await engine.read(TOPIC, "", 10)) == [2, 3]

    async def test_log_keeps_its_count_when_many_publish_at_once(self, engine: Engine) -> None:
        """
        Exactly so many are left, also where the retention asks for less than before.
        """
        for count in (7, 3, 1, 5):
            retention = Retention(max_count=count)
            tasks = (log(engine, number, retention=retention) for number in range(20))
            ids = sorted(id for (id,) in await asyncio.gather(*tasks))
            page = await engine.read(TOPIC, "", 100)
            assert [one.id for one in page.publications] == ids[20 - count :]
            assert (await engine.read(TOPIC, ids[19 - count], 100)).recovered

    async def test_read_gives_no_message_past_its_age_when_nobody_publishes(
        self, engine: Engine, clock: Clock
    ) -> None:
        """
        An idle log gets old too: who asks for what it has lost is told so.
        """
        ids = await log(engine, 1, retention=Retention(max_age_s=100.0))
        clock.now += 60.0
        ids += await log(engine, 2, retention=Retention(max_age_s=100.0))
        clock.now += 60.0
        page = await engine.read(TOPIC, "", 10)
        assert (bodies(page), page.recovered, page.head) == ([2], False, ids[1])
        assert (await engine.read(TOPIC, ids[0], 10)).recovered
        clock.now += 60.0
        assert await engine.read(TOPIC, ids[1], 10) == Page([], True, ids[1], True)
        assert await engine.read(TOPIC, ids[0], 10) == Page([], False, ids[1], True)

    async def test_log_stays_trimmed_when_the_clock_runs_back(
        self, engine: Engine, clock: Clock
    ) -> None:
        """
        What a publish has trimmed does not come back.
        """
        retention = Retention(max_age_s=10.0)
        ids = await log(engine, 1, retention=retention)
        clock.now += 20.0
        ids += await log(engine, 2, retention=retention)
        clock.now -= 20.0
        page = await engine.read(TOPIC, "", 10)
        assert (bodies(page), page.head) == ([2], ids[1])
        assert (await engine.read(TOPIC, ids[0], 10)).recovered

    async def test_log_is_kept_for_ever_when_the_retention_says_so(
        self, engine: Engine, clock: Clock
    ) -> None:
        """
        Neither bound has to be one.
        """
        endless = Retention(max_count=10**30, max_age_s=math.inf)
        await log(engine, 1, retention=endless)
        clock.now += 1e9
        await log(engine, 2, retention=endless)
        assert bodies(await engine.read(TOPIC, "", 10)) == [1, 2]

    async def test_head_stays_when_the_log_was_trimmed_empty(
        self, engine: Engine, clock: Clock
    ) -> None:
        """
        The newest id stays known when its message is gone: who has it has missed nothing.
        """
        ids = await log(engine, 1, retention=Retention(max_age_s=10.0))
        clock.now += 60.0
        assert await engine.head(TOPIC) == ids[0]
        assert await engine.read(TOPIC, ids[0], 10) == Page([], True, ids[0], True)

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(
        st.lists(st.floats(-5.0, 20.0), max_size=25),
        st.integers(1, 6),
        st.sampled_from([3.0, 30.0, 1e6]),
        st.integers(1, 8),
    )
    async def test_read_says_recovered_exactly_when_nothing_is_missing(
        self, steps: list[float], max_count: int, max_age_s: float, limit: int
    ) -> None:
        """
        From every id ever given: recovered if and only if all newer ones are there, page by page.
        """
        clock = Clock()
        engine = await self.make_engine(clock)
        ids = [await engine.head(TOPIC)]
        for number, step in enumerate(steps, 1):
            clock.now += step
            ids += await log(engine, number, retention=Retention(max_count, max_age_s))
        kept = [one.id or "" for one in (await engine.read(TOPIC, "", 100)).publications]
        assert kept == ids[len(ids) - len(kept) :]
        assert len(kept) <= max_count
        for place, since in enumerate(ids):
            page = await engine.read(TOPIC, since, limit)
            newer = ids[place + 1 :]
            assert page.recovered is (len(newer) <= len(kept))
            assert [one.id for one in page.publications] == [id for id in kept if id > since][
                :limit
            ]
            assert page.head == ids[-1]
        await engine.close()

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(
        st.lists(st.one_of(st.integers(1, 4), st.floats(-5.0, 20.0), st.just("restart"))),
        st.integers(1, 6),
        st.sampled_from([0.0, 3.0, 30.0, 1e6]),
    )
    async def test_log_is_what_a_plain_list_says(
        self, history: list[int | float | str], max_count: int, max_age_s: float
    ) -> None:
        """
        Publishing, waiting, a clock that runs back, and restarts: nothing is lost but by the rules.
        """
        clock, retention = Clock(), Retention(max_count, max_age_s)
        engine = await self.make_engine(clock)
        logs = {topic: Ledger([await engine.head(topic)], retention) for topic in (TOPIC, "room:b")}
        for step in history:
            if isinstance(step, float):
                clock.now += step
            elif step == "restart":
                engine = await self.restart(engine, clock)
            else:
                topic = TOPIC if int(step) % 2 else "room:b"
                tasks = (log(engine, 0, topic=topic, retention=retention) for _ in range(int(step)))
                new = [id for (id,) in await asyncio.gather(*tasks)]
                assert new[0] > max(ledger.ids[-1] for ledger in logs.values())
                logs[topic].add(new, clock.now)
            for topic, ledger in logs.items():
                await ledger.check(engine, topic, clock.now)
        await engine.close()
