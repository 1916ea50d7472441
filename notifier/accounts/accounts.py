"""
The accounts of a running server: what the database says, at the door.

    accounts = Accounts(UserStore(path))
    accounts.load()
    endpoint = Endpoint(…, load_user=accounts.load_user)
    app.cleanup_ctx.append(accounts.keep_up(endpoint))

A change made through it counts once the call returns; one made by another
process on the same file is noticed within `POLL_S`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from aiohttp import web
from attrs import define, evolve, field
from sqlalchemy.exc import SQLAlchemyError

from notifier.accounts.access import Access
from notifier.accounts.users import Account, UserStore
from notifier.channels import Endpoint, Error
from notifier.channels.endpoint import LoadUser, take_at_word
from notifier.errors import EngineError
from notifier.logs import reason
from notifier.notices import socket_id
from notifier.session import Claims, User

Found = TypeVar("Found")

logger = logging.getLogger(__name__)

POLL_S: Final = 1.0
"""How often the database is asked what another process has changed."""

MAX_WAITING: Final = 10_000
"""Users met and not yet written; a further one is written on a later connect of its own."""

MAX_REMEMBERED: Final = 100_000
"""Users known to be written; one that is forgotten is written again, in vain."""

BATCH: Final = 500
"""Users written in one transaction: a few milliseconds, in which the command line waits."""


@define(eq=False, repr=False)
class Accounts:
    """
    Loads users at connect, and ends the sessions of those who are kept out.

    `inner` makes the user once it is known that the token opens; with
    `create_users` whoever comes with a good token is added to the database.
    """

    store: UserStore
    create_users: bool = True
    inner: LoadUser = take_at_word
    access: Access = field(init=False)
    _change: int = field(init=False, default=0)
    _endpoint: Endpoint | None = field(init=False, default=None)
    _lock: asyncio.Lock = field(init=False, factory=asyncio.Lock)
    _ending: dict[str, None] = field(init=False, factory=dict)
    _waiting: dict[str, User] = field(init=False, factory=dict)
    _written: OrderedDict[str, None] = field(init=False, factory=OrderedDict)
    _is_failing: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self.access = Access(is_closed=not self.create_users)

    def __repr__(self) -> str:
        return f"<Accounts {self.access!r}, {len(self._waiting)} waiting>"

    def load(self) -> None:
        """
        Read who is kept out; to be called before the first connect.
        """
        self._change, changed = self._changes()
        self.access.replace(changed)

    async def load_user(self, claims: Claims) -> User | Error:
        """
        Give the user of a token, or the Error that keeps it out.
        """
        refused = self._refusal(claims)
        if refused is not None:
            return refused
        user = await self.inner(claims)
        # Again, since that may have taken time; nothing else awaits before the session is there.
        if isinstance(user, User):
            refused = self._refusal(evolve(claims, user=user))
            if refused is None:
                self._meet(user)
        return refused or user

    # --- changes, each in force when the call returns; EngineError means that nothing was done

    async def create(self, id: str, name: str | None = None, role: str = "customer") -> Account:
        """
        Add a user; see `UserStore.create`.
        """
        return await self._do(partial(self.store.create, id, name, role))

    async def disable(self, id: str) -> Account:
        """
        Keep a user out, and end its sessions; see `UserStore.disable`.
        """
        return await self._do(partial(self.store.disable, id))

    async def enable(self, id: str) -> Account:
        """
        Let a user in again; see `UserStore.enable`.
        """
        return await self._do(partial(self.store.enable, id))

    async def revoke(self, id: str) -> Account:
        """
        Make a user's tokens void, and end its sessions; see `UserStore.revoke`.
        """
        return await self._do(partial(self.store.revoke, id))

    async def get(self, id: str) -> Account | None:
        """
        Find a user, also one that has just been met; see `UserStore.get`.
        """
        return await self._ask(partial(self.store.get, id))

    async def page(self, limit: int = 100, after: str = "") -> Sequence[Account]:
        """
        List users, also those just met; see `UserStore.page`.
        """
        return await self._ask(partial(self.store.page, limit, after))

    async def find(self, text: str, limit: int) -> Sequence[Account]:
        """
        Find users by a part of their id or name; see `UserStore.find`.
        """
        return await self._ask(partial(self.store.find, text, limit))

    async def known(self, ids: Sequence[str]) -> Mapping[str, Account]:
        """
        Tell which of some users are there; see `UserStore.known`.
        """
        return await self._ask(partial(self.store.known, ids))

    async def _do(self, change: Callable[[], Account]) -> Account:
        account = await self._ask(change)
        try:
            await self.refresh()
        except EngineError as error:
            # Of this one it must not be said that nothing was done.
            raise RuntimeError("the user is changed, and not all sessions know yet") from error
        return account

    async def _ask(self, call: Callable[[], Found]) -> Found:
        """
        Ask the store, once those just met are in it; raise EngineError where it fails.
        """
        try:
            await self.write()
            return await asyncio.to_thread(call)
        except (SQLAlchemyError, OSError) as error:
            raise EngineError("ask for the users", reason(error)) from None

    # --- keeping up

    async def refresh(self) -> None:
        """
        Take in what has changed in the database, and end whose sessions must end.
        """
        async with self._lock:
            before = self._change
            newest, changed = await asyncio.to_thread(self._changes)
            self._change = newest
            is_other = newest < before
            ended = self.access.replace(changed) if is_other else self.access.apply(changed)
            if is_other:
                self._written.clear()
        self._ending.update(dict.fromkeys(ended))
        await self._end()

    async def write(self) -> None:
        """
        Add the users that have been met to the database.
        """
        async with self._lock:
            while self._waiting:
                batch = list(islice(self._waiting.values(), BATCH))
                await asyncio.to_thread(self.store.create_missing, batch)
                for user in batch:
                    del self._waiting[user.id]
                    self._written[user.id] = None
                while len(self._written) > MAX_REMEMBERED:
                    self._written.popitem(last=False)

    def keep_up(self, endpoint: Endpoint) -> Callable[[web.Application], AsyncIterator[None]]:
        """
        Make what an application's `cleanup_ctx` takes: keep up as long as it runs.
        """
        self._endpoint = endpoint

        async def running(_app: web.Application) -> AsyncIterator[None]:
            task = asyncio.get_running_loop().create_task(self._poll())
            yield
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with suppress(SQLAlchemyError, OSError):
                await self.write()

        return running

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            await self._try()

    async def _try(self) -> None:
        """
        Write and refresh, each whether or not the other fails; then what is known stays in force.
        """
        is_failing = False
        for step in (self.write, self.refresh):
            try:
                await step()
            except (SQLAlchemyError, OSError) as error:
                if not (self._is_failing or is_failing):
                    # Not its own text, in which the statement's parameters stand: the users' ids.
                    logger.error("cannot keep up with the users: %s", reason(error))
                is_failing = True
            except Exception:
                logger.exception("cannot keep up with the users")
        self._is_failing = is_failing

    def _changes(self) -> tuple[int, Sequence[Account]]:
        return self.store.changes_since(self._change, everyone=not self.create_users)

    def _refusal(self, claims: Claims) -> Error | None:
        reason = self.access.refusal(claims)
        if reason is None:
            return None
        return Error({"reason": reason.code, "message": reason.text})

    def _meet(self, user: User) -> None:
        if not self.create_users or user.id in self._waiting:
            return
        if user.id in self._written:
            self._written.move_to_end(user.id)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting[user.id] = user

    async def _end(self) -> None:
        """
        End whose sessions must end; who could not be told stays for the next time.
        """
        if self._endpoint is not None:
            for id in tuple(self._ending):
                await self._endpoint.disconnect(socket_id(id))
                self._ending.pop(id, None)
