"""
Notices in an operator's words: for whom, how loud, and what became of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from notifier.backoffice.languages import Language
from notifier.backoffice.moment import Moment
from notifier.backoffice.text import readable
from notifier.inbox import EVERYONE
from notifier.inbox.catalog import MAX_NAMED
from notifier.inbox.notice import LEVELS, is_link
from notifier.inbox.records import Kept


@frozen(repr=False)
class Preview:
    """
    What a reader will see of a notice.
    """

    level: str
    level_words: str
    title: str
    body: str
    link: str
    """An http or https URL, which a page may lead to; empty for any other."""

    @classmethod
    def of(cls, payload: Mapping[str, Any], language: Language) -> Preview:
        """
        Read what goes over the wire, or will.
        """
        level, link = str(payload.get("level", LEVELS[0])), payload.get("link")
        return cls(
            level=level if level in LEVELS else LEVELS[0],
            level_words=name_levels(language).get(level, ""),
            title=_text(payload, "title"),
            body=readable(str(payload.get("body", "")), keep="\n\t"),
            link=str(link) if is_link(link) else "",
        )


@frozen(repr=False)
class Shown:
    """
    A notice as a page shows it, all of it fit to be read.
    """

    id: str
    to: str
    sender: str
    preview: Preview
    at: Moment
    expires: Moment | None
    is_withdrawn: bool
    is_expired: bool

    @property
    def is_over(self) -> bool:
        """
        Whether nobody gets it any more.
        """
        return self.is_withdrawn or self.is_expired

    @classmethod
    def of(cls, kept: Kept, now: float, language: Language) -> Shown:
        expires_at = kept.expires_at
        return cls(
            id=kept.id,
            to=name_recipients(kept, language),
            sender=_text(kept.payload, "from"),
            preview=Preview.of(kept.payload, language),
            at=Moment.of(kept.sent_at, now, language),
            expires=Moment.of_any(expires_at, now, language),
            is_withdrawn=kept.is_withdrawn,
            is_expired=expires_at is not None and expires_at <= now,
        )


def name_levels(language: Language) -> dict[str, str]:
    """
    Name the levels of a notice.
    """
    return {
        "info": language.say("Information"),
        "success": language.say("Good news"),
        "warning": language.say("Warning"),
        "urgent": language.say("Urgent"),
    }


def name_recipients(kept: Kept, language: Language) -> str:
    """
    Say for whom a notice is: everyone, a room, or the first ones of its users.
    """
    if kept.room == EVERYONE:
        return language.say("everyone")
    if kept.room is not None:
        return readable(kept.room)
    named = ", ".join(map(readable, kept.users[:MAX_NAMED]))
    more = kept.user_count - min(len(kept.users), MAX_NAMED)
    if more <= 0:
        return named
    return language.count("%(named)s and %(n)s more", "%(named)s and %(n)s more", more, named=named)


def _text(payload: Mapping[str, Any], name: str) -> str:
    return readable(str(payload.get(name) or ""))
