"""
The API keys: what a site's own server calls the API with, for admins to make and revoke.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import web
from attrs import frozen

from notifier.api import SCOPES, ApiKey, ApiKeyStore
from notifier.api.keys import NAME_MAX_CHARACTERS
from notifier.backoffice.acts import Outcome
from notifier.backoffice.audit import Act
from notifier.backoffice.door.fields import unreadable
from notifier.backoffice.door.gate import Gate
from notifier.backoffice.languages import Language
from notifier.backoffice.moment import Moment
from notifier.backoffice.visit import Visit

ADD: Final = "add"
REVOKE: Final = "revoke"

MAX_REVOKED: Final = 20
"""Revoked keys shown, the last ones."""

_JSON: Final = ' -H "Content-Type: application/json" -d '
TRIES: Final = {
    "publish": 'publish%s\'{"topic": "room:lobby", "event": "hello", "payload": {}}\'',
    "notices": 'notices%s\'{"to": {"users": ["42"]}, "body": "Hello"}\'',
    "users": "users",
    "tokens": 'tokens%s\'{"user": "42"}\'',
    "read": "sessions",
}
"""What to try with each scope: a path of the API, and a body after `%s` where it takes one."""


@frozen
class KeyRow:
    """
    A key, as the page shows it.
    """

    name: str
    scopes: tuple[str, ...]
    made: Moment
    used: Moment | None
    revoked: Moment | None


@frozen
class NewKey:
    """
    A key as typed into the form.
    """

    name: str = ""
    scopes: tuple[str, ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> NewKey:
        scopes = tuple(scope for scope in SCOPES if f"scope_{scope}" in fields)
        return cls(fields.get("name", "").strip(), scopes)

    def errors(self, language: Language, *, is_taken: bool) -> dict[str, str]:
        """
        Say what keeps it from being made, by field; empty when nothing.
        """
        errors = {}
        if not (1 <= len(self.name) <= NAME_MAX_CHARACTERS and self.name.isprintable()):
            errors["name"] = language.say(
                "A name is one line of 1 to %(most)s characters.",
                most=language.number(NAME_MAX_CHARACTERS),
            )
        elif is_taken:
            errors["name"] = language.say(
                "There is a key of this name. Revoke it first, or choose another name."
            )
        if not self.scopes:
            errors["scopes"] = language.say("Choose at least one.")
        return errors


@frozen
class KeysPage:
    """
    The keys in use, and the last ones that were revoked.
    """

    _keys: ApiKeyStore
    _gate: Gate
    _clock: Callable[[], float]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """
        Show the keys.
        """
        return await self._page(visit, NewKey.of(visit.take_unsent()))

    async def submit(self, visit: Visit) -> web.StreamResponse:
        """
        Make a key, or revoke one: the button says which, after a colon.
        """
        act, _, name = visit.fields.get("act", "").partition(":")
        if act == ADD:
            return await self._add(visit)
        if act != REVOKE or not name:
            raise unreadable()
        done = await visit.carry_out(lambda: self._revoke(visit, name), then=visit.path)
        return done or await self._page(visit, NewKey(), 500, failure=visit.failure)

    async def _add(self, visit: Visit) -> web.StreamResponse:
        typed = NewKey.of(visit.fields)
        is_taken = not visit.is_again and await self._is_in_use(typed.name)
        if errors := typed.errors(visit.language, is_taken=is_taken):
            return await self._page(visit, typed, 422, errors=errors)
        done = await visit.carry_out(lambda: self._create(visit, typed), then=visit.path)
        return done or await self._page(visit, typed, 500, failure=visit.failure)

    async def _create(self, visit: Visit, typed: NewKey) -> Outcome:
        key = await asyncio.to_thread(self._keys.add, typed.name, typed.scopes)
        await visit.note(Act.KEY_ADDED, typed.name, " ".join(typed.scopes))
        say = visit.language.say
        return Outcome(
            say("The key %(name)s is made, and works at once.", name=typed.name),
            say("Keep it on your server, where no page and no visitor can read it."),
            secret=key,
            example=_try(self._gate.origin(visit.request), key, typed.scopes),
        )

    async def _revoke(self, visit: Visit, name: str) -> Outcome:
        say = visit.language.say
        if not await asyncio.to_thread(self._keys.revoke, name):
            return Outcome(say("There is no key %(name)s in use.", name=name), is_good=False)
        await visit.note(Act.KEY_REVOKED, name)
        return Outcome(
            say("The key %(name)s is revoked.", name=name), say("It opens nothing any more.")
        )

    async def _is_in_use(self, name: str) -> bool:
        keys = await asyncio.to_thread(self._keys.list)
        return any(key.name == name and key.revoked_at is None for key in keys)

    async def _page(
        self,
        visit: Visit,
        typed: NewKey,
        status: int = 200,
        *,
        failure: str = "",
        errors: dict[str, str] | None = None,
    ) -> web.StreamResponse:
        rows = self._rows(visit, await asyncio.to_thread(self._keys.list))
        return visit.page(
            "keys.html",
            status,
            failure=failure,
            errors=errors or {},
            typed=typed,
            scopes=name_scopes(visit.language),
            rows=[row for row in rows if row.revoked is None],
            revoked=[row for row in rows if row.revoked is not None][:MAX_REVOKED],
        )

    def _rows(self, visit: Visit, keys: Sequence[ApiKey]) -> list[KeyRow]:
        now, language = self._clock(), visit.language
        return [
            KeyRow(
                name=key.name,
                scopes=key.scopes,
                made=Moment.of(key.created_at, now, language),
                used=Moment.of_any(key.last_used_at, now, language),
                revoked=Moment.of_any(key.revoked_at, now, language),
            )
            for key in reversed(keys)
        ]


def name_scopes(language: Language) -> dict[str, str]:
    """
    Say what each scope allows, in the order in which they are offered.
    """
    return {
        "notices": language.say("Send notices, withdraw them, see whom they reached"),
        "users": language.say("Add users, look them up, throw them out and keep them out"),
        "tokens": language.say("Make tokens with which users connect, as an operator too"),
        "publish": language.say("Send any event to any topic"),
        "read": language.say("See who is online, and what a topic keeps"),
    }


def _try(server: str, key: str, scopes: Sequence[str]) -> str:
    """
    Write a command that does what the key may.
    """
    path, _, body = TRIES[scopes[0]].partition("%s")
    command = f'curl -H "Authorization: Bearer {key}" {server}/api/v1/{path}'
    return f"{command}{_JSON}{body}" if body else command
