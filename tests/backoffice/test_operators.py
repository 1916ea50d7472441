from __future__ import annotations

import pytest

from backoffice.browser import HOME, NAME, ONLINE, PASSWORD, SIGN_IN, SIGN_OUT, Browser, Page
from backoffice.conftest import BOB, BOBS_PASSWORD, NewBrowser
from backoffice.fakes import Clock
from notifier.backoffice import Act, AuditLog, OperatorStore

OPERATORS = f"{HOME}/operators"
ACCOUNT = f"{HOME}/account"


def secret(page: Page) -> str:
    return page.html.split("<code data-copy>")[1].split("<")[0]


async def test_operators_are_listed(admin: Browser, operator: Browser, wall_clock: Clock) -> None:
    """
    With what they may, since when they are there, and who is signed in.
    """
    wall_clock.now += 7_200
    page = await admin.get(OPERATORS)
    assert "ada admin you signed in now added 2 hours ago last signed in 2 hours ago" in page.text
    assert "bob operator signed in now added 2 hours ago" in page.text


async def test_operator_is_added_with_the_password_that_was_typed(
    admin: Browser, new_browser: NewBrowser, operators: OperatorStore, audit: AuditLog
) -> None:
    """
    Nothing secret is shown then, and the trail says with which role.
    """
    page = await admin.press(OPERATORS, "add", name=" Eve ", role="admin", password=PASSWORD)
    assert "Eve can sign in now." in page.text
    assert PASSWORD not in page.html
    assert "<code data-copy>" not in page.html
    operator = operators.verify("Eve", PASSWORD)
    assert operator
    assert operator.is_admin
    (entry,) = audit.page(1)
    assert (entry.operator, entry.act, entry.subject) == (NAME, Act.OPERATOR_ADDED, "Eve")
    assert entry.detail == "admin"


async def test_password_is_made_and_shown_once_when_none_was_typed(
    admin: Browser, operators: OperatorStore
) -> None:
    """
    It opens, and a reload does not show it again.
    """
    page = await admin.press(OPERATORS, "add", name="eve")
    made = secret(page)
    assert operators.verify("eve", made)
    assert made not in (await admin.get(page.response.url.path_qs)).html


async def test_operator_is_added_once_when_the_form_comes_twice(admin: Browser) -> None:
    """
    The second time says so, and shows no password.
    """
    page = await admin.get(OPERATORS)
    await admin.submit(page, OPERATORS, act="add", name="eve")
    page = await admin.submit(page, OPERATORS, act="add", name="eve")
    assert "Done already" in page.text
    assert "<code data-copy>" not in page.html


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"name": " "}, "name", "A name is one line of 1 to 100 characters."),
        ({"name": "e" * 101}, "name", "A name is one line of 1 to 100 characters."),
        ({"name": "a\nb"}, "name", "A name is one line of 1 to 100 characters."),
        ({"name": "bob"}, "name", "There is an operator bob already."),
        (
            {"name": "eve", "password": "short"},
            "password",
            "this one has 5.",
        ),
    ],
)
async def test_error_stands_beside_the_field(
    admin: Browser, typed: dict[str, str], field: str, words: str
) -> None:
    """
    What was typed is still there, but the password.
    """
    page = await admin.press(OPERATORS, "add", **typed)
    assert page.status == 422
    assert words in page.text
    assert page.attributes[field]["aria-invalid"] == "true"
    assert f"{field}-error" in str(page.attributes[field]["aria-describedby"])
    fields = page.form(OPERATORS, act="add").fields
    assert fields["name"] == typed["name"].strip()
    assert fields["password"] == ""


async def test_role_that_is_none_is_refused(admin: Browser, operators: OperatorStore) -> None:
    """
    No page sends it.
    """
    page = await admin.press(OPERATORS, "add", name="eve", role="king")
    assert page.status == 422
    assert "Choose one of these." in page.text
    assert operators.get("eve") is None


async def test_operator_is_made_an_admin_and_back(
    admin: Browser, operator: Browser, audit: AuditLog
) -> None:
    """
    It counts from the next page on.
    """
    assert (await operator.get(OPERATORS)).status == 403
    page = await admin.press(OPERATORS, "make_admin:bob")
    assert "bob is an admin now." in page.text
    assert (await operator.get(OPERATORS)).status == 200
    await admin.press(OPERATORS, "make_operator:bob")
    assert (await operator.get(OPERATORS)).status == 403
    told = [(one.subject, one.detail) for one in audit.page(9, act=Act.ROLE_CHANGED)]
    assert told == [("bob", "operator"), ("bob", "admin")]


