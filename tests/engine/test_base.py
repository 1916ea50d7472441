"""
The engine's values and the verbs that an engine must have.
"""

from __future__ import annotations

import math

import pytest
from attrs.exceptions import FrozenInstanceError

from notifier.engine import Engine, Page, Publication, Receipt, Receiver, Retention


class Silent(Engine):
    """
    The least that is an engine.
    """

    async def publish(
        self, publication: Publication, retention: Retention | None = None
    ) -> Receipt:
        return Receipt(None, 0)

    async def subscribe(self, topic: str, receiver: Receiver) -> None:
        return

    async def unsubscribe(self, topic: str, receiver: Receiver) -> None:
        return

    async def read(self, topic: str, since: str, limit: int) -> Page:
        return Page([], True, since, True)

    async def head(self, topic: str) -> str:
        return ""


def test_engine_is_refused_when_a_verb_is_missing() -> None:
    """
    Whoever writes an engine is told by its first use which verbs there are to be.
    """
    with pytest.raises(TypeError, match="abstract class Engine"):
        Engine()  # type: ignore[abstract]  # the mistake
    assert Engine.__abstractmethods__ == {"publish", "subscribe", "unsubscribe", "read", "head"}


async def test_close_does_nothing_when_there_is_nothing_to_let_go() -> None:
    """
    An engine without connections and files need not say so.
    """
    engine = Silent()
    await engine.close()
    await engine.close()


def test_publication_is_for_everybody_and_not_logged_unless_it_says_so() -> None:
    """
    A plain broadcast has neither id nor sender.
    """
    publication = Publication("room:a", "e", {})
    assert (publication.id, publication.sender) == (None, None)


def test_publication_does_not_show_its_payload() -> None:
    """
    A publication in a log line gives no message away.
    """
    assert "secret" not in repr(Publication("room:a", "e", {"body": "secret"}))


def test_publication_cannot_be_changed() -> None:
    """
    One publication is shared by all its receivers.
    """
    publication = Publication("room:a", "e", {})
    with pytest.raises(FrozenInstanceError):
        publication.id = "0-0"  # type: ignore[misc]  # the mistake


def test_retention_keeps_a_thousand_messages_of_a_day() -> None:
    """
    The defaults are those of the documentation.
    """
    assert Retention() == Retention(max_count=1_000, max_age_s=24 * 60 * 60)


@pytest.mark.parametrize(
    ("name", "least", "value"),
    [
        ("max_count", 1, 0),
        ("max_count", 1, -1),
        ("max_age_s", 0, -0.5),
        ("max_age_s", 0, math.nan),
    ],
)
def test_retention_is_refused_when_it_keeps_nothing(name: str, least: int, value: float) -> None:
    """
    The author is told which of the two, what is allowed and what came.
    """
    with pytest.raises(ValueError, match=f"^{name}: expected {least} or more, got {value}$"):
        Retention(**{name: value})


def test_oldest_sorts_below_what_is_just_young_enough() -> None:
    """
    To the millisecond, and above what is older; nothing is too old for one without end.
    """
    oldest = Retention(max_age_s=10.0).oldest(1_000.0)
    assert f"{990_000 - 1:012x}-fffff" < oldest < f"{990_000:012x}-00000"
    assert Retention(max_age_s=math.inf).oldest(1_000.0) == "000000000000"


def test_bounds_fit_into_64_bits_when_they_are_endless() -> None:
    """
    Whoever stores them has no more room.
    """
    endless = Retention(max_count=10**30, max_age_s=math.inf)
    assert max(endless.count, endless.age_ms) < 2**62


def test_with_id_leaves_the_publication_alone() -> None:
    """
    The id goes into a copy of the payload.
    """
    publication = Publication("room:a", "e", {"a": 1}, sender="c1")
    stored = Publication("room:a", "e", {"a": 1, "id": "0-0"}, "0-0", "c1")
    assert publication.with_id("0-0") == stored
    assert publication.payload == {"a": 1}
