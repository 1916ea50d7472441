"""
Notices that are in the database, as a sending leaves them there.
"""

from __future__ import annotations

from collections.abc import Mapping

from notifier.inbox import NoticeStore
from notifier.inbox.records import Outgoing, Sending

PAYLOAD = {"body": "b", "from": "ada", "at": "then"}


def file(
    notices: NoticeStore,
    number: int,
    *topics: str,
    at: float = 1_000.0,
    expires_at: float | None = None,
    payload: Mapping[str, str] = PAYLOAD,
) -> list[str]:
    """
    File a notice; give the ids of its copies.
    """
    ids = [id_of(number, place) for place, _ in enumerate(topics)]
    outgoing = [Outgoing(topic, payload, id) for topic, id in zip(topics, ids, strict=True)]
    notices.file([Sending(f"key {number}", at, expires_at, outgoing, 1)])
    return ids


def id_of(number: int, place: int = 0) -> str:
    """
    Name a copy of a notice.
    """
    return f"{number:012x}-{place:05x}"
