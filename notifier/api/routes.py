"""
Where the API is mounted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

import orjson
from aiohttp import web

from notifier.accounts import Accounts
from notifier.api.answers import AnswerStore
from notifier.api.dispatch import Dispatch
from notifier.api.door import Door
from notifier.api.keys import ApiKeyStore
from notifier.api.notices import Notices
from notifier.api.once import Once
from notifier.api.openapi import document
from notifier.api.operations import Operation, Table
from notifier.api.people import People
from notifier.api.problems import PREFIX
from notifier.api.publishing import Publishing
from notifier.api.rates import Rates, WrongKeys
from notifier.api.reading import Reading
from notifier.channels import Endpoint
from notifier.inbox import Inbox

VERSION: Final = "1.0.0"
"""Of the API, as its document tells it."""

_ANYTHING: Final = r"[\s\S]*"
"""Line ends too, which a dot does not match."""


def operations(endpoint: Endpoint, accounts: Accounts, inbox: Inbox) -> tuple[Operation, ...]:
    """
    List what the API offers.
    """
    parts = (
        Publishing(endpoint),
        Notices(inbox, endpoint),
        People(accounts, endpoint),
        Reading(endpoint, inbox),
    )
    return tuple(operation for part in parts for operation in part.operations())


def setup(
    app: web.Application,
    offered: Iterable[Operation],
    *,
    keys: ApiKeyStore,
    answers: AnswerStore,
    rate_per_s: int,
    burst: int,
    max_body_bytes: int,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """
    Mount the API below /api/v1; call it before the app starts.

    `app` is the one that is served, not one mounted in another. `now` is a
    monotonic clock in seconds, by which the limits of rate live.
    """
    table = Table(tuple(offered))
    dispatch = Dispatch(
        table,
        Door(keys, Rates(rate_per_s, burst, now), WrongKeys(now), now),
        Once(answers),
        orjson.dumps(document(table.operations, VERSION)),
        max_body_bytes,
    )

    async def close(_app: web.Application) -> None:
        await dispatch.close()

    async def finish(_app: web.Application) -> None:
        await dispatch.once.finish()

    app.router.add_route("*", PREFIX, dispatch.handle)
    app.router.add_route("*", f"{PREFIX}/{{tail:{_ANYTHING}}}", dispatch.handle)
    app.on_shutdown.insert(0, close)  # before the endpoint, which closes the engine
    app.on_cleanup.append(finish)
