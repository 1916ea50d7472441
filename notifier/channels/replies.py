"""
What `connect`, `join` and the handlers of a channel may return.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from notifier.engine import Publication
from notifier.errors import describe
from notifier.protocol import Payload


def _empty() -> dict[str, Any]:
    return {}


@frozen
class Ok:
    """
    Accept, and answer with `response`: a JSON value, or `bytes`.
    """

    response: Payload = field(factory=_empty, repr=describe)


def _as_response(value: Any) -> Any:
    return {"reason": value} if isinstance(value, str) else value


@frozen
class Error:
    """
    Refuse, and answer with `response`; a string is short for `{"reason": …}`.
    """

    response: Payload = field(factory=_empty, converter=_as_response, repr=describe)


Result = Ok | Error | None


@frozen
class Backlog:
    """
    What a channel brings its client ahead of the topic's log; see `Channel.backlog`.

    `publications` have ids that rise, none above the log's head; `response`
    completes the join's reply.
    """

    publications: Sequence[Publication] = ()
    response: Mapping[str, Any] = field(factory=_empty, repr=describe)


def check_result(result: object, where: str) -> Result:
    """
    Return a handler's result if it is one; raise TypeError that says what may be.
    """
    if result is None or isinstance(result, Ok | Error):
        return result
    raise TypeError(
        f"{where} must return None, Ok(response) or Error(reason or response), "
        f"got {describe(result)}"
    )
