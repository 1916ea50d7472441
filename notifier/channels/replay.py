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

from attrs import define, evolve, field

from notifier.channels.author import call
from notifier.channels.follower import PAGE_MESSAGES, Follower
from notifier.channels.replies import Backlog, Error, Ok
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

        The response gets `head`, the newest id of the log, `recovered` where the
        client asks for what came since an id, and what the channel's backlog adds.
        """
        response: Payload = {} if result is None else result.response
        if not isinstance(response, Mapping):
            raise TypeError(
                "join of a channel with history must answer with an object, "
                f"got {describe(response)}"
            )
        engine, topic, since = self._engine, self.server.seat.topic, self._since
        if since is None:
            page = Page((), recovered=True, head=await engine.head(topic), is_last=True)
            found: dict[str, Payload] = {"head": page.head}
        else:
            page = await engine.read(topic, since, PAGE_MESSAGES)
            if since > page.head:  # of another life of the log: all that is kept is news
                since = ""
                page = await engine.read(topic, since, PAGE_MESSAGES)
            found = {"recovered": page.recovered, "head": page.head}
        backlog = await self._ask_for_backlog(page, since)
        self.follower.start(page, since, backlog.publications)
        return Ok({**response, **backlog.response, **found})

    async def _ask_for_backlog(self, page: Page, since: str | None) -> Backlog:
        """
        Ask the author what goes ahead of the page, without what the page brings.
        """
        channel = self.server.channel
        where = f"{type(channel).__name__}.backlog"
        backlog = await call(where, channel.backlog, page.head, since)
        if not isinstance(backlog, Backlog):
            raise TypeError(f"{where} must return a Backlog, got {describe(backlog)}")
        first = page.publications[0].id or "" if page.publications else None
        ahead = [
            one
            for one in backlog.publications
            if (one.id or "") <= page.head and (first is None or (one.id or "") < first)
        ]
        return evolve(backlog, publications=ahead)

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
        if not self._is_current(publication):
            self.follower.advance()
            return
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
        count = staged = 0
        for publication in publications:
            if self.server.intercepts(publication):
                break
            if self._is_current(publication):
                frame = self._frame_of(publication)
                if not self._mailbox.stage(frame):
                    self._wait_with(frame)  # before anybody is told: to tell may make room at once
                    break
                staged += 1
            count += 1
        if count:
            self.follower.advance(count)
        if staged:
            self._mailbox.tell()

    def _is_current(self, publication: Publication) -> bool:
        """
        Ask the author whether it is still to go out; may have been another answer a wait ago.
        """
        is_current = self.server.channel.is_current(publication)
        if not is_current:
            self._unsent = None
        return is_current

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
