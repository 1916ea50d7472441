from __future__ import annotations

import logging
from pathlib import Path

import pytest
from aiohttp.pytest_plugin import AiohttpClient
from channels.drive import until
from sqlalchemy.exc import OperationalError

from backoffice.browser import HOME, NAME, ONLINE, PASSWORD, SIGN_IN, SIGN_OUT, Browser
from backoffice.conftest import Connect, NewApp, NewBrowser
from backoffice.fakes import Clock, quick_hasher
from notifier.accounts import Accounts
from notifier.backoffice import Act, AuditLog, OperatorStore
from notifier.backoffice.door.gate import LOGIN_COOKIE, VISITOR_COOKIE
from notifier.backoffice.door.logins import LOGIN_IDLE_S

SCRIPTS = 2  # what the page loads, and the words for it
USERS = "/backoffice/users"
SENT = "/backoffice/sent"
XSS = "\"><script>alert(1)</script>'{{ 7 * 7 }}"


async def test_operator_is_let_in_when_name_and_password_are_right(browser: Browser) -> None:
    """
    Signing in leads to the form, which says who is signed in.
    """
    page = await browser.sign_in()
    assert (page.status, page.path) == (200, ONLINE)
    assert "Signed in as ada" in page.text


@pytest.mark.parametrize(("name", "password"), [(NAME, "wrong horse!"), ("bob", PASSWORD)])
async def test_same_words_come_when_name_or_password_is_wrong(
    browser: Browser, name: str, password: str
) -> None:
    """
    It is not told which of the two was wrong; the name stays, the password does not.
    """
    page = await browser.sign_in(name, password)
    assert page.status == 403
    assert "This name and password do not belong together." in page.text
    assert page.form(SIGN_IN).fields["name"] == name
    assert password not in page.html
    assert browser.cookie(LOGIN_COOKIE) is None


@pytest.mark.parametrize(
    ("name", "password", "field"), [(" ", PASSWORD, "name"), (NAME, "", "password")]
)
async def test_error_stands_beside_the_field_when_it_is_empty(
    browser: Browser, name: str, password: str, field: str
) -> None:
    """
    The field is marked and names its error.
    """
    page = await browser.sign_in(name, password)
    assert page.status == 422
    assert page.attributes[field]["aria-invalid"] == "true"
    assert page.attributes[field]["aria-describedby"] == f"{field}-error"
    assert f"{field}-error" in page.attributes
    assert "autofocus" in page.attributes[field]


async def test_name_stays_text_when_it_is_markup(browser: Browser) -> None:
    """
    A name cannot put anything into the page.
    """
    page = await browser.sign_in(XSS, "wrong horse!")
    assert page.html.count("<script") == SCRIPTS
    assert page.form(SIGN_IN).fields["name"] == XSS


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c"])
async def test_sign_in_is_refused_when_its_token_is_forged(
    browser: Browser, token: str | None
) -> None:
    """
    Another site cannot sign somebody in; the page comes again and works.
    """
    page = await browser.get(SIGN_IN)
    fields = page.fields(SIGN_IN, name=NAME, password=PASSWORD)
    fields = {**fields, "csrf": token} if token is not None else fields
    if token is None:
        del fields["csrf"]
    page = await browser.post(SIGN_IN, fields)
    assert page.status == 403
    assert "This page was too old." in page.text
    page = await browser.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    assert page.path == HOME


async def test_sign_in_is_refused_when_its_token_is_another_visitors(
    new_browser: NewBrowser,
) -> None:
    """
    A token that the attacker got for himself is of no use.
    """
    attacker, victim = await new_browser(), await new_browser()
    page = await attacker.get(SIGN_IN)
    await victim.get(SIGN_IN)
    page = await victim.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    assert page.status == 403
    assert victim.cookie(LOGIN_COOKIE) is None


async def test_sign_in_is_refused_when_there_is_no_visitors_cookie(browser: Browser) -> None:
    """
    A token alone does not do, and the page says what may be wrong.
    """
    page = await browser.get(SIGN_IN)
    browser.forget_cookies()
    page = await browser.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    assert page.status == 403
    assert "allow cookies" in page.text


