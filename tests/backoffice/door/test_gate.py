from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from itsdangerous import URLSafeTimedSerializer

from backoffice.browser import HOME, NAME, ONLINE, PASSWORD, SIGN_IN, SIGN_OUT, Browser
from backoffice.conftest import NewApp, NewBrowser
from backoffice.fakes import Clock
from notifier.backoffice.door.gate import (
    KNOWN_COOKIE,
    KNOWN_MAX_AGE_S,
    LOGIN_COOKIE,
    SECRET_FIELDS,
    VISITOR_COOKIE,
    Gate,
)
from notifier.backoffice.door.logins import LOGIN_IDLE_S, LOGIN_MAX_AGE_S, Logins
from notifier.backoffice.door.seals import Seals


async def set_cookies(browser: Browser) -> SimpleCookie:
    page = await browser.get(SIGN_IN)
    fields = page.fields(SIGN_IN, name=NAME, password=PASSWORD)
    response = await browser.client.post(SIGN_IN, data=fields, allow_redirects=False)
    cookies: SimpleCookie = page.response.cookies
    cookies.load({LOGIN_COOKIE: response.cookies[LOGIN_COOKIE]})
    return cookies


@pytest.mark.parametrize("name", [LOGIN_COOKIE, VISITOR_COOKIE])
async def test_cookies_are_out_of_reach_when_set(browser: Browser, name: str) -> None:
    """
    Scripts, other sites and other paths never see them; they end with the browser.
    """
    cookie = (await set_cookies(browser))[name]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == HOME
    assert not cookie["domain"]
    assert not cookie["max-age"]
    assert not cookie["secure"]


@pytest.mark.parametrize("name", [LOGIN_COOKIE, VISITOR_COOKIE])
async def test_cookies_want_https_when_the_request_came_by_it(
    aiohttp_client: AiohttpClient, new_app: NewApp, name: str
) -> None:
    """
    A cookie set over https never travels without it.
    """

    def is_https(request: web.Request) -> bool:
        return request.headers.get("X-Test-Https") == "yes"

    app = new_app(is_https=is_https)
    browser = Browser(await aiohttp_client(app, headers={"X-Test-Https": "yes"}))
    page = await browser.get(SIGN_IN)
    assert page.response.cookies[VISITOR_COOKIE]["secure"]
    # The test server speaks http, so the cookie is carried by hand.
    browser.set_cookie(VISITOR_COOKIE, page.response.cookies[VISITOR_COOKIE].value)
    fields = page.fields(SIGN_IN, name=NAME, password=PASSWORD)
    response = await browser.client.post(SIGN_IN, data=fields, allow_redirects=False)
    assert response.cookies[LOGIN_COOKIE]["secure"]
    assert response.cookies[name]["secure"]


async def test_login_is_over_when_it_was_idle(browser: Browser, clock: Clock) -> None:
    """
    After an hour without a request the sign-in page comes, and says why.
    """
    await browser.sign_in()
    clock.now += LOGIN_IDLE_S
    page = await browser.get(ONLINE)
    assert page.path == SIGN_IN
    assert "Your log-in has ended" in page.text


