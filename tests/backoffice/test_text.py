from __future__ import annotations

import pytest

from notifier.backoffice.text import can_be_typed, one_line_end, readable


def test_line_ends_are_one_kind() -> None:
    """
    Whatever the browser sends for them.
    """
    assert one_line_end("a\r\nb\rc\nd") == "a\nb\nc\nd"


@pytest.mark.parametrize("user", ["42", "zoë", "a b", "<b>", "x" * 255, "💌"])
def test_id_can_be_typed_when_a_form_leaves_it_as_it_is(user: str) -> None:
    """
    Any name or number, in any script.
    """
    assert can_be_typed(user)


@pytest.mark.parametrize("user", ["", " a", "a ", "a\nb", "a\x00", "\ud800", "x" * 10_000])
def test_id_cannot_be_typed_when_a_form_would_change_it(user: str) -> None:
    """
    Nor when it is longer than any id.
    """
    assert not can_be_typed(user)


def test_text_is_marked_where_a_page_cannot_show_it() -> None:
    """
    But for what is to be kept.
    """
    assert readable("a\x00b\ud800c\nd", keep="\n") == "a\ufffdb\ufffdc\nd"
