"""
A session's requests: what is asked, and what the answers mean.
"""

from __future__ import annotations

import pytest
from notifier_client.ledger import Mode
from notifier_client.reasons import HOLE, STUCK
from notifier_client.requests import Goodbye, Opening, PlainOpening, Poll, Post
from notifier_client.session import PATIENCE_S

from client_python.drive import Drive, news


def test_opening_is_sent_again_as_it_was() -> None:
    """
    The same key and the same lines, however often; what was put since goes by POST.
    """
    drive = Drive()
    drive.put(1)
    (opening,) = drive.requests()
    drive.session.failed(opening, "reset", drive.now)
    drive.put(2)
    assert drive.requests() == []  # not at once
    drive.pass_time(1)
    assert drive.requests() == [opening]
    drive.answer(opening, token="nts_t", seq=1, received=1, frames=[news(1)])
    assert drive.got() == [1]
    post, poll = drive.requests()
    assert isinstance(post, Post)
    assert isinstance(poll, Poll)
    assert (post.seq, post.last, poll.ack, poll.turn) == (2, 2, 1, 0)


def test_opening_that_is_too_large_goes_by_post() -> None:
    """
    A first message over the opening's bound does not keep it from opening.
    """
    drive = Drive()
    drive.session.put(drive_message("x" * 70_000))
    (opening,) = drive.requests()
    assert isinstance(opening, Opening)
    assert opening.frames == ()


def drive_message(text: str):
    from notifier_client.message import Message

    return Message("1", "1", "room:a", "say", text)


def test_refused_opening_is_final() -> None:
    drive = Drive()
    (opening,) = drive.requests()
    drive.answer(opening, 403, reason="token_expired", text="get a new one")
    assert drive.session.end is not None
    assert (drive.session.end.code, drive.session.end.is_final) == ("token_expired", True)


def test_410_to_the_first_opening_tells_a_plain_server() -> None:
    """
    Then it is opened as Phoenix has it, and told no numbers.
    """
    drive = Drive("longpoll")
    drive.put(1)
    (opening,) = drive.requests()
    drive.answer(opening, 410)
    (opening,) = drive.requests()
    assert opening == PlainOpening()
    drive.answer(opening, 410, token="SFMy")
    post, poll = drive.requests()
    assert isinstance(post, Post)
    assert isinstance(poll, Poll)
    assert (post.is_numbered, poll.ack) == (False, None)
    drive.answer(post, 200)
    assert drive.session.ledger.mailbox.base == 1
    drive.session.failed(poll, "reset", drive.now)
    assert drive.session.end is not None
    assert drive.session.end.code == "lost"


def test_410_to_a_repeated_opening_is_the_end_of_that_session() -> None:
    """
    The key opened one that has ended since.
    """
    drive = Drive()
    (opening,) = drive.requests()
    drive.session.failed(opening, "reset", drive.now)
    drive.pass_time(5)
    (opening,) = drive.requests()
    drive.answer(opening, 410, reason="session_gone")
    assert drive.session.ledger.mode is Mode.UNKNOWN
    assert drive.session.end is not None
    assert not drive.session.end.is_final


@pytest.mark.parametrize("status", [410, 500])
def test_dead_session_is_told_in_the_words_of_the_server(status: int) -> None:
    drive = Drive().opened()
    (poll,) = drive.requests()
    drive.answer(poll, status, reason="slow_consumer")
    assert drive.session.end is not None
    assert drive.session.end.code == "slow_consumer"


def test_failed_poll_is_asked_again_after_a_pause() -> None:
    """
    Nothing is lost by it, so it is asked the same, each time a little later.
    """
    drive = Drive().opened()
    pauses = []
    for _ in range(4):
        (poll,) = drive.requests()
        drive.session.failed(poll, "reset", drive.now)
        pauses.append(round(drive.session.deadline() - drive.now, 3))
        drive.session.attachments.candidate_at = float("inf")
        drive.now += 60
    assert pauses[1:] == [0.4, 0.8, 1.6]


def test_answer_that_is_repeated_is_handed_on_once() -> None:
    drive = Drive().opened()
    (poll,) = drive.requests()
    drive.answer(poll, seq=1, frames=[news(1), news(2)], token="nts_t", received=0)
    (poll,) = drive.requests()
    drive.answer(poll, seq=2, frames=[news(2), news(3)], token="nts_t", received=0)
    assert drive.got() == [1, 2, 3]


def test_hole_in_an_answer_ends_the_session() -> None:
    drive = Drive().opened()
    (poll,) = drive.requests()
    drive.answer(poll, seq=2, frames=[news(2)], token="nts_t", received=0)
    assert (drive.session.end, drive.got()) == (HOLE, [])


