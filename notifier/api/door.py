"""
Who is at the door: finds the API key that a request brings, or refuses it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import hdrs, web
from attrs import define, field
from sqlalchemy.exc import SQLAlchemyError

from notifier.api.keys import ApiKey, ApiKeyStore, digest_of
from notifier.api.problems import FORBIDDEN, TOO_FAST, UNAUTHORIZED, UNAVAILABLE, Problem
from notifier.api.rates import Rates, WrongKeys
from notifier.logs import log_failure

KEYS_FRESH_S: Final = 0.9
"""How old the view of the keys may be, so that what another process revokes is out in a second."""

KEYS_KEPT_S: Final = 10.0
"""How old the view may become where the keys cannot be read; then requests are refused with 503."""

USE_NOTED_EVERY_S: Final = 60.0
"""How often it is written down that a key is used."""


@define(eq=False, repr=False)
class Door:
    """
    The keys as they are in the database, at most a second ago.

    Where the database fails, as they were up to KEYS_KEPT_S ago.
    """

    store: ApiKeyStore
    rates: Rates
    wrong: WrongKeys
    now: Callable[[], float]
    _by_digest: Mapping[str, ApiKey] = field(init=False, factory=dict)
    _read_at: float = field(init=False, default=float("-inf"))
    _failed_at: float = field(init=False, default=float("-inf"))
    _changes: int = field(init=False, default=-1)
    _reading: asyncio.Lock = field(init=False, factory=asyncio.Lock)
    _noted: dict[int, float] = field(init=False, factory=dict)

    def __repr__(self) -> str:
        return f"<Door keys={len(self._by_digest)}>"

    async def admit(self, request: web.Request, scope: str) -> ApiKey:
        """
        Find who asks, and make sure that they may do this, now; raise Problem.
        """
        key = await self._find(request)
        if wait_s := self.rates.wait_s(key.id):
            raise Problem(
                TOO_FAST,
                f"the key may send {self.rates.per_s} requests a second: wait {wait_s} s",
                headers={"Retry-After": str(wait_s)},
            )
        await self._note_use(key)
        if scope not in key.scopes:
            raise Problem(
                FORBIDDEN, f"expected a key with the scope {scope}, got {', '.join(key.scopes)}"
            )
        return key

    async def _find(self, request: web.Request) -> ApiKey:
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        if len(given) != 1:
            got = "none" if not given else "several"
            raise _unauthorized(f"expected one header Authorization: Bearer KEY, got {got}")
        scheme, _, token = given[0].partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("expected Authorization: Bearer KEY, got another form")
        await self._refresh()
        digest = digest_of(token.strip())
        # The table is looked up by a digest, which nobody can steer towards one that is in it:
        # how long that takes tells nothing of a key. What decides takes the same time always.
        key = self._by_digest.get(digest)
        if key is not None and hmac.compare_digest(key.digest, digest):
            return key
        if not await self.wrong.slow_down():
            raise Problem(
                TOO_FAST, "too many wrong keys: wait a little", headers={"Retry-After": "1"}
            )
        raise _unauthorized("the key is none that may be used: it is wrong, or it was revoked")

    async def _refresh(self) -> None:
        """
        Read the keys again if it is time, once for all who wait; raise Problem.
        """
        async with self._reading:
            changes, now = self.store.changes, self.now()
            if changes == self._changes and now - self._read_at < KEYS_FRESH_S:
                return
            # What this process has revoked itself is out, whatever the database does.
            is_kept = changes == self._changes and now - self._read_at < KEYS_KEPT_S
            if is_kept and now - self._failed_at < KEYS_FRESH_S:
                return
            try:
                keys = await asyncio.to_thread(self.store.list)
            except (SQLAlchemyError, OSError) as error:
                log_failure("to read the API keys", error)
                self._failed_at = now
                if is_kept:
                    return
                raise Problem(UNAVAILABLE, "the API keys cannot be read now") from error
            self._by_digest = {key.digest: key for key in keys if key.revoked_at is None}
            self._read_at, self._changes = now, changes

    async def _note_use(self, key: ApiKey) -> None:
        now = self.now()
        if now - self._noted.get(key.id, float("-inf")) < USE_NOTED_EVERY_S:
            return
        self._noted[key.id] = now
        try:
            await asyncio.to_thread(self.store.note_use, key.id)
        except Exception as error:
            log_failure("to note that a key is used", error)


def _unauthorized(detail: str) -> Problem:
    return Problem(UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})
