"""
The subscribers of a process: each gets every publication of its topics, once.
"""

from __future__ import annotations

import asyncio
import time

import pytest
from attrs import define, field

from channels.drive import until
from notifier.channels.pubsub import Encodings, PubSub
from notifier.engine import MemoryEngine, Publication, Receiver
from notifier.protocol import serializer_for
from notifier.protocol.serializer import Serializer

V1, V2 = serializer_for("1.0.0"), serializer_for("2.0.0")


@define(eq=False)
class Listener:
    """
    Notes what it is given.
    """

    key: str
    got: list[Publication] = field(factory=list)
    counts: int = 1
    id: str | None = None

    def receive_publication(self, publication: Publication, encodings: Encodings) -> int:
        self.got.append(publication)
        return self.counts


class SlowEngine(MemoryEngine):
    """
    Does what it is asked once it is let, and notes what it was asked.
    """

    coming: asyncio.Event
    going: asyncio.Event
    asked: list[str]

    async def subscribe(self, topic: str, receiver: Receiver) -> None:
        self.asked.append(f"subscribe {topic}")
        await self.coming.wait()
        await super().subscribe(topic, receiver)

    async def unsubscribe(self, topic: str, receiver: Receiver) -> None:
        self.asked.append(f"unsubscribe {topic}")
        await self.going.wait()
        await super().unsubscribe(topic, receiver)


@pytest.fixture
def engine() -> SlowEngine:
    engine = SlowEngine(time.time)
    engine.coming, engine.going, engine.asked = asyncio.Event(), asyncio.Event(), []
    engine.coming.set()
    engine.going.set()
    return engine


@pytest.fixture
def pubsub(engine: SlowEngine) -> PubSub:
    return PubSub(engine)


async def subscribe(pubsub: PubSub, name: str, listener: Listener) -> None:
    work = pubsub.subscribe(name, listener)
    if work is not None:
        await work


async def unsubscribe(pubsub: PubSub, name: str, listener: Listener) -> None:
    work = pubsub.unsubscribe(name, listener)
    if work is not None:
        await work


async def test_publication_reaches_each_subscriber_of_its_topic(
    pubsub: PubSub, engine: SlowEngine
) -> None:
    """
    And nobody else; the receipt counts those for whom it was.
    """
    a, b, other, uncounted = Listener("a"), Listener("b"), Listener("c"), Listener("d", counts=0)
    for listener in (a, b, uncounted):
        await subscribe(pubsub, "t", listener)
    await subscribe(pubsub, "u", other)
    publication = Publication("t", "news", {})
    assert (await engine.publish(publication)).reached == 2
    assert [len(one.got) for one in (a, b, uncounted, other)] == [1, 1, 1, 0]
    assert a.got[0] is publication


async def test_topics_of_a_prefix_are_named_while_somebody_is_there(pubsub: PubSub) -> None:
    """
    And no longer, also while the engine is still being told.
    """
    a, b = Listener("a"), Listener("b")
    for name in ("room:x", "room:y", "user:1"):
        await subscribe(pubsub, name, a)
    await subscribe(pubsub, "room:y", b)
    assert list(pubsub.topics("room:")) == ["room:x", "room:y"]
    assert list(pubsub.topics("room:x%")) == []
    ending = pubsub.unsubscribe("room:x", a)
    assert list(pubsub.topics("room:")) == ["room:y"]
    assert ending is not None
    await ending
    await unsubscribe(pubsub, "room:y", a)
    assert list(pubsub.topics("")) == ["room:y", "user:1"]


async def test_sender_is_left_out(pubsub: PubSub, engine: SlowEngine) -> None:
    """
    By its key; a key of nobody here leaves nobody out.
    """
    a, b = Listener("a"), Listener("b")
    for listener in (a, b):
        await subscribe(pubsub, "t", listener)
    assert (await engine.publish(Publication("t", "news", {}, sender="a"))).reached == 1
    assert (await engine.publish(Publication("t", "news", {}, sender="elsewhere"))).reached == 2
    assert (len(a.got), len(b.got)) == (1, 2)


