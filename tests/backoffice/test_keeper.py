from __future__ import annotations

import pytest

from backoffice.browser import ONLINE, Browser
from backoffice.conftest import Connect
from notifier.accounts import Accounts
from notifier.backoffice import Act, AuditLog
from notifier.channels import Endpoint
from notifier.notices import socket_id

USERS = "/backoffice/users"


async def test_user_is_let_in_again(admin: Browser, accounts: Accounts, audit: AuditLog) -> None:
    """
    By the button that stands where keeping out stood.
    """
    await accounts.create("42")
    await admin.press(USERS, "keep_out:42")
    page = await admin.press(USERS, "let_in:42")
    assert "User 42 is let in again." in page.text
    account = await accounts.get("42")
    assert account
    assert not account.is_disabled
    assert [entry.act for entry in audit.page(2)] == [Act.ENABLED, Act.DISABLED]


async def test_token_is_void_when_its_user_was_thrown_out(
    admin: Browser, connect: Connect, accounts: Accounts, endpoint: Endpoint
) -> None:
    """
    The page cannot come back by itself.
    """
    await connect("42")
    await admin.press(ONLINE, "throw_out:42")
    assert socket_id("42") not in endpoint.count_by_id()
    account = await accounts.get("42")
    assert account
    assert account.revoked_at is not None


async def test_user_who_is_gone_is_said_so(admin: Browser, audit: AuditLog) -> None:
    """
    Nothing is noted as done.
    """
    page = await admin.get(USERS)
    fields = {**page.fields(USERS, act="add"), "act": "keep_out:nobody"}
    page = await admin.post(USERS, fields)
    assert "There is no user nobody any more." in page.text
    assert [entry.act for entry in audit.page(9)] == [Act.SIGNED_IN]


@pytest.mark.parametrize("act", ["", "explode:42", "throw_out", "throw_out:", "keep_out:a\nb"])
async def test_act_that_no_button_says_is_refused(admin: Browser, act: str) -> None:
    """
    In words, with nothing done.
    """
    page = await admin.get(USERS)
    page = await admin.post(USERS, {**page.fields(USERS, act="add"), "act": act})
    assert page.status == 400
    assert "nothing was done" in page.text
