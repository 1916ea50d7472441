"""
Who listens in this process: the receivers of each topic.
"""

from __future__ import annotations

from attrs import define, field

from notifier.engine.base import Publication, Receiver


@define(eq=False, repr=False)
class Receivers:
    """
    The receivers that subscribed to each topic, in the order in which they came.
    """

    _topics: dict[str, list[Receiver]] = field(init=False, factory=dict)

    def __repr__(self) -> str:
        return f"<Receivers {len(self)} topics>"

    def __len__(self) -> int:
        return len(self._topics)

    def add(self, topic: str, receiver: Receiver) -> None:
        """
        Have `receiver` get what is handed out on `topic`.
        """
        self._topics.setdefault(topic, []).append(receiver)

    def remove(self, topic: str, receiver: Receiver) -> None:
        """
        Take a receiver out. Idempotent.
        """
        receivers = self._topics.get(topic, [])
        if receiver in receivers:
            receivers.remove(receiver)
            if not receivers:
                del self._topics[topic]

    def hand_out(self, publication: Publication) -> int:
        """
        Call every receiver of the topic; tell how many sessions got it.
        """
        receivers = self._topics.get(publication.topic, ())
        return sum(receiver(publication) for receiver in tuple(receivers))
