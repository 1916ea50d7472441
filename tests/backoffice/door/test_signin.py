from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from itsdangerous import URLSafeTimedSerializer

from backoffice.browser import FORM, NAME, PASSWORD, SIGN_IN, SIGN_OUT, Browser
from backoffice.conftest import NewBrowser
from backoffice.fakes import Clock, FakeDesk, quick_hasher
from notifier.backoffice import Operator, OperatorStore, setup
from notifier.backoffice.door.gate import LOGIN_COOKIE, VISITOR_COOKIE
from notifier.backoffice.door.logins import LOGIN_IDLE_S
from notifier.backoffice.door.signin import MAX_CHECKS, MAX_WAITING
from notifier.backoffice.door.throttle import FIRST_WAIT_S, FREE_ATTEMPTS
from notifier.inbox import NoticeStore

XSS = "\"><script>alert(1)</script>'{{ 7 * 7 }}"


async def test_operator_is_let_in_when_name_and_password_are_right(browser: Browser) -> None:
    """
    Signing in leads to the form, which says who is signed in.
    """
    page = await browser.sign_in()
    assert (page.status, page.path) == (200, FORM)
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
    assert page.forms[SIGN_IN]["name"] == name
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
    assert "script" not in page.tags
    assert page.forms[SIGN_IN]["name"] == XSS


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c"])
async def test_sign_in_is_refused_when_its_token_is_forged(
    browser: Browser, token: str | None
) -> None:
    """
    Another site cannot sign somebody in; the page comes again and works.
    """
    page = await browser.get(SIGN_IN)
    fields = {**page.forms[SIGN_IN], "name": NAME, "password": PASSWORD}
    fields = {**fields, "csrf": token} if token is not None else fields
    if token is None:
        del fields["csrf"]
    page = await browser.post(SIGN_IN, fields)
    assert page.status == 403
    assert "This page was too old." in page.text
    page = await browser.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    assert page.path == FORM


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
    assert page.path == FORM


async def test_waiting_is_asked_for_when_there_were_many_attempts(
    browser: Browser, clock: Clock
) -> None:
    """
    After some failures even the right password has to wait, and then works.
    """
    for _ in range(FREE_ATTEMPTS):
        assert (await browser.sign_in(password="wrong horse!")).status == 403
    page = await browser.sign_in()
    assert page.status == 429
    assert "Too many failed attempts for this name. Try again in 2 seconds." in page.text
    assert page.response.headers["Retry-After"] == "2"
    assert page.forms[SIGN_IN]["name"] == NAME
    clock.now += FIRST_WAIT_S
    assert (await browser.sign_in()).path == FORM


async def test_wait_is_told_in_minutes_when_it_is_long(browser: Browser, clock: Clock) -> None:
    """
    A person does not reckon in hundreds of seconds.
    """
    for _ in range(FREE_ATTEMPTS + 8):
        await browser.sign_in(password="wrong horse!")
        clock.now += 512
    await browser.sign_in(password="wrong horse!")
    clock.now += 1
    assert "Try again in 15 minutes." in (await browser.sign_in()).text


async def test_unknown_name_has_to_wait_too(browser: Browser) -> None:
    """
    The throttle does not tell which names exist.
    """
    statuses = [(await browser.sign_in("bob", "wrong horse!")).status for _ in range(6)]
    assert statuses == [403] * FREE_ATTEMPTS + [429]


async def test_guesses_are_counted_when_they_come_at_once(browser: Browser) -> None:
    """
    A burst of guesses gets no further than one after the other.
    """
    page = await browser.get(SIGN_IN)
    burst = [
        browser.submit(page, SIGN_IN, name=NAME, password=f"wrong horse {number}")
        for number in range(20)
    ]
    statuses = [page.status for page in await asyncio.gather(*burst)]
    assert statuses.count(429) == 20 - FREE_ATTEMPTS


