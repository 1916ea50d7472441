"""
Reading a form's fields out of a request that one of our own pages sent.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

FORM_MAX_BYTES: Final = 512 * 1024
"""
The longest text in the widest encoding is 48 kB, a thousand user ids a few times
that, and this leaves room to be told that one is too long; beyond it the form is
refused unread, and the browser still has what was typed.
"""

SIGN_IN_MAX_BYTES: Final = 2 * 1024 * 1024
"""Signing in carries a sealed form, up to three times the size that it was sent in with."""

MAX_FIELDS: Final = 40
"""The forms have at most twenty; a body with more is refused."""


class Refusal(Exception):
    """
    A request that is not looked at any further, with the words to say so.

    The words are English, with `%(name)s` for each value: the page translates them.
    """

    def __init__(self, status: int, words: str, **values: object) -> None:
        super().__init__(status, words)
        self.status = status
        self.words = words
        self.values = values


def unreadable() -> Refusal:
    """
    Refuse a form that none of our pages sends as it is.
    """
    return Refusal(400, "The form could not be read, so nothing was done.")


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
        raise Refusal(
            413,
            "The form is larger than %(kib)s KiB, so nothing was done."
            " Go back: what you typed is still there.",
            kib=max_bytes // 1024,
        ) from error
    except ValueError as error:
        raise unreadable() from error
    return dict(pairs)
