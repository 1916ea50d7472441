from __future__ import annotations

import pytest

from backoffice.browser import HOME, NAME, ONLINE, PASSWORD, SIGN_IN, Browser
from backoffice.conftest import NewBrowser
from backoffice.fakes import Clock
from notifier.backoffice import Act, AuditLog, OperatorStore
from notifier.backoffice.door.gate import LOGIN_COOKIE
from notifier.backoffice.door.throttle import FREE_ATTEMPTS

ACCOUNT = f"{HOME}/account"
NEW = "battery staple horse"
GOOD = {"old_password": PASSWORD, "new_password": NEW, "new_again": NEW}


async def test_page_says_who_one_is(admin: Browser, operator: Browser) -> None:
    """
    And what one may.
    """
    assert (
        "Name ada admin May Send notices, throw users out, keep" in (await admin.get(ACCOUNT)).text
    )
    assert (
        "Name bob operator May Send notices, and throw users out."
        in (await operator.get(ACCOUNT)).text
    )


async def test_page_counts_ones_log_ins(admin: Browser, new_browser: NewBrowser) -> None:
    """
    This one, and those in other browsers.
    """
    assert "Log-ins only this one" in (await admin.get(ACCOUNT)).text
    await (await new_browser()).sign_in()
    assert "Log-ins this one and 1 other" in (await admin.get(ACCOUNT)).text


async def test_password_is_changed(
    admin: Browser, new_browser: NewBrowser, operators: OperatorStore, audit: AuditLog
) -> None:
    """
    One stays signed in here under another log-in, and nowhere else.
    """
    other = await new_browser()
    await other.sign_in()
    before = admin.cookie(LOGIN_COOKIE)
    page = await admin.press(ACCOUNT, "password", **GOOD)
    assert (page.status, page.path) == (200, ACCOUNT)
    assert "Your password is changed." in page.text
    assert admin.cookie(LOGIN_COOKIE) != before
    assert (await other.get(ONLINE)).path == SIGN_IN
    assert operators.verify(NAME, NEW)
    entry = audit.page(1)[0]
    assert (entry.operator, entry.act, entry.subject) == (NAME, Act.PASSWORD_CHANGED, NAME)
    assert before
    admin.forget_cookies()
    admin.set_cookie(LOGIN_COOKIE, before)
    assert (await admin.get(ONLINE)).path == SIGN_IN


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"old_password": ""}, "old_password", "Write the password you have now."),
        (
            {"old_password": "wrong horse!"},
            "old_password",
            "This is not the password you have now.",
        ),
        ({"new_password": "short"}, "new_password", "10 to 1,000 characters, this one has 5."),
        ({"new_password": PASSWORD}, "new_password", "This is the password you have now."),
        ({"new_again": "another horse"}, "new_again", "This is not the same as above."),
    ],
)
async def test_error_stands_beside_the_field(
    admin: Browser, operators: OperatorStore, typed: dict[str, str], field: str, words: str
) -> None:
    """
    The password stays, and none of what was typed is in the page.
    """
    page = await admin.press(ACCOUNT, "password", **{**GOOD, **typed})
    assert page.status == 422
    assert words in page.text
    assert page.attributes[field]["aria-invalid"] == "true"
    assert not [one for one in (PASSWORD, NEW, "wrong horse!") if one in page.html]
    assert operators.verify(NAME, PASSWORD)


async def test_old_password_is_guessed_slowly(
    admin: Browser, operators: OperatorStore, clock: Clock
) -> None:
    """
    A browser that was left signed in gives no more guesses than the sign-in page.
    """
    for _ in range(FREE_ATTEMPTS):
        await admin.press(ACCOUNT, "password", **{**GOOD, "old_password": "wrong horse!"})
    page = await admin.press(ACCOUNT, "password", **GOOD)
    assert page.status == 429
    assert "Try again in 2 seconds." in page.text
    assert page.response.headers["Retry-After"] == "2"
    clock.now += 2
    assert "Your password is changed." in (await admin.press(ACCOUNT, "password", **GOOD)).text


async def test_all_log_ins_end_when_signed_out_everywhere(
    admin: Browser, new_browser: NewBrowser, audit: AuditLog
) -> None:
    """
    This one, too.
    """
    other = await new_browser()
    await other.sign_in()
    page = await admin.press(ACCOUNT, "sign_out")
    assert page.path == SIGN_IN
    assert "You are signed out." in page.text
    for browser in (admin, other):
        assert (await browser.get(ONLINE)).path == SIGN_IN
    assert audit.page(1)[0].act == Act.SIGNED_OUT_EVERYWHERE


async def test_other_acts_are_refused(admin: Browser) -> None:
    """
    No button sends them.
    """
    page = await admin.get(ACCOUNT)
    fields = page.form(ACCOUNT, act="password").fields
    assert (await admin.post(ACCOUNT, {**fields, "act": "crown"})).status == 400
