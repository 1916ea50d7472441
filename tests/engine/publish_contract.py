"""
What every engine must do with a publication: deliver it, and give it an id.
"""

from __future__ import annotations

import asyncio

import pytest

from engine.actors import TOPIC, Clock, Ear, EngineMaker, bodies, listen, log
from notifier.engine import Engine, Page, Publication, Receipt, Retention


class PublishContract(EngineMaker):
    """
    The half of the contract that is about who gets what.
    """

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

    async def test_log_takes_the_payload_as_it_is_at_the_call(self, engine: Engine) -> None:
        """
        What the publisher changes afterwards, however deep, is neither delivered nor stored.
        """
        ear, payload = await listen(engine), {"body": {"to": ["ada"]}}
        task = asyncio.create_task(engine.publish(Publication(TOPIC, "e", payload), Retention()))
        await asyncio.sleep(0)
        payload["body"]["to"].append("bob")
        payload["body"]["unfit"] = [object()]
        id = (await task).id
        assert ear.payloads == [{"body": {"to": ["ada"]}, "id": id}]
        assert list((await engine.read(TOPIC, "", 10)).publications) == ear.heard

    async def test_log_delivers_what_it_stores(self, engine: Engine) -> None:
        """
        Values that JSON has no word for become the nearest, live as well as in the log.
        """
        ear = await listen(engine)
        payload = {"pair": (1, 2), "nan": float("nan")}
        id = (await engine.publish(Publication(TOPIC, "e", payload), Retention())).id
        assert ear.payloads == [{"pair": [1, 2], "nan": None, "id": id}]
        assert list((await engine.read(TOPIC, "", 10)).publications) == ear.heard

    async def test_log_stays_when_receivers_and_readers_change_what_they_got(
        self, engine: Engine
    ) -> None:
        """
        They break their word, and harm those who share the object with them, but not the log.
        """
        ear = await listen(engine)
        await log(engine, 1)
        stored = list((await engine.read(TOPIC, "", 10)).publications)
        assert stored == ear.heard
        ear.heard[0].payload["body"] = 2
        for _ in range(2):
            page = await engine.read(TOPIC, "", 10)
            assert bodies(page) == [1]
            page.publications[0].payload.clear()

    @pytest.mark.parametrize(
        "value", [object(), 2**70, {1: 2}, "\ud800"], ids=["object", "int", "dict", "str"]
    )
    async def test_log_refuses_what_is_no_json(self, engine: Engine, value: object) -> None:
        """
        The publisher is told, nobody gets it, and nobody else's publication suffers.
        """
        ear = await listen(engine)
        broken = engine.publish(Publication(TOPIC, "e", {"body": value}), Retention())
        outcomes = await asyncio.gather(
            log(engine, 1), broken, log(engine, 2), return_exceptions=True
        )
        assert isinstance(outcomes[1], TypeError)
        assert list((await engine.read(TOPIC, "", 10)).publications) == ear.heard
        assert [one.payload["body"] for one in ear.heard] == [1, 2]

    async def test_topic_and_since_are_refused_when_they_are_no_text(self, engine: Engine) -> None:
        """
        Half of a surrogate pair: by every verb of the log in the same words.
        """
        half = "room:\ud800"
        for name, work in (
            ("topic", engine.publish(Publication(half, "e", {}), Retention())),
            ("topic", engine.read(half, "", 10)),
            ("topic", engine.head(half)),
            ("since", engine.read(TOPIC, half, 10)),
        ):
            with pytest.raises(ValueError, match=f"^{name}: expected text, got half"):
                await work

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
        assert await engine.read(TOPIC, start, 10) == Page([], True, start, True)

    async def test_topic_is_not_logged_without_a_retention(self, engine: Engine) -> None:
        """
        Who does not ask for a log gets none.
        """
        start = await engine.head(TOPIC)
        await engine.publish(Publication(TOPIC, "e", {}))
        assert await engine.read(TOPIC, start, 10) == Page([], True, start, True)

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
