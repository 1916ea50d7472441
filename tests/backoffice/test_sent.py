from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from backoffice.browser import Browser, Page
from backoffice.conftest import Connect
from backoffice.fakes import Clock
from notifier.backoffice import Act, AuditLog
from notifier.backoffice.sent import MAX_NOTICES
from notifier.inbox import TO_EVERYONE, Inbox, ToRoom, ToUsers
from notifier.inbox.recipients import Recipients

SENT = "/backoffice/sent"
XSS = "\"><script>alert(1)</script>'{{ 7 * 7 }}"


async def send(inbox: Inbox, to: Recipients, body: str, **fields: str) -> str:
    """
    Send a notice; return its id.
    """
    return (await inbox.send(to, {"body": body, **fields}, "ada")).id


async def shown(browser: Browser, **query: str) -> Page:
    page = await browser.get(SENT, params=query)
    assert page.status == 200
    return page


# --- the list


async def test_list_says_what_to_do_when_nothing_was_sent(operator: Browser) -> None:
    """
    It leads to writing something.
    """
    page = await shown(operator)
    assert "Nothing was sent yet" in page.text
    assert "Write a notice" in page.text


async def test_list_shows_the_newest_first(operator: Browser, inbox: Inbox) -> None:
    """
    With for whom, by whom, and what became of it.
    """
    await send(inbox, TO_EVERYONE, "First", level="warning")
    await send(inbox, ToUsers(["carla", "dan"]), "Second body", title="Second")
    page = await shown(operator)
    assert page.text.index("Second Information") < page.text.index("First Warning")
    assert "Second body to carla, dan by ada just now reached 0 delivered 0 read 0" in page.text
    assert "to everyone by ada" in page.text


async def test_list_names_a_room_and_the_first_of_many_users(
    operator: Browser, inbox: Inbox
) -> None:
    """
    The others are counted.
    """
    await send(inbox, ToRoom("room:staff"), "To a room")
    await send(inbox, ToUsers(["a", "b", "c", "d", "e"]), "To many")
    page = await shown(operator)
    assert "to room:staff" in page.text
    assert "to a, b, c and 2 more" in page.text


@pytest.mark.parametrize("words", ["parcel", "PARCEL left", "carla", "ada parcel"])
async def test_notice_is_found_by_its_words(operator: Browser, inbox: Inbox, words: str) -> None:
    """
    By text, sender and recipient, every word of them.
    """
    await send(inbox, ToUsers(["carla"]), "Your parcel has left")
    await send(inbox, ToUsers(["dan"]), "Something else")
    page = await shown(operator, q=words)
    assert "Your parcel has left" in page.text
    assert "Something else" not in page.text


async def test_words_that_nothing_has_stay_in_the_field(operator: Browser, inbox: Inbox) -> None:
    """
    And the page says what is looked through.
    """
    await send(inbox, TO_EVERYONE, "Hello")
    page = await shown(operator, q=XSS)
    assert "Nothing found" in page.text
    assert page.form(SENT).fields["q"] == XSS
    assert "alert" not in page.tags


async def test_list_goes_on_when_there_are_more(operator: Browser, inbox: Inbox) -> None:
    """
    Each notice stands on one page, and the way back is there.
    """
    for number in range(MAX_NOTICES + 2):
        await send(inbox, TO_EVERYONE, f"Notice {number:03}")
    first = await shown(operator)
    assert "Notice 031" in first.text
    assert "Notice 001" not in first.text
    assert "To the newest" not in first.text
    before = first.html.split("?before=")[1].split('"')[0]
    second = await shown(operator, before=before)
    assert [f"Notice {number:03}" in second.text for number in (2, 1, 0)] == [False, True, True]
    assert "Older notices" not in second.text
    assert "To the newest" in second.text


# --- one notice


async def test_notice_shows_what_it_says_and_what_became_of_it(
    operator: Browser, inbox: Inbox, connect: Connect
) -> None:
    """
    As text, whatever it says.
    """
    socket = await connect("carla")
    await socket.send_json(["1", "1", "user:carla", "phx_join", {}])
    await socket.receive_json(timeout=10)
    fields = {"title": XSS, "level": "urgent", "link": "https://shop.example/p?a=1&b=2"}
    id = await send(inbox, ToUsers(["carla", "dan"]), XSS, **fields)
    await socket.receive_json(timeout=10)
    page = await operator.get(f"{SENT}/{id}")
    assert "Notice to carla, dan" in page.text
    assert "Reached at once 1 open page Delivered 1 of 2 people Read 0 of 2 people" in page.text
    assert page.text.count(XSS) == 2
    assert "Open shop.example" in page.text
    assert "just now, Jan 15, 2027, 8:00:00" in page.text
    await socket.close()


