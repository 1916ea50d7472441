"""
Problems as RFC 9457 has them.
"""

from __future__ import annotations

from notifier.api.problems import KINDS, NOT_VALID, Problem, not_valid


def test_body_has_what_the_rfc_names() -> None:
    """
    And the fields that are wrong, where there are such.
    """
    assert not_valid("/topic", "a string", "null").body() == {
        "type": "/api/v1/openapi.json#/components/responses/NotValid",
        "title": NOT_VALID.title,
        "status": 422,
        "detail": "/topic: expected a string, got null",
        "errors": [{"field": "/topic", "expected": "a string", "got": "null"}],
    }
    assert "errors" not in Problem(NOT_VALID, "nothing").body()


def test_kinds_are_told_apart_and_say_what_was_done() -> None:
    """
    Each has a name of its own, and says whether something was done.
    """
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert "Nothing was done" in kind.doc or kind.name in ("Failed", "OutcomeUnknown")
