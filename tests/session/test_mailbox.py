"""
The mailbox, one rule at a time. Random histories: `test_mailbox_histories.py`.
"""

from __future__ import annotations

import orjson
import pytest

from notifier.protocol import Frame
from notifier.protocol.reasons import (
    ACK_BEYOND_SENT,
    DISCONNECTED,
    RESTARTING,
    SLOW_CONSUMER,
    Reason,
)
from notifier.session import Limits, Mailbox
from notifier.session.mailbox import (
    ENVELOPE_BYTES,
    EXPIRY_WINDOWS,
    MAX_WAITING_POLLS,
    SILENT_ENDS,
    TAKEOVERS_A_SECOND,
)
from session.letters import ask, fetch, letter, numbers

WINDOW_S = 10.0
NEVER = float("inf")


def mailbox_with(count: int, limits: Limits | None = None, *, size: int = 0) -> Mailbox:
    mailbox = Mailbox(limits or Limits())
    for number in range(1, count + 1):
        mailbox.put(letter(number, size))
    return mailbox


def standing(mailbox: Mailbox) -> tuple[int, int, int]:
    return mailbox.acked, mailbox.sent, mailbox.last


# --- put


def test_put_numbers_messages_from_one() -> None:
    """
    The first message is number 1, and nothing is sent or acknowledged by putting.
    """
    assert standing(mailbox_with(3)) == (0, 0, 3)


def test_put_wakes_the_poll_that_waits() -> None:
    """
    A parked poll is told of the first message, once.
    """
    mailbox = Mailbox(Limits())
    asking = ask(mailbox)
    assert (asking.state, asking.calls) == ("PARKED", 0)
    mailbox.put(letter(1))
    mailbox.put(letter(2))
    assert (asking.state, asking.calls) == ("READY", 1)
    assert numbers(asking.answer(0.0).frames) == [1, 2]


def test_put_closes_a_mailbox_with_too_many_messages() -> None:
    """
    The message over the limit ends the session; what waited is let go.
    """
    mailbox = mailbox_with(3, Limits(max_mailbox_messages=3))
    assert mailbox.end is None
    mailbox.put(letter(4))
    assert mailbox.end is SLOW_CONSUMER
    assert repr(mailbox) == "<Mailbox acked=0 sent=0 put=0 bytes=0>"


def test_put_closes_a_mailbox_with_too_many_bytes() -> None:
    """
    The limit of bytes may be reached and not passed.
    """
    mailbox = mailbox_with(4, Limits(max_mailbox_bytes=40), size=10)
    assert mailbox.end is None
    mailbox.put(letter(5))
    assert mailbox.end is SLOW_CONSUMER


def test_put_takes_any_one_message_when_the_mailbox_is_empty() -> None:
    """
    A message larger than the whole bound still arrives, by itself.
    """
    mailbox = mailbox_with(1, Limits(max_mailbox_bytes=10, max_answer_bytes=10), size=1_000)
    assert fetch(mailbox) == (200, 1, [1])


def test_put_has_room_again_when_messages_were_acknowledged() -> None:
    """
    An acknowledgement gives back places and bytes.
    """
    mailbox = mailbox_with(3, Limits(max_mailbox_messages=3, max_mailbox_bytes=30), size=10)
    fetch(mailbox)
    mailbox.acknowledge(2)
    mailbox.put(letter(4, 10))
    mailbox.put(letter(5, 10))
    assert (mailbox.end, standing(mailbox)) == (None, (2, 3, 5))
    mailbox.put(letter(6, 10))
    assert mailbox.end is SLOW_CONSUMER


def test_put_is_dropped_when_the_mailbox_is_closed() -> None:
    """
    What is put after the end wakes nobody and waits for nobody.
    """
    mailbox = Mailbox(Limits())
    mailbox.close(DISCONNECTED)
    mailbox.put(letter(1))
    assert standing(mailbox) == (0, 0, 0)


