from __future__ import annotations

import pytest

from backoffice.browser import HOME, NAME, Browser
from notifier.accounts import Accounts
from notifier.backoffice import Act, AuditLog
from notifier.backoffice.users import MAX_USERS
from notifier.session.claims import MAX_USER_ID_CHARACTERS

USERS = f"{HOME}/users"


async def test_user_is_added(admin: Browser, accounts: Accounts, audit: AuditLog) -> None:
    """
    Before a first visit, to write to them or to keep them out.
    """
    page = await admin.press(USERS, "add", id=" carla ", name="Carla Bruni")
    assert "User carla is added." in page.text
    account = await accounts.get("carla")
    assert account
    assert account.name == "Carla Bruni"
    (entry,) = audit.page(1)
    assert (entry.operator, entry.act, entry.subject) == (NAME, Act.USER_ADDED, "carla")


async def test_user_is_not_added_twice(admin: Browser, accounts: Accounts) -> None:
    """
    The one who is there stays as they are.
    """
    await accounts.create("carla", "Carla")
    page = await admin.press(USERS, "add", id="carla", name="Somebody else")
    assert "There is a user carla already." in page.text
    account = await accounts.get("carla")
    assert account
    assert account.name == "Carla"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"id": ""}, "An id has 1 to"),
        ({"id": "x" * (MAX_USER_ID_CHARACTERS + 1)}, "An id has 1 to"),
        ({"id": "carla", "name": "two\nlines"}, "A name is one line"),
    ],
)
async def test_error_stands_in_the_form(
    admin: Browser, accounts: Accounts, typed: dict[str, str], words: str
) -> None:
    """
    With what was typed, and nobody is added.
    """
    page = await admin.press(USERS, "add", **typed)
    assert page.status == 422
    assert words in page.text
    assert page.form(USERS, act="add").fields["id"] == typed["id"]
    assert await accounts.get("carla") is None


async def test_users_are_found_by_id_or_name(admin: Browser, accounts: Accounts) -> None:
    """
    Others are left out, and what means something to the database is text.
    """
    await accounts.create("42", "Carla 100%")
    await accounts.create("carlos")
    found = (await admin.get(USERS, params={"q": "carl"})).text
    assert "Carla 100%" in found
    assert "carlos" in found
    assert "carlos" not in (await admin.get(USERS, params={"q": "0%"})).text


async def test_list_goes_on_where_the_page_ends(admin: Browser, accounts: Accounts) -> None:
    """
    In the order of their ids, each once.
    """
    ids = [f"user{number:02}" for number in range(MAX_USERS + 1)]
    for id in ids:
        await accounts.create(id)
    first = await admin.get(USERS)
    assert ids[-2] in first.text
    assert ids[-1] not in first.text
    second = await admin.get(USERS, params={"after": ids[-2]})
    assert ids[-1] in second.text
    assert ids[-2] not in second.text


async def test_user_is_let_in_again(admin: Browser, accounts: Accounts, audit: AuditLog) -> None:
    """
    Who was kept out.
    """
    await accounts.create("carla")
    page = await admin.press(USERS, "keep_out:carla")
    assert "User carla is kept out." in page.text
    page = await admin.press(USERS, "let_in:carla")
    assert "User carla is let in again." in page.text
    account = await accounts.get("carla")
    assert account
    assert not account.is_disabled
    assert [entry.act for entry in audit.page(2)] == [Act.ENABLED, Act.DISABLED]


@pytest.mark.parametrize("act", ["throw_out", "throw_out:", "burn:carla", "keep_out:a\x00b"])
async def test_other_acts_are_refused(admin: Browser, act: str) -> None:
    """
    None of them is what a button says.
    """
    form = (await admin.get(USERS)).form(USERS, act="add")
    page = await admin.post(USERS, {**form.fields, "act": act})
    assert page.status == 400
    assert "nothing was done" in page.text


async def test_nothing_is_done_to_nobody(admin: Browser) -> None:
    """
    Whose button it was may be gone.
    """
    form = (await admin.get(USERS)).form(USERS, act="add")
    page = await admin.post(USERS, {**form.fields, "act": "keep_out:nobody"})
    assert "There is no user nobody any more." in page.text
