from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from notifier.backoffice.live import Live


class Part:
    """
    A part of a page, which changes when it is told to.
    """

    def __init__(self) -> None:
        self.html = "one"
        self.changed = asyncio.Event()
        self.is_waiting = asyncio.Event()

    async def render(self) -> str:
        return self.html

    async def change(self) -> None:
        self.is_waiting.set()
        await self.changed.wait()

    def ask(self, live: Live, has: str | None = None) -> asyncio.Task[web.StreamResponse]:
        headers = {} if has is None else {"If-None-Match": has}
        request = make_mocked_request("GET", "/", headers=headers)
        return asyncio.ensure_future(live.answer(request, self.render, self.change))


async def test_part_comes_at_once_when_the_script_has_none() -> None:
    """
    With the tag of its state.
    """
    answer = await Part().ask(Live())
    assert isinstance(answer, web.Response)
    assert (answer.status, answer.text) == (200, "one")
    assert answer.headers["ETag"]


async def test_part_comes_once_it_has_changed() -> None:
    """
    The script waits for it, and has nothing to do meanwhile.
    """
    part, live = Part(), Live()
    tag = (await part.ask(live)).headers["ETag"]
    waiting = part.ask(live, tag)
    await part.is_waiting.wait()
    assert not waiting.done()
    part.html = "two"
    part.changed.set()
    answer = await waiting
    assert isinstance(answer, web.Response)
    assert (answer.status, answer.text) == (200, "two")
    assert answer.headers["ETag"] != tag


async def test_script_asks_again_when_nothing_changes() -> None:
    """
    After a while it is told so, before a proxy gives up.
    """
    part = Part()
    tag = (await part.ask(Live())).headers["ETag"]
    answer = await part.ask(Live(wait_s=0.01), tag)
    assert (answer.status, answer.headers["ETag"]) == (304, tag)


async def test_whoever_waits_is_answered_when_the_server_goes_down() -> None:
    """
    No script keeps it from ending.
    """
    part, live = Part(), Live()
    tag = (await part.ask(live)).headers["ETag"]
    waiting = part.ask(live, tag)
    await part.is_waiting.wait()
    await live.stop(web.Application())
    assert (await waiting).status == 304


async def test_news_is_gathered_when_it_comes_all_the_time() -> None:
    """
    A script that asks again at once is told of all of it in one look.
    """
    part, live, looks = Part(), Live(gather_s=0.05), 0
    tag = (await part.ask(live)).headers["ETag"]

    async def render() -> str:
        nonlocal looks
        looks += 1
        return part.html

    request = make_mocked_request("GET", "/", headers={"If-None-Match": tag})
    waiting = asyncio.ensure_future(live.answer(request, render, part.change))
    for number in range(20):
        part.html = f"news {number}"
        await asyncio.sleep(0)
    answer = await waiting
    assert isinstance(answer, web.Response)
    assert (looks, answer.text) == (1, "news 19")


async def test_failure_to_look_is_not_swallowed() -> None:
    """
    It is the reception's to answer, once, instead of looking ever faster.
    """
    live = Live()

    async def render() -> str:
        return "one"

    async def change() -> None:
        raise ConnectionError

    tag = (await Part().ask(live)).headers["ETag"]
    request = make_mocked_request("GET", "/", headers={"If-None-Match": tag})
    with pytest.raises(ConnectionError):
        await live.answer(request, render, change)
