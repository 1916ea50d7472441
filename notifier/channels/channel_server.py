"""
Runs one channel: its queue, its handlers in order, its end.

The rules of this file:

- A channel has a task only while something waits in its queue.
- A broadcast that the channel does not intercept goes straight to the mailbox.
- On a topic with a log, what has to wait is read from there: see `replay.py`.
- The end has one path, `_finish`, and one reason; only the first counts.
- What is still queued when a channel ends goes back to the session, which
  answers it as it answers messages without a channel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from notifier.channels.author import call
from notifier.channels.channel import Channel, SocketRef
from notifier.channels.follower import HistoryLost
from notifier.channels.pubsub import Encodings, PubSub
from notifier.channels.replay import Replay
from notifier.channels.replies import Error, Ok, check_result
from notifier.engine import Publication, Receipt
from notifier.errors import describe
from notifier.protocol import Frame, Message, Payload, Reply, Serializer
from notifier.protocol.events import PHX_LEAVE
from notifier.protocol.reasons import CHANNEL_BUSY, JOIN_CRASHED, SLOW_CONSUMER
from notifier.session import Seat
from notifier.session.session import ERROR, OK

if TYPE_CHECKING:
    from notifier.channels.socket_server import SocketServer

logger = logging.getLogger(__name__)


class End(Enum):
    """
    Why a channel ends; the value is what `Channel.terminate` is told.
    """

    LEFT = "left"
    CLOSED = "closed"
    REPLACED = "replaced"
    STOPPED = "stopped"
    CRASHED = "crashed"
    REFUSED = "refused"  # the join was: `terminate` is not called


@frozen
class _Start:
    payload: Payload
    replaced: ChannelServer | None


@frozen
class _Info:
    message: Any


_Item = _Start | _Info | Message | Publication | End


@define(eq=False, repr=False)
class ChannelServer:
    """
    One running channel, in one seat of one session.
    """

    owner: SocketServer
    seat: Seat
    channel: Channel
    key: str
    end: End | None = None
    _put: Callable[[Frame], None] = field(init=False)
    _serializer: Serializer = field(init=False)
    _intercepts: Mapping[str, str] = field(init=False)
    _replay: Replay | None = field(init=False)
    _is_live: bool = field(init=False, default=False)  # the join is answered
    _is_past_seam: bool = field(init=False, default=False)  # what is live is what comes next
    _asked_to_end: End | None = field(init=False, default=None)
    _has_joined: bool = field(init=False, default=False)
    _queue: list[_Item] = field(init=False, factory=list)  # short, and 600 bytes less than a deque
    task: asyncio.Task[None] | None = field(init=False, default=None)
    _is_running: bool = field(init=False, default=False)
    _cut: asyncio.TimerHandle | None = field(init=False, default=None)
    _current: Message | None = field(init=False, default=None)
    _elder: ChannelServer | None = field(init=False, default=None)  # replaced, and still to close

    def __attrs_post_init__(self) -> None:
        session = self.owner.session
        self._put, self._serializer = session.mailbox.put, session.serializer
        self._intercepts = self.channel.handlers_out
        self._replay = None if type(self.channel).history is None else Replay(self)

    def __repr__(self) -> str:
        return f"<ChannelServer {self._name} {len(self._queue)} queued, end={self.end}>"

    @property
    def id(self) -> str | None:
        """
        The `Socket.id` of the client.
        """
        return self.owner.id

    # --- what comes in

    def start(self, payload: Payload, replaced: ChannelServer | None) -> None:
        """
        Join, once `replaced` has ended.
        """
        lets_everyone_in = type(self.channel).join is Channel.join
        has_nothing_to_await = lets_everyone_in and replaced is None and self._replay is None
        if has_nothing_to_await and self._pubsub.is_live(self.seat.topic):
            self._pubsub.subscribe(self.seat.topic, self)
            self._accept(None)
        else:
            if replaced is not None:
                self._elder = replaced if replaced._has_joined else replaced._elder
            self._enqueue(_Start(payload, replaced))

    def receive(self, message: Message) -> None:
        """
        Queue a message of the client; over the bound it gets an error reply.

        One leave is always taken: a client that is told no does not ask again.
        """
        if self._is_full() and not self._is_first_leave(message):
            self._answer(message.ref, Error(CHANNEL_BUSY))
        else:
            self._enqueue(message)

    def receive_publication(self, publication: Publication, encodings: Encodings) -> int:
        """
        Pass a broadcast on to the client, through `handle_out` if there is one.
        """
        if self.end is not None:
            return 0
        hold = not self._is_live or publication.event in self._intercepts
        is_logged = publication.id is not None and self._replay is not None
        if is_logged and (hold or not self._is_past_seam):
            self._follow(publication, encodings, hold)
        elif not hold:
            self._put(encodings.frame(self._serializer))
        elif self._is_full():
            self.owner.session.close(SLOW_CONSUMER)
            return 0
        else:
            self._enqueue(publication)
        return 1

    def intercepts(self, publication: Publication) -> bool:
        """
        Whether the author's `handle_out` stands between a publication and the client.
        """
        return publication.event in self._intercepts

    def _follow(self, publication: Publication, encodings: Encodings, hold: bool) -> None:
        """
        Ask the follower about a publication; past the seam it need not be asked.
        """
        assert self._replay is not None
        self._is_past_seam = self._replay.follower.hear(publication, hold=hold)
        if self._is_past_seam:
            self._put(encodings.frame(self._serializer))
        else:
            self.wake()

    def wake(self) -> None:
        """
        Go on with the replay, if that can be and is not under way.
        """
        if self.end is None and self._is_replay_due:
            self._ensure_task()

    def send(self, message: Any) -> None:
        """
        Queue a message of the channel to itself.
        """
        if self.end is None:
            self._enqueue(_Info(message))

    def close(self, end: End) -> None:
        """
        Ask the channel to end: at once when `CLOSED`, else after what is queued.

        A join under way is cancelled, and what waits for it dropped; a handler
        is given `channel_stop_timeout_ms`, and cancelled then.
        """
        if self.end is not None or self._asked_to_end not in (None, End.STOPPED):
            return
        self._asked_to_end = end
        if end is End.CLOSED and self.task is None and not self._needs_terminate:
            self.end = end
            self.owner.endpoint.unsubscribe(self.seat.topic, self)
            self._finish(end)
            return
        if end is End.CLOSED or not self._has_joined:
            self._queue.clear()
        task = self._enqueue(end)
        if self._has_joined:
            loop = asyncio.get_running_loop()
            self._cut = loop.call_later(self._stop_timeout_s, task.cancel)
        elif self._is_running:
            task.cancel()

    async def ended(self) -> None:
        """
        Wait for the end of a channel that was closed.
        """
        if self.task is not None:
            await asyncio.wait({self.task})

    # --- what the channel asks for

    def push(self, event: str, payload: Payload) -> None:
        """
        Send an event to the client; see `Channel.push`.
        """
        self._check_joined("push")
        if self.owner.session.holds(self.seat):
            message = Message(self.seat.join_ref, None, self.seat.topic, event, payload)
            self.owner.session.send(message)

    async def broadcast(self, event: str, payload: Payload, *, from_self: bool = False) -> Receipt:
        """
        Send an event to the topic; see `Channel.broadcast`.
        """
        self._check_joined("broadcast")
        sender = self.key if from_self else None
        return await self.owner.endpoint.broadcast(self.seat.topic, event, payload, sender=sender)

    def socket_ref(self) -> SocketRef:
        """
        Name the message being handled; see `Channel.socket_ref`.
        """
        if self._current is None or self._current.ref is None:
            raise RuntimeError(
                "socket_ref needs a message with a ref that is being handled, got "
                + ("no message" if self._current is None else "one without ref")
            )
        return SocketRef(self.seat.join_ref, self._current.ref, self.seat.topic)

    def reply(self, ref: SocketRef, result: Ok | Error) -> None:
        """
        Answer a message named before; see `Channel.reply`.
        """
        if not isinstance(ref, SocketRef):
            raise TypeError(f"reply needs what socket_ref() gave, got {type(ref).__name__}")
        if check_result(result, "what is given to reply") is None:
            raise TypeError("reply needs Ok(response) or Error(reason or response), got None")
        self._answer(ref.ref, result)

    def stop_soon(self) -> None:
        """
        End after the current handler; see `Channel.stop`.
        """
        if self._asked_to_end is None and self.end is None:
            self._asked_to_end = End.STOPPED
            self._queue.insert(0, End.STOPPED)
            self._ensure_task()

    # --- the task

    async def _run(self) -> None:
        self._is_running = True
        try:
            # One of the queue and a step of the replay in turn: neither starves the other.
            while self.end is None and (self._queue or self._is_replay_due):
                if self._queue:
                    await self._handle(self._queue.pop(0))
                if self.end is None and self._is_replay_due:
                    assert self._replay is not None
                    await self._replay.step()
        except asyncio.CancelledError:
            self.end = self._asked_to_end or End.CLOSED
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        except HistoryLost as lost:
            self.end = End.CRASHED
            logger.warning("channel %s ends, its client is to join anew: %s", self._name, lost)
        except Exception:
            self.end = End.CRASHED
            logger.exception("channel %s crashed", self._name)
        if self.end is not None:
            self.owner.endpoint.unsubscribe(self.seat.topic, self)
            if self._cut is not None:
                self._cut.cancel()
            if self._needs_terminate:
                await self._terminate(self.end)
            self._finish(self.end)
        self._is_running = False
        if self.task is not None:
            self.owner.endpoint.channel_ran(self.task)
            self.task = None

    async def _handle(self, item: _Item) -> None:
        match item:
            case End():
                self.end = item
            case Message(event=event) if event == PHX_LEAVE:
                self._answer(item.ref, Ok())
                self.end = End.LEFT
            case Message():
                await self._handle_in(item)
            case Publication():
                await self.handle_out(item)
            case _Info():
                await call(f"{self._name}.handle_info", self.channel.handle_info, item.message)
            case _Start():
                await self._join(item)

    async def _join(self, start: _Start) -> None:
        session, elder, where = self.owner.session, self._elder, f"{self._name}.join"
        for old in (start.replaced, elder):
            if old is not None:
                await old.ended()
        try:
            result = check_result(await call(where, self.channel.join, start.payload), where)
            if self._replay is not None and not isinstance(result, Error):
                result = self._replay.read_join(start.payload) or result
            if isinstance(result, Error):
                session.refuse(self.seat, result.response)
                self.end = End.REFUSED
            else:
                self._has_joined = True
                work = self._pubsub.subscribe(self.seat.topic, self)
                if work is not None:
                    await work
                if self._replay is not None:
                    result = await self._replay.begin(result)
                self._accept(result)
        except Exception:
            logger.exception("channel %s crashed in join", self._name)
            session.refuse(self.seat, {"reason": JOIN_CRASHED})
            self.end = End.CRASHED if self._has_joined else End.REFUSED
        if elder is not None:
            session.vacate(elder.seat)
        self._elder = None

    def _accept(self, result: Ok | None) -> None:
        self.owner.session.accept(self.seat, {} if result is None else result.response)
        self._has_joined = self._is_live = True
        if self._queue:
            self._pass_on_early()

    def _pass_on_early(self) -> None:
        """
        Pass on what was broadcast while the join was under way, before what comes from now on.
        """
        queue, self._queue = self._queue, []
        for item in queue:
            if isinstance(item, Publication):
                self.receive_publication(item, Encodings(item))
            else:
                self._queue.append(item)

    async def _handle_in(self, message: Message) -> None:
        name = self.channel.handlers_in.get(message.event)
        where = f"{self._name}.{name or 'handle_other'}"
        self._current = message
        try:
            if name is None:
                handler, event = self.channel.handle_other, message.event
                result = await call(where, handler, event, message.payload)
            else:
                result = await call(where, getattr(self.channel, name), message.payload)
        finally:
            self._current = None
        result = check_result(result, where)
        if result is not None:
            self._answer(message.ref, result)

    async def handle_out(self, publication: Publication) -> None:
        """
        Hand a publication to the author's handler for its event.
        """
        name = self._intercepts[publication.event]
        where = f"{self._name}.{name}"
        result = await call(where, getattr(self.channel, name), publication.payload)
        if result is not None:
            raise TypeError(
                f"{where} is a handle_out and must return None: push what is to go out, "
                f"got {describe(result)}"
            )

    async def _terminate(self, end: End) -> None:
        try:
            async with asyncio.timeout(self._stop_timeout_s):
                await call(f"{self._name}.terminate", self.channel.terminate, end.value)
        except Exception:
            logger.exception("channel %s crashed in terminate", self._name)

    def _finish(self, end: End) -> None:
        if end is not End.REPLACED:
            self.owner.session.vacate(self.seat, crashed=end is End.CRASHED)
        self.owner.endpoint.presence.left(self)
        self.owner.channel_ended(self)
        if self._replay is not None:
            self._replay.stop()
        self._elder = self._replay = None
        self.channel = Channel()  # the author's holds on to us: both are free to go now
        left_over = [item for item in self._queue if isinstance(item, Message)]
        self._queue.clear()
        for message in left_over:
            self.owner.receive(message)

    # --- within

    def _answer(self, ref: Any, result: Ok | Error) -> None:
        if self.owner.session.holds(self.seat):
            status = OK if isinstance(result, Ok) else ERROR
            self.owner.session.send(
                Reply(self.seat.join_ref, ref, self.seat.topic, status, result.response)
            )

    def _check_joined(self, verb: str) -> None:
        if not self.seat.joined and self.end is None:
            raise RuntimeError(
                f"cannot {verb} before the join is answered: self.send(...) a message to "
                f"yourself and {verb} in handle_info"
            )

    def _is_first_leave(self, message: Message) -> bool:
        last = self._queue[-1]
        is_another = isinstance(last, Message) and last.event == PHX_LEAVE
        return message.event == PHX_LEAVE and not is_another

    def _is_full(self) -> bool:
        return len(self._queue) >= self.owner.session.limits.max_channel_messages

    def _enqueue(self, item: _Item) -> asyncio.Task[None]:
        self._queue.append(item)
        return self._ensure_task()

    def _ensure_task(self) -> asyncio.Task[None]:
        if self.task is None:
            self.task = self.owner.endpoint.run_channel(self._run())
        return self.task

    @property
    def _needs_terminate(self) -> bool:
        return self._has_joined and type(self.channel).terminate is not Channel.terminate

    @property
    def _is_replay_due(self) -> bool:
        return self._replay is not None and self._replay.is_due

    @property
    def _pubsub(self) -> PubSub:
        return self.owner.endpoint.pubsub

    @property
    def _name(self) -> str:
        return type(self.channel).__name__

    @property
    def _stop_timeout_s(self) -> float:
        return self.owner.session.limits.channel_stop_timeout_ms / 1000
