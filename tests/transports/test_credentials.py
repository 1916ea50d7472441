"""
Where the tokens of a request stand.
"""

from __future__ import annotations

from base64 import b64encode

import pytest

from notifier.transports.base import Query, Request
from notifier.transports.credentials import (
    attach_token,
    mode,
    session_token,
    subprotocols,
    user_token,
)

SESSION = "nts_id.signature.3"


def request(query: str = "", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/socket/longpoll", Query.parse(query), named, "127.0.0.1")


def bearer(token: str) -> str:
    return "base64url.bearer.phx." + b64encode(token.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("made", "user", "session"),
    [
        (request(), None, None),
        (request("token=user"), "user", None),
        (request(f"token=user&vsn=2.0.0&token={SESSION}"), "user", SESSION),
        (request(f"token={SESSION}"), None, SESSION),
        (request(f"token={SESSION}&token=user"), "user", None),
        (request("token=first&token=second"), "first", None),
        (request("token="), "", None),
        (request("token=a%2Bb+c"), "a+b c", None),
        (request("token[]=user"), None, None),
        (request("token=user", x_phoenix_longpoll_token=SESSION), "user", SESSION),
        (request(f"token={SESSION}", x_phoenix_longpoll_token="garbage"), None, None),
        (request("token=query", x_phoenix_authtoken="header"), "header", None),
        (request("", sec_websocket_protocol=f"phoenix, {bearer('bearer')}"), "bearer", None),
        (request("", sec_websocket_protocol=f"phoenix, {bearer('ÿþ?>')}"), "ÿþ?>", None),
        (request("token=q", sec_websocket_protocol="base64url.bearer.phx.%%%"), "", None),
        (request("token=q", sec_websocket_protocol="base64url.bearer.phx.__8"), "", None),
        (request("token=q", sec_websocket_protocol="phoenix"), "q", None),
    ],
)
def test_tokens_are_found_where_they_stand(
    made: Request, user: str | None, session: str | None
) -> None:
    """
    The session's by header or as the last `token`, the user's by header, sub-protocol or query.
    """
    assert (user_token(made), session_token(made)) == (user, session)


def test_params_hold_no_session_token() -> None:
    """
    An application is handed its own parameters, and the last of each name.
    """
    query = Query.parse(f"token=user&a=1&a=2&token={SESSION}&b")
    assert query.params() == {"token": "user", "a": "2", "b": ""}


def test_subprotocols_are_read_as_a_list() -> None:
    """
    Spaces and empty entries do not count.
    """
    assert subprotocols(request("", sec_websocket_protocol=" a ,, b,")) == ["a", "b"]


def test_request_shows_no_secret_when_printed() -> None:
    """
    Neither query nor headers stand in its text.
    """
    made = request("token=SECRET", x_phoenix_authtoken="SECRET")
    assert "SECRET" not in repr(made)


def test_word_of_ours_is_not_the_applications() -> None:
    """
    `notifier` is the one query name that is reserved, whatever it says.
    """
    asked = request(f"notifier=resume&a=1&b={SESSION}")
    assert mode(asked) == "resume"
    assert asked.query.params() == {"a": "1"}


@pytest.mark.parametrize(
    ("made", "token"),
    [
        (request(), None),
        (request("notifier=resume"), None),
        (request(f"notifier={SESSION}"), SESSION),
        (request(f"token={SESSION}"), None),
        (
            request(
                sec_websocket_protocol="phoenix, base64url.session.notifier."
                + b64encode(SESSION.encode()).decode().rstrip("=")
            ),
            SESSION,
        ),
        (request(sec_websocket_protocol="base64url.session.notifier.%"), ""),
    ],
)
def test_token_to_attach_by_is_found(made: Request, token: str | None) -> None:
    """
    In the query or as a sub-protocol; `resume` is none.
    """
    assert attach_token(made) == token
