from __future__ import annotations

import pytest

from backoffice.browser import HOME, Browser
from notifier.accounts.users import UserStore
from notifier.backoffice import Act, AuditLog

USERS = f"{HOME}/users"


async def test_outcome_is_told_once(admin: Browser) -> None:
    """
    By the page that the form leads back to; a reload shows the page alone.
    """
    page = await admin.press(USERS, "add", id="carla")
    assert "User carla is added." in page.text
    assert "User carla is added." not in (await admin.get(page.response.url.path_qs)).text


async def test_form_is_carried_out_once_when_it_is_sent_in_twice(
    admin: Browser, audit: AuditLog
) -> None:
    """
    The second time says so.
    """
    page = await admin.get(USERS)
    await admin.submit(page, USERS, act="add", id="carla")
    page = await admin.submit(page, USERS, act="add", id="carla")
    assert "Done already, so not done a second time." in page.text
    assert len(audit.page(9, act=Act.USER_ADDED)) == 1


async def test_form_is_carried_out_again_when_it_is_opened_again(
    admin: Browser,
) -> None:
    """
    The same words typed a second time are meant.
    """
    await admin.press(USERS, "add", id="carla")
    page = await admin.press(USERS, "add", id="carla")
    assert "There is a user carla already." in page.text


async def test_what_was_typed_is_still_there_when_the_act_failed(
    admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is told that it failed, and trying again works.
    """

    def fail(*_: object) -> None:
        raise RuntimeError("carla")

    page = await admin.get(USERS)
    with monkeypatch.context() as patching:
        patching.setattr(UserStore, "create", fail)
        page = await admin.submit(page, USERS, act="add", id="carla")
    assert page.status == 500
    assert "The server failed while doing this" in page.text
    assert page.form(USERS, act="add").fields["id"] == "carla"
    page = await admin.submit(page, USERS, act="add")
    assert "User carla is added." in page.text
