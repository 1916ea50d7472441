"""
The contract of an engine: what carries messages between channels and nodes.

One engine serves one process; several processes share a Redis. A command to
other nodes (such as: end the sessions of one user) is a publication on a topic
that no channel serves, to which those subscribe whom it concerns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

from attrs import Attribute, evolve, field, frozen

from notifier.errors import describe
from notifier.protocol import Payload

_FOREVER: Final = 2**53
"""Counts and milliseconds are stored as 64 bits; beyond this it is all the same."""

MAX_PAGE_BYTES: Final = 262_144
"""What the messages of a page hold together, as they are stored (JSON, in UTF-8),
so that no reader takes up much memory and time. What is more is for the next
page; a message that is larger is a page of its own."""


@frozen
class Retention:
    """
    How much of a topic's log is kept: the newest `max_count` messages that are
    no older than `max_age_s` seconds.

    The age counts from the time in a message's id, to the millisecond: that
    never runs back, so that a log always loses its oldest.
    """

    max_count: int = field(default=1_000)
    max_age_s: float = field(default=86_400.0)

    @max_count.validator
    def _check_count(self, attribute: Attribute[int], value: int) -> None:
        if not value >= 1:
            raise ValueError(f"{attribute.name}: expected 1 or more, got {value}")

    @max_age_s.validator
    def _check_age(self, attribute: Attribute[float], value: float) -> None:
        if not value >= 0:
            raise ValueError(f"{attribute.name}: expected 0 or more, got {value}")

    @property
    def count(self) -> int:
        """
        The count as a whole number of 64 bits.
        """
        return int(min(self.max_count, _FOREVER))

    @property
    def age_ms(self) -> int:
        """
        The age as a whole number of 64 bits, in milliseconds.
        """
        return int(min(self.max_age_s * 1000, _FOREVER))

    def oldest(self, now: float) -> str:
        """
        Tell what the ids begin with that are just young enough at `now`: less is too old.
        """
        return f"{max(0, int(now * 1000) - self.age_ms):012x}"


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

    def with_id(self, id: str) -> Publication:
        """
        Make the publication as a log keeps it, its payload being an object.
        """
        return evolve(self, id=id, payload={**self.payload, "id": id})


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
    begins while it is empty. `is_last` is True where the log holds nothing
    between the last publication, or `since` if there is none, and `head`.
    """

    publications: Sequence[Publication]
    recovered: bool
    head: str
    is_last: bool


Receiver = Callable[[Publication], int]
"""Takes a publication, returns how many sessions it was handed to. Never raises,
and changes nothing of what it takes: others get the same object."""


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
        logged. It is delivered after it is stored, and only then does this
        return; what is not logged is delivered at once. The order of ids, of
        the log and of delivery is that of the calls; a caller that is cancelled
        may have published all the same.

        What is logged is stored and delivered as it is at the call, in JSON's
        own values: a copy, which the caller cannot change afterwards. What is
        not logged is handed on as the very object: leave it as it is.

        Each publication trims its topic's log to the count and the age of the
        retention that it brings. Raises EngineError where it could not be
        stored, TypeError for a payload and ValueError for a topic that no log
        can hold: then nobody gets it, and its id is never used.
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

        A page holds fewer where they are large: MAX_PAGE_BYTES, or one message.
        While it is not `is_last`, read on from its last publication.

        Holds all that was published before the call, with its sender, and
        nothing over the age of the topic's last retention, also where nobody
        has published since. What is over age is freed in time, not at once.

        Readers may share a page and what is in it: change nothing of it. The
        log would stay as it is. Raises EngineError where the log cannot be
        read, ValueError for what is no text.
        """

    @abstractmethod
    async def head(self, topic: str) -> str:
        """
        Tell the newest id of a log, or where it begins while it is empty.
        """

    async def close(self) -> None:
        """
        Finish what was begun, let go of connections and files. Idempotent.

        Whoever publishes or reads afterwards may get an EngineError.
        """
        return
