"""
Hands each publication to the subscribers of its topic in this process.

The engine knows topics, not clients: it calls once a topic, and the fan-out
is here. A broadcast is encoded once for each serializer, on first need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, Protocol

from attrs import define, field

from notifier.engine import Engine, Publication
from notifier.protocol import Broadcast, Frame, Serializer


@define(eq=False)
class Encodings:
    """
    The frames of one broadcast, by serializer.
    """

    publication: Publication
    frames: dict[Serializer, Frame] = field(init=False, factory=dict)

    def frame(self, serializer: Serializer) -> Frame:
        """
        Give the frame for a serializer, made on first need.
        """
        frame = self.frames.get(serializer)
        if frame is None:
            sent = self.publication
            frame = serializer.encode(Broadcast(sent.topic, sent.event, sent.payload))
            self.frames[serializer] = frame
        return frame


class Subscriber(Protocol):
    """
    Whoever wants the publications of a topic: a channel, or a connection's id.
    """

    key: str

    @property
    def id(self) -> str | None:
        """
        The `Socket.id` of whose it is.
        """
        ...

    def receive_publication(self, publication: Publication, encodings: Encodings) -> int:
        """
        Take a publication; return 1 if it was for this session, 0 if not.
        """
        ...


@define(eq=False)
class _Topic:
    """
    The subscribers of one topic; `is_live` once the engine feeds it.
    """

    subscribers: dict[str, Subscriber] = field(factory=dict)
    lock: asyncio.Lock = field(factory=asyncio.Lock)
    is_live: bool = False


@define(eq=False, repr=False)
class PubSub:
    """
    The subscribers of this process, by topic.
    """

    engine: Engine
    _topics: dict[str, _Topic] = field(init=False, factory=dict)

    def __repr__(self) -> str:
        return f"<PubSub {len(self._topics)} topics>"

    def subscribe(self, name: str, subscriber: Subscriber) -> Coroutine[Any, Any, None] | None:
        """
        Add a subscriber; whatever is published from now on reaches it.

        Returns what is to be awaited before that is so, if the topic is new here.
        """
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = _Topic()
        topic.subscribers[subscriber.key] = subscriber
        return None if topic.is_live else self._begin(name, topic)

    def topics(self, prefix: str) -> Iterator[str]:
        """
        Name the topics of a prefix that somebody is on.
        """
        for name, topic in self._topics.items():
            if topic.subscribers and name.startswith(prefix):
                yield name

    def is_live(self, name: str) -> bool:
        """
        Whether the engine feeds a topic already, so that `subscribe` has nothing to wait for.
        """
        topic = self._topics.get(name)
        return topic is not None and topic.is_live

    async def _begin(self, name: str, topic: _Topic) -> None:
        async with topic.lock:
            if not topic.is_live and topic.subscribers:
                await self.engine.subscribe(name, self._fan_out)
                topic.is_live = True

    def unsubscribe(self, name: str, subscriber: Subscriber) -> Coroutine[Any, Any, None] | None:
        """
        Take a subscriber out, at once. Idempotent.

        Returns what is to be awaited if it was the topic's last one here.
        """
        topic = self._topics.get(name)
        if topic is None or topic.subscribers.pop(subscriber.key, None) is None:
            return None
        return None if topic.subscribers else self._end(name, topic)

    async def _end(self, name: str, topic: _Topic) -> None:
        async with topic.lock:
            if not topic.subscribers and self._topics.get(name) is topic:
                topic.is_live = False
                await self.engine.unsubscribe(name, self._fan_out)
                if not topic.subscribers:  # else whoever came meanwhile waits for the lock
                    del self._topics[name]

    def subscribers(self, name: str) -> list[Subscriber]:
        """
        List who is subscribed to a topic here.
        """
        topic = self._topics.get(name)
        return [] if topic is None else list(topic.subscribers.values())

    def count(self, name: str) -> int:
        """
        Tell how many subscribers a topic has here.
        """
        topic = self._topics.get(name)
        return 0 if topic is None else len(topic.subscribers)

    def _fan_out(self, publication: Publication) -> int:
        topic = self._topics.get(publication.topic)
        if topic is None:
            return 0
        encodings, reached = Encodings(publication), 0
        subscribers = topic.subscribers
        if publication.sender in subscribers:
            subscribers = {**subscribers}
            del subscribers[publication.sender]
        for subscriber in tuple(subscribers.values()):
            reached += subscriber.receive_publication(publication, encodings)
        return reached
