"""
What schemathesis has to be told beside the document: it loads this file itself.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

from notifier.api.notices import RFC_3339

schemathesis.openapi.format(
    "one-line", st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=100)
)
schemathesis.openapi.format(
    "http-url",
    st.from_regex(r"https?://[a-z]{1,20}\.example(/[a-z0-9?=&#%-]{0,40})?", fullmatch=True),
)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """
    Take each good Idempotency-Key once: with another body it is refused, as it should be.
    And let no good time be over: no document can say when that is.
    """
    given = (case.headers or {}).get("Idempotency-Key")
    if isinstance(given, str) and re.fullmatch("[!-~]{1,255}", given):
        case.headers["Idempotency-Key"] = str(uuid4())
    body = case.body
    if isinstance(body, dict) and re.fullmatch(RFC_3339, str(body.get("expires_at"))):
        body["expires_at"] = f"21{body['expires_at'][2:]}"


@schemathesis.hook
def filter_body(_context: Any, body: Any) -> bool:
    """
    Make no user with a percent sign: schemathesis puts such an id into a path as it is,
    where it is an escape.
    """
    return not (isinstance(body, dict) and "%" in str(body.get("id")))
