"""
The notices in the database, and their bounds.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifier.inbox import NoticeStore, store
from notifier.inbox.receipts import Reading, Receipt
from notifier.inbox.records import Outgoing, Sending
from notifier.inbox.recoveries import Recovery
from notifier.inbox.store import KEPT_S, SWEEP_S

PAYLOAD = {"body": "b", "from": "ada", "at": "then"}


@pytest.fixture
def notices(tmp_path: Path) -> NoticeStore:
    return NoticeStore(tmp_path / "notifier.db")


def file(notices: NoticeStore, number: int, *topics: str, at: float = 1_000.0) -> list[str]:
    """
    File a notice; give the ids of its copies.
    """
    ids = [f"{number:012x}-{place:05x}" for place, _ in enumerate(topics)]
    outgoing = [Outgoing(topic, PAYLOAD, id) for topic, id in zip(topics, ids, strict=True)]
    notices.file([Sending(f"key {number}", at, None, outgoing, 1)])
    return ids


def test_intents_come_back_as_they_were(notices: NoticeStore, tmp_path: Path) -> None:
    """
    In their order, until they are filed or given up.
    """
    sendings = [
        Sending("z", 1.0, 9.5, [Outgoing("user:a", PAYLOAD), Outgoing("user:b", PAYLOAD)]),
        Sending("a", 2.0, None, [Outgoing("room:x", {"body": "é🙂"})]),
    ]
    for sending in sendings:
        notices.intend([sending])
    assert NoticeStore(tmp_path / "notifier.db").intended() == sendings
    notices.give_up("z")
    assert notices.intended() == sendings[1:]


def test_filing_takes_the_intents_place(notices: NoticeStore) -> None:
    """
    In one step: there is either the one or the other.
    """
    notices.intend([Sending("key 7", 1.0, None, [Outgoing("user:a", PAYLOAD)])])
    (id,) = file(notices, 7, "user:a")
    assert notices.intended() == []
    assert notices.known([id, "other"]) == {id}


def test_oldest_of_a_user_goes_when_there_are_too_many(
    notices: NoticeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Seen or not; other users' stay.
    """
    monkeypatch.setattr(store, "MAX_KEPT_PER_USER", 3)
    file(notices, 0, "user:bob")
    ids = [file(notices, number, "user:ann")[0] for number in range(1, 6)]
    waiting = notices.look("ann", "g", None, 1_000.0, [])
    assert [id for id, _ in waiting.notices] == ids[2:]
    assert waiting.unread == 3
    assert notices.unread("bob", 1_000.0) == 1


def test_oldest_of_a_room_goes_when_there_are_too_many(
    notices: NoticeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Other rooms' stay.
    """
    monkeypatch.setattr(store, "MAX_KEPT_PER_ROOM", 2)
    file(notices, 0, "room:b")
    ids = [file(notices, number, "room:a")[0] for number in range(1, 5)]
    assert [one.id for one in notices.search("", 10) if one.room == "room:a"] == [ids[3], ids[2]]
    assert len(notices.search("", 10)) == 3


def receipts(notices: NoticeStore) -> list[tuple[str, str]]:
    with Session(notices._engine) as session:
        rows = session.execute(select(Receipt.notice_id, Receipt.user_id)).all()
    return sorted((id, user) for id, user in rows)


def test_receipts_go_with_their_notice(
    notices: NoticeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where there are too many in the room, and when it is over age; others' stay.
    """
    monkeypatch.setattr(store, "MAX_KEPT_PER_ROOM", 2)
    ids = [file(notices, n, "room:a" if n < 3 else "room:b", at=KEPT_S)[0] for n in range(1, 4)]
    notices.note_recoveries([Recovery("room:a", "ann", "", ids[1], KEPT_S)])
    notices.note_readings([Reading("room:b", "bob", ids)], KEPT_S)
    assert receipts(notices) == [(ids[0], "ann"), (ids[1], "ann"), (ids[2], "bob")]
    file(notices, 4, "room:a", at=KEPT_S)
    assert receipts(notices) == [(ids[1], "ann"), (ids[2], "bob")]
    file(notices, 5, "room:c", at=2 * KEPT_S + 1)
    assert receipts(notices) == []


def test_notices_go_when_they_are_over_age(notices: NoticeStore) -> None:
    """
    With their copies, and notices that have none left, once in a while.
    """
    file(notices, 1, "user:ann", "user:bob", at=0.0)
    file(notices, 2, "room:a", at=10.0)
    file(notices, 3, "user:ann", at=KEPT_S + 5)
    assert [one.sent_at for one in notices.search("", 10)] == [KEPT_S + 5, 10.0]
    assert (notices.unread("ann", 0.0), notices.unread("bob", 0.0)) == (1, 0)
    file(notices, 4, "room:b", at=KEPT_S + 20)
    assert len(notices.search("", 10)) == 3  # not yet
    file(notices, 5, "room:b", at=KEPT_S + 5 + SWEEP_S)
    assert [one.sent_at for one in notices.search("", 10)][-1] == KEPT_S + 5


def test_newest_tells_whom_a_notice_was_for(notices: NoticeStore) -> None:
    """
    Some users by name, all by number.
    """
    ids = file(notices, 1, *(f"user:{name}" for name in "abcde"))
    (kept,) = notices.search("", 1)
    assert (kept.id, kept.users, kept.user_count) == (ids[0], ("a", "b", "c"), 5)
    assert (kept.payload, kept.reached, kept.is_withdrawn) == (PAYLOAD, 1, False)


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_withdrawals_are_told_newest_last(notices: NoticeStore, count: int) -> None:
    """
    So many of them, so that the oldest are the ones that are forgotten.
    """
    file(notices, 1, "room:a")
    ids = file(notices, 2, "user:a", "user:b")
    first = notices.withdraw(f"{1:012x}-00000", 5.0)
    assert first == [("room:a", f"{1:012x}-00000")]
    assert notices.withdraw(ids[1], 6.0) == [("user:a", ids[0]), ("user:b", ids[1])]
    assert notices.withdraw(ids[0], 7.0) == []
    assert notices.withdraw("unknown", 7.0) is None
    told = notices.withdrawn(count)
    assert len(told) == min(count, 3)
    assert {at for *_, at in told[-2:]} == {6.0}
    assert (told[0] == ("room:a", f"{1:012x}-00000", 5.0)) == (count >= 3)
