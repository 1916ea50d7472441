"""
A session's WebSockets: probes, turns, counts, and what is given up.
"""

from __future__ import annotations

import json

import pytest
from notifier_client.attachment import ACK_BYTES, State
from notifier_client.reasons import GIVEN_UP, GONE, GOODBYE, HOLE, Reason
from notifier_client.requests import Poll

from client_python.drive import Drive, control, news


def test_candidate_is_live_once_it_is_resumed() -> None:
    """
    The probe is answered with the counts; then what the server has not is written.
    """
    drive = Drive().opened()
    drive.put(1, 2)
    ws = drive.candidate()
    assert drive.frames(ws) == []
    drive.frame(ws, control("probe"))
    assert drive.frames(ws) == [("ack", {"seq": 0, "turn": 1})]
    assert drive.session.attachments.current is None
    drive.frame(ws, control("resumed", seq=0, received=1, token="nts_u"))
    assert drive.frames(ws) == [("say", 2)]
    assert (drive.session.ledger.token, drive.session.attachments.current) == ("nts_u", ws)
    drive.frame(ws, news(1))
    assert drive.got() == [1]


def test_polling_rests_beside_a_live_websocket() -> None:
    drive = Drive().opened()
    (poll,) = drive.requests()
    drive.live()
    drive.answer(poll, 204, token="nts_t", seq=1, received=0, transport="websocket")
    assert drive.requests() == []


def test_polling_goes_on_when_the_websocket_is_given_up() -> None:
    """
    With a turn that takes the session back, and a close that is no goodbye.
    """
    drive = Drive().opened()
    (poll,) = drive.requests()
    ws = drive.live()
    drive.answer(poll, 204, token="nts_t", seq=1, received=0, transport="websocket")
    drive.session.attachments.give_up(ws, "slow", drive.now)
    drive.pass_time(1)
    (poll,) = drive.requests()
    assert isinstance(poll, Poll)
    assert (poll.turn, ws.close_code, ws.state) == (2, GIVEN_UP, State.GONE)


def test_told_websocket_without_one_it_polls_again() -> None:
    """
    The answer was delayed, the WebSocket it speaks of has gone.
    """
    drive = Drive().opened()
    (poll,) = drive.requests()
    ws = drive.candidate()
    drive.frame(ws, control("probe"))
    drive.session.gone(ws, drive.now)
    drive.answer(poll, 204, token="nts_t", seq=1, received=0, transport="websocket")
    drive.pass_time(1)
    assert len(drive.requests()) == 1


def test_nothing_is_freed_while_undecided() -> None:
    """
    `resumed` may count from below what a POST was answered meanwhile.
    """
    drive = Drive().opened()
    drive.put(1, 2)
    post, _ = drive.requests()
    ws = drive.candidate()
    drive.frame(ws, control("probe"))
    drive.answer(post, 200, received=2)
    drive.frames(ws)
    drive.frame(ws, control("resumed", seq=0, received=0, token="nts_t"))
    assert drive.frames(ws) == [("say", 1), ("say", 2)]
    assert drive.session.ledger.mailbox.base == 2


def test_messages_on_a_websocket_are_counted_from_its_own_start() -> None:
    """
    What it brings again is dropped.
    """
    drive = Drive().opened()
    (poll,) = drive.requests()
    ws = drive.candidate()
    drive.frame(ws, control("probe"))
    drive.answer(poll, 200, token="nts_t", seq=1, received=0, frames=[news(1), news(2)])
    drive.frame(ws, control("resumed", seq=0, received=0, token="nts_t"))
    for number in (1, 2, 3):
        drive.frame(ws, news(number))
    assert drive.got() == [1, 2, 3]


@pytest.mark.parametrize(("seq", "received"), [(1, 0), (0, 1)])
def test_resumed_above_what_there_is_is_a_hole(seq: int, received: int) -> None:
    drive = Drive().opened()
    ws = drive.candidate()
    drive.frame(ws, control("probe"))
    drive.frame(ws, control("resumed", seq=seq, received=received, token="nts_t"))
    assert drive.session.end is HOLE


def test_messages_are_acknowledged_in_number_and_in_time() -> None:
    """
    After 32 of them, and within 5 s.
    """
    drive = Drive().opened()
    ws = drive.live()
    for number in range(1, 34):
        drive.frame(ws, news(number))
    assert drive.frames(ws) == [("ack", {"seq": 32})]
    assert drive.session.deadline() == drive.now + 5
    drive.pass_time(5)
    assert drive.frames(ws) == [("ack", {"seq": 33})]


