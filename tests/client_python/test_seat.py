"""
One topic: joins, what belongs to them, and ids.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from notifier_client.message import Message
from notifier_client.seat import Closed, Crashed, Joined, Refused, Seat, State


def reply(seat: Seat, response: Any = None, status: str = "ok") -> Message:
    payload = {"status": status, "response": response or {}}
    return Message(seat.join_ref, seat.join_ref, "room:a", "phx_reply", payload)


def news(id: str | None = None, join_ref: str | None = None) -> Message:
    return Message(join_ref, None, "room:a", "news", {} if id is None else {"id": id})


def joined(response: Any = None, **more: Any) -> Seat:
    seat = Seat("room:a", {}, **more)
    seat.join("1")
    seat.receive(reply(seat, response))
    return seat


def test_join_carries_params_and_since() -> None:
    """
    The last id goes along from the second join on, or from the first if one was given.
    """
    seat = Seat("room:a", {"name": "ann"})
    assert seat.join("1").payload == {"name": "ann"}
    seat.receive(reply(seat, {"head": "005"}))
    assert seat.join("2").payload == {"name": "ann", "since": "005"}


def test_join_reply_tells_what_was_recovered() -> None:
    seat = Seat("room:a", {}, "003")
    seat.join("1")
    assert seat.receive(reply(seat, {"head": "005", "recovered": True})) == [
        Joined("room:a", "003", True, {"head": "005", "recovered": True})
    ]
    seat.join("2")
    (joined,) = seat.receive(reply(seat, {"head": "005", "recovered": False}))
    assert isinstance(joined, Joined)
    assert joined.recovered is False
    seat.join("3")
    (joined,) = seat.receive(reply(seat))
    assert isinstance(joined, Joined)
    assert joined.recovered is None


def test_refused_join_is_told() -> None:
    seat = Seat("room:a", {})
    seat.join("1")
    assert seat.receive(reply(seat, {"reason": "no"}, "error")) == [Refused({"reason": "no"})]
    assert seat.state is State.OUT


def test_message_of_another_join_is_dropped() -> None:
    """
    A join_ref that is not the newest is an older join's; null is for whoever has joined.
    """
    seat = joined()
    seat.join("2")
    seat.receive(reply(seat))
    assert seat.receive(news(join_ref="1")) == []
    assert len(seat.receive(news())) == len(seat.receive(news(join_ref="2"))) == 1


def test_close_of_an_older_join_is_dropped() -> None:
    """
    A second join is answered with the first one's phx_close, too.
    """
    seat = joined()
    seat.join("2")
    assert seat.receive(Message("1", "1", "room:a", "phx_close", {})) == []
    seat.receive(reply(seat))
    assert seat.receive(Message("2", "2", "room:a", "phx_error", {})) == [Crashed()]


def test_close_ends_the_seat() -> None:
    seat = joined()
    assert seat.receive(Message("1", "1", "room:a", "phx_close", {})) == [Closed()]
    seat.lost()
    assert seat.state is State.CLOSED


def test_what_comes_before_the_reply_is_held() -> None:
    """
    Without a history it follows the reply; with one it comes by itself.
    """
    for response, follows in (({}, 1), ({"head": "001"}, 0)):
        seat = Seat("room:a", {})
        seat.join("1")
        assert seat.receive(news("001")) == []
        assert len(seat.receive(reply(seat, response))) == 1 + follows


def test_id_that_is_not_above_the_last_is_dropped() -> None:
    seat = joined({"head": "005"})
    assert [len(seat.receive(news(id))) for id in ("004", "005", "006", "006", "007")] == [
        0,
        0,
        1,
        0,
        1,
    ]
    assert seat.last_id == "007"


def test_id_is_the_applications_own_without_a_history() -> None:
    """
    Nor is one of another width an id of the log.
    """
    seat = joined()
    assert len(seat.receive(news("b"))) == len(seat.receive(news("a"))) == 1
    assert seat.last_id is None
    seat = joined({"head": "005"})
    assert len(seat.receive(news("z"))) == 1
    assert seat.last_id == "005"


def test_log_that_began_anew_is_followed() -> None:
    """
    With a head below our last id and nothing recovered, the head is where to go on.
    """
    seat = joined({"head": "009"})
    seat.join("2")
    seat.receive(reply(seat, {"head": "002", "recovered": False}))
    assert len(seat.receive(news("003"))) == 1


def test_seat_that_lags_takes_nothing() -> None:
    seat = joined({"head": "001"})
    seat.lag()
    assert seat.receive(news("002")) == []
    assert seat.join("2").payload == {"since": "001"}


@given(st.lists(st.sampled_from(["publish", "lose", "lag", "repeat"]), max_size=40))
def test_each_message_comes_once_whatever_happens(events: list[str]) -> None:
    """
    A log that keeps all, and a seat that is lost or lags: nothing is missed or doubled.
    """
    log: list[str] = []
    seat, refs, got = joined({"head": "000"}), 1, []

    def rejoin() -> None:
        nonlocal refs
        refs += 1
        since = seat.join(str(refs)).payload["since"]
        seat.receive(reply(seat, {"head": log[-1] if log else "000", "recovered": True}))
        for id in log:
            if id > since:
                receive(news(id, str(refs)))

    def receive(message: Message) -> None:
        got.extend(one.id for one in seat.receive(message) if isinstance(one, Message))

    for event in events:
        if event == "publish":
            log.append(f"{len(log) + 1:03}")
            receive(news(log[-1]))
        elif event == "lose":
            seat.lost()
        elif event == "lag" and seat.state is State.JOINED:
            seat.lag()
        elif event == "repeat":
            rejoin()
    rejoin()
    assert got == log
