"""
A session as a test drives it: messages in, what the client would read out.
"""

from __future__ import annotations

from typing import Any

import orjson

from notifier.protocol import Message, Payload, Ref, serializer_for
from notifier.session import Command, Deliver, Join, Limits, Seat, Session


def serve(topic: str) -> bool:
    """
    Serve `room:*`.
    """
    return topic.startswith("room:")


def open_session(limits: Limits | None = None, vsn: str = "2.0.0") -> Session:
    serializer = serializer_for(vsn)
    assert serializer is not None
    return Session("s1", serializer, limits or Limits(), serve)


def receive(
    session: Session,
    event: str,
    topic: str = "room:a",
    *,
    join_ref: Ref = "1",
    ref: Ref = "2",
    payload: Payload = None,
) -> Command | None:
    return session.receive(Message(join_ref, ref, topic, event, payload or {}))


def start_join(
    session: Session, topic: str = "room:a", join_ref: Ref = "1", ref: Ref = "1"
) -> Join:
    command = receive(session, "phx_join", topic, join_ref=join_ref, ref=ref)
    assert isinstance(command, Join)
    return command


def join(session: Session, topic: str = "room:a", join_ref: Ref = "1", ref: Ref = "1") -> Seat:
    """
    Join and accept, and leave nothing of it in the mailbox.
    """
    seat = start_join(session, topic, join_ref, ref).seat
    session.accept(seat, {})
    taken(session)
    return seat


def delivered(command: Command | None) -> tuple[Seat, str]:
    assert isinstance(command, Deliver)
    return command.seat, command.message.event


def taken(session: Session) -> list[Any]:
    """
    Take what waits, as the client reads it.
    """
    return [orjson.loads(frame.data) for frame in session.mailbox.take(10**9)]