def test_hole_before_an_empty_answer_ends_the_session() -> None:
    """
    Somebody else has acknowledged what this client never had.
    """
    drive = Drive("longpoll").opened()
    (poll,) = drive.requests()
    drive.answer(poll, 204, seq=1, token="nts_t", received=0)
    drive.pass_time(1)
    (poll,) = drive.requests()
    assert drive.session.end is None
    drive.answer(poll, 204, seq=2, token="nts_t", received=0)
    assert drive.session.end == HOLE


def test_message_that_cannot_be_read_ends_the_session() -> None:
    drive = Drive().opened()
    (poll,) = drive.requests()
    drive.answer(poll, seq=1, frames=["[]"], token="nts_t", received=0)
    assert drive.session.end is not None
    assert drive.session.end.code == "protocol_error"


def test_empty_answers_at_once_do_not_run_hot() -> None:
    """
    Two clients on one token, or a stale turn: each poll is answered 204 at once.
    """
    drive = Drive("longpoll").opened()
    for expected in (0.05, 0.1, 0.2):
        (poll,) = drive.requests()
        drive.answer(poll, 204, token="nts_t", seq=1, received=0)
        assert drive.requests() == []
        assert round(drive.session.deadline() - drive.now, 3) == expected
        drive.pass_time(expected)
    (poll,) = drive.requests()
    drive.now += 10
    drive.answer(poll, 204, token="nts_t", seq=1, received=0)
    assert len(drive.requests()) == 1


def test_gap_is_filled_from_where_the_server_is() -> None:
    """
    409 tells how far it has received.
    """
    drive = Drive("longpoll").opened()
    drive.put(1, 2, 3)
    post, _ = drive.requests()
    drive.answer(post, 200, received=2)
    (post,) = drive.requests()
    assert isinstance(post, Post)
    assert post.seq == 3
    drive.answer(post, 409, received=2)
    drive.pass_time(60)
    (again,) = drive.requests()
    assert again == post


def test_refused_message_counts_as_received() -> None:
    """
    A line that cannot be read, or is too large, is not sent again.
    """
    drive = Drive("longpoll").opened()
    drive.put(1, 2)
    post, _ = drive.requests()
    drive.answer(post, 413, reason="message_too_large", received=1)
    (post,) = drive.requests()
    assert isinstance(post, Post)
    assert post.seq == 2


def fail_to_post(drive: Drive, seconds: int, *, polls_too: bool = False) -> None:
    """
    Let every POST fail for so long.
    """
    for _ in range(seconds):
        for request in drive.requests():
            if isinstance(request, Post) or polls_too:
                drive.session.failed(request, "HTTP 413", drive.now)
            else:
                drive.answer(request, 204, token="nts_t", seq=1, received=0)
        drive.pass_time(1)


def test_message_that_never_goes_through_ends_the_session() -> None:
    """
    Behind it nothing would ever be sent, though polls are answered.
    """
    drive = Drive("longpoll").opened()
    drive.put(1)
    fail_to_post(drive, int(PATIENCE_S))
    assert drive.session.end is None
    fail_to_post(drive, 60)  # its pauses have grown to half a minute
    assert drive.session.end is not None
    assert drive.session.end.code == STUCK.code
    assert not drive.session.end.is_final


def test_message_waits_when_nothing_goes_through() -> None:
    """
    A network that is away is no reason to end what may still be there.
    """
    drive = Drive("longpoll").opened()
    drive.put(1)
    fail_to_post(drive, 300, polls_too=True)
    assert drive.session.end is None


def test_batch_over_the_servers_limit_is_halved() -> None:
    """
    The limit is a setting of the server, which does not tell it.
    """
    drive = Drive("longpoll").opened()
    drive.put(*range(1, 11))
    sizes = []
    post, _ = drive.requests()
    for _ in range(8):
        assert isinstance(post, Post)
        sizes.append(len(post.frames))
        drive.answer(post, 400, reason="batch_too_long", received=0)
        (post,) = drive.requests()
    assert (sizes[0], sizes[-1]) == (10, 7)


def test_close_posts_the_rest_and_then_goodbye() -> None:
    drive = Drive("longpoll").opened()
    drive.put(1)
    drive.session.close()
    (post,) = drive.requests()
    drive.answer(post, 200, received=1)
    (goodbye,) = drive.requests()
    assert isinstance(goodbye, Goodbye)
    drive.answer(goodbye)
    assert drive.session.end is not None
    assert drive.session.end.code == "closed"


def test_close_ends_at_once_where_nothing_is_open() -> None:
    drive = Drive()
    drive.session.close()
    assert drive.session.end is not None
    assert drive.requests() == []


def test_repr_shows_counts_and_no_contents() -> None:
    drive = Drive().opened()
    drive.session.put(drive_message("secret"))
    assert "secret" not in repr(drive.session)
    assert "nts_t" not in repr(drive.session)