# --- fill


def test_fill_leaves_half_of_the_messages_for_others() -> None:
    """
    It takes the first ones, and says how many.
    """
    mailbox = mailbox_with(1, Limits(max_mailbox_messages=8))
    assert mailbox.fill([letter(n) for n in range(2, 9)]) == 3
    assert fetch(mailbox)[2] == [1, 2, 3, 4]
    assert mailbox.fill([letter(5)]) == 0
    assert mailbox.end is None


def test_fill_leaves_half_of_the_bytes_for_others() -> None:
    """
    A message that is longer than that waits until the mailbox is empty.
    """
    mailbox = Mailbox(Limits(max_mailbox_bytes=100))
    assert mailbox.fill([letter(1, 30), letter(2, 20), letter(3, 1)]) == 2
    mailbox.take(1_000)
    assert mailbox.fill([letter(4, 200), letter(5, 1)]) == 1


def test_fill_tells_whoever_waits_once() -> None:
    """
    A poll is made ready, a listener is called, for all of them together.
    """
    mailbox = Mailbox(Limits())
    asking = ask(mailbox)
    assert mailbox.fill([]) == 0
    assert asking.calls == 0
    mailbox.fill([letter(1), letter(2)])
    assert (asking.calls, numbers(asking.answer(0.0).frames)) == (1, [1, 2])
    calls = list[int]()
    mailbox.listen(lambda: calls.append(mailbox.last))
    mailbox.fill([letter(3), letter(4)])
    assert calls == [4]


def test_fill_does_nothing_when_the_mailbox_is_closed() -> None:
    """
    Nothing is put after the end.
    """
    mailbox = Mailbox(Limits())
    mailbox.close(DISCONNECTED)
    assert mailbox.fill([letter(1)]) == 0


def test_when_freed_calls_once_when_something_was_acknowledged_or_taken() -> None:
    """
    Whoever waits for room is told with the next message that leaves; twice is asked twice.
    """
    mailbox, calls = mailbox_with(4), list[str]()
    mailbox.when_freed(lambda: calls.append("one"))
    mailbox.when_freed(lambda: calls.append("two"))
    fetch(mailbox)
    assert calls == []
    mailbox.acknowledge(2)
    assert calls == ["one", "two"]
    mailbox.acknowledge(3)
    mailbox.when_freed(lambda: calls.append("three"))
    mailbox.take(1_000)
    mailbox.when_freed(lambda: calls.append("four"))
    mailbox.take(1_000)
    assert calls == ["one", "two", "three"]


# --- acknowledge


def test_acknowledge_frees_up_to_the_number_and_no_further() -> None:
    """
    What lies above the number is kept, and given again.
    """
    mailbox = mailbox_with(5)
    fetch(mailbox)
    mailbox.acknowledge(2)
    assert standing(mailbox) == (2, 5, 5)
    assert fetch(mailbox, 2) == (200, 5, [3, 4, 5])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_acknowledge_frees_nothing_when_it_is_old(number: int) -> None:
    """
    A late acknowledgement is no mistake and moves nothing back.
    """
    mailbox = mailbox_with(3)
    fetch(mailbox)
    mailbox.acknowledge(2)
    mailbox.acknowledge(number)
    assert (standing(mailbox), mailbox.end) == ((2, 3, 3), None)


def test_acknowledge_of_all_leaves_an_empty_mailbox() -> None:
    """
    A client that has everything has no bytes waiting.
    """
    mailbox = mailbox_with(3, size=9)
    fetch(mailbox)
    mailbox.acknowledge(3)
    assert repr(mailbox) == "<Mailbox acked=3 sent=3 put=3 bytes=0>"


@pytest.mark.parametrize("sent", [0, 1])
def test_acknowledge_of_what_was_never_sent_closes(sent: int) -> None:
    """
    A client with another history than ours cannot be trusted to have anything.
    """
    mailbox = mailbox_with(sent)
    fetch(mailbox) if sent else None
    mailbox.put(letter(sent + 1))
    mailbox.acknowledge(sent + 1)
    assert mailbox.end is ACK_BEYOND_SENT


