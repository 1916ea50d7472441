"""
Who has what.
"""

from __future__ import annotations

from notifier_client.ledger import Ledger, Mode
from notifier_client.mailbox import Mailbox
from notifier_client.message import Message
from notifier_client.reasons import HOLE, LOST


def a_ledger(put: int = 0) -> Ledger:
    ledger = Ledger(Mode.RESUMABLE, Mailbox())
    for _ in range(put):
        ledger.mailbox.put("[]")
    return ledger


def message(topic: str = "room:a") -> Message:
    return Message(None, None, topic, "news", {})


def test_message_is_handed_on_once() -> None:
    """
    One at or below the last is dropped; a heartbeat's reply counts, and nobody is told.
    """
    ledger = a_ledger()
    for number in (1, 1, 2):
        ledger.hand_on(number, message())
    ledger.hand_on(3, message("phoenix"))
    assert (ledger.got, len(ledger.take_messages()), ledger.take_messages()) == (3, 2, [])


def test_hole_ends_the_session() -> None:
    """
    What is missing comes by a rejoin; nothing is handed on behind a hole.
    """
    ledger = a_ledger()
    ledger.hand_on(2, message())
    ledger.hand_on(1, message())
    assert (ledger.end, ledger.take_messages()) == (HOLE, [])


def test_server_that_has_more_than_was_put_ends_the_session() -> None:
    """
    It has another history than ours.
    """
    ledger = a_ledger(put=2)
    ledger.told_received(3)
    assert ledger.end is HOLE


def test_first_end_stands() -> None:
    ledger = a_ledger()
    ledger.finish(LOST)
    ledger.finish(HOLE)
    assert ledger.end is LOST


def test_nothing_is_freed_above_what_may_be() -> None:
    """
    What was told meanwhile is freed once it may be.
    """
    ledger = a_ledger(put=3)
    ledger.free_up_to(0)
    ledger.told_received(3)
    assert ledger.mailbox.base == 0
    ledger.free_up_to(2)
    assert ledger.mailbox.base == 2
