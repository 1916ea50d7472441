"""
What waits for the server: numbers, bounds, and what frees.
"""

from __future__ import annotations

import pytest
from notifier_client.errors import MailboxFull
from notifier_client.mailbox import Mailbox, size_of

FOREVER = float("inf")


def filled(count: int, **bounds: int) -> Mailbox:
    mailbox = Mailbox(**bounds)
    for number in range(1, count + 1):
        mailbox.put(f"[{number}]")
    return mailbox


def test_after_gives_what_lies_above() -> None:
    """
    Messages keep their numbers when others are freed.
    """
    mailbox = filled(5)
    mailbox.told_received(2)
    mailbox.free(FOREVER)
    assert (mailbox.base, mailbox.last) == (2, 5)
    assert mailbox.after(3, 10, 1_000) == ["[4]", "[5]"]


def test_after_is_bounded_in_lines_and_bytes() -> None:
    """
    One message at least, however large.
    """
    mailbox = filled(5)
    assert len(mailbox.after(0, 2, 1_000)) == 2
    assert len(mailbox.after(0, 10, 8)) == 2
    assert len(mailbox.after(0, 10, 1)) == 1


def test_free_lets_go_of_what_is_received_up_to_a_bound() -> None:
    """
    What was received may still be needed by a WebSocket that counts from below.
    """
    mailbox = filled(5)
    mailbox.told_received(4)
    mailbox.free(2)
    assert mailbox.base == 2
    mailbox.told_received(1)
    mailbox.free(FOREVER)
    assert mailbox.base == 4


def test_put_raises_when_there_are_too_many() -> None:
    """
    Over the bound nothing is taken; freeing makes room.
    """
    mailbox = filled(3, max_messages=3)
    with pytest.raises(MailboxFull, match="3 messages wait"):
        mailbox.put("[4]")
    mailbox.told_received(1)
    mailbox.free(FOREVER)
    mailbox.put("[4]")
    assert mailbox.last == 4


def test_empty_mailbox_takes_any_one_message() -> None:
    """
    The bound in bytes is for those that wait together.
    """
    mailbox = Mailbox(max_bytes=10)
    mailbox.put("x" * 100)
    with pytest.raises(MailboxFull):
        mailbox.put("x")


def test_size_is_that_of_the_line() -> None:
    """
    Bytes, not characters; base64 for binary.
    """
    assert (size_of("é"), size_of(b"123")) == (3, 5)


def test_repr_shows_counts_and_no_contents() -> None:
    assert repr(filled(2)) == "<Mailbox base=0 received=0 last=2>"
