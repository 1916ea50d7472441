"""
Whom a notice is for, and on which topics it goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from notifier.inbox.notice import InvalidNotice, is_text

USER_TOPIC: Final = "user:"

MAX_RECIPIENTS: Final = 1_000
"""Users of one sending, some 100 ms of work; more are refused, so send in parts."""

USER_ID_MAX_CHARACTERS: Final = 1_000
"""A user id is what the host application calls its user; a longer one is refused."""

TOPIC_MAX_CHARACTERS: Final = 1_000
"""A room's name is its topic; a longer one is refused."""


@frozen
class ToUsers:
    """
    For some users, each of whom gets a copy that waits until it was delivered.
    """

    ids: Sequence[str]

    def topics(self) -> list[str]:
        """
        Name the topics, each user's once; raise InvalidNotice for ids that are none.
        """
        ids = list(dict.fromkeys(self.ids)) if all(isinstance(one, str) for one in self.ids) else []
        if not 1 <= len(ids) <= MAX_RECIPIENTS:
            expected = f"1 to {MAX_RECIPIENTS:,} user ids"
            raise InvalidNotice({"to": expected}, {"to": f"a list of {len(self.ids)}"})
        if not all(is_text(id, USER_ID_MAX_CHARACTERS) for id in ids):
            expected = f"user ids, strings of 1 to {USER_ID_MAX_CHARACTERS:,} characters"
            raise InvalidNotice({"to": expected}, {"to": "one that is not"})
        return [user_topic(id) for id in ids]


@frozen
class ToRoom:
    """
    For whoever is in a room, named by its topic: `room:lobby`.
    """

    topic: str

    def topics(self) -> list[str]:
        """
        Name the topic; raise InvalidNotice for one that is no room's.
        """
        if not is_text(self.topic, TOPIC_MAX_CHARACTERS) or self.topic.startswith(USER_TOPIC):
            raise InvalidNotice({"to": "the topic of a room"}, {"to": "another"})
        return [self.topic]


EVERYONE: Final = "room:lobby"
"""The topic of what concerns everyone."""

TO_EVERYONE: Final = ToRoom(EVERYONE)

Recipients = ToUsers | ToRoom


def user_topic(user_id: str) -> str:
    """
    Name the topic of one user's notices.
    """
    return f"{USER_TOPIC}{user_id}"


def user_of(topic: str) -> str | None:
    """
    Tell whose topic it is, None for a room.
    """
    return topic.removeprefix(USER_TOPIC) if topic.startswith(USER_TOPIC) else None
