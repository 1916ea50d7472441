"""
Brings a channel's client what came before, and keeps the order of what comes.

The order is `follower.py`'s. Here is what it takes: reading the log by the page,
waiting for room in the mailbox, and letting other work run in between. So a
replay can be as long as the log: it never fills the mailbox beyond a half, and
live messages of others wait for one slice at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from attrs import define, field

from notifier.channels.follower import PAGE_MESSAGES, Follower
from notifier.channels.replies import Error, Ok
from notifier.engine import Engine, Page, Publication
from notifier.errors import describe
from notifier.protocol import Frame, Message, Payload
from notifier.protocol.reasons import INVALID_PAYLOAD
from notifier.session import Seat, Session

if TYPE_CHECKING:
    from notifier.channels.channel_server import ChannelServer

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

    `hand_on` gives a publication to the author's `handle_out`, `wake` is called
    when there is room again.
    """

    engine: Engine
    turns: Turns
    session: Session
    seat: Seat
    intercepts: Mapping[str, str]
    hand_on: Callable[[Publication], Awaitable[None]]
    wake: Callable[[], object]
    follower: Follower
    _since: str | None = field(init=False, default=None)
    _waits_for_room: bool = field(init=False, default=False)

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
        topic, since = self.seat.topic, self._since
        if since is None:
            head = await self.engine.head(topic)
            self.follower.start(Page((), recovered=True, head=head))
            return Ok({**response, "head": head})
        page = await self.engine.read(topic, since, PAGE_MESSAGES)
        self.follower.start(page, since)
        return Ok({**response, "recovered": page.recovered, "head": page.head})

    async def step(self) -> None:
        """
        Read a page, or hand on some of what is at hand, or begin to wait for room.

        Raises HistoryLost, and what the author's `handle_out` raises.
        """
        follower = self.follower
        if follower.next() is None:
            page = await self.engine.read(self.seat.topic, follower.read, PAGE_MESSAGES)
            follower.receive(page)
            return
        if follower.is_replaying:
            await self.turns.take()
        publications = follower.at_hand(SLICE_MESSAGES)
        if publications[0].event in self.intercepts:
            await self._hand_to_author(publications[0])
        elif self.session.holds(self.seat):
            self._push(publications)

    async def _hand_to_author(self, publication: Publication) -> None:
        if self.session.mailbox.fits(self._encode(publication)):
            await self.hand_on(publication)
            self.follower.advance()
        else:
            self._wait_for_room()

    def _push(self, publications: list[Publication]) -> None:
        frames = list[Frame]()
        for publication in publications:
            if publication.event in self.intercepts:
                break
            frames.append(self._encode(publication))
        count = self.session.mailbox.fill(frames)
        if count:
            self.follower.advance(count)
        if count < len(frames):
            self._wait_for_room()

    def _encode(self, publication: Publication) -> Frame:
        event, payload = publication.event, publication.payload
        message = Message(self.seat.join_ref, None, publication.topic, event, payload)
        return self.session.serializer.encode(message)

    def _wait_for_room(self) -> None:
        self._waits_for_room = True
        self.session.mailbox.when_freed(self._go_on)

    def _go_on(self) -> None:
        self._waits_for_room = False
        self.wake()


def replay_for(server: ChannelServer) -> Replay | None:
    """
    Make the replay of a channel that asks for history, None for any other.
    """
    if type(server.channel).history is None:
        return None
    endpoint, session = server.owner.endpoint, server.owner.session
    return Replay(
        endpoint.engine,
        endpoint.turns,
        session,
        server.seat,
        server.channel.handlers_out,
        server.handle_out,
        server.wake,
        Follower(server.key),
    )
