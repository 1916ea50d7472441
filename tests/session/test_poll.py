"""
A poll and its answer, as values.
"""

from __future__ import annotations

from notifier.session import Answer, Poll, PollState


def test_poll_begins_done() -> None:
    """
    A poll that no mailbox was given yet asks for nothing, so forgetting it is no mistake.
    """
    assert Poll(3, lambda: None).state is PollState.DONE


def test_answer_holds_no_messages_unless_it_is_given_some() -> None:
    """
    A 204 needs no more than its cursor.
    """
    answer = Answer(204, 7)
    assert (answer.cursor, list(answer.frames), answer.reason) == (7, [], None)
