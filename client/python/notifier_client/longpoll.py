"""
Long-polling: how a session's requests go over HTTP. A thin shell: one request, one answer.

No token stands in a URL, but for the session's on a plain Phoenix server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout
from attrs import define, field

from notifier_client.errors import ProtocolError
from notifier_client.requests import (
    Answer,
    Goodbye,
    Opening,
    PlainOpening,
    Poll,
    Post,
    Request,
    read_answer,
)
from notifier_client.v2 import VSN, Frame, to_line

POLL_TIMEOUT_S: Final = 30.0
"""How long an answer may take, three windows of the server's; then it is asked again."""

MAX_ANSWER_BYTES: Final = 64_000_000
"""Bytes of one answer: 64 KiB, or one message with all its bytes escaped. A longer one fails."""

USER_HEADER: Final = "x-phoenix-authtoken"
SESSION_HEADER: Final = "x-phoenix-longpoll-token"
FAILURES: Final = (ClientError, OSError, TimeoutError, ProtocolError)
"""What `LongPoll.ask` raises where nobody knows what became of the request."""


@define(eq=False)
class LongPoll:
    """
    The long-poll transport to one server. `url` is that of its socket.
    """

    http: ClientSession
    url: str
    params: Mapping[str, str] = field(repr=False)

    async def ask(self, request: Request, user_token: str | None) -> Answer:
        """
        Make one request; raise one of FAILURES where there is no answer to it.

        The user's token is for openings.
        """
        method, query, headers, body = _written(request)
        if user_token is not None and isinstance(request, Opening | PlainOpening):
            headers[USER_HEADER] = user_token
        async with self.http.request(
            method,
            f"{self.url}/longpoll",
            params={**self.params, "vsn": VSN, **query},
            headers=headers,
            data=body,
            timeout=ClientTimeout(total=POLL_TIMEOUT_S),
        ) as response:
            data = await _read(response.content.iter_any)
            try:
                return read_answer(json.loads(data))
            except (ValueError, ProtocolError) as error:
                why = f"HTTP {response.status}, and no answer of a Phoenix server's"
                raise ProtocolError("an answer", why) from error


async def _read(chunks: Any) -> bytes:
    data = bytearray()
    async for chunk in chunks():
        data += chunk
        if len(data) > MAX_ANSWER_BYTES:
            raise ProtocolError(f"at most {MAX_ANSWER_BYTES} bytes", "more")
    return bytes(data)


def _written(request: Request) -> tuple[str, dict[str, str], dict[str, str], bytes | None]:
    """
    Give method, query, headers and body.
    """
    ndjson = {"content-type": "application/x-ndjson"}
    match request:
        case Opening(key, frames):
            headers = {**ndjson, "x-notifier-open": key, "x-notifier-seq": "1"}
            return "POST", {"notifier": "resume"}, headers, _lines(frames)
        case PlainOpening():
            return "GET", {}, {}, None
        case Poll(token, None):
            return "GET", {"token": token}, {}, None
        case Poll(token, ack, turn):
            headers = {"x-notifier-ack": str(ack), "x-notifier-turn": str(turn)}
            return "GET", {}, {SESSION_HEADER: token, **headers}, None
        case Post(token, seq, _, frames, True):
            headers = {**ndjson, SESSION_HEADER: token, "x-notifier-seq": str(seq)}
            return "POST", {}, headers, _lines(frames)
        case Post(token, _, _, [str(text)]):  # in batches only newer servers take it
            return "POST", {"token": token}, {"content-type": "application/json"}, text.encode()
        case Post(token, _, _, frames):
            return "POST", {"token": token}, ndjson, _lines(frames)
        case Goodbye(token):
            return "POST", {"notifier": "close"}, {SESSION_HEADER: token}, b""


def _lines(frames: Sequence[Frame]) -> bytes:
    return "\n".join(map(to_line, frames)).encode()
