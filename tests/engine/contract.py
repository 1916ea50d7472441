"""
What every engine must do: a suite to inherit. `test_memory.py` shows how.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable

import pytest
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.engine import Engine, Page, Publication, Receipt, Retention
from notifier.engine.ids import milliseconds

NOW = 1_753_000_000.0
TOPIC = "room:a"


@define(eq=False)
class Clock:
    """
    Seconds since the epoch, moved by hand.
    """

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@define(eq=False)
class Ear:
    """
    A receiver that notes what it was given.
    """

    sessions: int = 1
    heard: list[Publication] = field(factory=list)

    def __call__(self, publication: Publication) -> int:
        self.heard.append(publication)
        return self.sessions

    @property
    def payloads(self) -> list[object]:
        return [publication.payload for publication in self.heard]


async def listen(engine: Engine, topic: str = TOPIC, *, sessions: int = 1) -> Ear:
    ear = Ear(sessions)
    await engine.subscribe(topic, ear)
    return ear


async def log(
    engine: Engine, *bodies: int, topic: str = TOPIC, retention: Retention | None = None
) -> list[str]:
    """
    Publish numbers on a logged topic and return their ids.
    """
    ids = list[str]()
    for body in bodies:
        publication = Publication(topic, "new_msg", {"body": body})
        receipt = await engine.publish(publication, retention or Retention())
        assert receipt.id is not None
        ids.append(receipt.id)
    return ids


def bodies(page: Page) -> list[int]:
    return [publication.payload["body"] for publication in page.publications]


@define(eq=False)
class Ledger:
    """
    A topic's log as a plain list: every id since its beginning, and how many are gone.
    """

    ids: list[str]
    retention: Retention
    gone: int = 1
    """Trimmed by a publish; the first is where the log begins, and never was a message."""
    doubtful: int = 1
    """Over age at some time, by a clock that may have run back: there or gone."""

    def over_age(self, now: float) -> int:
        oldest = int(now * 1000) - int(self.retention.max_age_s * 1000)
        return 1 + sum(milliseconds(id) < oldest for id in self.ids[1:])

    def add(self, ids: list[str], now: float) -> None:
        assert ids == sorted(set(ids))
        self.ids += ids
        self.gone = max(self.gone, len(self.ids) - self.retention.max_count, self.over_age(now))

    async def check(self, engine: Engine, topic: str, now: float) -> None:
        hidden = max(self.gone, self.over_age(now))
        self.doubtful = max(self.doubtful, hidden)
        page = await engine.read(topic, "", 1_000)
        there = [publication.id for publication in page.publications]
        first = len(self.ids) - len(there)
        assert there == self.ids[first:]
        assert hidden <= first <= self.doubtful
        assert page.head == self.ids[-1] == await engine.head(topic)
        for place in (0, first - 2, first - 1, first, -1):
            place %= len(self.ids)
            page = await engine.read(topic, self.ids[place], 2)
            assert page.recovered is (place >= first - 1)
            assert [one.id for one in page.publications] == self.ids[max(first, place + 1) :][:2]


class EngineContract(ABC):
    """
    Inherit it as `Test…` and say how to make an engine.
    """

    @abstractmethod
    async def make_engine(self, clock: Callable[[], float]) -> Engine:
        """
        Make an engine that has nothing logged yet.
        """

    async def restart(self, engine: Engine, clock: Callable[[], float]) -> Engine:
        """
        Close an engine and open it again on what it stored, if it outlasts its process.
        """
        return engine

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    async def engine(self, clock: Clock) -> AsyncIterator[Engine]:
        engine = await self.make_engine(clock)
        yield engine
        await engine.close()

    # --- publish and subscribe

    async def test_publish_reaches_who_subscribed_to_the_topic(self, engine: Engine) -> None:
        """
        Each subscriber of the topic gets the publication, nobody else does.
        """
        one, two = await listen(engine), await listen(engine)
        other = await listen(engine, "room:b")
        publication = Publication(TOPIC, "new_msg", {"body": 1}, sender="c1")
        await engine.publish(publication)
        assert (one.heard, two.heard, other.heard) == ([publication], [publication], [])

    async def test_publish_counts_the_sessions_that_it_reached(self, engine: Engine) -> None:
        """
        The receipt adds up what the receivers of this node say.
        """
        await listen(engine, sessions=3)
        await listen(engine, sessions=0)
        await listen(engine, sessions=4)
        assert await engine.publish(Publication(TOPIC, "e", {})) == Receipt(None, 7)

    async def test_publish_reaches_nobody_when_nobody_subscribed(self, engine: Engine) -> None:
        """
        A topic that nobody listens to is no mistake.
        """
        assert await engine.publish(Publication(TOPIC, "e", {})) == Receipt(None, 0)

    @pytest.mark.parametrize("payload", [{}, None, 0, [1, {"a": "é"}], b"\xff\x00"], ids=repr)
    async def test_publish_brings_the_payload_as_it_is(
        self, engine: Engine, payload: object
    ) -> None:
        """
        JSON values of every kind and bytes arrive unchanged.
        """
        ear = await listen(engine)
        await engine.publish(Publication(TOPIC, "e", payload))
        assert ear.payloads == [payload]

    async def test_publish_has_one_order_for_all(self, engine: Engine) -> None:
        """
        However many publish at once, all subscribers and the log see one order.
        """
        one, two = await listen(engine), await listen(engine)
        start = await engine.head(TOPIC)
        await asyncio.gather(*(log(engine, number) for number in range(30)))
        page = await engine.read(TOPIC, start, 100)
        assert one.heard == two.heard == list(page.publications)
        assert sorted(bodies(page)) == list(range(30))

    async def test_subscribe_brings_nothing_of_before(self, engine: Engine) -> None:
        """
        What was published before is read from the log, if there is one.
        """
        await log(engine, 1)
        ear = await listen(engine)
        await log(engine, 2)
        assert [publication.payload["body"] for publication in ear.heard] == [2]

    async def test_unsubscribe_ends_one_subscription_and_no_other(self, engine: Engine) -> None:
        """
        Who unsubscribed hears nothing more, the others on the topic do.
        """
        one, two = await listen(engine), await listen(engine)
        await engine.unsubscribe(TOPIC, one)
        assert (await engine.publish(Publication(TOPIC, "e", {}))).reached == 1
        assert (one.heard, len(two.heard)) == ([], 1)

    async def test_unsubscribe_does_nothing_when_there_is_no_subscription(
        self, engine: Engine
    ) -> None:
        """
        It may be called twice, and for who never subscribed.
        """
        ear, stranger = await listen(engine), Ear()
        await engine.unsubscribe(TOPIC, stranger)
        await engine.unsubscribe("room:never", stranger)
        assert (await engine.publish(Publication(TOPIC, "e", {}))).reached == 1
        await engine.unsubscribe(TOPIC, ear)
        await engine.unsubscribe(TOPIC, ear)
        assert (await engine.publish(Publication(TOPIC, "e", {}))).reached == 0

    async def test_subscribe_works_again_after_an_unsubscribe(self, engine: Engine) -> None:
        """
        A topic that was left by all can be listened to again.
        """
        ear = await listen(engine)
        await engine.unsubscribe(TOPIC, ear)
        await engine.subscribe(TOPIC, ear)
        assert (await engine.publish(Publication(TOPIC, "e", {}))).reached == 1

    async def test_publish_goes_on_for_the_others_when_one_is_cancelled(
        self, engine: Engine
    ) -> None:
        """
        Who is cancelled may have published: then it is delivered and in the log, or neither.
        """
        ear, start = await listen(engine), await engine.head(TOPIC)
        tasks = [asyncio.create_task(log(engine, number)) for number in range(20)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        await log(engine, 20)
        page = await engine.read(TOPIC, start, 100)
        assert [place for place, one in enumerate(done) if not isinstance(one, list)] in ([3], [])
        assert set(range(21)) - set(bodies(page)) <= {3}
        assert ear.heard == list(page.publications)

    # --- ids

    async def test_log_gives_each_publication_an_id(self, engine: Engine) -> None:
        """
        The id stands in the receipt, on what is handed out, in the payload, and in the log.
        """
        ear, start = await listen(engine), await engine.head(TOPIC)
        receipt = await engine.publish(Publication(TOPIC, "e", {"body": 1}), Retention())
        assert receipt.id is not None
        stored = Publication(TOPIC, "e", {"body": 1, "id": receipt.id}, receipt.id)
        assert ear.heard == [stored]
        assert list((await engine.read(TOPIC, start, 10)).publications) == [stored]

    async def test_log_leaves_the_publishers_payload_alone(self, engine: Engine) -> None:
        """
        The id goes into a copy, and over an id that the publisher had put in.
        """
        ear, payload = await listen(engine), {"body": 1, "id": "mine"}
        receipt = await engine.publish(Publication(TOPIC, "e", payload), Retention())
        assert payload == {"body": 1, "id": "mine"}
        assert ear.payloads == [{"body": 1, "id": receipt.id}]

    async def test_log_keeps_who_is_not_to_get_it(self, engine: Engine) -> None:
        """
        Who catches up leaves its own broadcast_from out, as it did when it was live.
        """
        start = await engine.head(TOPIC)
        await engine.publish(Publication(TOPIC, "e", {}, sender="c1"), Retention())
        await engine.publish(Publication(TOPIC, "e", {}), Retention())
        page = await engine.read(TOPIC, start, 10)
        assert [publication.sender for publication in page.publications] == ["c1", None]

    @pytest.mark.parametrize("text", ["", "\0", "a\0b", "'\"\\,[]{}", "\x1f\x7f", "é😀\u2028"])
    async def test_log_keeps_any_text(self, engine: Engine, text: str) -> None:
        """
        Whatever a topic, an event, a key, a value and a sender are made of.
        """
        topic, payload = f"room:{text}", {f"k{text}": [text, {text: None}], "n": [1.5, -(2**53)]}
        start = await engine.head(topic)
        published = Publication(topic, text, payload, sender=text)
        receipt = await engine.publish(published, Retention())
        await log(engine, 1, topic="room:a")
        page = await engine.read(topic, start, 1)
        assert list(page.publications) == [
            Publication(topic, text, {**payload, "id": receipt.id}, receipt.id, text)
        ]

    @pytest.mark.parametrize("payload", [None, 1, "a", [1], b"\xff"], ids=repr)
    async def test_log_keeps_objects_only(self, engine: Engine, payload: object) -> None:
        """
        A payload without keys has no place for an id: it is handed out and not kept.
        """
        ear, start = await listen(engine), await engine.head(TOPIC)
        receipt = await engine.publish(Publication(TOPIC, "e", payload), Retention())
        assert receipt == Receipt(None, 1)
        assert ear.heard == [Publication(TOPIC, "e", payload)]
        assert await engine.read(TOPIC, start, 10) == Page([], True, start)

    async def test_topic_is_not_logged_without_a_retention(self, engine: Engine) -> None:
        """
        Who does not ask for a log gets none.
        """
        start = await engine.head(TOPIC)
        await engine.publish(Publication(TOPIC, "e", {}))
        assert await engine.read(TOPIC, start, 10) == Page([], True, start)

    @pytest.mark.parametrize("step", [0.0, 0.001, 60.0, -60.0], ids=repr)
    async def test_ids_sort_in_the_order_of_publishing(
        self, engine: Engine, clock: Clock, step: float
    ) -> None:
        """
        Whatever the clock does no id is used twice, on one topic or on two.
        """
        ids = [await engine.head(TOPIC)]
        for number in range(20):
            ids += await log(engine, number, topic=f"room:{number % 2}")
            clock.now += step
        assert ids == sorted(set(ids))

    # --- the log

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
        assert await engine.read(TOPIC, ids[1], 10) == Page([], True, ids[1])

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
            assert (len(page.publications), page.recovered, page.head) == (size, True, ids[-1])
            got += bodies(page)
            assert page.publications[-1].id is not None
            since = page.publications[-1].id
        assert got == list(range(7))

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
        assert await engine.read("room:b", start, 10) == Page([], True, start)
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
            assert await engine.read(TOPIC, since, 10) == Page([], False, start)

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
        for count in (7, 3, 0, 5):
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
        assert await engine.read(TOPIC, ids[1], 10) == Page([], True, ids[1])
        assert await engine.read(TOPIC, ids[0], 10) == Page([], False, ids[1])

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
        ids = await log(engine, 1, retention=Retention(max_count=0))
        assert await engine.head(TOPIC) == ids[0]
        assert await engine.read(TOPIC, ids[0], 10) == Page([], True, ids[0])

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
        st.integers(0, 6),
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

    # --- its end

    async def test_close_may_be_called_twice(self, engine: Engine) -> None:
        """
        Whoever closes an engine need not know whether somebody did.
        """
        await engine.close()
        await engine.close()
