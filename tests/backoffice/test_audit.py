from __future__ import annotations

from pathlib import Path

import pytest

from backoffice.fakes import NOW, Clock
from notifier.backoffice import Act, AuditLog, audit
from notifier.backoffice.audit import Entry


@pytest.fixture
def log(database: Path, wall_clock: Clock) -> AuditLog:
    return AuditLog(database, clock=wall_clock)


def told(entries: object) -> list[str]:
    assert isinstance(entries, list)
    return [entry.subject for entry in entries if isinstance(entry, Entry)]


def test_act_is_noted_with_who_when_and_what(log: AuditLog, database: Path) -> None:
    """
    And still there when the file is opened again.
    """
    log.note("ada", Act.SENT, "n1", "to everyone")
    (entry,) = AuditLog(database).page(9)
    assert (entry.operator, entry.act, entry.subject) == ("ada", "sent", "n1")
    assert (entry.detail, entry.at) == ("to everyone", NOW)


def test_newest_come_first_page_by_page(log: AuditLog) -> None:
    """
    Each page goes on below the last id of the one before.
    """
    for number in range(5):
        log.note("ada", Act.SENT, f"n{number}")
    first = log.page(2)
    assert told(first) == ["n4", "n3"]
    assert told(log.page(2, first[-1].id)) == ["n2", "n1"]


def test_acts_are_those_of_one_operator_or_kind_when_asked(log: AuditLog) -> None:
    """
    Or of both.
    """
    log.note("ada", Act.SENT, "n1")
    log.note("bob", Act.SENT, "n2")
    log.note("ada", Act.DISABLED, "carla")
    assert told(log.page(9, operator="ada")) == ["carla", "n1"]
    assert told(log.page(9, act=Act.SENT)) == ["n2", "n1"]
    assert told(log.page(9, operator="ada", act=Act.SENT)) == ["n1"]


def test_operators_are_those_who_did_anything(log: AuditLog) -> None:
    """
    In the order of their names, also once they have been removed.
    """
    for name in ("zoe", "Ada", "zoe"):
        log.note(name, Act.SIGNED_IN)
    assert log.operators() == ["Ada", "zoe"]


def test_oldest_go_when_there_are_too_many(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The trail is bounded, with a little slack between two looks.
    """
    monkeypatch.setattr(audit, "MAX_ENTRIES", 3)
    monkeypatch.setattr(audit, "SWEEP_EVERY", 2)
    for number in range(6):
        log.note("ada", Act.SENT, f"n{number}")
    assert told(log.page(9)) == ["n5", "n4", "n3"]
