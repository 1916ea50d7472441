from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy.exc import OperationalError

from backoffice.browser import HOME, ONLINE, SIGN_IN, SIGN_OUT, Browser
from backoffice.conftest import BOB
from backoffice.fakes import Clock
from notifier.accounts import Accounts
from notifier.backoffice import AuditLog, OperatorStore
from notifier.backoffice.door.fields import FORM_MAX_BYTES
from notifier.backoffice.door.logins import LOGIN_IDLE_S
from notifier.backoffice.door.operators import Operator
from notifier.inbox import Inbox, ToRoom

USERS = f"{HOME}/users"
ROWS = f"{ONLINE}/rows"


async def test_sign_in_page_comes_first_when_nobody_is_signed_in(browser: Browser) -> None:
    """
    It knows where to lead on.
    """
    page = await browser.get(f"{HOME}/sent?q=a%26b")
    assert page.path == SIGN_IN
    assert page.form(SIGN_IN).fields["next"] == f"{HOME}/sent?q=a%26b"


async def test_script_is_told_when_nobody_is_signed_in(browser: Browser) -> None:
    """
    A sign-in page would stand in the middle of its own.
    """
    assert (await browser.get(ROWS)).status == 401


async def test_script_does_not_keep_a_log_in_from_ending(admin: Browser, clock: Clock) -> None:
    """
    Nobody may be in front of the page that asks.
    """
    clock.now += LOGIN_IDLE_S - 1
    assert (await admin.get(ROWS)).status == 200
    clock.now += 1
    assert (await admin.get(ROWS)).status == 401


@pytest.mark.parametrize("path", [ONLINE, ROWS])
async def test_nothing_is_shown_when_the_log_in_ends_meanwhile(
    admin: Browser, operators: OperatorStore, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """
    One tab loads, and another signs out.
    """
    page = await admin.get(ONLINE)
    get, looking, signed_out = operators.get, threading.Event(), threading.Event()

    def get_late(name: str) -> Operator | None:
        looking.set()
        assert signed_out.wait(5)
        return get(name)

    monkeypatch.setattr(operators, "get", get_late)
    loading = asyncio.ensure_future(admin.client.get(path, allow_redirects=False))
    await asyncio.to_thread(looking.wait, 5)
    await admin.submit(page, SIGN_OUT)
    signed_out.set()
    assert (await loading).status == (401 if path == ROWS else 303)


async def test_script_that_waits_is_told_when_the_log_in_ends(
    operator: Browser, operators: OperatorStore, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    In place of the news it waited for.
    """
    get, is_let_in = operators.get, threading.Event()

    def get_and_tell(name: str) -> Operator | None:
        found = get(name)
        is_let_in.set()
        return found

    sent = await inbox.send(ToRoom("room:lobby"), {"body": "hello"}, "ada")
    path = f"{HOME}/sent/{sent.id}/figures"
    shown = await operator.get(path)
    tag = {"If-None-Match": shown.response.headers["ETag"]}
    monkeypatch.setattr(operators, "get", get_and_tell)
    waiting = asyncio.ensure_future(operator.get(path, headers=tag))
    await asyncio.to_thread(is_let_in.wait, 5)
    operators.remove(BOB)
    await inbox.read_in_room("carla", "room:lobby", [sent.id])
    assert (await waiting).status == 401


async def test_page_for_admins_is_refused_to_others(operator: Browser) -> None:
    """
    In words, with a way back.
    """
    page = await operator.get(USERS)
    assert page.status == 403
    assert "This page is for admins. Ask one of them." in page.text
    assert f'href="{HOME}">Write a notice</a>' in page.html


async def test_nothing_is_done_when_a_form_is_from_an_earlier_log_in(
    browser: Browser, accounts: Accounts
) -> None:
    """
    But what was typed stands in the form, to be looked over.
    """
    await browser.sign_in()
    earlier = await browser.get(USERS)
    await browser.submit(earlier, SIGN_OUT)
    await browser.sign_in()
    page = await browser.submit(earlier, USERS, act="add", id="carla")
    assert page.status == 403
    assert "from an earlier log-in" in page.text
    assert await accounts.get("carla") is None
    assert (await browser.get(USERS)).form(USERS, act="add").fields["id"] == "carla"


async def test_refusal_is_a_page_when_a_form_is_too_large(admin: Browser) -> None:
    """
    With the figure, and the way back to where one was.
    """
    page = await admin.post(ONLINE, {"x": "y" * FORM_MAX_BYTES})
    assert page.status == 413
    assert "larger than 512 KiB" in page.text
    assert f'href="{ONLINE}">Back to the page</a>' in page.html


async def test_page_says_so_when_the_database_fails(
    admin: Browser, audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    And shows nothing of what it was asked.
    """

    def fail(*_: object) -> None:
        raise OperationalError("SELECT secret", {}, Exception("disk"))

    monkeypatch.setattr(audit, "page", fail)
    page = await admin.get(f"{HOME}/audit")
    assert page.status == 503
    assert "could not use its database" in page.text
    assert "secret" not in page.text
