"""
Where the two tokens of a request stand.

The user token opens the door; the session token names an open session. With
`params: {token: USER}` phoenix.js sends both under one name, the session's
last: `?token=USER&vsn=2.0.0&token=SESSION`.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Final

from notifier.session.tokens import is_session_token
from notifier.transports.base import Request

SESSION_HEADER: Final = "x-phoenix-longpoll-token"
USER_HEADER: Final = "x-phoenix-authtoken"
SUBPROTOCOL: Final = "phoenix"
_BEARER: Final = "base64url.bearer.phx."
_SESSION: Final = "base64url.session.notifier."

MODE: Final = "notifier"
"""The one query name that is ours: `resume`, `close`, or the session to attach to."""

RESUME: Final = "resume"
CLOSE: Final = "close"


def session_token(request: Request) -> str | None:
    """
    Find the session token: the header if there is one, else the last `token`.

    Returns None where that is not a session token of ours.
    """
    token = request.headers.get(SESSION_HEADER) or request.query.last("token")
    return token if token is not None and is_session_token(token) else None


def user_token(request: Request) -> str | None:
    """
    Find the user token: header, then WebSocket sub-protocol, then the query.
    """
    header = request.headers.get(USER_HEADER)
    if header is not None:
        return header
    for name in subprotocols(request):
        if name.startswith(_BEARER):
            return _decode(name.removeprefix(_BEARER))
    for key, value in request.query.pairs:
        if key == "token" and not is_session_token(value):
            return value
    return None


def mode(request: Request) -> str | None:
    """
    Tell what a client wants that is not Phoenix's: RESUME, CLOSE, or another word.
    """
    return request.query.last(MODE)


def attach_token(request: Request) -> str | None:
    """
    Find the token of the session that a WebSocket is to attach to.
    """
    for name in subprotocols(request):
        if name.startswith(_SESSION):
            return _decode(name.removeprefix(_SESSION))
    token = mode(request)
    return token if token is not None and is_session_token(token) else None


def subprotocols(request: Request) -> list[str]:
    """
    List the WebSocket sub-protocols that a client offers.
    """
    offered = request.headers.get("sec-websocket-protocol", "")
    return [name for name in map(str.strip, offered.split(",")) if name]


def _decode(encoded: str) -> str:
    """
    Undo phoenix.js's `btoa` without padding; what is not base64 is no token.
    """
    try:
        padded = encoded.translate(str.maketrans("+/", "-_")) + "=" * (-len(encoded) % 4)
        return urlsafe_b64decode(padded).decode()
    except ValueError:
        return ""
