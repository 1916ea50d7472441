"""
Who has got and read a room's notice: each user once.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inbox.filing import file, id_of
from notifier.database import open_database
from notifier.inbox import NoticeStore, store
from notifier.inbox.receipts import Reading, Receipt, Recovery
from notifier.inbox.store import KEPT_S, SWEEP_S

LAST = "f"


@pytest.fixture
def notices(tmp_path: Path) -> NoticeStore:
    return NoticeStore(tmp_path / "notifier.db")


def figures(notices: NoticeStore, id: str) -> tuple[int, int]:
    status = notices.status(id)
    assert status is not None
    assert status.users == 0
    return status.delivered, status.read


def receipts(tmp_path: Path) -> int:
    with Session(open_database(tmp_path / "notifier.db")) as session:
        return session.scalar(select(func.count()).select_from(Receipt)) or 0


def test_user_counts_once_however_often_it_comes_back(notices: NoticeStore) -> None:
    """
    And however often it says to have read.
    """
    (id,) = file(notices, 1, "room:a")
    for _ in range(2):
        notices.note_recoveries([Recovery("room:a", "ann", "", LAST, 5.0)] * 2)
        notices.note_readings([Reading("room:a", "ann", [id, id])] * 2, 6.0)
    notices.note_recoveries([Recovery("room:a", "bob", "", LAST, 5.0)])
    assert figures(notices, id) == (2, 1)


def test_only_what_was_missed_counts_as_recovered(notices: NoticeStore) -> None:
    """
    Above `since` up to `head`, in that room.
    """
    ids = [file(notices, number, "room:a")[0] for number in range(1, 6)]
    (other,) = file(notices, 6, "room:b")
    notices.note_recoveries([Recovery("room:a", "ann", ids[1], ids[3], 5.0)])
    assert [figures(notices, id)[0] for id in ids] == [0, 0, 1, 1, 0]
    assert figures(notices, other) == (0, 0)


def test_nobody_recovers_what_is_over(notices: NoticeStore) -> None:
    """
    A notice that is withdrawn or has expired is stepped over in the log.
    """
    (withdrawn,) = file(notices, 1, "room:a")
    (expired,) = file(notices, 2, "room:a", expires_at=1_050.0)
    (current,) = file(notices, 3, "room:a", expires_at=1_200.0)
    notices.withdraw(withdrawn, 1_010.0)
    notices.note_recoveries([Recovery("room:a", "ann", "", LAST, 1_100.0)])
    assert [figures(notices, id)[0] for id in (withdrawn, expired, current)] == [0, 0, 1]


def test_foreign_ids_change_nothing(notices: NoticeStore, tmp_path: Path) -> None:
    """
    Of another room, of a user's notice, of none.
    """
    (here,), (there,) = file(notices, 1, "room:a"), file(notices, 2, "room:b")
    (copy,) = file(notices, 3, "user:bob")
    notices.note_readings([Reading("room:a", "ann", [here, there, copy, "none", "%"])], 5.0)
    assert (figures(notices, here), figures(notices, there)) == ((0, 1), (0, 0))
    assert notices.unread("bob", 5.0) == 1
    assert receipts(tmp_path) == 1


def test_who_has_read_has_no_need_to_recover(notices: NoticeStore) -> None:
    """
    A page that was there and comes back later has not got it only then.
    """
    (id,) = file(notices, 1, "room:a")
    notices.note_readings([Reading("room:a", "ann", [id])], 5.0)
    notices.note_recoveries([Recovery("room:a", "ann", "", LAST, 5.0)])
    assert figures(notices, id) == (0, 1)


def test_many_users_are_counted(notices: NoticeStore) -> None:
    """
    Thousands that come back together.
    """
    (id,) = file(notices, 1, "room:a")
    users = [f"user {number}" for number in range(3_000)]
    notices.note_recoveries([Recovery("room:a", user, "", LAST, 5.0) for user in users])
    notices.note_readings([Reading("room:a", user, [id]) for user in users[:1_000]], 6.0)
    assert figures(notices, id) == (3_000, 1_000)


def test_receipts_go_with_the_rooms_oldest(
    notices: NoticeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Those of what is kept stay.
    """
    monkeypatch.setattr(store, "MAX_KEPT_PER_ROOM", 1)
    for number in (1, 2):
        (id,) = file(notices, number, "room:a")
        notices.note_readings([Reading("room:a", "ann", [id])], 5.0)
    assert receipts(tmp_path) == 1
    assert figures(notices, id_of(2)) == (0, 1)


def test_receipts_go_with_what_is_over_age(notices: NoticeStore, tmp_path: Path) -> None:
    """
    In the same sweep.
    """
    (old,), (young,) = file(notices, 1, "room:a", at=0.0), file(notices, 2, "room:a", at=SWEEP_S)
    notices.note_readings([Reading("room:a", "ann", [old, young])], 5.0)
    file(notices, 3, "room:b", at=KEPT_S + 1)
    assert notices.status(old) is None
    assert receipts(tmp_path) == 1
    assert figures(notices, young) == (0, 1)
