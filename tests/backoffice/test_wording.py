from __future__ import annotations

import pytest

from backoffice.fakes import NOW
from notifier.backoffice.languages import language
from notifier.backoffice.wording import Preview, Shown, name_recipients
from notifier.inbox.records import Kept

ENGLISH = language("en")


def kept(
    room: str | None = None,
    users: tuple[str, ...] = (),
    user_count: int = 0,
    expires_at: float | None = None,
    *,
    is_withdrawn: bool = False,
) -> Kept:
    return Kept(
        id="1",
        room=room,
        users=users,
        user_count=user_count,
        payload={"body": "Hello", "from": "a\x00da"},
        sent_at=NOW,
        expires_at=expires_at,
        reached=0,
        delivered=0,
        read=0,
        is_withdrawn=is_withdrawn,
    )


def test_preview_is_what_a_reader_will_see() -> None:
    """
    With a mark for what no page can show.
    """
    payload = {"body": "a\n\tb\x00", "title": "T\nU", "level": "urgent", "link": "https://x/"}
    assert Preview.of(payload, ENGLISH) == Preview(
        "urgent", "Urgent", "T\ufffdU", "a\n\tb\ufffd", "https://x/"
    )


def test_preview_is_plain_where_a_field_is_missing() -> None:
    """
    As a client takes it.
    """
    assert Preview.of({"body": "a"}, ENGLISH) == Preview("info", "Information", "", "a", "")
    assert Preview.of({"body": "a", "level": 'x"'}, ENGLISH).level == "info"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://[", "//x", "https://x y", 7])
def test_preview_leads_to_no_link_that_is_none(link: object) -> None:
    """
    Whoever sent it, and however.
    """
    assert Preview.of({"body": "a", "link": link}, ENGLISH).link == ""


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        (kept("room:lobby"), "everyone"),
        (kept("room:v\x00ip"), "room:v\ufffdip"),
        (kept(None, ("bob",), 1), "bob"),
        (kept(None, ("bob", "ann"), 2), "bob, ann"),
        (kept(None, ("bob", "ann"), 1_202), "bob, ann and 1,200 more"),
        (kept(None, ("bob", "ann", "eve", "joe"), 4), "bob, ann, eve and 1 more"),
    ],
)
def test_recipients_are_named(notice: Kept, words: str) -> None:
    """
    The first ones, where they are many.
    """
    assert name_recipients(notice, ENGLISH) == words


@pytest.mark.parametrize(
    ("notice", "is_over"),
    [
        (kept("room:x"), False),
        (kept("room:x", expires_at=NOW + 1), False),
        (kept("room:x", expires_at=NOW), True),
        (kept("room:x", is_withdrawn=True), True),
    ],
)
def test_notice_is_over_once_it_expired_or_was_withdrawn(notice: Kept, is_over: bool) -> None:
    """
    Then nobody gets it any more.
    """
    shown = Shown.of(notice, NOW, ENGLISH)
    assert (shown.is_over, shown.sender) == (is_over, "a\ufffdda")
