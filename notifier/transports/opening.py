"""
A POST that opens a session and hands in its first lines: join and reply in
one round trip.

It may come twice, by a proxy or by a client that got no answer: the same key
finds the same session, in which lines that were handled are not handled again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from attrs import define, field

from notifier.channels import Endpoint, SocketServer
from notifier.errors import ConnectionRefused, ProtocolError
from notifier.protocol import Message, serializer_for
from notifier.protocol.reasons import OPEN_KEY_INVALID, Reason
from notifier.session import Resume
from notifier.transports import batch
from notifier.transports.answers import HEADERS, connect_refusal, numbered_body, refusal
from notifier.transports.base import Request, Response
from notifier.transports.mount import Mount
from notifier.transports.posting import bad_message, batch_too_long, too_large

MAX_OPENING_BYTES: Final = 65_536
"""How much body may come from somebody who has shown no token yet."""

KEY_HEADER: Final = "x-notifier-open"
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


@define(eq=False)
class Opening:
    """
    An opening POST whose body is still to come. The door awaits `receive`, or
    calls `too_large` or `abandon`.
    """

    mount: Mount
    openings: Openings
    request: Request
    transport: str
    max_bytes: int = field(init=False, default=MAX_OPENING_BYTES)

    async def receive(self, body: bytes) -> Response:
        """
        Open a session and hand in its first lines; answer with what comes of them.

        Nothing is opened if a line is no good.
        """
        key = self.request.headers.get(KEY_HEADER)
        if key is not None and not _KEY.fullmatch(key):
            return refusal(400, OPEN_KEY_INVALID)
        messages = self._read(body)
        if isinstance(messages, Response):
            return messages
        try:
            found = await self._find(key)
        except ConnectionRefused as refused:
            return connect_refusal(refused)
        if isinstance(found, Reason):
            return refusal(500, found)
        resume = found.session.resume
        assert resume is not None
        mailbox = found.session.mailbox
        mailbox.begin_request()
        try:
            known = resume.accept_lines(1, len(messages)) or 0
            for message in messages[known:]:
                found.receive(message)
            await found.wait_for_channels(mailbox.window_s / 2)
            return self._answer(found, resume)
        finally:
            mailbox.end_request(self.mount.endpoint.now())

    def too_large(self) -> Response:
        """
        Refuse a body over `max_bytes`.
        """
        return too_large(self.max_bytes)

    def abandon(self) -> None:
        """
        Nothing is open before the body is there. Idempotent.
        """

    def _read(self, body: bytes) -> list[Message] | Response:
        serializer = serializer_for(self.request.query.last("vsn"))
        lines, limit = batch.split(body), self.mount.endpoint.limits.max_batch_lines
        if len(lines) > limit:
            return batch_too_long(len(lines), limit)
        if serializer is None or not lines:
            return []  # the connect is refused, or there is nothing to read
        try:
            return batch.read(serializer, lines)
        except ProtocolError as error:
            return bad_message(error)

    async def _find(self, key: str | None) -> SocketServer | Reason:
        """
        Open a session, or find the one that the same key has opened.
        """

        async def open_one() -> SocketServer:
            server = await self.mount.open(self.request, self.transport)
            endpoint, mailbox = self.mount.endpoint, server.session.mailbox
            mailbox.begin_request()
            endpoint.deadlines.watch(server)
            mailbox.end_request(endpoint.now())  # from here on it expires if nobody asks
            return server

        if key is None:
            return await open_one()
        found, is_new = await self.openings.open(key, open_one)
        if not is_new and isinstance(found, SocketServer):
            await self.mount.check_owner(found, self.request)
        return found

    def _answer(self, server: SocketServer, resume: Resume) -> Response:
        """
        Give what is not acknowledged yet, past any poll that waits for it.
        """
        mailbox, token = server.session.mailbox, server.token.encode()
        if mailbox.end is not None:
            return refusal(500, mailbox.end)
        return Response(200, HEADERS, numbered_body(mailbox.page(), token, resume))


@define(eq=False, repr=False)
class Openings:
    """
    What each key has opened; remembered for `resume_window_ms`.
    """

    endpoint: Endpoint
    _by_key: dict[str, _Opened] = field(init=False, factory=dict)

    def __repr__(self) -> str:
        return f"<Openings {len(self._by_key)} keys>"

    async def open(
        self, key: str, work: Callable[[], Coroutine[Any, Any, SocketServer]]
    ) -> tuple[SocketServer | Reason, bool]:
        """
        Open a session once for each key; tell whether this was the first time.

        Goes on though the caller is cancelled: the next with the key finds it.
        Raises ConnectionRefused, and forgets the key then.
        """
        opened = self._by_key.get(key)
        if opened is not None and opened.token is not None:
            return self.endpoint.find(opened.token), False
        is_new = opened is None
        if opened is None:
            opened = self._by_key[key] = _Opened(self, key)
            opened.task = asyncio.get_running_loop().create_task(opened.run(work()))
        assert opened.task is not None
        server, refused = await asyncio.shield(opened.task)
        if refused is not None:
            raise refused
        assert server is not None
        return server, is_new

    def forget(self, key: str) -> None:
        """
        Forget a key.
        """
        self._by_key.pop(key, None)


@define(eq=False)
class _Opened:
    """
    One key: the task that opens, then the token of what it has opened.
    """

    openings: Openings = field(repr=False)
    key: str = field(repr=False)
    token: str | None = field(init=False, default=None, repr=False)
    task: asyncio.Task[tuple[SocketServer | None, Exception | None]] | None = field(
        init=False, default=None
    )
    _until: float = field(init=False, default=float("inf"))

    async def run(
        self, work: Coroutine[Any, Any, SocketServer]
    ) -> tuple[SocketServer | None, Exception | None]:
        """
        Open; give what came of it. Raises nothing, since perhaps nobody asks.
        """
        endpoint = self.openings.endpoint
        try:
            server = await work
            self.token = server.token
        except Exception as error:
            return None, error
        finally:
            self.task = None
            if self.token is None:
                self.openings.forget(self.key)
        self._until = endpoint.now() + endpoint.limits.resume_window_ms / 1000
        endpoint.deadlines.watch(self)
        return server, None

    def deadline(self) -> float:
        """
        Tell when the key may be forgotten.
        """
        return self._until

    def expire(self, now: float) -> None:
        """
        Forget the key.
        """
        self.openings.forget(self.key)
