"""
What must hold on every route, also those that are added later.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from backoffice.browser import HOME, NAME, ONLINE, PASSWORD, SIGN_IN, SIGN_OUT, Browser
from backoffice.conftest import NewApp, NewBrowser
from backoffice.fakes import Clock
from notifier.api import ApiKeyStore
from notifier.backoffice import AuditLog, OperatorStore
from notifier.backoffice.door.gate import LOGIN_COOKIE
from notifier.backoffice.door.signin import ours
from notifier.backoffice.door.throttle import FREE_ATTEMPTS
from notifier.backoffice.pages import HEADERS

XSS = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"

FOR_ADMINS = {f"{HOME}/{name}" for name in ("users", "operators", "keys", "audit")}
FOR_ALL = {HOME} | {
    f"{HOME}/{name}"
    for name in (
        "account",
        "find",
        "online",
        "online/rows",
        "sent",
        "sent/{id}",
        "sent/{id}/figures",
    )
}
FOR_NOBODY = {f"{HOME}/", SIGN_IN, SIGN_OUT}
"""Routes that are looked at before anybody has signed in."""


def routes(app: web.Application, method: str) -> Iterator[str]:
    """
    Walk the routes of the back office, as they were mounted.
    """
    for route in app.router.routes():
        path = route.resource.canonical if route.resource else ""
        if route.method == method and (path == HOME or path.startswith(f"{HOME}/")):
            yield path


def filled(path: str) -> str:
    return path.replace("{id}", "nothing")


def is_asset(path: str) -> bool:
    return path.startswith(f"{HOME}/static/")


def test_every_route_says_whom_it_is_for(app: web.Application) -> None:
    """
    One that is added must be added above, where the tests below look.
    """
    found = {path for path in routes(app, "GET") if not is_asset(path)}
    assert found == FOR_ADMINS | FOR_ALL | FOR_NOBODY
    assert set(routes(app, "POST")) <= found


# --- forged forms


@pytest.mark.parametrize("forgery", ["none", "empty", "forged", "another's", "cross-site"])
async def test_forged_form_does_nothing_on_any_route(
    app: web.Application, admin: Browser, operator: Browser, audit: AuditLog, forgery: str
) -> None:
    """
    Neither without a token, nor with a wrong one, nor with somebody else's.
    """
    stolen = (await operator.get(ONLINE)).form(SIGN_OUT).fields["csrf"]
    own = (await admin.get(ONLINE)).form(SIGN_OUT).fields["csrf"]
    token = {"empty": "", "forged": "a.b.c", "another's": stolen, "cross-site": own}.get(forgery)
    fields = {"act": "add", "id": "carla", "name": NAME, "password": PASSWORD, "scope_read": "on"}
    fields |= {} if token is None else {"csrf": token}
    headers = {"Sec-Fetch-Site": "cross-site"} if forgery == "cross-site" else {}
    before = [one.id for one in audit.page(99)]
    for path in routes(app, "POST"):
        page = await admin.post(filled(path), fields, headers)
        assert page.status == 403, path
    assert [one.id for one in audit.page(99)] == before
    assert (await admin.get(ONLINE)).path == ONLINE


# --- log-ins


async def test_planted_log_in_ends_when_its_victim_signs_in(
    browser: Browser, operator: Browser
) -> None:
    """
    The attacker's own cookie, set in the victim's browser, is worth nothing afterwards.
    """
    planted = operator.cookie(LOGIN_COOKIE)
    assert planted
    page = await browser.get(SIGN_IN)
    browser.set_cookie(LOGIN_COOKIE, planted)
    answer = await browser.client.post(
        SIGN_IN, data=page.fields(SIGN_IN, name=NAME, password=PASSWORD), allow_redirects=False
    )
    assert answer.status == 303
    assert answer.cookies[LOGIN_COOKIE].value != planted
    assert (await operator.get(ONLINE)).path == SIGN_IN


async def test_waits_grow_when_guessing_goes_on(browser: Browser, clock: Clock) -> None:
    """
    Each further guess costs twice as long as the one before.
    """
    for _ in range(FREE_ATTEMPTS):
        await browser.sign_in(password="wrong horse!")
    waits = []
    for _ in range(4):
        answer = await browser.sign_in(password="wrong horse!")
        waits.append(int(answer.response.headers["Retry-After"]))
        clock.now += waits[-1]
        assert (await browser.sign_in(password="wrong horse!")).status == 403
    assert waits == [2, 4, 8, 16]


class CountingHasher(PasswordHasher):
    """
    Counts the hashes it makes and looks at.
    """

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.count = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.count += 1
        return super().verify(hash, password)


@pytest.mark.parametrize("name", [NAME, "nobody", "n" * 500, "Ada", XSS])
async def test_the_same_work_is_done_for_every_name(
    aiohttp_client: AiohttpClient, new_app: NewApp, operators: OperatorStore, name: str
) -> None:
    """
    One hash is looked at, whether the name exists or not: how long it takes tells nothing.
    """
    hasher = CountingHasher()
    operators._hasher = hasher
    browser = Browser(await aiohttp_client(new_app()))
    assert (await browser.sign_in(name, "wrong horse!")).status == 403
    assert hasher.count == 1


# --- what is answered


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
async def test_headers_are_there_whatever_is_answered(
    app: web.Application, admin: Browser, new_browser: NewBrowser, method: str
) -> None:
    """
    Pages, parts, redirects, refusals and errors: none can be framed, or load anything else.
    """
    stranger = await new_browser()
    for path in {
        *routes(app, "GET"),
        HOME,
        f"{HOME}/nothing",
        f"{HOME}/sent/%00",
        f"{HOME}/static/x",
    }:
        for browser in (admin, stranger):
            answer = await browser.client.request(method, filled(path), allow_redirects=False)
            expected = dict(HEADERS)
            if is_asset(path) and answer.status == 200:
                expected["Cache-Control"] = "public, max-age=31536000, immutable"
            found = {name: answer.headers.get(name) for name in HEADERS}
            assert found == expected, (path, answer.status)


async def test_cookies_are_out_of_reach_wherever_they_are_set(
    app: web.Application, browser: Browser
) -> None:
    """
    Scripts, other sites and other paths never see them.
    """
    page = await browser.get(SIGN_IN)
    fields = page.fields(SIGN_IN, name=NAME, password=PASSWORD)
    answers = [
        page.response,
        await browser.client.post(SIGN_IN, data=fields, allow_redirects=False),
    ]
    answers += [
        await browser.client.get(filled(path), allow_redirects=False) for path in routes(app, "GET")
    ]
    cookies = [cookie for answer in answers for cookie in answer.cookies.values()]
    assert len(cookies) >= 4
    for cookie in cookies:
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", HOME)


# --- where redirects lead

SPELLINGS = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example",
    "%2f%2fevil.example",
    "/%2fevil.example",
    "/backoffice@evil.example",
    "/backoffice.evil.example",
    "/backoffice\\@evil.example",
    "/backoffice/../..//evil.example",
    "/backoffice/%2e%2e/%2e%2e//evil.example",
    "/backoffice/\r\nLocation: //evil.example",
    "/backoffice/%0d%0aLocation:%20//evil.example",
    "/backoffice?\r\nSet-Cookie: a=b",
    "/backoffice?\x00",
    "/backoffice\t//evil.example",
    " //evil.example",
    "javascript:alert(1)",
    "/backofficeevil",
    "/socket/longpoll",
    "",
]


def leads_here(path: str) -> bool:
    """
    Return whether a browser that is sent there stays in the back office.
    """
    where = urlsplit(urljoin("https://ours.example/backoffice/sign-in", path))
    is_here = where.path == HOME or where.path.startswith(f"{HOME}/")
    return where.netloc == "ours.example" and is_here and path.isprintable() and "\\" not in path


@pytest.mark.parametrize("then", SPELLINGS)
async def test_redirects_stay_here_however_another_place_is_spelt(
    browser: Browser, then: str
) -> None:
    """
    After signing in, and where one is signed in already.
    """
    page = await browser.get(SIGN_IN)
    fields = {**page.fields(SIGN_IN, name=NAME, password=PASSWORD), "next": then}
    answer = await browser.client.post(SIGN_IN, data=fields, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, HOME)
    answer = await browser.client.get(SIGN_IN, params={"next": then}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, HOME)


@given(st.text() | st.text("/\\.@:%?#&=\r\n\t 0aef").map(lambda rest: f"{HOME}{rest}"))
def test_redirects_stay_here_whatever_is_asked_for(path: str) -> None:
    """
    And what is ours comes back as it is.
    """
    assert leads_here(ours(path))


@pytest.mark.parametrize(
    "path", [HOME, ONLINE, f"{HOME}/sent/a_b-9", f"{HOME}/audit?act=a%20b&x=1"]
)
def test_pages_of_ours_are_led_to(path: str) -> None:
    """
    Or nobody would come back to where they were.
    """
    assert ours(path) == path


async def test_redirect_to_the_sign_in_page_stays_here(browser: Browser) -> None:
    """
    From every page, whatever stands in the address.
    """
    for path in FOR_ADMINS | FOR_ALL:
        target = f"{filled(path)}?next=//evil.example&%0d%0aX:y"
        answer = await browser.client.get(target, allow_redirects=False)
        location = answer.headers.get("Location", SIGN_IN)
        assert location.startswith(SIGN_IN), path
        assert leads_here(location)


# --- who may


async def test_operator_gets_no_page_for_admins(app: web.Application, operator: Browser) -> None:
    """
    And nothing that is sent to one is looked at.
    """
    csrf = (await operator.get(ONLINE)).form(SIGN_OUT).fields["csrf"]
    posts = set(routes(app, "POST"))
    refused = set()
    for path in FOR_ADMINS | FOR_ALL:
        if (await operator.get(filled(path))).status == 403:
            refused.add(path)
        if path in posts & FOR_ADMINS:
            page = await operator.post(path, {"csrf": csrf, "act": "add", "name": "eve"})
            assert page.status == 403, path
            assert "This page is for admins." in page.text
    assert refused == FOR_ADMINS


async def test_stranger_gets_no_page_at_all(browser: Browser) -> None:
    """
    The sign-in page, or nothing where a script asks.
    """
    for path in FOR_ADMINS | FOR_ALL:
        page = await browser.get(filled(path))
        assert page.path == SIGN_IN or page.status == 401, path


# --- what is written down, and what is shown


async def test_secrets_are_in_no_log(admin: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """
    Passwords, keys, cookies and tokens, typed or made.
    """
    caplog.set_level(logging.DEBUG)
    new = "battery staple horse"
    page = await admin.press(f"{HOME}/keys", "add", name="shop", scope_read="on")
    secrets = [page.html.split("<code data-copy>")[1].split("<")[0]]
    page = await admin.press(f"{HOME}/operators", "add", name="eve")
    secrets += [page.html.split("<code data-copy>")[1].split("<")[0]]
    typed = {"old_password": PASSWORD, "new_password": new, "new_again": new}
    page = await admin.press(f"{HOME}/account", "password", **typed)
    secrets += [
        PASSWORD,
        new,
        page.form(SIGN_OUT).fields["csrf"],
        admin.cookie(LOGIN_COOKIE) or "?",
    ]
    await admin.submit(page, SIGN_OUT)
    await admin.sign_in(PASSWORD, "wrong horse!")
    await admin.sign_in(password=new)
    said = "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
    assert "operator 'ada' signed in" in said
    assert not [secret for secret in secrets if secret in said]


async def test_names_stay_text_on_every_page(
    new_browser: NewBrowser, operators: OperatorStore, keys: ApiKeyStore
) -> None:
    """
    An operator and a key whose names are markup put nothing into any page.
    """
    operators.add(XSS, PASSWORD, "admin")
    keys.add(XSS, ["read"])
    browser = await new_browser()
    await browser.sign_in(XSS)
    for path in FOR_ADMINS | FOR_ALL:
        page = await browser.get(filled(path))
        assert "<script>" not in page.html, path  # ours name their type
        assert "onerror" not in page.attribute_names, path
        assert "49" not in page.text, path
    page = await browser.press(f"{HOME}/keys", f"revoke:{XSS}")
    assert f"The key {XSS} is revoked." in page.text
    page = await browser.press(f"{HOME}/operators", "password:ada")
    assert page.status == 200
    assert "onerror" not in page.attribute_names


async def test_sign_in_name_stays_text(browser: Browser) -> None:
    """
    It stands in its field again, and nowhere else.
    """
    page = await browser.sign_in(XSS, "wrong horse!")
    assert page.form(SIGN_IN).fields["name"] == XSS
    assert "<script>" not in page.html
    assert "onerror" not in page.attribute_names
