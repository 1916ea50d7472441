"""
Who is present on the topics of this process, and the diffs that tell it.

    await endpoint.presence.list("room:lobby")

A channel's author calls `Channel.track` and what stands beside it. The first
change on a topic is told at once; what changes within `presence_window_ms`
after that goes out as one diff when the window is over, and opens another.
Which changes make up a diff is decided in `roster.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import define, field

from notifier.channels.roster import Meta, Presences, Roster, Tracked, diff_of
from notifier.engine import Publication
from notifier.errors import describe
from notifier.protocol.events import PRESENCE_DIFF

if TYPE_CHECKING:
    from notifier.channels.channel_server import ChannelServer
    from notifier.channels.endpoint import Endpoint

logger = logging.getLogger(__name__)

REF_PREFIX_BYTES: Final = 9
"""Random bytes before the number in a `phx_ref`: no other process, or start, makes the same."""

_NEVER: Final = float("inf")


@define(eq=False, repr=False)
class _Topic:
    """
    One topic with presences, for the wheel.

    `until` is when its window is over: None while it has none, and infinity
    while a diff is on its way, so that there is one at a time.
    """

    presence: Presence
    name: str
    roster: Roster = field(init=False, factory=Roster)
    until: float | None = field(init=False, default=None)

    def __repr__(self) -> str:
        return f"<presence: {self.roster!r}>"

    def deadline(self) -> float:
        return _NEVER if self.until is None else self.until

    def expire(self, _now: float) -> None:
        self.presence._window_is_over(self)


@define(eq=False, repr=False)
class Presence:
    """
    The presences of this process, by topic.

    A channel that is given has to be `left` once, when it ends.
    """

    endpoint: Endpoint
    _topics: dict[str, _Topic] = field(init=False, factory=dict)
    _refs: Iterator[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        prefix = urlsafe_b64encode(os.urandom(REF_PREFIX_BYTES)).decode()
        self._refs = (f"{prefix}{number:x}" for number in count(1))

    def __repr__(self) -> str:
        return f"<Presence {len(self._topics)} topics>"

    async def list(self, topic: str) -> Presences:
        """
        List who is present on a topic, in the shape of a `presence_state`.
        """
        found = self._topics.get(topic)
        return {} if found is None else found.roster.list()

    async def track(self, channel: ChannelServer, key: str, meta: Meta) -> None:
        """
        Add a meta of a channel's; see `Channel.track`.
        """
        meta = _checked("track", key, meta)
        if channel.end is not None:
            return
        name, limit = channel.seat.topic, self.endpoint.limits.max_channel_presences
        topic = self._topics.get(name) or _Topic(self, name)
        if topic.roster.find(channel.key, key) is not None:
            raise ValueError(
                "track needs a key that this channel does not track yet, got one that it "
                "does: update(key, meta) gives it a new meta"
            )
        tracked = topic.roster.count(channel.key)
        if tracked >= limit:
            raise ValueError(
                f"track takes up to {limit} keys a channel (max_channel_presences), "
                f"got one more than the {tracked} that it has"
            )
        self._topics[name] = topic
        topic.roster.put(channel.key, key, next(self._refs), meta)
        await self._tell(topic)

    async def update(
        self, channel: ChannelServer, key: str, meta: Meta | Callable[[Meta], Meta]
    ) -> None:
        """
        Give a key of a channel's a new meta; see `Channel.update`.
        """
        _check_key("update", key)
        if channel.end is not None:
            return
        topic = self._topics.get(channel.seat.topic)
        old = None if topic is None else topic.roster.find(channel.key, key)
        if topic is None or old is None:
            raise ValueError(
                "update needs a key that this channel tracks, got another: track(key, meta) first"
            )
        meta = _checked("update", key, meta({**old}) if callable(meta) else meta)
        topic.roster.put(channel.key, key, next(self._refs), meta)
        await self._tell(topic)

    async def untrack(self, channel: ChannelServer, key: str) -> None:
        """
        Take away a meta of a channel's; see `Channel.untrack`.
        """
        _check_key("untrack", key)
        topic = self._topics.get(channel.seat.topic)
        if topic is not None and topic.roster.remove(channel.key, key):
            await self._tell(topic)

    def left(self, channel: ChannelServer) -> None:
        """
        Take away all that a channel has tracked. Idempotent.
        """
        topic = self._topics.get(channel.seat.topic)
        if topic is not None and topic.roster.remove_owner(channel.key) and topic.until is None:
            self._publish(topic)

    # --- telling it

    async def _tell(self, topic: _Topic) -> None:
        """
        Tell a change at once, and wait for that, unless it falls into a window.
        """
        if topic.until is None:
            # Not cancelled with whoever waits: the diff is of concern to others.
            await asyncio.wait({self._publish(topic)})

    def _publish(self, topic: _Topic) -> asyncio.Task[None]:
        changes = topic.roster.take()
        # Without retention: a diff says nothing to whoever was not there.
        publication = Publication(topic.name, PRESENCE_DIFF, diff_of(changes))
        topic.until = _NEVER
        return self.endpoint.spawn(self._deliver(topic, publication, changes))

    async def _deliver(
        self, topic: _Topic, publication: Publication, changes: tuple[Tracked, ...]
    ) -> None:
        try:
            await self.endpoint.engine.publish(publication)
        except Exception:
            logger.exception("a presence_diff was not published, it is told with the next")
            topic.roster.put_back(changes)
        topic.until = self.endpoint.now() + self.endpoint.limits.presence_window_ms / 1000
        self.endpoint.deadlines.watch(topic)

    def _window_is_over(self, topic: _Topic) -> None:
        topic.until = None
        if topic.roster.has_untold:
            self._publish(topic)
        elif not topic.roster:
            del self._topics[topic.name]


def _check_key(verb: str, key: object) -> None:
    if not isinstance(key, str):
        raise TypeError(f"{verb} needs a key that is a string: str(id), got {describe(key)}")


def _checked(verb: str, key: object, meta: object) -> Meta:
    """
    Give a copy of a meta, as JSON has it; raise TypeError for what it cannot hold.
    """
    _check_key(verb, key)
    expected = f"{verb} needs a meta that is a JSON object: {{'status': 'away'}}"
    if not isinstance(meta, dict):
        raise TypeError(f"{expected}, got {describe(meta)}")
    try:
        copy: list[Any] = orjson.loads(orjson.dumps((key, meta)))
    except TypeError as error:
        raise TypeError(f"{expected}, got one that JSON cannot hold: {error}") from error
    checked: Meta = copy[1]
    return checked
