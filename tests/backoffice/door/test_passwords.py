"""
How sign-ins are slowed down, as the page shows it.
"""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from pathlib import Path

import pytest
from aiohttp.pytest_plugin import AiohttpClient

from backoffice.browser import NAME, ONLINE, PASSWORD, SIGN_IN, SIGN_OUT, Browser
from backoffice.conftest import NewApp, NewBrowser
from backoffice.fakes import Clock, quick_hasher
from notifier.backoffice import Operator, OperatorStore
from notifier.backoffice.door.passwords import MAX_CHECKS, MAX_WAITING
from notifier.backoffice.door.throttle import FIRST_WAIT_S, FREE_ATTEMPTS


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
    assert page.form(SIGN_IN).fields["name"] == NAME
    clock.now += FIRST_WAIT_S
    assert (await browser.sign_in()).path == ONLINE


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
async def slow_browser(aiohttp_client: AiohttpClient, new_app: NewApp, slow: SlowStore) -> Browser:
    return Browser(await aiohttp_client(new_app(operators=slow)))


async def test_server_goes_on_answering_when_a_password_is_checked(
    slow_browser: Browser, slow: SlowStore
) -> None:
    """
    The check runs in a thread of its own.
    """
    page = await slow_browser.get(SIGN_IN)
    check = asyncio.ensure_future(slow_browser.submit(page, SIGN_IN, name=NAME, password=PASSWORD))
    assert await asyncio.to_thread(slow.started.acquire, timeout=10)
    assert (await slow_browser.client.get("/backoffice/static/style.css")).status == 200
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


async def test_guesses_add_up_however_the_name_is_typed(
    browser: Browser, operators: OperatorStore
) -> None:
    """
    Composed or not, with spaces or without: it is one name, with one count.
    """
    operators.add("Zoë", PASSWORD)
    for name in ("Zoë", unicodedata.normalize("NFD", "Zoë"), " Zoë ", "Zoë", "Zoë"):
        assert (await browser.sign_in(name, "wrong horse!")).status == 403
    assert (await browser.sign_in(unicodedata.normalize("NFD", "Zoë"))).status == 429


async def test_stranger_who_guesses_keeps_nobody_from_working(
    browser: Browser, new_browser: NewBrowser
) -> None:
    """
    A browser that has signed in before has a count of its own.
    """
    await browser.submit(await browser.sign_in(), SIGN_OUT)
    stranger = await new_browser()
    for _ in range(FREE_ATTEMPTS):
        await stranger.sign_in(password="wrong horse!")
    assert (await stranger.sign_in()).status == 429
    assert (await browser.sign_in()).path == ONLINE


async def test_known_browser_has_to_wait_when_it_guesses(browser: Browser) -> None:
    """
    A computer that somebody left behind is no way round the brake.
    """
    await browser.submit(await browser.sign_in(), SIGN_OUT)
    for _ in range(FREE_ATTEMPTS):
        assert (await browser.sign_in(password="wrong horse!")).status == 403
    assert (await browser.sign_in()).status == 429
