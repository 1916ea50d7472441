"""
A notice as an operator types it: what each field holds, and what is wrong with it.

What a notice may say is the inbox's to know (`Draft.read`, `Recipients.topics`); here are
the words for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import fields as fields_of
from attrs import frozen

from notifier.backoffice.languages import Language
from notifier.backoffice.text import can_be_typed, one_line_end, readable
from notifier.inbox import TO_EVERYONE, ToRoom, ToUsers
from notifier.inbox.notice import (
    BODY_MAX_CHARACTERS,
    LEVELS,
    LINK_MAX_CHARACTERS,
    TITLE_MAX_CHARACTERS,
    Draft,
    InvalidNotice,
    iso,
)
from notifier.inbox.recipients import MAX_RECIPIENTS, TOPIC_MAX_CHARACTERS, Recipients
from notifier.inbox.records import Kept
from notifier.session.claims import MAX_USER_ID_CHARACTERS

EVERYONE: Final = "everyone"
ROOM: Final = "room"
USERS: Final = "users"

ROOM_PREFIX: Final = "room:"

NEVER: Final = ""
AT_A_TIME: Final = "at"
HOURS: Final = {"1": 1, "4": 4, "24": 24, "72": 72, "168": 168}
"""When a notice may expire, in hours from its sending."""

MAX_SHOWN_OF_ID: Final = 80
"""What is shown of an id that is none, since it may be far too long."""

MAX_OFFSET_MINUTES: Final = 24 * 60
"""A reader's zone is no further from UTC than that."""


