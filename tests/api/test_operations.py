"""
Operations by method and path.
"""

from __future__ import annotations

import pytest

from notifier.api.operations import Operation, Table
from notifier.api.problems import Problem
from notifier.api.shapes import entity, text


async def nothing(_call: object) -> None:
    return None


def operation(name: str, method: str, path: str, scope: str = "read") -> Operation:
    return Operation(name, method, path, scope, "", nothing, entity("A", {}))


TABLE = Table(
    (
        operation("list", "GET", "/users"),
        operation("make", "POST", "/users"),
        operation("get", "GET", "/users/{id}"),
        operation("me", "GET", "/users/me"),
        operation("ban", "POST", "/users/{id}/ban"),
    )
)


@pytest.mark.parametrize(
    ("method", "path", "name", "fields"),
    [
        ("GET", "/users", "list", {}),
        ("POST", "/users", "make", {}),
        ("GET", "/users/a%2Fb", "get", {"id": "a%2Fb"}),
        ("GET", "/users/me", "me", {}),
        ("POST", "/users/me/ban", "ban", {"id": "me"}),
    ],
)
def test_operation_is_found_by_method_and_path(
    method: str, path: str, name: str, fields: dict[str, str]
) -> None:
    """
    What names a path to the letter goes before a field; fields are encoded yet.
    """
    found, got = TABLE.find(method, path)
    assert (found.name, got) == (name, fields)


@pytest.mark.parametrize("path", ["", "/", "/user", "/users/", "/users/a/b", "/users//ban"])
def test_path_is_refused_when_it_is_none(path: str) -> None:
    """
    No field is empty, and no slash at the end is ignored.
    """
    with pytest.raises(Problem, match="NotFound"):
        TABLE.find("GET", path)


def test_method_is_refused_with_all_that_the_path_takes() -> None:
    """
    Those of every operation there.
    """
    with pytest.raises(Problem) as raised:
        TABLE.find("DELETE", "/users")
    assert raised.value.headers == {"Allow": "GET, POST"}


def test_operation_is_refused_when_its_scope_is_none() -> None:
    """
    A misspelt scope would be one that no key has.
    """
    with pytest.raises(ValueError, match="expected one of publish"):
        operation("x", "GET", "/x", scope="reed")


def test_path_is_decoded_and_checked() -> None:
    """
    Once: a percent sign that was encoded stays one.
    """
    found = Operation(
        "x", "GET", "/x/{id}", "read", "", nothing, entity("A", {}), fields={"id": text("", 5)}
    )
    assert found.read_path({"id": "a%252F"}) == {"id": "a%2F"}
    for raw in ("%FF", "abcdef"):
        with pytest.raises(Problem, match="NotValid"):
            found.read_path({"id": raw})


def test_repr_counts_operations() -> None:
    """
    No handlers and shapes in a log.
    """
    assert repr(TABLE) == "<Table 5 operations>"