async def test_login_is_over_when_it_is_old(browser: Browser, clock: Clock) -> None:
    """
    After eight hours of work it has to be opened anew.
    """
    await browser.sign_in()
    for _ in range(int(LOGIN_MAX_AGE_S // 1_800) - 1):
        clock.now += 1_800
        assert (await browser.get(ONLINE)).path == ONLINE
    clock.now += 1_800
    assert (await browser.get(ONLINE)).path == SIGN_IN


async def test_login_id_is_new_when_signing_in(browser: Browser) -> None:
    """
    Neither the visitor's id nor an earlier log-in's is carried on: no fixation.
    """
    await browser.get(SIGN_IN)
    visitor = browser.cookie(VISITOR_COOKIE)
    await browser.sign_in()
    first = browser.cookie(LOGIN_COOKIE)
    assert first != visitor
    assert browser.cookie(VISITOR_COOKIE) is None


async def test_planted_cookie_is_worth_nothing_when_its_victim_signs_in(
    new_browser: NewBrowser,
) -> None:
    """
    Who plants a visitor's cookie before the sign-in is not signed in by it.
    """
    attacker, victim = await new_browser(), await new_browser()
    await attacker.get(SIGN_IN)
    planted = attacker.cookie(VISITOR_COOKIE)
    assert planted
    victim.set_cookie(VISITOR_COOKIE, planted)
    assert (await victim.sign_in()).path == ONLINE
    attacker.set_cookie(LOGIN_COOKIE, planted)
    assert (await attacker.get(ONLINE)).path == SIGN_IN


async def test_earlier_login_ends_when_its_browser_signs_in_again(browser: Browser) -> None:
    """
    One browser holds one log-in, and the old cookie opens nothing.
    """
    sign_in = await browser.get(SIGN_IN)
    visitor = browser.cookie(VISITOR_COOKIE)
    await browser.submit(sign_in, SIGN_IN, name=NAME, password=PASSWORD)
    first = browser.cookie(LOGIN_COOKIE)
    assert first
    assert visitor
    browser.set_cookie(VISITOR_COOKIE, visitor)
    await browser.submit(sign_in, SIGN_IN, name=NAME, password=PASSWORD)
    assert browser.cookie(LOGIN_COOKIE) != first
    browser.forget_cookies()
    browser.set_cookie(LOGIN_COOKIE, first)
    assert (await browser.get(ONLINE)).path == SIGN_IN


@pytest.mark.parametrize("forged", ["", "x", "a.b.c", '"', "é"])
async def test_nobody_is_signed_in_when_the_cookie_is_forged(browser: Browser, forged: str) -> None:
    """
    A cookie that we did not sign is as good as none.
    """
    headers = {"Cookie": f"{LOGIN_COOKIE}={forged}"}
    assert (await browser.get(ONLINE, headers=headers)).path == SIGN_IN


async def test_nobody_is_signed_in_when_a_csrf_token_is_used_as_a_cookie(
    browser: Browser,
) -> None:
    """
    What stands readable in a page opens nothing.
    """
    page = await browser.sign_in()
    browser.forget_cookies()
    browser.set_cookie(LOGIN_COOKIE, page.form(SIGN_OUT).fields["csrf"])
    assert (await browser.get(ONLINE)).path == SIGN_IN


async def test_browser_is_known_when_somebody_has_signed_in_with_it(
    browser: Browser,
) -> None:
    """
    The cookie that says so stays as long as browsers keep one, and names one operator.
    """
    page = await browser.get(SIGN_IN)
    fields = page.fields(SIGN_IN, name=NAME, password=PASSWORD)
    response = await browser.client.post(SIGN_IN, data=fields, allow_redirects=False)
    cookie = response.cookies[KNOWN_COOKIE]
    assert cookie["max-age"] == str(KNOWN_MAX_AGE_S)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", HOME)


async def test_known_browser_is_not_signed_in_by_that(browser: Browser) -> None:
    """
    It opens nothing.
    """
    await browser.sign_in()
    known = browser.cookie(KNOWN_COOKIE)
    assert known
    browser.forget_cookies()
    browser.set_cookie(KNOWN_COOKIE, known)
    browser.set_cookie(LOGIN_COOKIE, known)
    assert (await browser.get(ONLINE)).path == SIGN_IN


def test_unsent_form_comes_back_without_secrets(signer: URLSafeTimedSerializer) -> None:
    """
    What an ended log-in had typed is sealed, and passwords are not in it.
    """
    gate = Gate(Logins(), Seals(signer), Clock(), lambda _request: False)
    fields = {"text": "hello", **dict.fromkeys(SECRET_FIELDS, "secret")}
    assert gate.open_unsent(gate.seal_unsent(fields)) == {"text": "hello"}
    assert gate.open_unsent("forged") is None
