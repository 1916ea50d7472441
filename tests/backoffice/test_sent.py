from __future__ import annotations

from pathlib import Path

import pytest

from backoffice.fakes import Clock
from notifier.backoffice import SentStore, sent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notifier.db"


def test_newest_come_first_and_no_more_than_asked_for(path: Path) -> None:
    """
    What was noted last is what is looked for.
    """
    store = SentStore(path)
    for body in ("one", "two", "three"):
        store.add("ada", None, body, 1)
    assert [notice.body for notice in store.newest(2)] == ["three", "two"]


def test_notice_is_as_it_was_when_the_store_is_opened_again(path: Path) -> None:
    """
    When, by whom, to whom, what, and how many it reached: all survive a restart.
    """
    clock = Clock(1_234.5)
    store = SentStore(path, clock=clock)
    store.add("ada", "42", "a\n <b>é🙂", 12_345)
    clock.now += 1
    store.add("bob", None, "", 0)
    found = [
        (one.sent_at, one.sender, one.user_id, one.body, one.reached)
        for one in SentStore(path).newest(10)
    ]
    assert found == [(1_235.5, "bob", None, "", 0), (1_234.5, "ada", "42", "a\n <b>é🙂", 12_345)]


def test_oldest_is_deleted_when_there_are_too_many(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The file does not grow for ever.
    """
    monkeypatch.setattr(sent, "MAX_KEPT", 3)
    store = SentStore(path)
    for number in range(5):
        store.add("ada", None, str(number), 1)
    assert [notice.body for notice in store.newest(10)] == ["4", "3", "2"]
    assert [notice.body for notice in SentStore(path).newest(10)] == ["4", "3", "2"]


def test_nothing_is_found_when_nothing_was_sent(path: Path) -> None:
    """
    An empty store is no error.
    """
    assert list(SentStore(path).newest(10)) == []
