"""
Reading a form's fields out of a request that one of our own pages sent.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

FORM_MAX_BYTES: Final = 256 * 1024
"""
The longest text in the widest encoding is 48 kB, and this leaves room to be
told that one is too long; beyond it the form is refused unread, and the
browser still has what was typed.
"""

SIGN_IN_MAX_BYTES: Final = 1024 * 1024
"""Signing in carries a sealed draft, up to three times the size of the form it was made from."""

MAX_FIELDS: Final = 20
"""The forms have at most seven; a body with more is refused."""


class Refusal(Exception):
    """
    A request that is not looked at any further, with the words to say so.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(status, words)
        self.status = status
        self.words = words


async def read_fields(request: web.Request, max_bytes: int) -> dict[str, str]:
    """
    Read a form that one of our own pages sent; raise Refusal otherwise.

    Of a field that is there twice the last counts.
    """
    # Browsers say which site a request came from. Older ones do not: CSRF tokens guard those.
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refusal(403, "The form was sent from another site, so nothing was done.")
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refusal(415, "This page only takes what its own form sends.")
    try:
        body = await request.clone(client_max_size=max_bytes).read()
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except web.HTTPRequestEntityTooLarge as error:
        words = f"The form is larger than {max_bytes // 1024} KiB, so nothing was done."
        raise Refusal(413, f"{words} Go back: what you typed is still there.") from error
    except ValueError as error:
        raise Refusal(400, "The form could not be read, so nothing was done.") from error
    return dict(pairs)
