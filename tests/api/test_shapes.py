"""
Checking a value against a shape, and telling what is wrong.
"""

from __future__ import annotations

import pytest
from attrs import astuple

from notifier.api.shapes import MAX_ERRORS, ONE_LINE, TOPIC, check, entity, maybe, number, text

SHAPE = entity(
    "A",
    {"name": text("", 5, pattern="^[a-z]*$"), "size": number("", 1, 9)},
    kind={"enum": ["one", "two"]},
    many={"type": "array", "items": {"type": "string"}, "maxItems": 2},
    none=maybe(text("", 5)),
    line=text("", 9, format=ONE_LINE),
    either={"anyOf": [{"const": 1}, {"const": 2}], "description": "1 or 2"},
)
THREE = "a string of 3 characters"
KNOWN = "name, size, kind, many, none, line, either"
GOOD = {"name": "ann", "size": 3}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": ""}, ("/name", "at least 1 character", "a string of 0 characters")),
        ({"name": "x" * 6}, ("/name", "at most 5 characters", "a string of 6 characters")),
        ({"name": "a\n"}, ("/name", "what matches ^[a-z]*$", "a string of 2 characters")),
        ({"name": None}, ("/name", "a string", "null")),
        ({"size": 0}, ("/size", "1 or more", "0")),
        ({"size": 10**30}, ("/size", "9 or less", "1" + "0" * 30)),
        ({"size": True}, ("/size", "a whole number", "true")),
        ({"kind": "x"}, ("/kind", "one of one, two", "a string of 1 characters")),
        ({"many": ["a", 1]}, ("/many/1", "a string", "a number")),
        ({"many": ["a"] * 3}, ("/many", "at most 2 items", "a list of 3")),
        ({"none": 1}, ("/none", "a string or null", "a number")),
        ({"line": "a\u2028b"}, ("/line", "what can be shown in one line", THREE)),
        ({"either": 3}, ("/either", "1 or 2", "a number")),
        ({"a/b~": 1}, ("/a~1b~0", f"no key but {KNOWN}", "another")),
    ],
)
def test_mistake_is_told_by_field_and_kind(
    change: dict[str, object], told: tuple[str, str, str]
) -> None:
    """
    Where it is, what was expected, what came; never the text that came.
    """
    assert [astuple(one) for one in check(SHAPE, {**GOOD, **change})] == [told]


@pytest.mark.parametrize("change", [{}, {"none": None}, {"size": 3.0}, {"kind": "two"}])
def test_value_is_good_when_it_fits(change: dict[str, object]) -> None:
    """
    What may be left out may be left out; 3.0 is a whole number to JSON Schema.
    """
    assert check(SHAPE, {**GOOD, **change}) == []


def test_mistakes_are_told_up_to_a_number() -> None:
    """
    An answer stays short, however long the list of mistakes.
    """
    assert len(check(SHAPE, {**GOOD, **{f"x{n}": 1 for n in range(1_000)}})) == MAX_ERRORS


@pytest.mark.parametrize("topic", ["room:lobby", "user:a/b c", "room:ä€😀"])
def test_topics_are_any_text(topic: str) -> None:
    """
    Slashes, blanks and every script.
    """
    assert check(TOPIC, topic) == []
