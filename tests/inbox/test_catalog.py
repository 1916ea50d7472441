"""
Notices that are looked up: against a plain model, and at the bounds.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.filing import PAYLOAD, file, id_of
from notifier.inbox import NoticeStore, catalog
from notifier.inbox.receipts import Reading
from notifier.inbox.records import Kept
from notifier.inbox.recoveries import Recovery

# What LIKE, JSON and upper case make something of.
TEXT = st.text('aAbB%_\\"/é É{}\n\u2028🙂', max_size=6)
TOPICS = st.one_of(
    TEXT.map(lambda name: [f"room:{name}"]),
    st.lists(TEXT.map(lambda id: f"user:{id}"), min_size=1, max_size=3, unique=True),
)
PAYLOADS = st.fixed_dictionaries(
    {"body": TEXT, "from": TEXT}, optional={"title": TEXT, "link": TEXT}
)


@pytest.fixture
def notices(tmp_path: Path) -> NoticeStore:
    return NoticeStore(tmp_path / "notifier.db")


def ids(found: list[Kept]) -> list[str]:
    return [one.id for one in found]


def has(word: str, topics: list[str], payload: dict[str, str]) -> bool:
    places = [one if one.startswith("room:") else one.removeprefix("user:") for one in topics]
    return any(word.lower() in text.lower() for text in (*payload.values(), *places))


@settings(max_examples=40, deadline=None)
@given(
    sent=st.lists(st.tuples(TOPICS, PAYLOADS), min_size=1, max_size=5),
    words=TEXT,
    limit=st.integers(1, 4),
    before=st.none() | st.integers(0, 5),
)
def test_search_finds_what_a_plain_look_would(
    sent: list[tuple[list[str], dict[str, str]]], words: str, limit: int, before: int | None
) -> None:
    """
    Every word somewhere, in any case; the newest first, below an id, so many.
    """
    with TemporaryDirectory() as directory:
        notices = NoticeStore(Path(directory) / "notifier.db")
        for number, (topics, payload) in enumerate(sent):
            file(notices, number, *topics, payload=payload)
        below = None if before is None else id_of(before)
        expected = [
            id_of(number)
            for number, (topics, payload) in reversed(list(enumerate(sent)))
            if (before is None or number < before)
            and all(has(word, topics, payload) for word in words.split())
        ]
        assert ids(notices.search(words, limit, below)) == expected[:limit]


def test_newest_tells_whom_a_notice_was_for(notices: NoticeStore) -> None:
    """
    Some users by name, all by number.
    """
    (first, *_) = file(notices, 1, *(f"user:{name}" for name in "abcde"), expires_at=2_000.0)
    (kept,) = notices.search("", 1)
    assert (kept.id, kept.users, kept.user_count) == (first, ("a", "b", "c"), 5)
    assert (kept.payload, kept.reached, kept.is_withdrawn) == (PAYLOAD, 1, False)
    assert (kept.room, kept.sent_at, kept.expires_at) == (None, 1_000.0, 2_000.0)


def test_list_tells_what_became_of_each(notices: NoticeStore) -> None:
    """
    Of users' notices by their copies, of a room's by receipts, as `status` does.
    """
    copies = file(notices, 1, "user:a", "user:b")
    (room,) = file(notices, 2, "room:a")
    notices.mark_delivered(copies, 5.0)
    notices.mark_seen("a", copies, 6.0)
    notices.note_recoveries([Recovery("room:a", one, "", "f", 5.0) for one in "abc"])
    notices.note_readings([Reading("room:a", "a", [room])], 6.0)
    notices.withdraw(room, 7.0)
    of_room, of_users = notices.search("", 10)
    assert (of_room.user_count, of_room.delivered, of_room.read) == (0, 3, 1)
    assert (of_users.user_count, of_users.delivered, of_users.read) == (2, 2, 1)
    assert (of_room.is_withdrawn, of_users.is_withdrawn) == (True, False)


def test_notice_is_found_by_the_id_of_any_copy(notices: NoticeStore) -> None:
    """
    With all its users.
    """
    copies = file(notices, 1, *(f"user:{number}" for number in range(1_000)))
    for id in (copies[0], copies[-1]):
        kept = notices.get(id)
        assert kept is not None
        assert (kept.id, kept.user_count) == (copies[0], 1_000)
        assert kept.users == tuple(str(number) for number in range(1_000))
    assert notices.get("none") is None
    assert notices.get("%") is None


@pytest.mark.parametrize("words", ["x" * 60_000, "é%" * 30_000, "b " * 10_000, "\x00"])
def test_search_takes_whatever_is_typed(notices: NoticeStore, words: str) -> None:
    """
    What is over the bounds is not looked at; NUL is as a space.
    """
    (id,) = file(notices, 1, "user:ann")
    assert ids(notices.search(words, 10)) == ([id] if words in ("b " * 10_000, "\x00") else [])


def test_search_goes_back_only_so_far(
    notices: NoticeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The list without words goes to the end.
    """
    monkeypatch.setattr(catalog, "MAX_SEARCHED", 2)
    found = [file(notices, number, "room:a")[0] for number in range(4)]
    assert ids(notices.search("ada", 10)) == [found[3], found[2]]
    assert ids(notices.search("", 10)) == found[::-1]
