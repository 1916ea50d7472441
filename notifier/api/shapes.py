"""
JSON Schema, as little of it as the API needs, and how a mismatch is told.

A shape is a plain JSON Schema (2020-12): the one that checks a request is the
one that stands in the OpenAPI document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from notifier.api.problems import FieldError
from notifier.errors import describe
from notifier.inbox import Draft, InvalidNotice
from notifier.session.claims import MAX_USER_ID_CHARACTERS

Shape = Mapping[str, Any]

MAX_ERRORS: Final = 20
"""Mistakes of one request that are told; whoever mends those is told of the rest."""

TOPIC_MAX_CHARACTERS: Final = 300
"""A topic is a name, which may hold the longest id of a user; a longer one is refused."""

WRITABLE: Final = r"^[^\u0000-\u001f\u007f]*$"
"""No control characters: they end in logs and in pages."""

ONE_LINE: Final = "one-line"
"""A format of ours: a string that can be shown in one line, without what is invisible."""

HTTP_URL: Final = "http-url"
"""A format of ours: an absolute URL that a notice may lead to."""

_FORMATS: Final = FormatChecker(formats=())


@_FORMATS.checks(ONE_LINE)
def _is_one_line(value: object) -> bool:
    return not isinstance(value, str) or value.isprintable()


@_FORMATS.checks(HTTP_URL)
def _is_http_url(value: object) -> bool:
    try:
        Draft.read({"body": "any", "link": value}, 0.0)
    except InvalidNotice:
        return not isinstance(value, str)
    return True


_FORMAT_WORDS: Final = {
    ONE_LINE: "what can be shown in one line",
    HTTP_URL: "an absolute URL of http or https",
}

_NAMES: Final = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def text(doc: str, most: int, **more: Any) -> Shape:
    """
    Describe a string that is not empty.
    """
    return {"type": "string", "minLength": 1, "maxLength": most, "description": doc, **more}


def number(doc: str, least: int, most: int, **more: Any) -> Shape:
    """
    Describe a whole number.
    """
    return {"type": "integer", "minimum": least, "maximum": most, "description": doc, **more}


def entity(title: str, required: Mapping[str, Shape], /, **optional: Shape) -> Shape:
    """
    Describe an object with these keys and no others; `title` names it in the document.
    """
    return {
        "title": title,
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def maybe(shape: Shape) -> Shape:
    """
    Describe the same, or null.
    """
    return {**shape, "type": [shape["type"], "null"]}


TOPIC: Final = text(
    "A topic that a channel serves.",
    TOPIC_MAX_CHARACTERS,
    pattern=WRITABLE,
    examples=["room:lobby"],
)
ANY_USER_ID: Final = text("A user, by its id.", MAX_USER_ID_CHARACTERS, examples=["42"])
"""An id that is there already, whatever it holds: that user can be thrown out, too."""

USER_ID: Final[Shape] = {
    **ANY_USER_ID,
    "pattern": WRITABLE,
    "description": "A user, by what the host application calls it.",
}


def _pattern(
    _validator: Any, pattern: str, instance: object, _schema: Shape
) -> Iterator[ValidationError]:
    # JSON Schema means ECMAScript's `$`: the end, and not before a last newline.
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError("pattern")


_Validator: Final[Any] = extend(  # type: ignore[no-untyped-call]  # its stub lacks the signature
    Draft202012Validator, {"pattern": _pattern}
)


def check(shape: Shape, value: object, place: str = "") -> list[FieldError]:
    """
    List what is wrong with a value, in the order of its fields; empty where nothing is.

    `place` is put before the JSON pointer of each field.
    """
    found: dict[FieldError, None] = {}
    for error in _Validator(shape, format_checker=_FORMATS).iter_errors(value):
        for one in _told(error, place):
            found[one] = None
            if len(found) >= MAX_ERRORS:
                return list(found)
    return list(found)


def _told(error: Any, place: str) -> Iterator[FieldError]:
    pointer = place + "".join(f"/{_escaped(str(part))}" for part in error.absolute_path)
    rule, wanted, value = error.validator, error.validator_value, error.instance
    if rule == "required":
        for name in wanted:
            if name not in value:
                yield FieldError(f"{pointer}/{_escaped(name)}", "this key", "nothing")
    elif rule == "additionalProperties":
        known = list(error.schema["properties"])
        for name in value:
            if name not in known:
                expected = f"no key but {', '.join(known)}"
                yield FieldError(f"{pointer}/{_escaped(name)}", expected, "another")
    elif rule == "anyOf" and (branch := _meant(wanted, value)) is not None:
        for one in error.context:
            if one.relative_schema_path[0] == branch:
                yield from _told(one, place)
    elif rule in ("anyOf", "oneOf", "not"):
        expected = str(error.schema["description"])
        yield FieldError(pointer, expected, describe(value))
    else:
        yield FieldError(pointer, _expected(str(rule), wanted), _got(str(rule), value))


def _meant(branches: Sequence[Shape], value: object) -> int | None:
    """
    Find which of several shapes a value was to have: the only one whose key is there.
    """
    if not isinstance(value, Mapping):
        return None
    found = [
        place
        for place, branch in enumerate(branches)
        if any(name in value for name in branch.get("required", ()))
    ]
    return found[0] if len(found) == 1 else None


def _expected(rule: str, wanted: Any) -> str:
    match rule:
        case "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            return " or ".join(_NAMES[name] for name in names)
        case "enum":
            return "one of " + ", ".join(map(str, wanted))
        case "minLength":
            return f"at least {wanted} character{'s' * (wanted != 1)}"
        case "maxLength":
            return f"at most {wanted:,} characters"
        case "minimum":
            return f"{wanted} or more"
        case "maximum":
            return f"{wanted} or less"
        case "minItems" | "maxItems":
            return f"at {'least' if rule == 'minItems' else 'most'} {wanted} items"
        case "format":
            return _FORMAT_WORDS[wanted]
        case "pattern":
            return f"what matches {wanted}"
    return rule


def _got(rule: str, value: object) -> str:
    is_bounded = rule in ("minimum", "maximum")
    return str(value)[:40] if is_bounded else describe(value)


def _escaped(part: str) -> str:
    # RFC 6901. A key of the caller's own is told back, as short as a field's name is.
    return part.replace("~", "~0").replace("/", "~1")[:60]
