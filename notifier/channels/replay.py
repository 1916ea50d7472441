"""
Brings a channel's client what came before, and keeps the order of what comes.

The order is `follower.py`'s. Here is what it takes: reading the log by the page,
waiting for room in the mailbox, and letting other work run in between. So a
replay can be as long as the log: it never fills the mailbox beyond a half, and
live messages of others wait for one slice at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from attrs import define, field

from notifier.channels.follower import PAGE_MESSAGES, Follower
from notifier.channels.replies import Error, Ok
from notifier.engine import Engine, Page, Publication
from notifier.errors import describe
from notifier.protocol import Frame, Message, Payload
from notifier.protocol.reasons import INVALID_PAYLOAD
from notifier.session import Mailbox

if TYPE_CHECKING:
    from notifier.channels.channel_server import ChannelServer

logger = logging.getLogger(__name__)

SLICE_MESSAGES: Final = 32
"""Messages that a replay hands on in one go: about a quarter of a millisecond."""


@define(eq=False)
class Turns:
    """
    Gives the replays of one process their turns, one in each round of the event loop.
    """

    _waiting: deque[asyncio.Future[None]] = field(init=False, factory=deque, repr=False)

    async def take(self) -> None:
        """
        Wait for a turn. It lasts until the next await.
        """
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_soon(self._give)
        await turn

    def _give(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._give)


@define(eq=False, repr=False)
class Replay:
    """
    One channel's way through the log of its topic.

    Refers to its channel, which lets go of it at its end.
    """

    server: ChannelServer
    follower: Follower = field(init=False)
    _since: str | None = field(init=False, default=None)
    _waits_for_room: bool = field(init=False, default=False)
    _unsent: Frame | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.follower = Follower(self.server.key)

    def __repr__(self) -> str:
        return f"<Replay {self.follower!r}>"

    @property
    def is_due(self) -> bool:
        """
        Whether `step` has something to do now.
        """
        return self.follower.is_behind and not self._waits_for_room

    def read_join(self, payload: Payload) -> Error | None:
        """
        Read from a join's payload since which id the client wants the log, if it does.
        """
        since = payload.get("since") if isinstance(payload, Mapping) else None
        if since is not None and not isinstance(since, str):
            expected = {"since": "the id of the last message received, a string"}
            return Error({"reason": INVALID_PAYLOAD, "expected": expected})
        self._since = since
        return None

    async def begin(self, result: Ok | None) -> Ok:
        """
        Find the place to begin at, and complete a join's response by it.

        The response gets `head`, the newest id of the log, and `recovered`
        where the client asks for what came since an id.
        """
        response: Payload = {} if result is None else result.response
        if not isinstance(response, Mapping):
            raise TypeError(
                "join of a channel with history must answer with an object, "
                f"got {describe(response)}"
            )
        engine, topic, since = self._engine, self.server.seat.topic, self._since
        if since is None:
            head = await engine.head(topic)
            self.follower.start(Page((), recovered=True, head=head, is_last=True))
            return Ok({**response, "head": head})
        page = await engine.read(topic, since, PAGE_MESSAGES)
        if since > page.head:  # of another life of the log: all that is kept is news
            since = ""
            page = await engine.read(topic, since, PAGE_MESSAGES)
        self.follower.start(page, since)
        return Ok({**response, "recovered": page.recovered, "head": page.head})

    def stop(self) -> None:
        """
        Wait for nothing any more: the channel has ended.
        """
        self._mailbox.not_when_freed(self._go_on)

    async def step(self) -> None:
        """
        Read a page, or hand on some of what is at hand, or begin to wait for room.

        Raises HistoryLost, and what the author's `handle_out` raises for what is
        live. What it raises in a replay is logged and the message stepped over:
        the client would come back to it for ever.
        """
        follower, server = self.follower, self.server
        if not follower.at_hand(1):
            topic = server.seat.topic
            follower.receive(await self._engine.read(topic, follower.read, PAGE_MESSAGES))
            return
        if follower.is_replaying:
            await server.owner.endpoint.turns.take()
        publications = follower.at_hand(SLICE_MESSAGES)
        if server.intercepts(publications[0]):
            await self._hand_to_author(publications[0])
        elif server.owner.session.holds(server.seat):
            self._push(publications)

    async def _hand_to_author(self, publication: Publication) -> None:
        frame = self._frame_of(publication)
        if not self._mailbox.fits(frame):
            self._wait_with(frame)
            return
        try:
            await self.server.handle_out(publication)
        except Exception:
            if not self.follower.is_replaying:
                raise
            where, id = publication.event, publication.id
            logger.exception("a handle_out of %s failed in a replay, %s is left out", where, id)
        self.follower.advance()

    def _push(self, publications: list[Publication]) -> None:
        count = 0
        for publication in publications:
            if self.server.intercepts(publication):
                break
            frame = self._frame_of(publication)
            if not self._mailbox.stage(frame):
                self._wait_with(frame)  # before anybody is told: to tell may make room at once
                break
            count += 1
        if count:
            self.follower.advance(count)
            self._mailbox.tell()

    def _frame_of(self, publication: Publication) -> Frame:
        """
        Encode what is next, unless that was done before there was room.
        """
        if (frame := self._unsent) is not None:
            self._unsent = None
            return frame
        join_ref, event = self.server.seat.join_ref, publication.event
        message = Message(join_ref, None, publication.topic, event, publication.payload)
        return self.server.owner.session.serializer.encode(message)

    def _wait_with(self, frame: Frame) -> None:
        self._unsent, self._waits_for_room = frame, True
        self._mailbox.when_freed(self._go_on)

    def _go_on(self) -> None:
        self._waits_for_room = False
        self.server.wake()

    @property
    def _engine(self) -> Engine:
        return self.server.owner.endpoint.engine

    @property
    def _mailbox(self) -> Mailbox:
        return self.server.owner.session.mailbox