def test_large_messages_are_acknowledged_sooner() -> None:
    """
    The server keeps 8 MB at most of what is not.
    """
    drive = Drive().opened()
    ws = drive.live()
    large = json.dumps([None, None, "t", "e", {"x": "x" * (ACK_BYTES // 2)}])
    for number in (1, 2, 3):
        drive.frame(ws, large)
        assert drive.frames(ws) == ([("ack", {"seq": 2})] if number == 2 else [])


def test_silent_websocket_is_asked_and_then_given_up() -> None:
    """
    A heartbeat after 30 s; 10 s later polling goes on.
    """
    drive = Drive().opened()
    ws = drive.live()
    drive.pass_time(30)
    assert drive.frames(ws) == [("heartbeat", {})]
    drive.pass_time(10)
    assert (ws.state, ws.close_code) == (State.GONE, GIVEN_UP)
    assert len(drive.requests()) == 2


def test_any_frame_is_a_sign_of_life() -> None:
    drive = Drive().opened()
    ws = drive.live()
    drive.pass_time(30)
    drive.frame(ws, control("ack", received=0))
    drive.pass_time(10)
    assert ws.state is State.LIVE


def test_candidate_that_never_answers_is_given_up_and_another_tried() -> None:
    """
    With pauses that grow, and never for good.
    """
    drive = Drive().opened()
    pauses = []
    for _ in range(12):
        ws = drive.candidate()
        drive.pass_time(10)
        assert ws.state is State.GONE
        pauses.append(drive.session.attachments.candidate_at - drive.now)
        drive.pass_time(pauses[-1])
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == 300


def test_pause_begins_anew_after_a_websocket_that_lived() -> None:
    """
    One that is cut soon after its 101 counts as failed, so that a client does not flap.
    """
    drive = Drive().opened()
    for seconds, expected in ((0.3, 1), (0.3, 2), (31, 1)):
        ws = drive.live()
        drive.now += seconds
        drive.session.gone(ws, drive.now)
        assert drive.session.attachments.candidate_at - drive.now == pytest.approx(expected)
        drive.pass_time(expected)


def test_close_says_goodbye_behind_the_last_message() -> None:
    drive = Drive().opened()
    ws = drive.live()
    drive.put(1)
    drive.session.close()
    assert drive.frames(ws) == [("say", 1)]
    assert ws.close_code == GOODBYE


def test_session_that_is_gone_is_told_where_there_is_no_polling() -> None:
    """
    4410 is the only word that a client without polls gets.
    """
    drive = Drive("websocket")
    ws = drive.candidate()
    drive.frame(ws, control("resumed", seq=0, received=0, token="nts_t"))
    drive.session.gone(ws, drive.now)
    drive.pass_time(5)
    drive.session.gone(drive.candidate(), drive.now, GONE)
    assert drive.session.end is not None
    assert drive.session.end.code == "session_gone"


def test_refused_handshake_is_final_where_there_is_no_polling() -> None:
    """
    In "auto" it may be a proxy's no.
    """
    no = Reason("connect_refused", is_final=True)
    drive = Drive("websocket")
    drive.session.gone(drive.candidate(), drive.now, refusal=no)
    assert drive.session.end is no
    drive = Drive().opened()
    drive.session.gone(drive.candidate(), drive.now, refusal=no)
    assert drive.session.end is None


def test_plain_server_is_known_by_its_answer() -> None:
    """
    No `resumed` comes: a heartbeat is asked, and its reply opens a session as Phoenix has it.
    """
    drive = Drive("websocket")
    drive.put(1)
    ws = drive.candidate()
    assert drive.frames(ws) == []
    drive.pass_time(3)
    assert drive.frames(ws) == [("heartbeat", {})]
    drive.frame(ws, '[null,"heartbeat","phoenix","phx_reply",{"status":"ok","response":{}}]')
    assert drive.frames(ws) == [("say", 1)]
    drive.frame(ws, news(1))
    assert drive.got() == [1]
    drive.session.gone(ws, drive.now)
    assert drive.session.end is not None
    assert drive.session.end.code == "lost"


@pytest.mark.parametrize("frame", [news(1), "{", control("resumed", seq="1")])
def test_frame_that_must_not_come_ends_the_session(frame: str) -> None:
    drive = Drive().opened()
    drive.frame(drive.candidate(), frame)
    assert drive.session.end is not None
    assert drive.session.end.code == "protocol_error"
