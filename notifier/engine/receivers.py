"""
Who listens in this process: the receivers of each topic.
"""

from __future__ import annotations

from notifier.engine.base import Publication, Receiver


class Receivers(dict[str, list[Receiver]]):
    """
    The receivers by topic, in the order in which they came; no topic is without one.
    """

    def __repr__(self) -> str:
        return f"<Receivers {len(self)} topics>"

    def add(self, topic: str, receiver: Receiver) -> None:
        """
        Have `receiver` get what is handed out on `topic`.
        """
        self.setdefault(topic, []).append(receiver)

    def remove(self, topic: str, receiver: Receiver) -> None:
        """
        Take a receiver out. Idempotent.
        """
        receivers = self.get(topic, [])
        if receiver in receivers:
            receivers.remove(receiver)
            if not receivers:
                del self[topic]

    def hand_out(self, publication: Publication) -> int:
        """
        Call every receiver of the topic; tell how many sessions got it.
        """
        receivers = self.get(publication.topic, ())
        return sum(receiver(publication) for receiver in tuple(receivers))
