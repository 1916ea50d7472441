"""
The OpenAPI document, made of the operations as they are declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from notifier.api.operations import SCOPES, Operation
from notifier.api.problems import (
    BAD_REQUEST,
    FAILED,
    FORBIDDEN,
    KEY_REUSED,
    KINDS,
    MEDIA_TYPE,
    NOT_VALID,
    OUTCOME_UNKNOWN,
    PREFIX,
    TIMEOUT,
    TOO_FAST,
    TOO_LARGE,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Kind,
)
from notifier.api.shapes import Shape, entity

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"

IDEMPOTENCY_KEY_SHAPE: Final[Shape] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": "^[!-~]*$",
    "description": "A name of your own for this request, such as a UUID: within 24 hours a "
    "repetition with the same bytes gets the same answer, and is carried out once.",
}

_PROBLEM: Final = entity(
    "Problem",
    {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    errors={
        "type": "array",
        "items": entity(
            "FieldError",
            {name: {"type": "string"} for name in ("field", "expected", "got")},
        ),
    },
)


def document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """
    Describe the operations; shapes with a title become components of that name.
    """
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    problem = _hoisted(_PROBLEM, schemas)
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Notifier",
            "version": version,
            "description": "Live notices for the users of your application: the server's side.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of `notifier apikey add`. Scopes: "
                    + "; ".join(f"`{name}`: {doc}" for name, doc in SCOPES.items()),
                }
            },
            "schemas": schemas,
            "responses": {kind.name: _told([kind], problem) for kind in KINDS},
        },
    }


def problems_of(operation: Operation) -> list[Kind]:
    """
    List every problem that an operation may answer with.
    """
    kinds = [UNAUTHORIZED, FORBIDDEN, NOT_VALID, TOO_FAST, FAILED, UNAVAILABLE]
    if operation.body is not None:
        kinds += [BAD_REQUEST, TIMEOUT, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE]
    if operation.is_once:
        kinds += [KEY_REUSED, OUTCOME_UNKNOWN]
    kinds += operation.problems
    return sorted(dict.fromkeys(kinds), key=lambda kind: kind.status)


def _operation(one: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    answer = {
        "description": "It was done.",
        "content": {"application/json": {"schema": _hoisted(one.answer, schemas)}},
    }
    parameters = [_parameter(name, "path", shape) for name, shape in one.fields.items()]
    parameters += [_parameter(name, "query", shape) for name, shape in one.query.items()]
    if one.is_once:
        parameters.append(_parameter(IDEMPOTENCY_KEY, "header", IDEMPOTENCY_KEY_SHAPE))
        doc = "`true` where this is the answer to an earlier request with the same key."
        answer["headers"] = {REPLAYED: {"schema": {"const": "true"}, "description": doc}}
    by_status: dict[int, list[Kind]] = {}
    for kind in problems_of(one):
        by_status.setdefault(kind.status, []).append(kind)
    told: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "security": [{"key": [one.scope]}],
        "parameters": parameters,
        "responses": {
            str(one.status): answer,
            **{str(status): _answer(kinds) for status, kinds in by_status.items()},
        },
    }
    if one.doc:
        told["description"] = one.doc
    if one.body is not None:
        content = {"application/json": {"schema": _hoisted(one.body, schemas)}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _answer(kinds: list[Kind]) -> dict[str, Any]:
    if len(kinds) == 1:
        return {"$ref": f"#/components/responses/{kinds[0].name}"}
    return _told(kinds, {"$ref": "#/components/schemas/Problem"})


def _told(kinds: list[Kind], problem: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": "\n\n".join(f"{kind.title}. {kind.doc}" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": problem}},
    }
    headers = {name: doc for kind in kinds for name, doc in kind.headers.items()}
    if headers:
        told["headers"] = {
            name: {"schema": {"type": "string"}, "description": doc}
            for name, doc in headers.items()
        }
    return told


def _parameter(name: str, place: str, shape: Shape) -> dict[str, Any]:
    schema = {key: value for key, value in shape.items() if key != "description"}
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": shape.get("description", ""),
        "schema": schema,
    }


def _hoisted(shape: Any, schemas: dict[str, Any]) -> Any:
    """
    Copy a shape, with a reference to a component where a part has a title.
    """
    if isinstance(shape, list):
        return [_hoisted(one, schemas) for one in shape]
    if not isinstance(shape, Mapping):
        return shape
    copy = {key: _hoisted(value, schemas) for key, value in shape.items()}
    if not isinstance(shape.get("title"), str):
        return copy
    name = copy.pop("title")
    if schemas.setdefault(name, copy) != copy:
        raise ValueError(f"expected one shape of each title, got two called {name!r}")
    return {"$ref": f"#/components/schemas/{name}"}
