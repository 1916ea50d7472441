"""
Passwords: which will do, and checking them, never too many at once and slower for
whoever guesses.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable
from typing import Final

from aiohttp import web
from attrs import define, field

from notifier.backoffice.door.gate import Gate
from notifier.backoffice.door.operators import (
    NAME_MAX_CHARACTERS,
    PASSWORD_MAX_CHARACTERS,
    PASSWORD_MIN_CHARACTERS,
    Operator,
    OperatorStore,
    checked_password,
    normal_name,
)
from notifier.backoffice.door.throttle import Throttle
from notifier.backoffice.languages import Language

MAX_CHECKS: Final = 2
"""Passwords checked at once: each takes a core and 64 MiB for some 50 ms."""

MAX_WAITING: Final = 40
"""
Checks that wait for their turn, about a second's worth; at the limit one is told
to try again.
"""

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that is taken for another when it is read out."""

_GROUPS: Final = (5, 5, 5, 5)
"""About 99 random bits."""


def make_password() -> str:
    """
    Make a password that nobody guesses, and that can be read out.
    """
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(n)) for n in _GROUPS)


def password_error(password: str, language: Language) -> str:
    """
    Say what keeps a password from being taken; empty when nothing.
    """
    try:
        checked_password(password)
    except ValueError:
        return language.say(
            "A password has %(least)s to %(most)s characters, this one has %(n)s.",
            least=language.number(PASSWORD_MIN_CHARACTERS),
            most=language.number(PASSWORD_MAX_CHARACTERS),
            n=language.number(len(password)),
        )
    return ""


class Unchecked(Exception):
    """
    The password was not looked at: `wait` seconds are to pass first, 0 for a moment.
    """

    def __init__(self, wait: float = 0.0) -> None:
        super().__init__(wait)
        self.wait = wait

    @property
    def status(self) -> int:
        """
        The HTTP status that says so.
        """
        return 429 if self.wait else 503

    @property
    def headers(self) -> dict[str, str]:
        """
        The headers that say so to a program.
        """
        return {"Retry-After": str(math.ceil(self.wait))} if self.wait else {}

    def words(self, language: Language) -> str:
        """
        Say so to a person.
        """
        if not self.wait:
            return language.say("Too many people are signing in right now. Try again in a moment.")
        if self.wait > 90:
            return language.count(
                "Too many failed attempts for this name. Try again in %(n)s minute.",
                "Too many failed attempts for this name. Try again in %(n)s minutes.",
                math.ceil(self.wait / 60),
            )
        return language.count(
            "Too many failed attempts for this name. Try again in %(n)s second.",
            "Too many failed attempts for this name. Try again in %(n)s seconds.",
            math.ceil(self.wait),
        )


@define(repr=False)
class Passwords:
    """
    What stands between a form with a password and the store.
    """

    _gate: Gate
    _operators: OperatorStore
    _throttle: Throttle = field(factory=Throttle)
    _checks: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(MAX_CHECKS))
    _waiting: int = 0

    async def check(self, request: web.Request, name: str, password: str) -> Operator | None:
        """
        Return whose name and password these are, None where they do not belong together;
        raise Unchecked.
        """
        if self._waiting >= MAX_WAITING:
            raise Unchecked
        counted = self._counted(request, name)
        if wait := self._throttle.attempt(counted, self._gate.clock()):
            raise Unchecked(wait)
        operator = await self._in_turn(lambda: self._operators.verify(name, password))
        if operator is not None:
            self._throttle.forget(counted)
        return operator

    async def _in_turn(self, check: Callable[[], Operator | None]) -> Operator | None:
        self._waiting += 1
        try:
            async with self._checks:
                return await asyncio.to_thread(check)
        finally:
            self._waiting -= 1

    def _counted(self, request: web.Request, name: str) -> str:
        """
        Name what the throttle counts: a browser that has signed in has a count of its own,
        so that a stranger who guesses keeps nobody from working.
        """
        # As the store looks it up, or each way of typing a name would have guesses of its own;
        # cut because no operator's name is longer, and what is remembered of one is bounded.
        counted = normal_name(name)[:NAME_MAX_CHARACTERS]
        return f"known {counted}" if self._gate.knows(request, counted) else f"any {counted}"
