from __future__ import annotations

import pytest

from backoffice.browser import HOME, NAME, Browser
from notifier.backoffice import Act, AuditLog
from notifier.backoffice.sent import MAX_NOTICES
from notifier.inbox import Inbox, ToRoom, ToUsers

LOBBY = ToRoom("room:lobby")
SENT = f"{HOME}/sent"


async def test_page_says_what_to_do_when_nothing_was_sent(admin: Browser) -> None:
    """
    With a way to the form.
    """
    page = await admin.get(SENT)
    assert page.status == 200
    assert "Write a notice" in page.text


async def test_notice_is_found_by_its_words(admin: Browser, inbox: Inbox) -> None:
    """
    Every word must be in it, in any case; others are left out.
    """
    await inbox.send(LOBBY, {"body": "The lift is out of order"}, NAME)
    await inbox.send(LOBBY, {"body": "The lift works again"}, NAME)
    page = await admin.get(SENT, params={"q": "LIFT order"})
    assert "out of order" in page.text
    assert "works again" not in page.text


async def test_older_notices_are_on_the_next_page(admin: Browser, inbox: Inbox) -> None:
    """
    The newest first, each once.
    """
    for number in range(MAX_NOTICES + 1):
        await inbox.send(LOBBY, {"body": f"number {number}."}, NAME)
    first = await admin.get(SENT)
    assert f"number {MAX_NOTICES}." in first.text
    assert "number 0." not in first.text
    older = first.html.split('">Older notices')[0].rpartition('href="')[2]
    second = await admin.get(older)
    assert "number 0." in second.text
    assert "number 1." not in second.text


async def test_notice_is_withdrawn_when_the_button_is_pressed(
    admin: Browser, inbox: Inbox, audit: AuditLog
) -> None:
    """
    It says so, offers it no more, and the trail knows who did it.
    """
    sent = await inbox.send(LOBBY, {"body": "hello"}, NAME)
    path = f"{SENT}/{sent.id}"
    page = await admin.press(path, "withdraw")
    assert "The notice is withdrawn." in page.text
    assert not any("withdraw" in form.acts for form in page.forms)
    status = await inbox.status(sent.id)
    assert status
    assert status.is_withdrawn
    (entry,) = audit.page(1)
    assert (entry.operator, entry.act, entry.subject) == (NAME, Act.WITHDRAWN, sent.id)


async def test_figures_tell_who_has_read_it(admin: Browser, inbox: Inbox) -> None:
    """
    Alone, for the script that puts them into the page.
    """
    sent = await inbox.send(ToUsers(["ann", "bob"]), {"body": "hello"}, NAME)
    await inbox.seen("ann", [sent.id])
    page = await admin.get(f"{SENT}/{sent.id}/figures")
    assert "Read 1 of 2 people" in page.text
    assert "main" not in page.tags


@pytest.mark.parametrize("path", [f"{SENT}/nothing", f"{SENT}/nothing/figures"])
async def test_notice_is_refused_when_there_is_none(admin: Browser, path: str) -> None:
    """
    It may have been there once.
    """
    page = await admin.get(path)
    assert page.status == 404
    assert "There is no such notice." in page.text


@pytest.mark.parametrize("part", ["", "/figures"])
async def test_notice_is_refused_when_it_goes_meanwhile(
    admin: Browser, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """
    Each room keeps so many, and a newer one may take its place at any time.
    """
    sent = await inbox.send(LOBBY, {"body": "hello"}, NAME)
    monkeypatch.setattr(inbox.store, "status", lambda _id: None)
    page = await admin.get(f"{SENT}/{sent.id}{part}")
    assert page.status == 404
    assert "There is no such notice." in page.text


async def test_other_acts_are_refused(admin: Browser, inbox: Inbox) -> None:
    """
    And nothing is done.
    """
    sent = await inbox.send(LOBBY, {"body": "hello"}, NAME)
    path = f"{SENT}/{sent.id}"
    form = (await admin.get(path)).form(path, act="withdraw")
    page = await admin.post(path, {**form.fields, "act": "burn"})
    assert page.status == 400
    assert "nothing was done" in page.text