# --- poll and answer


def test_poll_is_ready_at_once_when_something_waits() -> None:
    """
    A poll that need not wait is ready by its state, and is not called.
    """
    asking = ask(mailbox_with(1))
    assert (asking.state, asking.calls) == ("READY", 0)


def test_poll_gets_the_same_again_when_it_is_repeated() -> None:
    """
    An answer that was lost on its way is given again, and the cursor of it, too.
    """
    mailbox = mailbox_with(2)
    assert fetch(mailbox) == fetch(mailbox) == (200, 2, [1, 2])


def test_poll_gets_the_same_and_the_new_when_it_is_repeated_later() -> None:
    """
    What came meanwhile follows what was lost.
    """
    mailbox = mailbox_with(1)
    fetch(mailbox)
    mailbox.put(letter(2))
    assert fetch(mailbox) == (200, 2, [1, 2])


def test_poll_acknowledges_by_its_cursor() -> None:
    """
    The newest token says what has arrived, and what comes after it is given.
    """
    mailbox = mailbox_with(2)
    fetch(mailbox)
    mailbox.put(letter(3))
    assert fetch(mailbox, 2) == (200, 3, [3])
    assert standing(mailbox) == (2, 3, 3)


def test_poll_below_the_floor_touches_nothing() -> None:
    """
    An old poll that was delayed gets 204 at once with a cursor at the floor, and the line stays.
    """
    mailbox = mailbox_with(2)
    fetch(mailbox)
    newest = ask(mailbox, 2)
    old = ask(mailbox, 1)
    assert (old.state, old.calls, newest.state) == ("READY", 0, "PARKED")
    answer = old.answer(0.0)
    assert (answer.status, answer.cursor, list(answer.frames)) == (204, 2, [])
    mailbox.put(letter(3))
    assert numbers(newest.answer(0.0).frames) == [3]
    assert standing(mailbox) == (2, 3, 3)


def test_poll_beyond_what_was_sent_ends_the_session() -> None:
    """
    A cursor that was never given out is answered 500, and so is the poll that waited.
    """
    mailbox = Mailbox(Limits())
    waiting = ask(mailbox)
    asking = ask(mailbox, 1)
    for answer in (waiting.answer(0.0), asking.answer(0.0)):
        assert (answer.status, answer.reason) == (500, ACK_BEYOND_SENT)


def test_poll_of_a_closed_mailbox_is_answered_at_once() -> None:
    """
    Whoever asks after the end is told why.
    """
    mailbox = Mailbox(Limits())
    mailbox.close(RESTARTING)
    answer = ask(mailbox).answer(0.0)
    assert (answer.status, answer.reason, list(answer.frames)) == (500, RESTARTING, [])


def test_poll_may_be_used_again_when_it_is_done() -> None:
    """
    One object serves a connection's polls one after the other.
    """
    mailbox = mailbox_with(1)
    asking = ask(mailbox)
    asking.answer(0.0)
    asking.poll.cursor = 1
    mailbox.poll(asking.poll, 5.0)
    assert (asking.state, mailbox.deadline()) == ("PARKED", 5.0 + WINDOW_S)


def test_answer_is_empty_when_the_message_went_to_a_newer_poll() -> None:
    """
    A poll that was woken and then overtaken gets 204, and the newer one the message.
    """
    mailbox = Mailbox(Limits())
    older = ask(mailbox)
    mailbox.put(letter(1))
    newer = ask(mailbox)
    assert older.answer(0.0).status == 204
    assert numbers(newer.answer(0.0).frames) == [1]