async def test_two_sign_in_pages_work_when_both_are_open(browser: Browser) -> None:
    """
    Opening the page in a second tab does not spoil the first.
    """
    first = await browser.get(SIGN_IN)
    await browser.get(SIGN_IN)
    page = await browser.submit(first, SIGN_IN, name=NAME, password=PASSWORD)
    assert page.path == HOME


async def test_page_says_how_to_begin_when_there_is_no_operator(
    aiohttp_client: AiohttpClient, new_app: NewApp, tmp_path: Path
) -> None:
    """
    A newcomer reads which command makes the first operator.
    """
    empty = OperatorStore(tmp_path / "empty.db", hasher=quick_hasher())
    browser = Browser(await aiohttp_client(new_app(operators=empty)))
    assert "notifier operator add NAME" in (await browser.get(SIGN_IN)).text


async def test_page_is_quiet_about_it_when_there_is_an_operator(browser: Browser) -> None:
    """
    Once there is one, the hint is gone.
    """
    assert "operator add" not in (await browser.get(SIGN_IN)).text


async def test_login_is_worth_nothing_when_signed_out(browser: Browser) -> None:
    """
    A copy of the cookie, replayed after signing out, opens nothing.
    """
    page = await browser.sign_in()
    stolen = browser.cookie(LOGIN_COOKIE)
    assert stolen
    page = await browser.submit(page, SIGN_OUT)
    assert "You are signed out." in page.text
    assert browser.cookie(LOGIN_COOKIE) is None
    browser.set_cookie(LOGIN_COOKIE, stolen)
    assert (await browser.get(ONLINE)).path == SIGN_IN


