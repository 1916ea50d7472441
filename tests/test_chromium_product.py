"""
The back office and its customers in a real browser, from an empty data directory.

Each test runs a scenario of `tests/js/product.mjs`; screenshots stay in the test's `tmp_path`,
and go to `docs/backoffice` where `SCREENSHOTS` names that folder.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from chromium import drive
from doors import serving
from hostpage import host, require_widget

from notifier import Limits, Notifier
from notifier.api import ApiKeyStore
from notifier.app import DATABASE, build
from notifier.backoffice import Act, AuditLog, OperatorStore
from notifier.config import Config
from notifier.inbox import TO_EVERYONE, ToUsers

ADMIN, PASSWORD = "ada", "a long password"
SOON_MS = 200
MAX_PAGE_BYTES = 60_000
PATHS = {
    "sign-in": "/sign-in",
    "write": "?again={notice}",
    "confirm": "confirm",
    "sent": "/sent",
    "notice": "/sent/{notice}",
    "online": "/online",
    "users": "/users",
    "operators": "/operators",
    "keys": "/keys",
    "audit": "/audit",
    "account": "/account",
}

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def widget() -> None:
    require_widget()


@asynccontextmanager
async def product(tmp_path: Path) -> AsyncIterator[tuple[Notifier, int]]:
    """
    Serve what `notifier serve` does, with one admin.
    """
    OperatorStore(tmp_path / DATABASE).add(ADMIN, PASSWORD)
    notifier = Notifier()
    app = build(notifier, Config(data_dir=tmp_path, limits=Limits(window_ms=1_000)), ["a key"])
    async with serving("front", app, notifier) as port:
        yield notifier, port


async def run(notifier: Notifier, port: int, scenario: str, **given: Any) -> dict[str, Any]:
    """
    Run a scenario; give what each step showed.
    """
    async with host(notifier, port) as pages:
        return await drive(
            "product.mjs",
            scenario,
            pages=pages,
            backoffice=f"http://127.0.0.1:{port}/backoffice",
            admin=ADMIN,
            password=PASSWORD,
            **given,
        )


async def test_a_working_day(tmp_path: Path) -> None:
    """
    An admin makes an operator, who writes to one and to all, sees it read, and throws out.
    """
    async with product(tmp_path) as (notifier, port):
        steps = await run(notifier, port, "day")
    assert "error" not in steps
    assert "olga" in steps["made"]["outcome"]
    assert steps["menu"]["entries"] == ["Write", "Sent", "Online"]
    ann, bob = sorted(steps["online"]["rows"])
    assert ann.startswith("ann WebSocket connected")
    assert bob.startswith("bob long-polling connected")
    one, everyone = steps["to one"], steps["to all"]
    assert one["reaches"] == "It is for 1 person who is online now."
    assert one["outcome"] == "Sent. It is on 1 open page already."
    assert everyone["reaches"] == "It reaches 2 people now, on 2 open pages."
    assert everyone["figures"] == {"reached": "2", "delivered": "0", "read": "0"}
    assert max(one["late"], everyone["late"]) < SOON_MS
    words = "To <b>everyone</b>: šž☃"
    assert steps["shown"] | {"step": ""} == {
        "step": "",
        "ann": ["To Ann", words],
        "bob": [words],
        "carl": [words],
    }
    assert steps["read"]["delivered"]["delivered"] == "1"
    assert [steps["read"][when]["read"] for when in ("once", "twice")] == ["1", "2"]
    assert steps["thrown out"]["outcome"] == "User ann was thrown out."
    assert steps["thrown out"]["refused"] == ["token_revoked"]
    assert "disconnected" in steps["thrown out"]["words"]
    assert steps["kept out"]["refused"] == ["user_disabled"]
    audit = " | ".join(steps["audit"]["rows"])
    for about in ("olga", "ann", "bob"):
        assert about in audit


async def fill(notifier: Notifier, database: Path) -> str:
    """
    Give the pages something to show; return the id of a notice.
    """
    inbox, trail = notifier.inbox, AuditLog(database)
    OperatorStore(database).add("olga", PASSWORD)
    ApiKeyStore(database).add("shop", ["notices", "tokens"])
    loud = {"body": "Maintenance begins in ten minutes.", "level": "warning"}
    await inbox.send(TO_EVERYONE, loud, "olga")
    await inbox.send(ToUsers(["bob"]), {"body": "An agent has answered your question."}, "olga")
    wrong = {"body": "Your card expires soon.", "level": "urgent"}
    late = await inbox.send(ToUsers(["carl"]), wrong, "olga")
    await inbox.withdraw(late.id)
    fields = {
        "title": "Your parcel has left",
        "body": "Walking boots, size 42, should be with you tomorrow between 9 and 12.",
        "level": "success",
        "link": "https://shop.example/orders/7",
    }
    sent = await inbox.send(ToUsers(["ann", "bob", "carl"]), fields, "olga")
    trail.note("olga", Act.SENT, late.id, "carl")
    trail.note("olga", Act.WITHDRAWN, late.id)
    trail.note("olga", Act.SENT, sent.id, "ann, bob, carl")
    trail.note("olga", Act.THROWN_OUT, "mallory")
    return sent.id


@pytest.mark.parametrize("locale", ["en", "fr"])
async def test_pages_are_accessible_and_small(tmp_path: Path, locale: str) -> None:
    """
    axe-core finds nothing on any page, none takes more than 60 kB, none scrolls sideways.
    """
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path)) / locale
    folder.mkdir(parents=True, exist_ok=True)
    async with product(tmp_path) as (notifier, port):
        notice = await fill(notifier, tmp_path / DATABASE)
        steps = await run(
            notifier,
            port,
            "pages",
            locale=locale,
            notice=notice,
            paths={step: path.format(notice=notice) for step, path in PATHS.items()},
            screenshots=str(folder),
        )
    assert steps.keys() == PATHS.keys()
    for step, seen in steps.items():
        assert seen["violations"] == [], step
        assert seen["bytes"] < MAX_PAGE_BYTES, step
        assert seen["lang"] == locale, step