def test_answer_is_500_when_the_mailbox_overflowed_after_the_wake() -> None:
    """
    A poll that was woken for a message and found an end is told of the end.
    """
    mailbox = Mailbox(Limits(max_mailbox_messages=1))
    asking = ask(mailbox)
    mailbox.put(letter(1))
    mailbox.put(letter(2))
    answer = asking.answer(0.0)
    assert (answer.status, answer.reason, asking.calls) == (500, SLOW_CONSUMER, 1)


def test_answer_holds_so_many_bytes_and_leaves_the_rest() -> None:
    """
    An answer stays within its bytes, envelope, quotes and commas counted; the rest follows.
    """
    quoted = 100 + len('"",')
    mailbox = mailbox_with(7, Limits(max_answer_bytes=ENVELOPE_BYTES + 3 * quoted), size=100)
    assert fetch(mailbox) == (200, 3, [1, 2, 3])
    assert fetch(mailbox, 3) == (200, 6, [4, 5, 6])
    assert fetch(mailbox, 6) == (200, 7, [7])


def test_answer_leaves_out_the_message_that_is_a_byte_too_long() -> None:
    """
    One byte less of room is one message less.
    """
    quoted = 100 + len('"",')
    mailbox = mailbox_with(3, Limits(max_answer_bytes=ENVELOPE_BYTES + 3 * quoted - 1), size=100)
    assert fetch(mailbox) == (200, 2, [1, 2])


def test_answer_counts_what_is_escaped() -> None:
    """
    The bound is of what goes over the wire: a quote within a message is two bytes there.
    """
    mailbox = Mailbox(Limits(max_answer_bytes=ENVELOPE_BYTES + 500))
    for _ in range(4):
        mailbox.put(Frame(b'"' * 100, b'"' * 100))
    assert len(ask(mailbox).answer(0.0).frames) == 2


def test_answer_holds_one_message_when_even_that_is_too_long() -> None:
    """
    A message larger than an answer goes alone, whatever waits behind it.
    """
    mailbox = mailbox_with(2, Limits(max_answer_bytes=1), size=100)
    assert fetch(mailbox) == (200, 1, [1])


def test_answer_counts_as_sent_and_not_as_acknowledged() -> None:
    """
    Until the next cursor comes a message may have been lost.
    """
    mailbox = mailbox_with(2)
    fetch(mailbox)
    assert standing(mailbox) == (0, 2, 2)


# --- two polls at once


def test_newer_poll_takes_the_line_and_the_older_goes() -> None:
    """
    The older is let go with 204 at once, the newer gets what comes.
    """
    mailbox = Mailbox(Limits())
    older = ask(mailbox)
    newer = ask(mailbox)
    assert (older.state, older.calls, newer.state) == ("READY", 1, "PARKED")
    assert older.answer(0.0).status == 204
    mailbox.put(letter(1))
    assert numbers(newer.answer(0.0).frames) == [1]


def test_storm_of_takeovers_lets_the_older_wait() -> None:
    """
    Five takeovers within a second let the older go; the sixth lets it wait out its window.
    """
    mailbox = Mailbox(Limits())
    asked = [ask(mailbox) for _ in range(TAKEOVERS_A_SECOND + 2)]
    assert [one.calls for one in asked] == [1] * TAKEOVERS_A_SECOND + [0, 0]
    mailbox.expire(WINDOW_S)
    assert [one.answer(WINDOW_S).status for one in asked] == [204] * len(asked)


def test_storm_gives_what_comes_to_the_newest_only() -> None:
    """
    One that waits out its window is not woken by a message.
    """
    mailbox = Mailbox(Limits())
    *_, older, newest = [ask(mailbox) for _ in range(TAKEOVERS_A_SECOND + 2)]
    mailbox.put(letter(1))
    assert (older.state, newest.state) == ("PARKED", "READY")


def test_storm_is_over_when_a_second_has_passed() -> None:
    """
    Takeovers a second old or older do not count.
    """
    mailbox = Mailbox(Limits())
    for _ in range(TAKEOVERS_A_SECOND + 2):
        ask(mailbox, now=0.0)
    older = ask(mailbox, now=0.5)
    last = ask(mailbox, now=1.0)
    assert (older.state, last.state) == ("READY", "PARKED")


