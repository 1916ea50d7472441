"""
What an operation of the API is: declared once, and everything comes from it.

The path that is routed, the scope that is asked for, the check of what came and
the OpenAPI document are all made of the declarations in the modules beside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web
from attrs import define, field, frozen

from notifier.api.problems import (
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    NOT_VALID,
    FieldError,
    Kind,
    Problem,
    not_valid,
)
from notifier.api.shapes import Shape, check
from notifier.errors import describe

SCOPES: Final[Mapping[str, str]] = {
    "publish": "send events on any topic that a channel serves",
    "notices": "send notices, withdraw them, see how many they reached",
    "users": "make users, look them up, throw them out, disable and revoke them",
    "tokens": "make tokens with which a user connects, an operator's too",
    "read": "see who is present, and what a topic keeps",
}
"""What a key may be allowed, each with what that opens."""

MAX_NUMBER_DIGITS: Final = 18
"""Digits of a number in a query; a longer one is no number of ours."""


@frozen
class Call:
    """
    One request that was found to be in order, as its handler sees it.
    """

    key_name: str
    """The name of the API key: who asks."""
    path: Mapping[str, str] = field(factory=dict)
    query: Mapping[str, Any] = field(factory=dict)
    body: Any = field(default=None, repr=describe)


Handler = Callable[[Call], Awaitable[Any]]
"""Gives the body of the answer, as JSON, or raises Problem."""


@frozen
class Operation:
    """
    One thing that can be asked for.

    `is_once` makes it take an `Idempotency-Key`. `problems` are those of its own;
    what may happen to any comes from the rest of the declaration.
    """

    name: str
    method: str
    path: str
    """Below the prefix, with `{name}` for each of `fields`."""
    scope: str
    summary: str
    handler: Handler = field(repr=False)
    answer: Shape = field(repr=False)
    status: int = 200
    doc: str = ""
    fields: Mapping[str, Shape] = field(factory=dict, repr=False)
    query: Mapping[str, Shape] = field(factory=dict, repr=False)
    body: Shape | None = field(default=None, repr=False)
    is_once: bool = False
    problems: tuple[Kind, ...] = field(default=(), repr=False)

    def __attrs_post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ValueError(f"scope: expected one of {', '.join(SCOPES)}, got {self.scope!r}")

    def read_path(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """
        Decode and check what stands in the path; raise Problem.
        """
        values = {}
        for name, raw in found.items():
            place = f"{{{name}}}"
            try:
                values[name] = unquote(raw, errors="strict")
            except UnicodeDecodeError:
                raise not_valid(place, "UTF-8, percent-encoded", "other bytes") from None
            raise_for(check(self.fields[name], values[name], place))
        return values

    def read_query(self, request: web.Request) -> Mapping[str, Any]:
        """
        Take the query apart and check it; raise Problem.
        """
        values: dict[str, Any] = {}
        for name, raw in request.query.items():
            place = f"?{name[:60]}"
            if name not in self.query:
                expected = f"no query but {', '.join(self.query)}" if self.query else "no query"
                raise not_valid(place, expected, describe(raw))
            if name in values:
                raise not_valid(place, "it once", "it twice")
            values[name] = _parsed(raw, self.query[name])
            raise_for(check(self.query[name], values[name], place))
        return values

    def check_body(self, body: object) -> None:
        """
        Raise Problem for a body that is not as declared.
        """
        if self.body is not None:
            raise_for(check(self.body, body))


def _parsed(raw: str, shape: Shape) -> Any:
    is_number = raw.isascii() and raw.isdigit() and len(raw) <= MAX_NUMBER_DIGITS
    return int(raw) if shape["type"] == "integer" and is_number else raw


def raise_for(errors: Sequence[FieldError]) -> None:
    """
    Raise Problem if something is wrong.
    """
    if errors:
        first = errors[0]
        where = first.field or "the body"
        raise Problem(
            NOT_VALID, f"{where}: expected {first.expected}, got {first.got}", errors=errors
        )


@define(eq=False, repr=False)
class Table:
    """
    The operations by method and path.
    """

    operations: tuple[Operation, ...]

    def __repr__(self) -> str:
        return f"<Table {len(self.operations)} operations>"

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]]:
        """
        Find the operation for a path below the prefix, still percent-encoded, and
        what stands in its fields; raise Problem.
        """
        found = [
            (one, fields)
            for one in self.operations
            if (fields := _match(one.path, path)) is not None
        ]
        # What names a path to the letter goes before what has a field there.
        for one, fields in sorted(found, key=lambda match: len(match[1])):
            if one.method == method:
                return one, fields
        if not found:
            raise Problem(NOT_FOUND, "the path is none of the API's")
        raise refused_method(one.method for one, _ in found)


def refused_method(methods: Iterable[str]) -> Problem:
    """
    Make the problem of a method that a path does not take.
    """
    allowed = ", ".join(sorted(set(methods)))
    return Problem(METHOD_NOT_ALLOWED, f"the path takes {allowed}", headers={"Allow": allowed})


def _match(pattern: str, path: str) -> Mapping[str, str] | None:
    wanted, parts = pattern.split("/"), path.split("/")
    if len(wanted) != len(parts):
        return None
    fields = {}
    for name, part in zip(wanted, parts, strict=True):
        if name.startswith("{") and part:
            fields[name[1:-1]] = part
        elif name != part:
            return None
    return fields