@frozen(repr=False)
class Typed:
    """
    Everything in the form as it was typed, whether it is right or not.
    """

    to: str = ""
    users: str = ""
    """One id a line."""
    room: str = ""
    level: str = LEVELS[0]
    title: str = ""
    text: str = ""
    link: str = ""
    expires: str = NEVER
    """Hours, or AT_A_TIME."""
    expires_at: str = ""
    """A local time as browsers write it: `2030-01-31T12:00`."""
    offset: str = ""
    """Minutes to add to that time for UTC, as a script says; UTC where none does."""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Typed:
        """
        Take the form's fields out of others; one that is missing is as in an empty form.
        """
        names = [one.name for one in fields_of(cls)]
        return cls(**{name: one_line_end(fields[name]) for name in names if name in fields})

    @classmethod
    def again(cls, kept: Kept) -> Typed:
        """
        Type a notice that was sent anew, to whom it went, but for when it expires.

        A name that the form could not take as it is, is left out: it would be another's.
        """
        payload, topic = kept.payload, kept.room or ""
        room = topic.removeprefix(ROOM_PREFIX) if topic.startswith(ROOM_PREFIX) else ""
        room = room if can_be_typed(room) else ""
        to = {"": USERS, TO_EVERYONE.topic: EVERYONE}.get(topic, ROOM if room else "")
        return cls(
            to=to,
            room=room if to == ROOM else "",
            users="\n".join(filter(can_be_typed, kept.users)),
            level=str(payload.get("level", LEVELS[0])),
            title=str(payload.get("title", "")),
            text=str(payload.get("body", "")),
            link=str(payload.get("link", "")),
        )

    @property
    def ids(self) -> list[str]:
        """
        The ids of the users, each once.
        """
        lines = (line.strip() for line in self.users.split("\n"))
        return list(dict.fromkeys(line for line in lines if line))

    def recipients(self) -> Recipients:
        """
        For whom it is; ask for the errors first.
        """
        if self.to == USERS:
            return ToUsers(self.ids)
        return ToRoom(ROOM_PREFIX + self.room.strip()) if self.to == ROOM else TO_EVERYONE

    def fields(self, now: float) -> dict[str, str]:
        """
        Make the fields of the wire, without those that are empty.
        """
        given = {
            "body": self.text.strip(),
            "level": self.level,
            "title": self.title.strip(),
            "link": self.link.strip(),
            "expires_at": self._expires_at(now),
        }
        return {name: value for name, value in given.items() if value}

    def errors(self, now: float, language: Language) -> dict[str, str]:
        """
        Say what keeps it from being sent, by field in the form's order; empty when nothing.
        """
        in_order = dict.fromkeys((one.name for one in fields_of(type(self))), "")
        errors = in_order | self._recipient_errors(language)
        try:
            Draft.read(self.fields(now), now)
        except InvalidNotice as error:
            words = self._field_errors(language)
            errors |= {name: words[name] for name in map(self._field_of, error.expected)}
        return {field: words for field, words in errors.items() if words}

    def _field_of(self, name: str) -> str:
        """
        Return which field of the form holds one of the wire.
        """
        if name == "expires_at" and self.expires != AT_A_TIME:
            return "expires"
        return {"body": "text"}.get(name, name)

    def _recipient_errors(self, language: Language) -> dict[str, str]:
        say = language.say
        if self.to not in (EVERYONE, ROOM, USERS):
            return {"to": say("Choose who gets the notice.")}
        if self.to == USERS:
            return {"users": self._users_error(language)}
        room = self.room.strip()
        if self.to == ROOM and not room:
            return {"room": say("Write the name of the room.")}
        try:
            self.recipients().topics()
        except InvalidNotice:
            most = language.number(TOPIC_MAX_CHARACTERS - len(ROOM_PREFIX))
            words = say(
                "A room's name has at most %(most)s characters, this one has %(n)s.",
                most=most,
                n=language.number(len(room)),
            )
            return {"room": words}
        return {}

    def _users_error(self, language: Language) -> str:
        ids = self.ids
        if not ids:
            return language.say("Choose at least one user.")
        if len(ids) > MAX_RECIPIENTS:
            return language.say(
                "A notice goes to %(most)s users at most, these are %(n)s. Send it in parts.",
                most=language.number(MAX_RECIPIENTS),
                n=language.number(len(ids)),
            )
        wrong = [id for id in ids if not can_be_typed(id)]
        if wrong:
            return language.say(
                "A user's id has at most %(most)s characters, all of them visible."
                " This is none: %(id)s",
                most=language.number(MAX_USER_ID_CHARACTERS),
                id=readable(wrong[0][:MAX_SHOWN_OF_ID]),
            )
        return ""

    def _field_errors(self, language: Language) -> dict[str, str]:
        say, link = language.say, self.link.strip()
        title = _lengths(language, TITLE_MAX_CHARACTERS, self.title)
        text = _lengths(language, BODY_MAX_CHARACTERS, self.text)
        length = _lengths(language, LINK_MAX_CHARACTERS, link)
        return {
            "level": say("Choose how loud it is."),
            "title": say("A title has at most %(most)s characters, this one has %(n)s.", **title),
            "text": say("A text has at most %(most)s characters, this one has %(n)s.", **text)
            if self.text.strip()
            else say("Write the text."),
            "link": say("A link has at most %(most)s characters, this one has %(n)s.", **length)
            if len(link) > LINK_MAX_CHARACTERS
            else say("A link begins with https:// or http:// and has no spaces."),
            "expires": say("Choose when it expires."),
            "expires_at": say("Choose a time to come."),
        }

    def _expires_at(self, now: float) -> str:
        """
        Make the time of the wire; what is no time is handed on, to be refused there.
        """
        if self.expires in HOURS:
            return iso(now + HOURS[self.expires] * 3_600)
        if self.expires != AT_A_TIME:
            return self.expires
        try:
            minutes = int(self.offset or 0)
            local = datetime.fromisoformat(self.expires_at)
        except ValueError:
            return AT_A_TIME
        if abs(minutes) > MAX_OFFSET_MINUTES or local.tzinfo is not None:
            return AT_A_TIME
        try:
            return (local.replace(tzinfo=UTC) + timedelta(minutes=minutes)).isoformat()
        except OverflowError:
            return AT_A_TIME


def _lengths(language: Language, most: int, value: str) -> dict[str, str]:
    return {"most": language.number(most), "n": language.number(len(value.strip()))}