async def test_engine_is_asked_once_a_topic(pubsub: PubSub, engine: SlowEngine) -> None:
    """
    By the first that comes and the last that goes.
    """
    listeners = [Listener(str(number)) for number in range(5)]
    await asyncio.gather(*(subscribe(pubsub, "t", one) for one in listeners))
    assert pubsub.count("t") == 5
    assert pubsub.is_live("t")
    for one in listeners:
        await unsubscribe(pubsub, "t", one)
        await unsubscribe(pubsub, "t", one)
    assert engine.asked == ["subscribe t", "unsubscribe t"]
    assert (pubsub.count("t"), repr(pubsub)) == (0, "<PubSub 0 topics>")


async def test_all_wait_until_the_engine_feeds_a_topic(pubsub: PubSub, engine: SlowEngine) -> None:
    """
    The second subscriber is no sooner ready than the first.
    """
    engine.coming.clear()
    tasks = [asyncio.ensure_future(subscribe(pubsub, "t", Listener(key))) for key in "ab"]
    await until(lambda: engine.asked)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    assert not pubsub.is_live("t")
    engine.coming.set()
    await asyncio.gather(*tasks)
    assert pubsub.is_live("t")


async def test_subscriber_that_comes_while_the_last_one_goes_is_fed(
    pubsub: PubSub, engine: SlowEngine
) -> None:
    """
    However long the engine takes over its goodbye, and each publication comes once.
    """
    await subscribe(pubsub, "t", Listener("a"))
    engine.going.clear()
    going = asyncio.ensure_future(unsubscribe(pubsub, "t", Listener("a")))
    await until(lambda: engine.asked[-1] == "unsubscribe t")
    new = Listener("b")
    coming = asyncio.ensure_future(subscribe(pubsub, "t", new))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(engine._receivers["t"]) == 1
    engine.going.set()
    await asyncio.gather(going, coming)
    assert (await engine.publish(Publication("t", "news", {}))).reached == 1
    assert len(new.got) == 1
    assert len(engine._receivers["t"]) == 1
    await unsubscribe(pubsub, "t", new)
    assert engine._receivers == {}


async def test_nothing_stays_when_a_subscriber_comes_and_goes_meanwhile(
    pubsub: PubSub, engine: SlowEngine
) -> None:
    """
    Whatever the order in which the engine gets to it.
    """
    first, second = Listener("a"), Listener("b")
    await subscribe(pubsub, "t", first)
    engine.going.clear()
    tasks = [asyncio.ensure_future(unsubscribe(pubsub, "t", first))]
    await until(lambda: engine.asked[-1] == "unsubscribe t")
    tasks.append(asyncio.ensure_future(subscribe(pubsub, "t", second)))
    await asyncio.sleep(0)
    tasks.append(asyncio.ensure_future(unsubscribe(pubsub, "t", second)))
    await asyncio.sleep(0)
    engine.going.set()
    await asyncio.gather(*tasks)
    assert engine._receivers == {}
    assert pubsub._topics == {}


async def test_subscriber_may_go_while_a_publication_is_handed_out(
    pubsub: PubSub, engine: SlowEngine
) -> None:
    """
    The others get it all the same.
    """
    left = []

    class Leaves(Listener):
        def receive_publication(self, publication: Publication, encodings: Encodings) -> int:
            left.append(pubsub.unsubscribe("t", self))
            return 1

    after = Listener("b")
    for listener in (Leaves("a"), after):
        await subscribe(pubsub, "t", listener)
    await engine.publish(Publication("t", "news", {}))
    assert left == [None]
    assert len(after.got) == 1


@pytest.mark.parametrize("serializer", [V1, V2])
def test_broadcast_is_encoded_once_for_each_serializer(serializer: Serializer) -> None:
    """
    On first need; all mailboxes hold the same frame.
    """
    encodings = Encodings(Publication("t", "news", {"n": 1}))
    assert encodings.frames == {}
    frame = encodings.frame(serializer)
    assert encodings.frame(serializer) is frame
    assert list(encodings.frames) == [serializer]
    assert b'"news"' in frame.data


async def test_subscribers_are_listed(pubsub: PubSub) -> None:
    """
    Of a topic; of one that nobody knows there are none.
    """
    listener = Listener("one")
    await subscribe(pubsub, "a", listener)
    assert (pubsub.subscribers("a"), pubsub.subscribers("b")) == ([listener], [])
