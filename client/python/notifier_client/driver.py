"""
Runs one session: makes its requests, keeps its WebSockets, and its one timer.

Everything is decided in `session.py`. Here each thing that happens is told to
the session, and `pump` then does what it asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from attrs import define, field

from notifier_client import longpoll, websocket
from notifier_client.attachment import NEVER, Attachment
from notifier_client.errors import ConnectionRefused, TokenFailed
from notifier_client.longpoll import LongPoll
from notifier_client.message import Message
from notifier_client.reasons import CLOSED, GIVEN_UP, Reason
from notifier_client.requests import Opening, PlainOpening, Request
from notifier_client.session import Session
from notifier_client.websocket import Connection, WebSocket

GOODBYE_TIMEOUT_S: Final = 3.0
"""How long a goodbye may take; what is not written by then is not written."""


@define(eq=False, repr=False)
class Driver:
    """
    The one that runs a session. `run` it in a task; call `pump_soon` after a `put`.

    `on_message` is called with each message, in order; it must not raise.
    `ask_token` gives the user's token, None where there is none.
    """

    session: Session
    longpoll: LongPoll
    websocket: WebSocket
    on_message: Callable[[Message], None]
    ask_token: Callable[[], Awaitable[str | None]]
    _tasks: set[asyncio.Task[None]] = field(init=False, factory=set)
    _writers: dict[Attachment, asyncio.Event] = field(init=False, factory=dict)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)
    _over: asyncio.Event = field(init=False, factory=asyncio.Event)
    _failure: BaseException | None = field(init=False, default=None)
    _is_pumping: bool = field(init=False, default=False)
    _is_pump_due: bool = field(init=False, default=False)
    _is_over: bool = field(init=False, default=False)

    def __repr__(self) -> str:
        return f"<Driver {len(self._tasks)} tasks of {self.session!r}>"

    async def run(self) -> Reason:
        """
        Run the session to its end, and tell it; raise TokenFailed.
        """
        try:
            self.pump()
            await self._over.wait()
            if self._failure is not None:
                raise self._failure
            assert self.session.end is not None
            return self.session.end
        finally:
            await self._clear_up()

    async def close(self) -> None:
        """
        Say goodbye, within GOODBYE_TIMEOUT_S.
        """
        self.session.close()
        self.pump()
        try:
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                await self._over.wait()
        except TimeoutError:
            return

    # --- the pump

    def pump_soon(self) -> None:
        """
        Pump once the caller has put all that it has to put: it goes in one request.
        """
        if not self._is_pump_due:
            self._is_pump_due = True
            asyncio.get_running_loop().call_soon(self.pump)

    def pump(self) -> None:
        """
        Do all that the session asks for. Returns at once.
        """
        self._is_pump_due = False
        if self._is_over:
            return
        if self._is_pumping:  # called from on_message: the loop below goes round again
            return
        self._is_pumping = True
        try:
            self._hand_out()
        finally:
            self._is_pumping = False
        now = self._now()
        for request in self.session.take_requests(now):
            self._start(self._ask(request))
        attachment = self.session.take_candidate(now)
        if attachment is not None:
            self._start(self._attach(attachment))
        for wake in self._writers.values():
            wake.set()
        self._set_timer()
        is_written = self.session.end is not CLOSED or not self._writers
        if self.session.end is not None and is_written:
            self._over.set()

    def _hand_out(self) -> None:
        self.session.expire(self._now())
        while messages := self.session.take_messages():
            for message in messages:
                self.on_message(message)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = self.session.deadline()
        loop = asyncio.get_running_loop()
        self._timer = None if at == NEVER else loop.call_at(at, self.pump)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        """
        End with what a task should not have raised, rather than wait for it for ever.
        """
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or task.exception()
            self._over.set()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _clear_up(self) -> None:
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- requests

    async def _ask(self, request: Request) -> None:
        try:
            token = None
            if isinstance(request, Opening | PlainOpening):
                token = await self._token()
            answer = await self.longpoll.ask(request, token)
        except TokenFailed:
            return
        except longpoll.FAILURES as error:
            self.session.failed(request, _told(error), self._now())
        else:
            self.session.receive_answer(request, answer, self._now())
        self.pump()

    async def _token(self) -> str | None:
        """
        Ask for the user's token; where that fails, the session is over.
        """
        try:
            return await self.ask_token()
        except TokenFailed as failure:
            self._failure = failure
            self._over.set()
            raise

    # --- WebSockets

    async def _attach(self, attachment: Attachment) -> None:
        code, why, refusal = None, "the WebSocket was cut", None
        try:
            token = await self._token()
            ledger = self.session.ledger
            opening = self.websocket.open(attachment, ledger.mode, ledger.token, token)
            async with opening as connection:
                self.session.connected(attachment, self._now())
                await self._talk(attachment, connection)
                code = connection.close_code
                why = f"the WebSocket was closed with {code}"
        except TokenFailed:
            return
        except ConnectionRefused as error:
            why, refusal = str(error), Reason(error.code, error.text, is_final=True)
        except websocket.FAILURES as error:
            why = _told(error)
        finally:
            self.session.gone(attachment, self._now(), code, why, refusal)
            self.pump()

    async def _talk(self, attachment: Attachment, connection: Connection) -> None:
        """
        Read and write, until the end of the connection.
        """
        wake = self._writers[attachment] = asyncio.Event()
        writer = asyncio.ensure_future(self._write(attachment, connection, wake))
        self.pump()
        try:
            async for frame in connection.frames():
                self.session.receive_frame(attachment, frame, self._now())
                self.pump()
        finally:
            if attachment.close_code is None:  # else it is closing, which ends the reading first
                writer.cancel()
            await asyncio.wait([writer])
            del self._writers[attachment]

    async def _write(
        self, attachment: Attachment, connection: Connection, wake: asyncio.Event
    ) -> None:
        try:
            while True:
                wake.clear()
                while frames := self.session.take_frames(attachment):
                    for frame in frames:
                        await connection.send(frame)
                if self.session.end is not None and attachment.close_code is None:
                    attachment.close_code = GIVEN_UP
                if attachment.close_code is not None:
                    await connection.close(attachment.close_code)
                    return
                await wake.wait()
        except websocket.FAILURES:
            return  # the reader sees the end


def _told(error: BaseException) -> str:
    """
    Tell a failure in one line, without what an error may quote of a URL.
    """
    match error:
        case TimeoutError():
            return "no answer in time"
        case OSError() if error.strerror:
            return f"{type(error).__name__}: {error.strerror}"
        case _:
            return f"{type(error).__name__}: {error}".splitlines()[0]
