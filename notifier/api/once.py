"""
Carries a request with an `Idempotency-Key` out once, however often it comes.

What is promised:

- Within 24 hours the same API key, idempotency key, operation and body get the
  same answer, also after a restart; those that come while the first is at work
  wait for it. Another body, or operation, is refused.
- It is carried out once or not at all. A server that dies between doing it and
  keeping the answer does not do it again: it answers `OutcomeUnknown`.
- What was refused, or could not be done, leaves nothing behind: the key is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

from attrs import define, field, frozen
from sqlalchemy.exc import SQLAlchemyError

from notifier.api.answers import AnswerStore
from notifier.api.problems import KEY_REUSED, OUTCOME_UNKNOWN, UNAVAILABLE, Problem
from notifier.logs import log_failure

Act = Callable[[], Awaitable[bytes]]
"""Does it and gives the answer; raises Problem only where nothing was done."""


@frozen
class Request:
    """
    What tells one request with an `Idempotency-Key` from another.
    """

    api_key_id: int
    idempotency_key: str
    fingerprint: str

    @classmethod
    def of(cls, api_key_id: int, idempotency_key: str, operation: str, body: bytes) -> Request:
        """
        Take the fingerprint of an operation and the bytes of its body.
        """
        fingerprint = sha256(operation.encode() + b"\n" + body).hexdigest()
        return cls(api_key_id, idempotency_key, fingerprint)


@define(eq=False)
class _Running:
    fingerprint: str
    task: asyncio.Task[tuple[bytes, bool]]


@define(eq=False, repr=False)
class Once:
    """
    The requests that are at work, and the answers to those that were.
    """

    store: AnswerStore
    _running: dict[tuple[int, str], _Running] = field(init=False, factory=dict)

    def __repr__(self) -> str:
        return f"<Once running={len(self._running)}>"

    async def perform(self, request: Request, act: Act) -> tuple[bytes, bool]:
        """
        Do it unless it was or is being done; return the answer, and whether it is
        that to an earlier request.

        It goes on when the caller hangs up. Raises Problem.
        """
        name = (request.api_key_id, request.idempotency_key)
        running = self._running.get(name)
        if running is not None:
            _check_same(request, running.fingerprint)
            answer, _ = await asyncio.shield(running.task)
            return answer, True
        task = asyncio.get_running_loop().create_task(self._perform(request, act))
        self._running[name] = _Running(request.fingerprint, task)

        def ended(_: object) -> None:
            del self._running[name]
            if not task.cancelled():
                task.exception()  # retrieved, where nobody waits any more: asyncio logs nothing

        task.add_done_callback(ended)
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """
        Wait for what is at work.
        """
        while self._running:
            await asyncio.wait([one.task for one in self._running.values()])
            await asyncio.sleep(0)  # the tasks' callbacks come after them

    async def _perform(self, request: Request, act: Act) -> tuple[bytes, bool]:
        name = (request.api_key_id, request.idempotency_key)
        try:
            kept = await asyncio.to_thread(self.store.begin, *name, request.fingerprint)
        except (SQLAlchemyError, OSError) as error:
            log_failure("to note that a request is begun", error)
            raise Problem(UNAVAILABLE, "answers cannot be kept now") from error
        if kept is not None:
            _check_same(request, kept.fingerprint)
            if kept.answer is None:
                raise Problem(OUTCOME_UNKNOWN, "the server stopped or failed while it did this")
            return kept.answer, True
        try:
            answer = await act()
        except Problem:
            try:
                await asyncio.to_thread(self.store.forget, *name)
            except Exception as error:
                # Nothing was done all the same. Whoever repeats it is told that nobody knows.
                log_failure("to free an Idempotency-Key", error)
            raise
        try:
            await asyncio.to_thread(self.store.finish, *name, answer)
        except Exception as error:
            # It is done, and this caller may know. Whoever repeats it is told that nobody knows.
            log_failure("to keep an answer", error)
        return answer, False


def _check_same(request: Request, fingerprint: str) -> None:
    if request.fingerprint != fingerprint:
        raise Problem(
            KEY_REUSED, "expected the request that came with this Idempotency-Key, got another"
        )
