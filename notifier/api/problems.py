"""
What goes wrong, as RFC 9457 has it: every kind of problem there is, once.

A problem's `type` is the place in the OpenAPI document that explains it, and
its status never changes. Nothing that was sent stands in one but the names of
fields: what came is told by its kind and size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

PREFIX: Final = "/api/v1"
DOCUMENT: Final = f"{PREFIX}/openapi.json"
MEDIA_TYPE: Final = "application/problem+json"


@frozen(eq=False)
class Kind:
    """
    A kind of problem; `doc` tells the caller what to do about it.
    """

    name: str
    status: int
    title: str
    doc: str
    headers: Mapping[str, str] = field(factory=dict)
    """Headers that come with it, and what each says."""

    @property
    def type(self) -> str:
        """
        Say where the kind is explained, relative to the server.
        """
        return f"{DOCUMENT}#/components/responses/{self.name}"


BAD_REQUEST: Final = Kind(
    "BadRequest",
    400,
    "The body could not be read",
    "The body is no JSON, or not in UTF-8, or was compressed badly. Nothing was done.",
)
UNAUTHORIZED: Final = Kind(
    "Unauthorized",
    401,
    "An API key is needed",
    "Send `Authorization: Bearer KEY` with a key of `notifier apikey add` that is not revoked. "
    "After ten wrong keys a further one is answered late, and 429 where many wait so. "
    "Nothing was done.",
    {"WWW-Authenticate": "`Bearer`"},
)
FORBIDDEN: Final = Kind(
    "Forbidden",
    403,
    "The API key may not do this",
    "The key is good and lacks the scope that the operation asks for. Nothing was done.",
)
NOT_FOUND: Final = Kind(
    "NotFound",
    404,
    "There is no such thing",
    "The path is none of the API's, or names something that is not there. Nothing was done.",
)
METHOD_NOT_ALLOWED: Final = Kind(
    "MethodNotAllowed",
    405,
    "The path does not take this method",
    "`Allow` lists the methods that it does take. Nothing was done.",
    {"Allow": "The methods that the path takes."},
)
TIMEOUT: Final = Kind(
    "Timeout",
    408,
    "The body came too slowly",
    "The body has 30 seconds to arrive. Nothing was done.",
)
CONFLICT: Final = Kind(
    "Conflict",
    409,
    "The state does not allow this",
    "What is there already stands against it. Nothing was done.",
)
OUTCOME_UNKNOWN: Final = Kind(
    "OutcomeUnknown",
    409,
    "It was begun before, and it is not known how that ended",
    "A request with this `Idempotency-Key` was begun, and the server stopped or failed before its "
    "answer was kept. It was carried out once or not at all, and will not be again. Look whether "
    "it arrived (`GET /history/{topic}`, `GET /notices/{id}`); to send it anew, take a new key.",
)
TOO_LARGE: Final = Kind(
    "TooLarge",
    413,
    "The body is too large",
    "The bound is `api_max_body_bytes` of the server's settings. Nothing was done.",
)
UNSUPPORTED_MEDIA_TYPE: Final = Kind(
    "UnsupportedMediaType",
    415,
    "The body has to be JSON",
    "Send it with `Content-Type: application/json`. Nothing was done.",
)
NOT_VALID: Final = Kind(
    "NotValid",
    422,
    "Something is missing or has the wrong form",
    "`errors` names each field, what was expected and what came. Nothing was done.",
)
KEY_REUSED: Final = Kind(
    "IdempotencyKeyReused",
    422,
    "The Idempotency-Key was used for another request",
    "Within 24 hours a key stands for one request: the same operation with the same bytes as its "
    "body. Nothing was done.",
)
TOO_FAST: Final = Kind(
    "TooFast",
    429,
    "Too many requests with this key",
    "A key has `api_rate_per_s` requests a second, and `api_burst` at once. Nothing was done: "
    "send it again after `Retry-After`.",
    {"Retry-After": "Seconds to wait."},
)
FAILED: Final = Kind(
    "Failed",
    500,
    "The server failed",
    "The fault is the server's, and its log says more. It is not known how far it came.",
)
UNAVAILABLE: Final = Kind(
    "Unavailable",
    503,
    "The server cannot do this now",
    "What stores or carries messages did not work. Nothing was done: send it again later.",
)

KINDS: Final = (
    BAD_REQUEST,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    TIMEOUT,
    CONFLICT,
    OUTCOME_UNKNOWN,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    NOT_VALID,
    KEY_REUSED,
    TOO_FAST,
    FAILED,
    UNAVAILABLE,
)


@frozen
class FieldError:
    """
    One field that is wrong. `field` is a JSON pointer into the body, `?name`
    of the query, `{name}` of the path, or a header's name.
    """

    field: str
    expected: str
    got: str


class Problem(Exception):
    """
    A request that is answered with no. All of it goes to the caller.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.name, detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def __str__(self) -> str:
        return f"{self.kind.name}: {self.detail}"

    def body(self) -> dict[str, Any]:
        """
        Make the object that the caller gets.
        """
        body: dict[str, Any] = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [
                {"field": one.field, "expected": one.expected, "got": one.got}
                for one in self.errors
            ]
        return body


def not_valid(field: str, expected: str, got: str) -> Problem:
    """
    Make the problem of one field that is wrong.
    """
    error = FieldError(field, expected, got)
    detail = f"{field or 'the body'}: expected {expected}, got {got}"
    return Problem(NOT_VALID, detail, errors=[error])
