from __future__ import annotations

import pytest

from backoffice.browser import Browser
from backoffice.conftest import Connect
from notifier.accounts import Accounts
from notifier.backoffice import Act, AuditLog
from notifier.backoffice.users import MAX_USERS

USERS = "/backoffice/users"
XSS = "\"><script>alert(1)</script>'{{ 7 * 7 }}"


async def test_page_says_who_comes_here_when_there_is_nobody(admin: Browser) -> None:
    """
    Users add themselves, and can be added.
    """
    page = await admin.get(USERS)
    assert "No users yet" in page.text
    assert page.form(USERS, act="add").acts == ["add"]


async def test_user_is_listed_with_what_is_known(
    admin: Browser, accounts: Accounts, connect: Connect
) -> None:
    """
    The name, the id, whether online, whether kept out.
    """
    await accounts.create("42", "Carla Weiß")
    await accounts.create("43")
    await accounts.disable("43")
    await connect("44")
    page = await admin.get(USERS)
    assert "Carla Weiß id 42 added just now" in page.text
    assert "43 kept out added just now" in page.text
    assert "44 online added just now" in page.text
    acts = page.form(USERS, act="keep_out:42").acts
    assert acts == ["keep_out:42", "let_in:43", "throw_out:44", "keep_out:44"]


@pytest.mark.parametrize(("words", "found"), [("weiß", ["42"]), ("4", ["42", "43"]), ("x", [])])
async def test_user_is_found_by_a_part_of_id_or_name(
    admin: Browser, accounts: Accounts, words: str, found: list[str]
) -> None:
    """
    And where nobody is, the page says what to do.
    """
    await accounts.create("42", "Carla Weiß")
    await accounts.create("43")
    await accounts.create("dan")
    page = await admin.get(USERS, params={"q": words})
    acts = [act for form in page.forms for act in form.acts if act.startswith("keep_out:")]
    assert acts == [f"keep_out:{id}" for id in found]
    assert ("Nobody found" in page.text) is (not found)


async def test_list_goes_on_when_there_are_more(admin: Browser, accounts: Accounts) -> None:
    """
    By the id of the last one.
    """
    for number in range(MAX_USERS + 1):
        await accounts.create(f"user {number:03}")
    first = await admin.get(USERS)
    assert f"user {MAX_USERS - 1:03}" in first.text
    assert f"user {MAX_USERS:03}" not in first.text
    second = await admin.get(USERS, params={"after": f"user {MAX_USERS - 1:03}"})
    assert f"user {MAX_USERS:03}" in second.text
    assert "From the beginning" in second.text


async def test_user_is_added(admin: Browser, accounts: Accounts, audit: AuditLog) -> None:
    """
    With a name or without; the trail has it.
    """
    page = await admin.press(USERS, "add", id=" 42 ", name="Carla")
    assert "User 42 is added." in page.text
    account = await accounts.get("42")
    assert account
    assert account.name == "Carla"
    (entry,) = audit.page(1)
    assert (entry.act, entry.subject) == (Act.USER_ADDED, "42")


async def test_user_who_is_there_is_not_added_again(admin: Browser, accounts: Accounts) -> None:
    """
    And keeps the name.
    """
    await accounts.create("42", "Carla")
    page = await admin.press(USERS, "add", id="42", name="Dan")
    assert "There is a user 42 already." in page.text
    account = await accounts.get("42")
    assert account
    assert account.name == "Carla"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"id": "", "name": ""}, "id"),
        ({"id": "x" * 256, "name": ""}, "id"),
        ({"id": "42", "name": "x" * 101}, "name"),
    ],
)
async def test_error_stands_beside_the_field(
    admin: Browser, accounts: Accounts, typed: dict[str, str], field: str
) -> None:
    """
    What was typed is there still, and nobody was added.
    """
    page = await admin.press(USERS, "add", **typed)
    assert page.status == 422
    assert page.attributes[field]["aria-invalid"] == "true"
    assert {**page.form(USERS, act="add").fields, **typed} == page.form(USERS, act="add").fields
    assert await accounts.page() == []


async def test_names_stay_text(admin: Browser, accounts: Accounts) -> None:
    """
    In the list, and in the field that searches.
    """
    await accounts.create(XSS, XSS)
    page = await admin.get(USERS, params={"q": XSS})
    assert page.text.count("alert(1)") >= 2
    assert page.html.count("<script>alert") == 0


async def test_failure_is_told_when_the_database_fails(
    admin: Browser, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What was typed is there still.
    """

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(accounts.store, "create", fail)
    page = await admin.press(USERS, "add", id="42", name="Carla")
    assert page.status == 500
    assert "What you typed is still here." in page.text
    assert page.form(USERS, act="add").fields["id"] == "42"
