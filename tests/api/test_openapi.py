"""
The document tells the truth about what is served.
"""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from api.caller import Caller
from notifier.accounts import Accounts
from notifier.api.openapi import document, problems_of
from notifier.api.operations import Operation
from notifier.api.problems import KINDS
from notifier.api.routes import operations
from notifier.api.shapes import entity
from notifier.notices import INBOX


async def test_document_is_served_without_a_key(caller: Caller) -> None:
    """
    Whoever writes a client gets it with curl.
    """
    told = await caller.having(None).ask("GET", "/openapi.json")
    assert told.status == 200
    assert told.body["openapi"] == "3.1.0"
    assert (await caller.ask("POST", "/openapi.json")).kind == "MethodNotAllowed"


async def test_document_has_every_operation_and_no_other(
    caller: Caller, accounts: Accounts
) -> None:
    """
    It is made of what is routed.
    """
    told = (await caller.ask("GET", "/openapi.json")).body
    documented = {
        (method.upper(), path, one["operationId"], one["security"][0]["key"][0])
        for path, methods in told["paths"].items()
        for method, one in methods.items()
    }
    endpoint = caller.notifier.endpoint
    declared = operations(endpoint, accounts, endpoint.assigns[INBOX])
    assert documented == {(one.method, one.path, one.name, one.scope) for one in declared}
    assert len({one.name for one in declared}) == len(declared)


async def test_document_has_good_schemas(caller: Caller) -> None:
    """
    Each is a JSON Schema, and each reference leads somewhere.
    """
    told = (await caller.ask("GET", "/openapi.json")).body
    found = 0

    def walk(value: object) -> None:
        nonlocal found
        if isinstance(value, dict):
            if isinstance(ref := value.get("$ref"), str):
                target = told
                for part in ref.removeprefix("#/").split("/"):
                    target = target[part]
                found += 1
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(told)
    assert found
    for schema in told["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_problem_leads_to_its_explanation(caller: Caller) -> None:
    """
    A problem's type is an address within the document.
    """
    kind = (await caller.ask("GET", "/sessions?x=1")).kind
    told = (await caller.ask("GET", "/openapi.json")).body
    assert "names each field" in told["components"]["responses"][kind]["description"]
    assert set(told["components"]["responses"]) == {kind.name for kind in KINDS}


async def nothing(_call: object) -> None:
    return None


def test_problems_of_an_operation_come_from_its_declaration() -> None:
    """
    What takes no body is never too large.
    """
    shape = entity("A", {})
    read = Operation("a", "GET", "/a", "read", "", nothing, shape)
    write = Operation("b", "POST", "/b", "read", "", nothing, shape, body=shape, is_once=True)
    assert 413 not in [kind.status for kind in problems_of(read)]
    assert [kind.status for kind in problems_of(write)] == [
        *(400, 401, 403, 408, 409, 413, 415, 422, 422, 429, 500, 503)
    ]


def test_shape_is_refused_when_another_has_its_title() -> None:
    """
    A component has one meaning.
    """
    one = Operation("a", "GET", "/a", "read", "", nothing, entity("A", {}))
    other = Operation("b", "GET", "/b", "read", "", nothing, entity("A", {}, b={"type": "null"}))
    with pytest.raises(ValueError, match="two called 'A'"):
        document([one, other], "1")