async def test_log_in_is_over_when_signing_out_cannot_be_noted(
    browser: Browser, audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nobody stays signed in on a shared computer because the server's disk is full.
    """
    page = await browser.sign_in()

    def fail(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(audit, "note", fail)
    page = await browser.submit(page, SIGN_OUT)
    assert "You are signed out." in page.text
    assert (await browser.get(ONLINE)).path == SIGN_IN


async def test_log_in_before_goes_on_when_the_next_cannot_be_noted(
    admin: Browser, audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    None is opened that the trail knows nothing of, and nobody is signed out by it.
    """
    login = admin.cookie(LOGIN_COOKIE)
    assert login
    admin.forget_cookies()
    page = await admin.get(SIGN_IN)
    admin.set_cookie(LOGIN_COOKIE, login)

    def fail(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(audit, "note", fail)
    page = await admin.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    assert page.status == 503
    page = await admin.get(f"{HOME}/account")
    assert "Log-ins only this one" in page.text


async def test_nothing_is_done_when_a_form_is_replayed_after_signing_out(
    browser: Browser, connect: Connect, accounts: Accounts
) -> None:
    """
    Neither is a whole request, cookie and token and all.
    """
    await connect("carla")
    page = await browser.sign_in()
    stolen = browser.cookie(LOGIN_COOKIE)
    assert stolen
    await browser.submit(page, SIGN_OUT)
    browser.set_cookie(LOGIN_COOKIE, stolen)
    page = await browser.submit(page, ONLINE, act="keep_out:carla")
    assert page.status == 403
    account = await accounts.get("carla")
    assert account
    assert not account.is_disabled


@pytest.mark.parametrize("token", ["", "x.y.z"])
async def test_signing_out_is_refused_when_its_token_is_forged(
    browser: Browser, token: str
) -> None:
    """
    Another site cannot sign an operator out.
    """
    await browser.sign_in()
    page = await browser.post(SIGN_OUT, {"csrf": token})
    assert page.status == 403
    assert (await browser.get(ONLINE)).path == ONLINE


async def test_signing_out_is_fine_when_the_log_in_is_over(browser: Browser, clock: Clock) -> None:
    """
    Whoever wants out is out.
    """
    page = await browser.sign_in()
    clock.now += LOGIN_IDLE_S
    page = await browser.submit(page, SIGN_OUT)
    assert page.path == SIGN_IN
    assert browser.cookie(LOGIN_COOKIE) is None


async def test_log_tells_no_secret_when_somebody_signs_in(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Neither passwords, names that failed, cookies nor tokens are logged by us.
    """
    caplog.set_level(logging.DEBUG, "notifier")
    await browser.sign_in("my password by mistake", "wrong horse!")
    await browser.sign_in()
    said = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("notifier"))
    assert "operator 'ada' signed in" in said
    for secret in ("by mistake", "horse", browser.cookie(LOGIN_COOKIE) or "?"):
        assert secret not in said


async def test_visitors_cookie_goes_when_signed_in(browser: Browser) -> None:
    """
    It is of no use any more.
    """
    await browser.sign_in()
    assert browser.cookie(VISITOR_COOKIE) is None


async def test_page_that_was_asked_for_comes_after_signing_in(browser: Browser) -> None:
    """
    With what stood in its address.
    """
    page = await browser.get(f"{SENT}?q=hello%20you")
    assert page.path == SIGN_IN
    page = await browser.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    assert (page.path, page.response.url.query["q"]) == (SENT, "hello you")


async def test_form_is_filled_in_again_when_the_log_in_had_ended(
    browser: Browser, clock: Clock
) -> None:
    """
    Nothing was done, and nothing that was typed is lost.
    """
    await browser.sign_in()
    page = await browser.get(USERS)
    clock.now += LOGIN_IDLE_S
    page = await browser.submit(page, USERS, act="add", id="carla", name="Carla")
    assert page.status == 403
    assert "what you typed is back in the form" in page.text
    page = await browser.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    assert page.path == USERS
    fields = page.form(USERS, act="add").fields
    assert (fields["id"], fields["name"]) == ("carla", "Carla")
    assert (await browser.get(USERS)).form(USERS, act="add").fields["id"] == ""


async def test_form_is_lost_when_its_seal_is_forged(browser: Browser) -> None:
    """
    Nobody else can put words into an operator's form.
    """
    page = await browser.get(SIGN_IN, params={"next": USERS})
    fields = page.fields(SIGN_IN, name=NAME, password=PASSWORD)
    page = await browser.post(SIGN_IN, {**fields, "unsent": "eyJpZCI6ImV2aWwifQ.x.y"})
    assert page.path == USERS
    assert page.form(USERS, act="add").fields["id"] == ""


async def test_signing_in_and_out_is_in_the_trail(browser: Browser, audit: AuditLog) -> None:
    """
    And so is a failed attempt, under a name that exists; others may be a password.
    """
    await browser.sign_in("my password by mistake", "wrong horse!")
    await browser.sign_in(password="wrong horse!")
    await until(lambda: len(audit.page(9)) == 1)
    page = await browser.sign_in()
    await browser.submit(page, SIGN_OUT)
    assert [(one.operator, one.act) for one in audit.page(9)] == [
        (NAME, Act.SIGNED_OUT),
        (NAME, Act.SIGNED_IN),
        (NAME, Act.SIGN_IN_FAILED),
    ]


async def test_login_ends_when_its_operator_is_removed(
    browser: Browser, operators: OperatorStore, wall_clock: Clock
) -> None:
    """
    At the next request, and another one of the same name does not get it.
    """
    operators.add("eve", PASSWORD)
    await browser.sign_in("eve")
    operators.remove("eve")
    wall_clock.now += 1
    operators.add("eve", PASSWORD)
    assert (await browser.get(ONLINE)).path == SIGN_IN


async def test_login_ends_when_its_operator_is_signed_out_everywhere(
    browser: Browser, operators: OperatorStore
) -> None:
    """
    From another browser, or from the command line.
    """
    await browser.sign_in()
    operators.sign_out_everywhere(NAME)
    page = await browser.get(ONLINE)
    assert page.path == SIGN_IN
    assert "Your log-in has ended" in page.text
