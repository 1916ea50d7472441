"""
The receivers of each topic.
"""

from __future__ import annotations

from engine.actors import TOPIC, Ear
from notifier.engine import Publication
from notifier.engine.receivers import Receivers

PUBLICATION = Publication(TOPIC, "e", {})


def test_hand_out_calls_each_in_the_order_of_coming() -> None:
    """
    The sessions that they reached are added up.
    """
    receivers, called = Receivers(), list[int]()
    for number in (2, 1):
        receivers.add(TOPIC, lambda _, number=number: called.append(number) or number)
    assert (receivers.hand_out(PUBLICATION), called) == (3, [2, 1])


def test_hand_out_calls_who_is_there_when_it_begins() -> None:
    """
    A receiver may leave, and others come, while it is called.
    """
    receivers, ear = Receivers(), Ear()

    def leave(publication: Publication) -> int:
        receivers.remove(TOPIC, leave)
        receivers.add(TOPIC, Ear())
        return 1

    receivers.add(TOPIC, leave)
    receivers.add(TOPIC, ear)
    assert receivers.hand_out(PUBLICATION) == 2
    assert ear.heard == [PUBLICATION]


def test_topic_is_forgotten_when_its_last_receiver_left() -> None:
    """
    To leave twice is no mistake.
    """
    receivers, ear = Receivers(), Ear()
    receivers.add(TOPIC, ear)
    assert repr(receivers) == "<Receivers 1 topics>"
    receivers.remove(TOPIC, ear)
    receivers.remove(TOPIC, ear)
    assert (len(receivers), receivers.hand_out(PUBLICATION)) == (0, 0)