async def test_notice_to_a_room_counts_who_came_back_and_who_has_read(
    operator: Browser, inbox: Inbox
) -> None:
    """
    It has no recipients by name.
    """
    id = await send(inbox, TO_EVERYONE, "Hello")
    await inbox.read_in_room("carla", TO_EVERYONE.topic, [id])
    inbox.recovered("dan", TO_EVERYONE.topic, "", id)
    page = await operator.get(f"{SENT}/{id}")
    assert "Delivered since 1 person who came back Read 1 person" in page.text


async def test_notice_to_many_names_the_first_and_lists_the_others(
    operator: Browser, inbox: Inbox
) -> None:
    """
    The heading stays short, the list has them all up to some, and the page its size.
    """
    users = [f"customer {number:03}" for number in range(1_000)]
    id = await send(inbox, ToUsers(users), "To many")
    page = await operator.get(f"{SENT}/{id}")
    assert "Notice to customer 000, customer 001, customer 002 and 997 more" in page.text
    assert "customer 199 and 800 more" in page.text
    assert len(page.html) < 30_000


async def test_notice_that_is_not_there_is_said_so(operator: Browser) -> None:
    """
    In words, below the prefix of all pages.
    """
    page = await operator.get(f"{SENT}/01a2")
    assert page.status == 404
    assert "There is no such notice." in page.text


@pytest.mark.parametrize("part", ["", "/figures"])
async def test_notice_is_refused_when_it_goes_meanwhile(
    operator: Browser, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """
    Each room keeps so many, and a newer one may take its place at any time.
    """
    id = await send(inbox, TO_EVERYONE, "hello")
    monkeypatch.setattr(inbox.store, "status", lambda _id: None)
    page = await operator.get(f"{SENT}/{id}{part}")
    assert page.status == 404
    assert "There is no such notice." in page.text


async def test_notice_is_withdrawn_when_the_button_is_pressed(
    operator: Browser, inbox: Inbox, audit: AuditLog
) -> None:
    """
    The page says so, offers it no more, and the trail has it.
    """
    id = await send(inbox, ToUsers(["carla"]), "Wrong")
    page = await operator.press(f"{SENT}/{id}", "withdraw")
    assert "The notice is withdrawn." in page.text
    assert page.form(page.path).acts == []
    status = await inbox.status(id)
    assert status
    assert status.is_withdrawn
    (entry,) = audit.page(1)
    assert (entry.operator, entry.act, entry.subject) == ("bob", Act.WITHDRAWN, id)


async def test_other_acts_are_refused(operator: Browser, inbox: Inbox) -> None:
    """
    What no button says does nothing.
    """
    id = await send(inbox, ToUsers(["carla"]), "Right")
    page = await operator.get(f"{SENT}/{id}")
    fields = {**page.fields(page.path), "act": "send"}
    assert (await operator.post(page.path, fields)).status == 400
    status = await inbox.status(id)
    assert status
    assert not status.is_withdrawn


async def test_expired_notice_says_so(operator: Browser, inbox: Inbox, wall_clock: Clock) -> None:
    """
    There is nothing to withdraw any more.
    """
    id = await send(inbox, ToUsers(["carla"]), "Soon over", expires_at="2030-01-01T00:00:00Z")
    assert "in 3 years, Jan 1, 2030, 12:00:00" in (await operator.get(f"{SENT}/{id}")).text
    wall_clock.now += 10 * 365 * 86_400
    page = await operator.get(f"{SENT}/{id}")
    assert "expired" in page.text
    assert page.form(page.path).acts == []


# --- the figures, live


async def figures(browser: Browser, id: str, tag: str = "") -> tuple[int, Mapping[str, Any], str]:
    headers = {"If-None-Match": tag} if tag else {}
    page = await browser.get(f"{SENT}/{id}/figures", headers=headers)
    return page.status, page.response.headers, page.text


async def test_figures_come_once_they_are_others(operator: Browser, inbox: Inbox) -> None:
    """
    A script that shows the newest is answered when somebody reads the notice.
    """
    id = await send(inbox, ToUsers(["carla"]), "Hello")
    status, headers, text = await figures(operator, id)
    assert (status, "Read 0 of 1 person" in text) == (200, True)
    asked = asyncio.ensure_future(figures(operator, id, headers["ETag"]))
    await asyncio.sleep(0)
    await inbox.seen("carla", [id])
    status, _, text = await asyncio.wait_for(asked, 10)
    assert (status, "Read 1 of 1 person" in text) == (200, True)


async def test_figures_are_for_who_is_signed_in(browser: Browser, inbox: Inbox) -> None:
    """
    A script is told by the status, and not led to a page.
    """
    id = await send(inbox, ToUsers(["carla"]), "Hello")
    assert (await figures(browser, id))[0] == 401
