"""
A session: each fact of the recorded conversations, then random ones against a model.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from notifier.protocol import Broadcast, Message, Ref
from notifier.protocol.events import PHX_LEAVE
from notifier.protocol.reasons import CLIENT_CLOSED, DISCONNECTED, SLOW_CONSUMER
from notifier.session import Command, Deliver, Join, Limits, Seat, Session
from session.drive import delivered, join, open_session, receive, start_join, taken

# --- without a channel


@pytest.mark.parametrize("ref", ["7", 7, 1.5, None], ids=repr)
def test_heartbeat_is_answered_with_null_for_join_ref(ref: Ref) -> None:
    """
    The reply to a heartbeat has join_ref null and the ref as it came.
    """
    session = open_session()
    assert receive(session, "heartbeat", "phoenix", join_ref="9", ref=ref) is None
    assert taken(session) == [[None, ref, "phoenix", "phx_reply", {"status": "ok", "response": {}}]]


def error(reason: str) -> dict[str, Any]:
    return {"status": "error", "response": {"reason": reason}}


@pytest.mark.parametrize(
    ("event", "topic"),
    [
        ("phx_join", "hall:a"),
        ("new_msg", "hall:a"),
        ("new_msg", "room:a"),
        ("heartbeat", "room:a"),
        ("new_msg", "phoenix"),
        ("phx_join", "phoenix"),
        ("phx_join", ""),
    ],
)
def test_topic_without_a_channel_is_unmatched(event: str, topic: str) -> None:
    """
    Whatever is asked of a topic that is not served, or not joined, is unmatched.
    """
    session = open_session()
    assert receive(session, event, topic) is None
    assert taken(session) == [[None, "2", topic, "phx_reply", error("unmatched topic")]]


@pytest.mark.parametrize("topic", ["room:a", "hall:a", "phoenix"])
def test_leave_is_ok_when_the_topic_was_never_joined(topic: str) -> None:
    """
    One who is not there has left.
    """
    session = open_session()
    assert receive(session, "phx_leave", topic) is None
    assert taken(session) == [["1", "2", topic, "phx_reply", {"status": "ok", "response": {}}]]


# --- joins


def test_join_gives_a_seat_and_answers_nothing_yet() -> None:
    """
    The channel decides: until it does the client hears nothing.
    """
    session = open_session()
    command = receive(session, "phx_join", join_ref="1", ref="2", payload={"a": 1})
    assert isinstance(command, Join)
    assert (command.payload, command.replaced, command.seat.topic) == ({"a": 1}, None, "room:a")
    assert taken(session) == []


@pytest.mark.parametrize("join_ref", ["1", 1, 1.5, None], ids=repr)
def test_accept_answers_a_join_with_its_refs(join_ref: Ref) -> None:
    """
    The reply to a join has join_ref and ref as they came.
    """
    session = open_session()
    session.accept(start_join(session, join_ref=join_ref, ref="7").seat, {"users": 3})
    reply = {"status": "ok", "response": {"users": 3}}
    assert taken(session) == [[join_ref, "7", "room:a", "phx_reply", reply]]


def test_refuse_answers_a_join_with_an_error_and_frees_its_place() -> None:
    """
    After a refused join the topic is as if never joined.
    """
    session = open_session()
    seat = start_join(session).seat
    session.refuse(seat, {"reason": "unauthorized"})
    assert taken(session) == [["1", "1", "room:a", "phx_reply", error("unauthorized")]]
    assert not session.holds(seat)
    receive(session, "new_msg")
    assert taken(session) == [[None, "2", "room:a", "phx_reply", error("unmatched topic")]]


def test_join_of_a_joined_topic_replaces_its_channel() -> None:
    """
    First the new join's reply, then the old channel's close, each with its own refs.
    """
    session = open_session()
    old = join(session, join_ref="1", ref="1")
    command = start_join(session, join_ref="5", ref="6")
    assert command.replaced is old
    session.accept(command.seat, {})
    session.vacate(old)
    assert taken(session) == [
        ["5", "6", "room:a", "phx_reply", {"status": "ok", "response": {}}],
        ["1", "1", "room:a", "phx_close", {}],
    ]
    assert session.holds(command.seat)


def test_join_is_answered_once_when_it_was_replaced_before_its_answer() -> None:
    """
    What a replaced join still wants to say is dropped, its yes and its no and its end.
    """
    session = open_session()
    old = start_join(session, join_ref="1").seat
    new = start_join(session, join_ref="2").seat
    session.accept(old, {})
    session.refuse(old, {})
    session.vacate(old)
    assert taken(session) == []
    assert session.holds(new)


def test_join_over_the_limit_is_an_error() -> None:
    """
    One channel more than the limit is refused with both refs of its join.
    """
    session = open_session(Limits(max_channels=2))
    join(session, "room:a")
    join(session, "room:b")
    assert receive(session, "phx_join", "room:c", join_ref="8", ref="9") is None
    assert taken(session) == [["8", "9", "room:c", "phx_reply", error("too many channels joined")]]


def test_join_at_the_limit_works_when_it_replaces() -> None:
    """
    A rejoin takes no further place.
    """
    session = open_session(Limits(max_channels=1))
    old = join(session)
    assert start_join(session, join_ref="5").replaced is old


@pytest.mark.parametrize("way", ["refused", "left", "crashed"])
def test_join_finds_room_when_another_has_ended(way: str) -> None:
    """
    Every end of a channel frees its place.
    """
    session = open_session(Limits(max_channels=1))
    seat = start_join(session).seat
    if way == "refused":
        session.refuse(seat, {})
    else:
        session.vacate(seat, crashed=way == "crashed")
    assert start_join(session, "room:b").replaced is None


# --- messages


@pytest.mark.parametrize("event", ["new_msg", "phx_leave", "heartbeat", "phx_close"])
@pytest.mark.parametrize("join_ref", ["1", None], ids=repr)
def test_message_is_delivered_when_its_join_ref_is_the_channels_or_null(
    event: str, join_ref: Ref
) -> None:
    """
    The current join_ref and none at all reach the channel.
    """
    session = open_session()
    seat = join(session)
    assert delivered(receive(session, event, join_ref=join_ref)) == (seat, event)
    assert taken(session) == []


@pytest.mark.parametrize("event", ["new_msg", "phx_leave"])
@pytest.mark.parametrize("join_ref", ["0", "", 1, 1.0, "1 "], ids=repr)
def test_message_is_dropped_in_silence_when_its_join_ref_is_stale(
    event: str, join_ref: Ref
) -> None:
    """
    Another join_ref, also one of another JSON type, belongs to a join that is over.
    """
    session = open_session()
    join(session, join_ref="1")
    assert receive(session, event, join_ref=join_ref) is None
    assert taken(session) == []


@pytest.mark.parametrize("join_ref", [1, 1.0], ids=repr)
def test_message_is_delivered_when_its_number_is_the_same(join_ref: Ref) -> None:
    """
    1 and 1.0 are one number in JSON.
    """
    session = open_session()
    seat = join(session, join_ref=1)
    assert delivered(receive(session, "new_msg", join_ref=join_ref))[0] is seat


def test_message_is_delivered_before_the_join_is_answered() -> None:
    """
    A client that does not wait for the reply loses nothing: its message queues behind the join.
    """
    session = open_session()
    seat = start_join(session).seat
    assert delivered(receive(session, "new_msg")) == (seat, "new_msg")


def test_message_of_the_old_join_is_stale_at_once_when_it_is_replaced() -> None:
    """
    From the new join on the old join_ref is over, answered or not.
    """
    session = open_session()
    join(session, join_ref="1")
    new = start_join(session, join_ref="5").seat
    assert receive(session, "new_msg", join_ref="1") is None
    assert delivered(receive(session, "new_msg", join_ref="5"))[0] is new


def test_message_with_a_join_ref_is_stale_when_the_join_had_none() -> None:
    """
    A join with join_ref null is spoken to with null.
    """
    session = open_session()
    join(session, join_ref=None, ref="3")
    assert receive(session, "new_msg", join_ref="3") is None


@pytest.mark.parametrize(("event", "is_leave"), [("phx_leave", True), ("new_msg", False)])
def test_deliver_tells_a_leave(event: str, is_leave: bool) -> None:
    """
    A leave is told from a message by the command.
    """
    session = open_session()
    join(session)
    command = receive(session, event)
    assert isinstance(command, Deliver)
    assert (command.message.event == PHX_LEAVE) is is_leave


# --- ends of a channel


@pytest.mark.parametrize(
    ("crashed", "event", "payload"),
    [(False, "phx_close", {}), (True, "phx_error", {"reason": "channel_crash"})],
)
def test_vacate_tells_the_client_how_the_channel_ended(
    crashed: bool, event: str, payload: dict[str, str]
) -> None:
    """
    An ordinary end is phx_close, a crash is phx_error, both with the join_ref twice.
    """
    session = open_session()
    seat = join(session, join_ref="4", ref="5")
    session.vacate(seat, crashed=crashed)
    assert taken(session) == [["4", "4", "room:a", event, payload]]
    assert not session.holds(seat)


def test_vacate_says_it_once() -> None:
    """
    A channel that ends twice is told of once.
    """
    session = open_session()
    seat = join(session)
    session.vacate(seat)
    session.vacate(seat, crashed=True)
    assert len(taken(session)) == 1


def test_vacate_says_nothing_when_the_join_was_not_answered() -> None:
    """
    A client that was not told ok is not told of an end.
    """
    session = open_session()
    seat = start_join(session).seat
    session.vacate(seat)
    assert (taken(session), session.holds(seat)) == ([], False)


def test_seat_lends_its_ref_when_the_join_had_no_join_ref() -> None:
    """
    What such a channel pushes carries the join's ref, while the reply says null.
    """
    session = open_session()
    seat = join(session, join_ref=None, ref="3")
    assert seat.join_ref == "3"
    session.vacate(seat)
    assert taken(session) == [["3", "3", "room:a", "phx_close", {}]]


# --- the session's own end


def test_send_puts_the_encoded_message_into_the_mailbox() -> None:
    """
    What is sent waits in the form of the client's version.
    """
    session = open_session(vsn="1.0.0")
    session.send(Broadcast("room:a", "e", 1))
    assert taken(session) == [{"topic": "room:a", "event": "e", "payload": 1, "ref": None}]


def test_send_puts_nothing_when_json_cannot_hold_it() -> None:
    """
    An author's bad payload raises where it is sent, and costs nobody a message.
    """
    session = open_session()
    with pytest.raises(TypeError):
        session.send(Broadcast("room:a", "e", object()))
    assert session.mailbox.last == 0


@pytest.mark.parametrize("way", ["accept", "refuse"])
def test_join_can_still_be_answered_when_the_first_answer_was_no_json(way: str) -> None:
    """
    A response that JSON cannot hold leaves the seat as it was, for the error that follows.
    """
    session = open_session()
    seat = start_join(session).seat
    with pytest.raises(TypeError):
        getattr(session, way)(seat, object())
    session.refuse(seat, {"reason": "join crashed"})
    assert taken(session) == [["1", "1", "room:a", "phx_reply", error("join crashed")]]


def test_close_ends_it_and_the_first_reason_stays() -> None:
    """
    A session ends once; what comes after is not read and changes nothing.
    """
    session = open_session()
    join(session)
    session.close(DISCONNECTED)
    session.close(CLIENT_CLOSED)
    assert session.end is DISCONNECTED
    assert receive(session, "new_msg") is None
    assert receive(session, "phx_join", "room:b") is None
    assert (taken(session), session.mailbox.last) == ([], 1)


def test_session_ends_when_its_mailbox_overflows() -> None:
    """
    More than the mailbox holds ends the session as a slow consumer.
    """
    session = open_session(Limits(max_mailbox_messages=1))
    session.send(Broadcast("room:a", "e", 1))
    assert session.end is None
    session.send(Broadcast("room:a", "e", 2))
    assert session.end is SLOW_CONSUMER


def test_repr_counts_and_does_not_tell() -> None:
    """
    A session in a log line shows how much there is, not what.
    """
    session = open_session()
    join(session, "room:secret")
    session.send(Broadcast("room:secret", "e", "secret"))
    assert repr(session) == "<Session 1 channels <Mailbox acked=1 sent=1 put=2 bytes=38>>"


def test_session_survives_only_if_it_is_told_to() -> None:
    """
    A plain one has nothing that would.
    """
    session = open_session()
    assert session.resume is None
    assert session.survive() is session.resume


# --- random conversations

TOPICS = ["room:a", "room:b", "room:c", "hall:x", "phoenix"]
REFS: list[Ref] = [None, "1", "2", 1, 2, 1.0, ""]
MAX_CHANNELS = 2
any_topic, any_ref, some_event = (
    st.sampled_from(TOPICS),
    st.sampled_from(REFS),
    st.sampled_from(["new_msg", "phx_leave", "heartbeat"]),
)


@define(eq=False)
class Place:
    """
    What the model knows of one join.
    """

    seat: Seat = field(repr=False)
    topic: str
    join_ref: Ref
    ref: Ref
    answered: bool = False
    ended: bool = False

    @property
    def own_ref(self) -> Ref:
        return self.ref if self.join_ref is None else self.join_ref


def kind(ref: Ref) -> str:
    return "null" if ref is None else "string" if isinstance(ref, str) else "number"


def is_same(one: Ref, other: Ref) -> bool:
    return (kind(one), one) == (kind(other), other)


class Conversations(RuleBasedStateMachine):
    """
    Random joins, leaves, messages and ends, against tables of what is to happen.

    `current` is who holds a topic, `places` everybody who ever did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session: Session = open_session(Limits(max_channels=MAX_CHANNELS))
        self.current: dict[str, Place] = {}
        self.places: list[Place] = []
        self.expected: list[Any] = []

    def expect(self, join_ref: Ref, ref: Ref, topic: str, event: str, payload: object) -> None:
        self.expected.append([join_ref, ref, topic, event, payload])

    def expect_reply(self, join_ref: Ref, ref: Ref, topic: str, reason: str | None) -> None:
        ok = {"status": "ok", "response": {}}
        self.expect(join_ref, ref, topic, "phx_reply", ok if reason is None else error(reason))

    @rule(topic=any_topic, join_ref=any_ref, ref=any_ref)
    def join(self, topic: str, join_ref: Ref, ref: Ref) -> None:
        command = self.session.receive(Message(join_ref, ref, topic, "phx_join", {}))
        held = self.current.get(topic)
        if not topic.startswith("room:"):
            self.expect_reply(None, ref, topic, "unmatched topic")
            assert command is None
        elif held is None and len(self.current) == MAX_CHANNELS:
            self.expect_reply(join_ref, ref, topic, "too many channels joined")
            assert command is None
        else:
            assert isinstance(command, Join)
            assert command.replaced is (held.seat if held else None)
            self.current[topic] = Place(command.seat, topic, join_ref, ref)
            self.places.append(self.current[topic])

    @rule(topic=any_topic, event=some_event, join_ref=any_ref, ref=any_ref)
    def message(self, topic: str, event: str, join_ref: Ref, ref: Ref) -> None:
        message = Message(join_ref, ref, topic, event, {})
        command: Command | None = self.session.receive(message)
        held = self.current.get(topic)
        if held is None:
            assert command is None
            if (topic, event) == ("phoenix", "heartbeat"):
                self.expect_reply(None, ref, topic, None)
            elif event == "phx_leave":
                self.expect_reply(join_ref, ref, topic, None)
            else:
                self.expect_reply(None, ref, topic, "unmatched topic")
        elif join_ref is None or is_same(join_ref, held.join_ref):
            assert isinstance(command, Deliver)
            assert (command.seat, command.message) == (held.seat, message)
        else:
            assert command is None

    @precondition(lambda self: self.places)
    @rule(data=st.data(), yes=st.booleans())
    def answer(self, data: st.DataObject, yes: bool) -> None:
        place = data.draw(st.sampled_from(self.places))
        if place.answered or place.ended:
            return  # a channel answers its join once
        (self.session.accept if yes else self.session.refuse)(place.seat, {})
        if self.current.get(place.topic) is not place:
            return
        place.answered = yes
        status = "ok" if yes else "error"
        reply = {"status": status, "response": {}}
        self.expect(place.join_ref, place.ref, place.topic, "phx_reply", reply)
        if not yes:
            del self.current[place.topic]

    @precondition(lambda self: self.places)
    @rule(data=st.data(), crashed=st.booleans())
    def end(self, data: st.DataObject, crashed: bool) -> None:
        place = data.draw(st.sampled_from(self.places))
        self.session.vacate(place.seat, crashed=crashed)
        if place.answered and not place.ended:
            event = "phx_error" if crashed else "phx_close"
            payload = {"reason": "channel_crash"} if crashed else {}
            self.expect(place.own_ref, place.own_ref, place.topic, event, payload)
        place.ended = True
        if self.current.get(place.topic) is place:
            del self.current[place.topic]

    @invariant()
    def client_reads_what_the_model_says(self) -> None:
        got, self.expected, expected = taken(self.session), [], self.expected
        assert repr(got) == repr(expected)

    @invariant()
    def seats_are_held_by_whom_the_model_says(self) -> None:
        for place in self.places:
            is_current = self.current.get(place.topic) is place
            assert self.session.holds(place.seat) is is_current
        assert len(self.current) <= MAX_CHANNELS


Conversations.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestConversations: Any = Conversations.TestCase