def test_storm_goes_on_when_its_takeovers_are_within_a_second() -> None:
    """
    Takeovers count for a second, each from its own time.
    """
    mailbox = Mailbox(Limits())
    asked = [ask(mailbox, now=0.19 * number) for number in range(TAKEOVERS_A_SECOND + 2)]
    assert [one.calls for one in asked][-2:] == [0, 0]


def test_storm_holds_a_bounded_number_of_polls() -> None:
    """
    One more than may wait lets the oldest go, also before any of them was answered.
    """
    mailbox = Mailbox(Limits())
    asked = [ask(mailbox) for _ in range(200)]
    parked = [one for one in asked if one.state == "PARKED"]
    assert parked == asked[-MAX_WAITING_POLLS - 1 :]


def test_storm_forgets_a_waiting_poll_that_is_abandoned() -> None:
    """
    One whose connection is gone while it waits takes no place and is not called.
    """
    mailbox = Mailbox(Limits())
    *_, older, newest = [ask(mailbox) for _ in range(TAKEOVERS_A_SECOND + 2)]
    mailbox.abandon(older.poll, 0.0)
    mailbox.close(DISCONNECTED)
    assert (older.state, older.calls, newest.calls) == ("DONE", 0, 1)


# --- abandoned polls


def test_abandon_loses_nothing() -> None:
    """
    What a poll was woken for is there for the next one.
    """
    mailbox = Mailbox(Limits())
    asking = ask(mailbox)
    mailbox.put(letter(1))
    mailbox.abandon(asking.poll, 0.0)
    assert fetch(mailbox) == (200, 1, [1])


def test_abandon_frees_the_line() -> None:
    """
    The next poll after an abandoned one is no takeover, and nobody calls the dead.
    """
    mailbox = Mailbox(Limits())
    for _ in range(TAKEOVERS_A_SECOND + 5):
        asking = ask(mailbox)
        mailbox.abandon(asking.poll, 0.0)
        assert (asking.state, asking.calls) == ("DONE", 0)
    older = ask(mailbox)
    ask(mailbox)
    assert older.state == "READY"


def test_abandon_does_nothing_when_the_poll_is_done() -> None:
    """
    A transport may say so twice, and after an answer: the session's requests stay counted.
    """
    mailbox = mailbox_with(1)
    asking, other = ask(mailbox), ask(mailbox)
    other.answer(0.0)
    for _ in range(3):
        mailbox.abandon(asking.poll, 1.0)
        mailbox.abandon(other.poll, 7.0)
    assert mailbox.deadline() == 1.0 + EXPIRY_WINDOWS * WINDOW_S


def test_abandon_of_an_older_poll_leaves_the_line_to_the_newer() -> None:
    """
    One who was let go takes nothing along.
    """
    mailbox = Mailbox(Limits())
    older, newer = ask(mailbox), ask(mailbox)
    mailbox.abandon(older.poll, 0.0)
    mailbox.put(letter(1))
    assert newer.state == "READY"


# --- a listener


def test_listener_is_called_after_every_put() -> None:
    """
    A WebSocket is told each time, and takes what waits when it can.
    """
    mailbox, calls = Mailbox(Limits()), list[int]()
    mailbox.listen(lambda: calls.append(mailbox.last))
    mailbox.put(letter(1))
    mailbox.put(letter(2))
    assert calls == [1, 2]
    assert numbers(mailbox.take(1_000)) == [1, 2]


def test_listener_is_called_no_more_when_it_was_taken_away() -> None:
    """
    None ends the calls.
    """
    mailbox, calls = Mailbox(Limits()), list[int]()
    mailbox.listen(lambda: calls.append(1))
    mailbox.listen(None)
    mailbox.put(letter(1))
    mailbox.close(DISCONNECTED)
    assert calls == []


