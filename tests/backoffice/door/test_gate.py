from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from itsdangerous import URLSafeTimedSerializer

from backoffice.browser import FORM, NAME, PASSWORD, SIGN_IN, Browser
from backoffice.conftest import NewBrowser
from backoffice.fakes import Clock, FakeDesk
from notifier.backoffice import OperatorStore, setup
from notifier.backoffice.door.gate import LOGIN_COOKIE, VISITOR_COOKIE
from notifier.backoffice.door.logins import LOGIN_IDLE_S, LOGIN_MAX_AGE_S
from notifier.inbox import NoticeStore


async def set_cookies(browser: Browser) -> SimpleCookie:
    page = await browser.get(SIGN_IN)
    fields = {**page.forms[SIGN_IN], "name": NAME, "password": PASSWORD}
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
    assert cookie["path"] == FORM
    assert not cookie["domain"]
    assert not cookie["max-age"]
    assert not cookie["secure"]


@pytest.mark.parametrize("name", [LOGIN_COOKIE, VISITOR_COOKIE])
async def test_cookies_want_https_when_the_request_came_by_it(
    aiohttp_client: AiohttpClient,
    desk: FakeDesk,
    operators: OperatorStore,
    notices: NoticeStore,
    signer: URLSafeTimedSerializer,
    clock: Clock,
    name: str,
) -> None:
    """
    A cookie set over https never travels without it.
    """

    def is_https(request: web.Request) -> bool:
        return request.headers.get("X-Test-Https") == "yes"

    app = web.Application()
    setup(
        app,
        desk=desk,
        operators=operators,
        notices=notices,
        signer=signer,
        clock=clock,
        is_https=is_https,
    )
    browser = Browser(await aiohttp_client(app, headers={"X-Test-Https": "yes"}))
    page = await browser.get(SIGN_IN)
    assert page.response.cookies[VISITOR_COOKIE]["secure"]
    # The test server speaks http, so the cookie is carried by hand.
    browser.set_cookie(VISITOR_COOKIE, page.response.cookies[VISITOR_COOKIE].value)
    fields = {**page.forms[SIGN_IN], "name": NAME, "password": PASSWORD}
    response = await browser.client.post(SIGN_IN, data=fields, allow_redirects=False)
    assert response.cookies[LOGIN_COOKIE]["secure"]
    assert response.cookies[name]["secure"]


async def test_login_is_over_when_it_was_idle(browser: Browser, clock: Clock) -> None:
    """
    After an hour without a request the sign-in page comes, and says why.
    """
    await browser.sign_in()
    clock.now += LOGIN_IDLE_S
    page = await browser.get(FORM)
    assert page.path == SIGN_IN
    assert "Your log-in has ended" in page.text


async def test_login_is_over_when_it_is_old(browser: Browser, clock: Clock) -> None:
    """
    After eight hours of work it has to be opened anew.
    """
    await browser.sign_in()
    for _ in range(int(LOGIN_MAX_AGE_S // 1_800) - 1):
        clock.now += 1_800
        assert (await browser.get(FORM)).path == FORM
    clock.now += 1_800
    assert (await browser.get(FORM)).path == SIGN_IN


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
    assert (await victim.sign_in()).path == FORM
    attacker.set_cookie(LOGIN_COOKIE, planted)
    assert (await attacker.get(FORM)).path == SIGN_IN


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
    assert (await browser.get(FORM)).path == SIGN_IN


@pytest.mark.parametrize("forged", ["", "x", "a.b.c", '"', "é"])
async def test_nobody_is_signed_in_when_the_cookie_is_forged(browser: Browser, forged: str) -> None:
    """
    A cookie that we did not sign is as good as none.
    """
    headers = {"Cookie": f"{LOGIN_COOKIE}={forged}"}
    assert (await browser.get(FORM, headers=headers)).path == SIGN_IN


async def test_nobody_is_signed_in_when_a_csrf_token_is_used_as_a_cookie(
    browser: Browser,
) -> None:
    """
    What stands readable in a page opens nothing.
    """
    page = await browser.sign_in()
    browser.forget_cookies()
    browser.set_cookie(LOGIN_COOKIE, page.forms[FORM]["csrf"])
    assert (await browser.get(FORM)).path == SIGN_IN
