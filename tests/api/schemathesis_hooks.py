"""
What schemathesis has to be told beside the document: it loads this file itself.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format(
    "one-line", st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=100)
)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """
    Take each good Idempotency-Key once: with another body it is refused, as it should be.
    """
    given = (case.headers or {}).get("Idempotency-Key")
    if isinstance(given, str) and re.fullmatch("[!-~]{1,255}", given):
        case.headers["Idempotency-Key"] = str(uuid4())


@schemathesis.hook
def filter_body(_context: Any, body: Any) -> bool:
    """
    Make no user with a percent sign: schemathesis puts such an id into a path as it is,
    where it is an escape.
    """
    return not (isinstance(body, dict) and "%" in str(body.get("id")))