def test_take_counts_as_sent_and_acknowledged() -> None:
    """
    What was taken is gone, its bytes, too.
    """
    mailbox = mailbox_with(3, size=10)
    mailbox.take(1_000)
    assert repr(mailbox) == "<Mailbox acked=3 sent=3 put=3 bytes=0>"
    assert list(mailbox.take(1_000)) == []


def test_take_gives_about_so_many_bytes_and_leaves_the_rest() -> None:
    """
    The rest waits in its order, and its bytes still count.
    """
    mailbox = mailbox_with(5, size=10)
    assert numbers(mailbox.take(25)) == [1, 2]
    assert repr(mailbox) == "<Mailbox acked=2 sent=2 put=5 bytes=30>"
    assert numbers(mailbox.take(30)) == [3, 4, 5]


def test_take_gives_one_message_when_even_that_is_too_long() -> None:
    """
    A listener never waits for room that will not come.
    """
    assert numbers(mailbox_with(2, size=10).take(1)) == [1]


def test_take_does_not_move_sent_back() -> None:
    """
    After a poll that was sent more, acked <= sent still holds and sent stays.
    """
    mailbox = mailbox_with(4, size=10)
    fetch(mailbox)
    mailbox.take(10)
    assert standing(mailbox) == (1, 4, 4)


# --- its life


def test_deadline_is_a_window_after_the_poll_began() -> None:
    """
    A parked poll is to be looked at when its window is over.
    """
    mailbox = Mailbox(Limits(window_ms=3_000))
    ask(mailbox, now=100.0)
    assert mailbox.deadline() == 103.0


def test_deadline_is_the_next_one_of_all_who_wait() -> None:
    """
    In a storm several polls wait, each for its own deadline.
    """
    mailbox = Mailbox(Limits())
    asked = [ask(mailbox, now=0.01 * number) for number in range(TAKEOVERS_A_SECOND + 3)]
    first = next(one for one in asked if one.state == "PARKED")
    assert mailbox.deadline() == first.poll.deadline


def test_deadline_is_never_while_a_request_is_under_way() -> None:
    """
    A POST that takes its time keeps the session alive.
    """
    mailbox = Mailbox(Limits())
    mailbox.begin_request()
    assert mailbox.deadline() == NEVER
    assert not mailbox.expire(1e9)


def test_expire_answers_a_poll_when_its_window_is_over() -> None:
    """
    At its deadline a poll goes with 204 and the cursor that it brought, not before.
    """
    mailbox = mailbox_with(1)
    fetch(mailbox)
    asking = ask(mailbox, 1)
    mailbox.expire(WINDOW_S - 0.001)
    assert asking.state == "PARKED"
    assert not mailbox.expire(WINDOW_S)
    assert (asking.state, asking.calls) == ("READY", 1)
    answer = asking.answer(WINDOW_S)
    assert (answer.status, answer.cursor) == (204, 1)


@pytest.mark.parametrize("way", ["answered", "abandoned", "posted"])
def test_expire_says_so_one_and_a_half_windows_after_the_last_request_ended(way: str) -> None:
    """
    The time runs from the end of a request, a poll's or a POST's, not from its beginning.
    """
    mailbox = mailbox_with(1)
    if way == "posted":
        mailbox.begin_request()
        mailbox.end_request(8.0)
    else:
        poll = ask(mailbox).poll
        (mailbox.answer if way == "answered" else mailbox.abandon)(poll, 8.0)
    last = 8.0 + 1.5 * WINDOW_S
    assert mailbox.deadline() == last
    assert (mailbox.expire(last - 0.001), mailbox.expire(last)) == (False, True)


def test_expire_waits_for_the_last_of_several_requests() -> None:
    """
    While one request is under way the end of another starts no time.
    """
    mailbox = Mailbox(Limits())
    ask(mailbox)
    mailbox.begin_request()
    mailbox.end_request(1.0)
    assert mailbox.deadline() == WINDOW_S
    assert not mailbox.expire(1e9)


