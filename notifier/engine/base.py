"""
The contract of an engine: what carries messages between channels and nodes.

One engine serves one process; several processes share a Redis. A command to
other nodes (such as: end the sessions of one user) is a publication on a topic
that no channel serves, to which those subscribe whom it concerns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from attrs import field, frozen

from notifier.errors import describe
from notifier.protocol import Payload


@frozen
class Retention:
    """
    How much of a topic's log is kept: the newest `max_count` messages that are
    no older than `max_age_s` seconds.
    """

    max_count: int = 1_000
    max_age_s: float = 86_400.0


@frozen
class Publication:
    """
    One published message as every node receives it.

    `id` is set on a logged topic. `sender` names the one subscriber that is
    not to get it (broadcast_from), or nobody.
    """

    topic: str
    event: str
    payload: Payload = field(repr=describe)
    id: str | None = None
    sender: str | None = None


@frozen
class Receipt:
    """
    What became of a publication: its id on a logged topic, and how many
    sessions it was handed to.
    """

    id: str | None
    reached: int


@frozen
class Page:
    """
    A stretch of a topic's log, oldest first.

    `recovered` is False where `since` does not lie within the log, so that
    something may be missing; `head` is the newest id of the log, or where it
    begins while it is empty.
    """

    publications: Sequence[Publication]
    recovered: bool
    head: str


Receiver = Callable[[Publication], int]
"""Takes a publication, returns how many sessions it was handed to. Never raises."""


class Engine(ABC):
    """
    Publishes, subscribes, and keeps the logs of the topics that ask for one.
    """

    @abstractmethod
    async def publish(
        self, publication: Publication, retention: Retention | None = None
    ) -> Receipt:
        """
        Hand a publication to every subscriber of its topic, in one order for all.

        With `retention` the topic is logged: the publication gets an id, which
        also becomes the key `id` of its payload. Only object payloads are
        logged. It is delivered after it is stored.
        """

    @abstractmethod
    async def subscribe(self, topic: str, receiver: Receiver) -> None:
        """
        Call `receiver` for every publication on `topic` from now on.

        Once this returns, whatever is published reaches the receiver.
        """

    @abstractmethod
    async def unsubscribe(self, topic: str, receiver: Receiver) -> None:
        """
        End a subscription. Idempotent.
        """

    @abstractmethod
    async def read(self, topic: str, since: str, limit: int) -> Page:
        """
        Read up to `limit` publications of a log that come after the id `since`.
        """

    @abstractmethod
    async def head(self, topic: str) -> str:
        """
        Tell the newest id of a log, or where it begins while it is empty.
        """

    async def close(self) -> None:
        """
        Let go of connections and files. Idempotent.
        """
        return
