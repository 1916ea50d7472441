"""
From a request to an operation and back: what is checked, in which order.

1. Path and method (404, 405), before any key: the document tells them to everyone.
2. The key, how often it asks, what it may do (401, 429, 403), before a body is read.
3. Path, query, headers, body (408, 413, 415, 400, 422).

No payload and no key ever comes into the log: a failure is told by its kind and place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import orjson
from aiohttp import hdrs, web
from attrs import define, field

from notifier.api.door import Door
from notifier.api.once import Once, Request
from notifier.api.openapi import IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_SHAPE, REPLAYED
from notifier.api.operations import Call, Table, raise_for, refused_method
from notifier.api.problems import (
    BAD_REQUEST,
    DOCUMENT,
    FAILED,
    MEDIA_TYPE,
    PREFIX,
    TIMEOUT,
    TOO_LARGE,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from notifier.api.shapes import check
from notifier.errors import EngineError, describe
from notifier.logs import log_failure

BODY_TIMEOUT_S: Final = 30.0
"""How long a body may take to arrive, in seconds; then it is refused with 408."""

FINISH_TIMEOUT_S: Final = 5.0
"""How long the end of the server waits for what is at work; then it goes on without."""

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""With every answer. None of CORS: the API is for servers, and no page is to have a key."""


@define(eq=False, repr=False)
class Dispatch:
    """
    Answers whatever comes below the prefix.
    """

    table: Table
    door: Door
    once: Once
    document: bytes
    max_body_bytes: int
    _is_closing: bool = field(init=False, default=False)
    _acting: set[asyncio.Future[None]] = field(init=False, factory=set)

    def __repr__(self) -> str:
        return f"<Dispatch {self.table!r}>"

    async def handle(self, request: web.Request) -> web.Response:
        """
        Answer a request; it never raises but where it is cancelled.
        """
        try:
            return await self._answer(request)
        except Problem as problem:
            return _told(problem)
        except Exception as error:
            log_failure(_named(request), error)
            return _told(Problem(FAILED, "the server's log says more"))

    async def close(self) -> None:
        """
        Refuse what comes from now on, and wait for what is at work. Idempotent.

        To be called before the engine is closed.
        """
        self._is_closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_TIMEOUT_S):
                await self.once.finish()
                while self._acting:
                    await asyncio.wait(self._acting)

    def _check_open(self) -> None:
        if self._is_closing:
            raise Problem(UNAVAILABLE, "the server goes down")

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        self._check_open()
        ended = asyncio.get_running_loop().create_future()
        self._acting.add(ended)
        try:
            yield
        finally:
            self._acting.discard(ended)
            ended.cancel()

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path
        if path == DOCUMENT:
            if request.method != hdrs.METH_GET:
                raise refused_method([hdrs.METH_GET])
            return _json(self.document, 200)
        operation, fields = self.table.find(request.method, path.removeprefix(PREFIX))
        self._check_open()
        key = await self.door.admit(request, operation.scope)
        values, query = operation.read_path(fields), operation.read_query(request)
        idempotency_key = _idempotency_key(request) if operation.is_once else None
        raw, body = b"", None
        if operation.body is not None:
            raw = await self._read(request)
            body = _parse(raw)
            operation.check_body(body)
        call = Call(key.name, values, query, body)

        async def act() -> bytes:
            try:
                return orjson.dumps(await operation.handler(call))
            except EngineError as error:
                log_failure(_named(request), error)
                raise Problem(UNAVAILABLE, "messages cannot be stored or carried now") from error

        if idempotency_key is None:
            with self._at_work():
                return _json(await act(), operation.status)
        what = f"{request.method} {request.rel_url}"
        asked = Request.of(key.id, idempotency_key, what, raw)
        with self._at_work():
            answer, is_replayed = await self.once.perform(asked, act)
        return _json(answer, operation.status, {REPLAYED: "true"} if is_replayed else {})

    async def _read(self, request: web.Request) -> bytes:
        if request.content_type != "application/json":
            got = describe(request.headers.get(hdrs.CONTENT_TYPE, ""))
            raise Problem(UNSUPPORTED_MEDIA_TYPE, f"expected application/json, got {got}")
        if (request.content_length or 0) > self.max_body_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await request.clone(client_max_size=self.max_body_bytes).read()
        except web.HTTPRequestEntityTooLarge as error:
            raise self._too_large() from error
        except TimeoutError as error:
            raise Problem(TIMEOUT, f"the body was not there after {BODY_TIMEOUT_S:g} s") from error
        except web.RequestPayloadError as error:
            raise Problem(BAD_REQUEST, "the body is not what its headers say") from error

    def _too_large(self) -> Problem:
        return Problem(TOO_LARGE, f"expected at most {self.max_body_bytes:,} bytes, got more")


def _parse(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # Its own text would quote nothing, but says where: that is what helps.
        where = f"line {error.lineno}, column {error.colno}"
        raise Problem(
            BAD_REQUEST, f"expected JSON in UTF-8, got {len(raw)} bytes amiss at {where}"
        ) from None


def _idempotency_key(request: web.Request) -> str | None:
    given = request.headers.getall(IDEMPOTENCY_KEY, [])
    if not given:
        return None
    value = given[0] if len(given) == 1 else given
    raise_for(check(IDEMPOTENCY_KEY_SHAPE, value, IDEMPOTENCY_KEY))
    return str(value)


def _named(request: web.Request) -> str:
    return f"the API's {request.method if request.method.isalpha() else 'request'}"


def _told(problem: Problem) -> web.Response:
    return web.Response(
        body=orjson.dumps(problem.body()),
        status=problem.kind.status,
        content_type=MEDIA_TYPE,
        headers={**HEADERS, **problem.headers},
    )


def _json(body: bytes, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=body,
        status=status,
        content_type="application/json",
        headers={**HEADERS, **(headers or {})},
    )