def test_close_wakes_whoever_waits_once() -> None:
    """
    The one in line and those that wait out their window are told why, at once.
    """
    mailbox = Mailbox(Limits())
    *_, older, newest = [ask(mailbox) for _ in range(TAKEOVERS_A_SECOND + 2)]
    mailbox.close(DISCONNECTED)
    mailbox.close(RESTARTING)
    for asking in (older, newest):
        answer = asking.answer(0.0)
        assert (asking.calls, answer.status, answer.reason) == (1, 500, DISCONNECTED)


def test_close_is_told_once_and_to_whom_it_concerns() -> None:
    """
    `on_close` gets the first reason.
    """
    reasons = list[Reason]()
    mailbox = Mailbox(Limits(), reasons.append)
    mailbox.close(DISCONNECTED)
    mailbox.close(RESTARTING)
    assert reasons == [DISCONNECTED]


def test_close_leaves_a_listener_what_was_put_before() -> None:
    """
    A WebSocket writes the last messages, then the close.
    """
    mailbox, calls = Mailbox(Limits()), list[object]()
    mailbox.listen(lambda: calls.append(mailbox.end))
    mailbox.put(letter(1))
    mailbox.close(DISCONNECTED)
    assert calls == [None, DISCONNECTED]
    assert numbers(mailbox.take(1_000)) == [1]


def test_close_leaves_polls_what_was_put_before() -> None:
    """
    A poll gets the last messages, as often as it asks, and then the end.
    """
    mailbox = mailbox_with(2)
    mailbox.close(DISCONNECTED)
    mailbox.put(letter(3))
    assert fetch(mailbox) == fetch(mailbox) == (200, 2, [1, 2])
    assert not mailbox.is_through
    answer = ask(mailbox, 2).answer(0.0)
    assert (answer.status, answer.reason, mailbox.is_through) == (500, DISCONNECTED, True)


def test_close_lets_an_old_poll_go_on_to_what_is_left() -> None:
    """
    A repeated poll of a closed mailbox gets 204 at the floor, as of a living one.
    """
    mailbox = mailbox_with(2)
    fetch(mailbox)
    mailbox.acknowledge(1)
    mailbox.close(DISCONNECTED)
    answer = ask(mailbox, 0).answer(0.0)
    assert (answer.status, answer.cursor, answer.reason) == (204, 1, None)


@pytest.mark.parametrize("reason", sorted(SILENT_ENDS, key=lambda reason: reason.code))
@pytest.mark.parametrize("ended_before", [True, False])
def test_close_leaves_nothing_when_nobody_is_to_have_it(reason: Reason, ended_before: bool) -> None:
    """
    A client that is gone, or that has a hole, holds no memory; the first reason stands.
    """
    mailbox = mailbox_with(2)
    if ended_before:
        mailbox.close(DISCONNECTED)
    mailbox.close(reason)
    answer = ask(mailbox).answer(0.0)
    assert (answer.status, list(answer.frames)) == (500, [])
    assert answer.reason is (DISCONNECTED if ended_before else reason)


def test_close_of_a_slow_listener_lets_go_of_everything() -> None:
    """
    A client that does not read holds no memory any longer.
    """
    mailbox = Mailbox(Limits(max_mailbox_messages=1))
    mailbox.listen(lambda: None)
    mailbox.put(letter(1))
    mailbox.put(letter(2))
    assert (mailbox.end, list(mailbox.take(1_000))) == (SLOW_CONSUMER, [])


def test_repr_counts_and_does_not_tell() -> None:
    """
    A mailbox in a log line shows how much waits, not what.
    """
    mailbox = Mailbox(Limits())
    mailbox.put(Frame(b"secret", orjson.dumps("secret")))
    assert repr(mailbox) == "<Mailbox acked=0 sent=0 put=1 bytes=6>"
