"""
How long-polling's answers are spelled: bytes of JSON, and the responses around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from notifier.errors import ConnectionRefused
from notifier.protocol.reasons import Reason
from notifier.session import Answer, Resume
from notifier.session.tokens import with_cursor
from notifier.transports.base import JSON_TYPE, Response, json_body, reason_body

CORS: Final = ("access-control-allow-origin", "*")
HEADERS: Final = (("content-type", JSON_TYPE), ("cache-control", "no-store"), CORS)


def status(code: int, more: Mapping[str, Any] | None = None) -> Response:
    """
    Answer with a JSON status, and what stands beside it.
    """
    return Response(200, HEADERS, json_body({"status": code, **(more or {})}))


def refusal(code: int, reason: Reason, more: Mapping[str, Any] | None = None) -> Response:
    """
    Answer with a JSON status and a reason.
    """
    return status(code, {**reason_body(reason), **(more or {})})


def connect_refusal(refused: ConnectionRefused, *, pretty: bool = False) -> Response:
    """
    Say no to a connect, and why.
    """
    body = {
        **refused.response,
        "status": 403,
        "reason": refused.code,
        "message": refused.text,
    }
    return Response(200, HEADERS, json_body(body, pretty=pretty))


def poll_body(answer: Answer, signed: bytes) -> bytes:
    """
    Spell the answer to a poll.
    """
    if answer.reason is not None:
        return json_body({"status": answer.status, **reason_body(answer.reason)})
    return b'{"status":%d,"token":"%b.%d","messages":[%b]}' % (
        answer.status,
        signed,
        answer.cursor,
        b",".join([frame.quoted for frame in answer.frames]),
    )


def numbered_body(answer: Answer, signed: bytes, resume: Resume) -> bytes:
    """
    Spell the answer to a poll of a resumable session, with the counts of both sides.
    """
    if answer.reason is not None:
        return poll_body(answer, signed)
    is_moved = answer.status == 204 and resume.live is not None
    return b'{"status":%d,"token":"%b.%d","seq":%d,"received":%d,%b"messages":[%b]}' % (
        answer.status,
        signed,
        answer.cursor,
        answer.cursor - len(answer.frames) + 1,
        resume.received,
        b'"transport":"websocket",' if is_moved else b"",
        b",".join([frame.line for frame in answer.frames]),
    )


def pretty_body(answer: Answer, signed: bytes, path: str) -> bytes:
    """
    Spell it for human eyes: messages as JSON, and where to go on.
    """
    body: dict[str, Any] = {"status": answer.status}
    if answer.reason is not None:
        body |= reason_body(answer.reason)
    else:
        token = with_cursor(signed.decode(), answer.cursor)
        body["messages"] = [orjson.loads(frame.text) for frame in answer.frames]
        body["token"] = token
        body["next"] = f"{path}?token={token}&pretty=1"
    return json_body(body, pretty=True)
