"""
The audit trail as a page: who did what, the newest first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote, urlencode

from aiohttp import web
from attrs import frozen

from notifier.backoffice.audit import COMMAND_LINE, Act, AuditLog, Entry
from notifier.backoffice.door.gate import PREFIX
from notifier.backoffice.languages import Language
from notifier.backoffice.moment import Moment
from notifier.backoffice.text import readable
from notifier.backoffice.visit import Visit

MAX_ENTRIES: Final = 50
"""Acts on one page."""

MAX_BEFORE: Final = 2**63 - 1
"""The database counts no further."""

_NOTICES: Final = (Act.SENT, Act.WITHDRAWN)
_USERS: Final = (Act.THROWN_OUT, Act.DISABLED, Act.ENABLED, Act.USER_ADDED)


@frozen
class TrailRow:
    """
    An act, as the page shows it.
    """

    operator: str
    act: str
    """A predicate: who stands before it, and to whom it was done after it."""
    subject: str
    link: str
    """Where the subject is looked at; empty where nowhere."""
    detail: str
    at: Moment


@frozen
class Filter:
    """
    Which acts are looked for.
    """

    operator: str
    act: str
    before: int | None

    @classmethod
    def of(cls, request: web.Request) -> Filter:
        """
        Read it; what makes no sense is left out.
        """
        query = request.query
        act, before = query.get("act", ""), query.get("before", "")
        is_number = before.isascii() and before.isdigit() and len(before) < 20
        return cls(
            query.get("operator", ""),
            act if act in list(Act) else "",
            min(int(before), MAX_BEFORE) if is_number else None,
        )

    @property
    def is_any(self) -> bool:
        """
        Whether acts are left out by it.
        """
        return bool(self.operator or self.act)

    def query(self, before: int | None) -> str:
        """
        Write the query of a page of the same acts.
        """
        asked = {"operator": self.operator, "act": self.act, "before": before}
        return urlencode({name: value for name, value in asked.items() if value})


@frozen
class TrailPage:
    """
    The trail, as far back as it is kept.
    """

    _audit: AuditLog
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show a page of the trail.
        """
        wanted = Filter.of(visit.request)
        found = await asyncio.to_thread(
            self._audit.page, MAX_ENTRIES + 1, wanted.before, wanted.operator, wanted.act
        )
        operators = await asyncio.to_thread(self._audit.operators)
        shown, language = found[:MAX_ENTRIES], visit.language
        now, acts = self._clock(), name_acts(language)
        return visit.page(
            "audit.html",
            wanted=wanted,
            rows=[_row(entry, acts, now, language) for entry in shown],
            operators=[(readable(one), _name(one, language)) for one in operators],
            acts=acts,
            newest=wanted.query(None),
            older=wanted.query(shown[-1].id) if len(found) > MAX_ENTRIES else "",
        )


def name_acts(language: Language) -> dict[str, str]:
    """
    Say what was done, so that who did it can stand before.
    """
    say = language.say
    return {
        Act.SENT: say("sent the notice"),
        Act.WITHDRAWN: say("withdrew the notice"),
        Act.THROWN_OUT: say("threw out the user"),
        Act.DISABLED: say("kept out the user"),
        Act.ENABLED: say("let in the user"),
        Act.USER_ADDED: say("added the user"),
        Act.OPERATOR_ADDED: say("added the operator"),
        Act.OPERATOR_REMOVED: say("removed the operator"),
        Act.ROLE_CHANGED: say("changed the role of"),
        Act.PASSWORD_CHANGED: say("changed the password of"),
        Act.SIGNED_OUT_EVERYWHERE: say("ended all log-ins of"),
        Act.KEY_ADDED: say("made the API key"),
        Act.KEY_REVOKED: say("revoked the API key"),
        Act.SIGNED_IN: say("signed in"),
        Act.SIGN_IN_FAILED: say("failed to sign in"),
        Act.SIGNED_OUT: say("signed out"),
    }


def _row(entry: Entry, acts: Mapping[str, str], now: float, language: Language) -> TrailRow:
    return TrailRow(
        operator=_name(entry.operator, language),
        act=acts.get(entry.act, readable(entry.act)),
        subject=readable(entry.subject),
        link=_link(entry),
        detail=_detail(entry, language),
        at=Moment.of(entry.at, now, language),
    )


def _name(operator: str, language: Language) -> str:
    return language.say("the command line") if operator == COMMAND_LINE else readable(operator)


def _link(entry: Entry) -> str:
    # Bytes that are no text are left out of what is looked for, which then finds less.
    subject = quote(entry.subject, safe="", errors="ignore")
    if entry.act in _NOTICES:
        return f"{PREFIX}/sent/{subject}"
    if entry.act in _USERS:
        return f"{PREFIX}/users?q={subject}"
    return ""


def _detail(entry: Entry, language: Language) -> str:
    if entry.act in (Act.ROLE_CHANGED, Act.OPERATOR_ADDED):
        roles = {"admin": language.say("admin"), "operator": language.say("operator")}
        return roles.get(entry.detail, readable(entry.detail))
    return readable(entry.detail)