async def test_attempts_are_forgotten_when_the_password_was_right(browser: Browser) -> None:
    """
    Mistyping now and then never adds up.
    """
    for _ in range(3):
        for _ in range(FREE_ATTEMPTS - 1):
            await browser.sign_in(password="wrong horse!")
        page = await browser.sign_in()
        await browser.submit(page, SIGN_OUT)


class SlowStore(OperatorStore):
    """
    Holds every check until it is told to go on, and notes its thread.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, hasher=quick_hasher())
        self.threads: list[int] = []
        self.at_once = 0
        self.most_at_once = 0
        self.started = threading.Semaphore(0)
        self.may_end = threading.Event()
        self._lock = threading.Lock()

    def verify(self, name: str, password: str) -> Operator | None:
        self.threads.append(threading.get_ident())
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.started.release()
        self.may_end.wait(10)
        with self._lock:
            self.at_once -= 1
        return super().verify(name, password)


@pytest.fixture
def slow(tmp_path: Path) -> SlowStore:
    return SlowStore(tmp_path / "slow.db")


@pytest.fixture
async def slow_browser(
    aiohttp_client: AiohttpClient,
    desk: FakeDesk,
    slow: SlowStore,
    notices: NoticeStore,
    signer: URLSafeTimedSerializer,
    clock: Clock,
) -> Browser:
    app = web.Application()
    setup(app, desk=desk, operators=slow, notices=notices, signer=signer, clock=clock)
    return Browser(await aiohttp_client(app))


async def test_server_goes_on_answering_when_a_password_is_checked(
    slow_browser: Browser, slow: SlowStore
) -> None:
    """
    The check runs in a thread of its own.
    """
    page = await slow_browser.get(SIGN_IN)
    check = asyncio.ensure_future(slow_browser.submit(page, SIGN_IN, name=NAME, password=PASSWORD))
    assert await asyncio.to_thread(slow.started.acquire, timeout=10)
    assert (await slow_browser.client.get(f"{FORM}/style.css")).status == 200
    slow.may_end.set()
    await check
    assert threading.get_ident() not in slow.threads


async def test_checks_are_bounded_when_many_sign_in_at_once(
    slow_browser: Browser, slow: SlowStore
) -> None:
    """
    A flood of sign-ins neither takes all memory nor waits for ever: some are sent away.
    """
    page = await slow_browser.get(SIGN_IN)
    flood = [
        asyncio.ensure_future(
            slow_browser.submit(page, SIGN_IN, name=f"name-{number}", password="wrong horse!")
        )
        for number in range(MAX_WAITING + 5)
    ]
    done, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    assert {task.result().status for task in done} == {503}
    assert "Try again in a moment" in done.pop().result().text
    slow.may_end.set()
    statuses = [page.status for page in await asyncio.gather(*flood)]
    assert sorted(statuses) == [403] * MAX_WAITING + [503] * 5
    assert slow.most_at_once <= MAX_CHECKS


async def test_page_says_how_to_begin_when_there_is_no_operator(slow_browser: Browser) -> None:
    """
    A newcomer reads which command makes the first operator.
    """
    assert "notifier operator add NAME" in (await slow_browser.get(SIGN_IN)).text


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
    assert (await browser.get(FORM)).path == SIGN_IN


async def test_nothing_is_done_when_a_form_is_replayed_after_signing_out(
    browser: Browser, desk: FakeDesk
) -> None:
    """
    Neither is a whole request, cookie and token and all.
    """
    page = await browser.sign_in()
    stolen = browser.cookie(LOGIN_COOKIE)
    assert stolen
    await browser.submit(page, SIGN_OUT)
    browser.set_cookie(LOGIN_COOKIE, stolen)
    page = await browser.submit(page, act="send", to="everyone", text="hello")
    assert page.status == 403
    assert desk.asked == []


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
    assert (await browser.get(FORM)).path == FORM


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