async def test_new_password_is_shown_and_ends_the_log_ins(
    admin: Browser, operator: Browser, operators: OperatorStore, audit: AuditLog
) -> None:
    """
    The old one opens nothing any more.
    """
    page = await admin.press(OPERATORS, "password:bob")
    assert "bob has a new password." in page.text
    assert operators.verify("bob", secret(page))
    assert operators.verify("bob", BOBS_PASSWORD) is None
    assert (await operator.get(ONLINE)).path == SIGN_IN
    assert audit.page(1)[0].act == Act.PASSWORD_CHANGED


async def test_operator_is_signed_out_everywhere(
    admin: Browser, operator: Browser, audit: AuditLog
) -> None:
    """
    And may come back.
    """
    page = await admin.press(OPERATORS, "sign_out:bob")
    assert "bob is signed out everywhere." in page.text
    assert "bob operator added" in page.text
    assert (await operator.get(ONLINE)).path == SIGN_IN
    assert (await operator.sign_in(BOB, BOBS_PASSWORD)).path == ONLINE
    assert audit.page(9, act=Act.SIGNED_OUT_EVERYWHERE)[0].subject == "bob"


async def test_removed_operator_cannot_come_back(
    admin: Browser, operator: Browser, audit: AuditLog
) -> None:
    """
    Neither by the log-in nor by the password.
    """
    page = await admin.press(OPERATORS, "remove:bob")
    assert "bob was removed." in page.text
    assert (await operator.get(ONLINE)).path == SIGN_IN
    assert (await operator.sign_in(BOB, BOBS_PASSWORD)).status == 403
    assert audit.page(1)[0].act == Act.OPERATOR_REMOVED


async def test_last_admin_is_not_offered_to_be_removed(admin: Browser) -> None:
    """
    The page says why.
    """
    page = await admin.get(OPERATORS)
    assert not {"remove:ada", "make_operator:ada"} & set(page.form(OPERATORS).acts)
    assert "the only admin" in page.text


@pytest.mark.parametrize("act", ["remove", "make_operator"])
async def test_last_admin_stays_when_another_one_went_meanwhile(
    admin: Browser, operators: OperatorStore, act: str
) -> None:
    """
    It is told in words, and nothing is done.
    """
    operators.set_role(BOB, "admin")
    page = await admin.get(OPERATORS)
    operators.set_role(BOB, "operator")
    page = await admin.submit(page, OPERATORS, act=f"{act}:ada")
    assert page.status == 200
    assert "ada is the only admin. Make somebody else an admin first." in page.text
    assert (await admin.get(OPERATORS)).status == 200


async def test_nobody_is_changed_when_they_went_meanwhile(
    admin: Browser, operators: OperatorStore
) -> None:
    """
    The page says that they are gone.
    """
    page = await admin.get(OPERATORS)
    operators.remove(BOB)
    page = await admin.submit(page, OPERATORS, act="make_admin:bob")
    assert "There is no operator bob any more." in page.text


async def test_one_is_asked_twice_before_removing_oneself(
    admin: Browser, operators: OperatorStore
) -> None:
    """
    The button says whom it is about; who does it all the same is signed out.
    """
    operators.set_role(BOB, "admin")
    page = await admin.get(OPERATORS)
    assert "This is you: you are signed out at once" in page.text
    assert (await admin.submit(page, OPERATORS, act="remove:ada")).path == SIGN_IN
    assert operators.get("ada") is None


async def test_one_is_led_on_when_one_makes_oneself_an_operator(
    admin: Browser, operators: OperatorStore
) -> None:
    """
    To a page that an operator may see.
    """
    operators.set_role(BOB, "admin")
    page = await admin.press(OPERATORS, "make_operator:ada")
    assert (page.status, page.path) == (200, ACCOUNT)
    assert "ada is no admin any more." in page.text


@pytest.mark.parametrize("act", ["password:ada", "sign_out:ada", "remove:", "crown:bob", "remove"])
async def test_act_is_refused_when_no_button_asks_for_it(
    admin: Browser, operators: OperatorStore, act: str
) -> None:
    """
    One's own password would never be seen: it is changed under the account.
    """
    page = await admin.get(OPERATORS)
    assert act not in page.form(OPERATORS).acts
    page = await admin.post(OPERATORS, {**page.form(OPERATORS).fields, "act": act})
    assert page.status == 400
    assert operators.verify(NAME, PASSWORD)
    assert len(operators.list()) == 2


async def test_typed_operator_is_still_there_when_the_log_in_had_ended(
    admin: Browser, operators: OperatorStore
) -> None:
    """
    But for the password.
    """
    page = await admin.get(OPERATORS)
    await admin.submit(page, SIGN_OUT)
    page = await admin.submit(page, OPERATORS, act="add", name="eve", password=PASSWORD)
    page = await admin.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    fields = page.form(OPERATORS, act="add").fields
    assert (fields["name"], fields["password"]) == ("eve", "")
    assert operators.get("eve") is None
