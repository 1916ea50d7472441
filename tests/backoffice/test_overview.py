"""
What stands beside the form, and the buttons there.
"""

from __future__ import annotations

import re
import threading
from html import unescape
from pathlib import Path
from typing import ClassVar

import pytest

from backoffice.browser import FORM, NAME, Browser, Page
from backoffice.conftest import NewBrowser
from backoffice.fakes import Clock, FakeDesk, keep
from notifier.backoffice import OnlineUser
from notifier.backoffice.logins import LOGIN_IDLE_S
from notifier.backoffice.overview import MAX_NOTICES, MAX_USERS
from notifier.inbox import Kept, NoticeStore
from notifier.inbox.records import Outgoing, Sending

XSS = "\"></textarea><script>alert(1)</script>'{{ 7 * 7 }}"
NASTY = [XSS, "\u202eevil", "w" * 200, "a:b", "write_to:42", "&amp;", "é🙂", "%34%32", "a+b c"]
UNTYPABLE = ["", " 42", "42\u2028", "a\nb", "a\x00b", "a\ud800b", "w" * 201]
TO_ALL = {"act": "send", "to": "everyone", "text": "hello"}


def user(id: str, sessions: int = 1, *transports: str, age_s: float = 0.0) -> OnlineUser:
    return OnlineUser(id, sessions, transports or ("websocket",), age_s)


def buttons(page: Page) -> list[str]:
    """
    What the buttons in the rows send in.
    """
    found = re.findall(r'name="act" value="((?:write_to|throw_out):[^"]*)"', page.html)
    return list(map(unescape, found))


@pytest.fixture
async def form(browser: Browser, desk: FakeDesk) -> Page:
    desk.users = [user("42")]
    return await browser.sign_in()


# --- who is online


async def test_row_tells_of_a_user_what_there_is_to_know(browser: Browser, desk: FakeDesk) -> None:
    """
    How many sessions, over which transports, since when, and exactly when for who points at it.
    """
    desk.users = [
        user("ann", 2, "longpoll", "websocket", age_s=200.0),
        user("bob", 1, "pigeon"),
    ]
    page = await browser.sign_in()
    assert "2 users, 3 sessions, at 08:00:00 UTC." in page.text
    assert "ann 2 sessions · long-polling, WebSocket Connected 3 minutes ago" in page.text
    assert "bob 1 session · pigeon Connected just now" in page.text
    exact = '<time datetime="2027-01-15T07:56:40Z" title="2027-01-15 07:56:40 UTC">3 minutes ago'
    assert exact in page.html


async def test_next_step_is_told_when_nobody_is_online(browser: Browser, desk: FakeDesk) -> None:
    """
    An empty list says how it fills; sessions of no user are counted, not listed.
    """
    page = await browser.sign_in()
    assert "0 users, 0 sessions, at" in page.text
    assert "Nobody is online." in page.text
    assert "notifier token NAME" in page.text
    desk.sessions_without_user = 1_234
    page = await browser.get(FORM)
    assert "0 users, 1,234 sessions, 1,234 of them without a user, at" in page.text
    assert "No user is online." in page.text


async def test_list_is_bounded_when_many_are_online(browser: Browser, desk: FakeDesk) -> None:
    """
    The page shows so many, and tells how many more there are.
    """
    desk.users = [user(f"u{number}") for number in range(MAX_USERS + 5)]
    desk.user_count = 12_345
    page = await browser.sign_in()
    assert len(buttons(page)) == 2 * MAX_USERS
    assert "These came last; 12,245 more online." in page.text
    assert len(page.html) < 100_000
    desk.users, desk.user_count = desk.users[:MAX_USERS], None
    assert "more online" not in (await browser.get(FORM)).text


@pytest.mark.parametrize("id", NASTY)
async def test_user_id_stays_text_and_is_sent_in_as_it_is(
    browser: Browser, desk: FakeDesk, id: str
) -> None:
    """
    Whatever users are called: nothing gets into the page, and nobody else is meant.
    """
    desk.users = [user(id)]
    page = await browser.sign_in()
    assert "script" not in page.tags
    assert not [name for name in page.attribute_names if name.startswith("on")]
    assert f"<bdi>{id}</bdi>" in unescape(page.html)
    write, out = buttons(page)
    written = await browser.submit(page, act=write)
    assert (written.status, written.typed["to"], written.typed["user"]) == (200, "user", id)
    assert "script" not in written.tags
    await browser.submit(page, act=out)
    assert desk.asked == [("out", id)]


@pytest.mark.parametrize("id", UNTYPABLE)
async def test_row_has_no_button_when_the_form_cannot_take_the_id(
    browser: Browser, desk: FakeDesk, id: str
) -> None:
    """
    An id that would not come back as it is is shown, cut and marked, and cannot be mistaken.
    """
    desk.users = [user(id)]
    page = await browser.sign_in()
    assert page.status == 200
    assert buttons(page) == []
    assert "This form cannot take such an id." in page.text
    assert not set(page.html) & set("\x00\ud800")
    assert "w" * 201 not in page.html


async def test_form_is_there_when_it_cannot_be_told_who_is_online(
    browser: Browser, desk: FakeDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It costs that part of the page, and the log says where it failed.
    """
    desk.is_blind = True
    page = await browser.sign_in()
    assert page.status == 200
    assert "The server could not tell who is online." in page.text
    assert "telling who is online failed with RuntimeError" in caplog.text
    await browser.submit(page, **TO_ALL)
    assert len(desk.asked) == 1


# --- the buttons


async def test_user_is_thrown_out_and_all_typed_stays_when_the_rows_button_is_pressed(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    The act is the row's: the field for another user's id is not looked at.
    """
    typed = {"to": "everyone", "user": "", "text": "half a mess", "out": "7"}
    page = await browser.submit(form, **typed, act="throw_out:42")
    assert desk.asked == [("out", "42")]
    assert "User 42 was thrown out." in page.text
    assert page.typed == typed
    desk.reached = 0
    page = await browser.submit(page, act="throw_out:42")
    assert "Ended no session: user 42 is not connected." in page.text
    assert page.typed == typed
    desk.failure = RuntimeError()
    page = await browser.submit(page, act="throw_out:42")
    assert (page.status, page.typed) == (500, typed)


async def test_user_is_thrown_out_once_when_the_rows_button_is_pressed_twice(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    The same page cannot throw the same user out again, but it can another.
    """
    for act in ("throw_out:42", "throw_out:42", "throw_out:7"):
        await browser.submit(form, act=act)
    assert desk.asked == [("out", "42"), ("out", "7")]


async def test_recipient_is_filled_in_when_write_is_pressed(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    Nothing is sent, the text stays, and the page opens at the text.
    """
    fields = {**form.forms[FORM], "to": "everyone", "text": "hello\n", "out": "7"}
    fields["act"] = "write_to:42"
    response = await browser.client.post(FORM, data=fields, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, f"{FORM}#text")
    page = await browser.get(FORM)
    assert page.typed == {"to": "user", "user": "42", "text": "hello\n", "out": "7"}
    assert desk.asked == []
    await browser.submit(page, act="send")
    assert desk.asked == [("user", "42", "hello", NAME)]


async def test_list_is_new_and_all_typed_stays_when_refresh_is_pressed(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    Looking again costs nothing that was typed, finished or not.
    """
    desk.users = [user("bob")]
    typed = {"to": "user", "user": "", "text": "half a mess", "out": "7"}
    page = await browser.submit(form, **typed, act="refresh")
    assert page.path == FORM
    assert page.typed == typed
    assert buttons(page) == ["write_to:bob", "throw_out:bob"]
    assert desk.asked == []


@pytest.mark.parametrize("act", ["write_to", "write_to:", "write_to:a\x00", "throw_out:a\x00"])
async def test_nothing_is_done_when_a_button_names_nobody(
    browser: Browser, form: Page, desk: FakeDesk, act: str
) -> None:
    """
    What no button of ours sends in is an error like any other.
    """
    page = await browser.submit(form, act=act)
    assert page.status == 422
    assert desk.asked == []


@pytest.mark.parametrize("act", ["write_to:42", "throw_out:42", "refresh"])
@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
async def test_button_does_nothing_when_its_token_is_forged(
    browser: Browser, form: Page, desk: FakeDesk, act: str, token: str
) -> None:
    """
    No other site can press a button, nor put a recipient or a text into the form.
    """
    page = await browser.submit(form, act=act, csrf=token, text="evil")
    assert page.status == 403
    assert desk.asked == []
    assert (await browser.get(FORM)).typed == {"to": "", "user": "", "text": "", "out": ""}


@pytest.mark.parametrize("act", ["write_to:42", "throw_out:42", "refresh"])
async def test_button_does_nothing_when_its_token_is_another_logins(
    browser: Browser, new_browser: NewBrowser, form: Page, desk: FakeDesk, act: str
) -> None:
    """
    One operator's page does not work for another.
    """
    other = await new_browser()
    await other.sign_in()
    page = await other.submit(form, act=act, text="evil")
    assert page.status == 403
    assert desk.asked == []
    assert (await other.get(FORM)).typed["text"] == ""


@pytest.mark.parametrize("act", ["write_to:42", "throw_out:42", "refresh"])
async def test_button_does_nothing_when_the_log_in_has_ended(
    browser: Browser, form: Page, desk: FakeDesk, clock: Clock, act: str
) -> None:
    """
    It leads to the sign-in, which keeps what was typed.
    """
    clock.now += LOGIN_IDLE_S
    page = await browser.submit(form, act=act, text="hello")
    assert page.status == 403
    assert "what you typed is back in the form" in page.text
    assert desk.asked == []


@pytest.mark.parametrize("id", ["//evil.example/", "https://evil.example", "/\r\nX: y"])
@pytest.mark.parametrize("act", ["write_to", "throw_out"])
async def test_redirect_stays_here_whatever_a_button_names(
    browser: Browser, form: Page, act: str, id: str
) -> None:
    """
    No user id gets into a Location.
    """
    fields = {**form.forms[FORM], "act": f"{act}:{id}"}
    response = await browser.client.post(FORM, data=fields, allow_redirects=False)
    where = response.headers.get("Location", FORM)
    assert re.fullmatch(rf"{FORM}(#text|\?done=[0-9a-f]+)?", where)


# --- what was sent


async def test_notice_shows_whom_it_was_for(
    browser: Browser, form: Page, notices: NoticeStore
) -> None:
    """
    Some users by name and the others by number, a room, and what was taken back.
    """
    payload = {"body": "b", "from": "ada", "at": "then"}
    ids = [f"u{number}" for number in range(5)]
    copies = [Outgoing(f"user:{id}", payload, id) for id in ids]
    notices.file([Sending("k", 1_800_000_000.0, None, copies, 1)])
    notices.file([Sending("l", 1_800_000_000.0, None, [Outgoing("room:<b>", payload, "r")], 1)])
    notices.withdraw("r", 1_800_000_000.0)
    page = await browser.get(FORM)
    assert "To user u0, u1, u2 and 2 more · by ada" in page.text
    assert "To room:<b> · by ada · just now b Reached 1 session, withdrawn" in page.text


async def test_notice_is_listed_when_it_was_sent(
    browser: Browser, form: Page, desk: FakeDesk, wall_clock: Clock
) -> None:
    """
    When, by whom, to whom, what, and how many it reached; also where it reached nobody.
    """
    assert "Nothing was sent yet. Write a message and press Send" in form.text
    page = await browser.submit(form, **TO_ALL)
    assert f"To everyone · by {NAME} · just now hello Reached 3 sessions" in page.text
    wall_clock.now += 7_200
    desk.reached = 0
    page = await browser.submit(page, act="send", to="user", user="42", text="are you there?")
    assert f"To user 42 · by {NAME} · just now are you there? Reached nobody" in page.text
    assert f"To everyone · by {NAME} · 2 hours ago hello Reached 3 sessions" in page.text
    assert 'title="2027-01-15 08:00:00 UTC">2 hours ago' in page.html


async def test_notice_is_listed_for_every_operator_and_no_more_than_so_many(
    browser: Browser, form: Page, notices: NoticeStore
) -> None:
    """
    The newest first; the older ones are not on the page.
    """
    for number in range(MAX_NOTICES + 5):
        keep(notices, "another", None, f"notice {number:02}")
    page = await browser.get(FORM)
    found = re.findall(r"notice \d\d", page.text)
    assert found == [f"notice {number:02}" for number in range(MAX_NOTICES + 4, 4, -1)]


@pytest.mark.parametrize("nasty", [XSS, "\u202eevil", "a\x00b", "\n\nx"])
async def test_notice_stays_text_whatever_it_says(
    browser: Browser, form: Page, notices: NoticeStore, nasty: str
) -> None:
    """
    No field of a notice can put anything into the page.
    """
    keep(notices, nasty, nasty, nasty)
    keep(notices, nasty, nasty, nasty * 300)
    page = await browser.get(FORM)
    assert page.status == 200
    assert "script" not in page.tags
    assert "\x00" not in page.html


@pytest.mark.parametrize(
    ("body", "start"),
    [
        ("x" * 160, None),
        ("x" * 161, "x" * 160 + "…"),
        ("a\nb\nc", None),
        ("a\nb\nc\nd", "a\nb\nc…"),
        ("x " * 100, ("x " * 80).rstrip() + "…"),
    ],
)
async def test_long_notice_shows_its_start_and_unfolds(
    browser: Browser, form: Page, notices: NoticeStore, body: str, start: str | None
) -> None:
    """
    Without a script; a short one is just there.
    """
    keep(notices, NAME, None, body)
    page = await browser.get(FORM)
    assert ("details" in page.tags) == (start is not None)
    assert f'<p class="text" dir="auto">{body}</p>' in page.html
    if start is not None:
        assert f'<span class="text start" dir="auto">{start}</span>' in page.html


class BrokenStore(NoticeStore):
    """
    Finds nothing.
    """

    def newest(self, count: int) -> list[Kept]:
        raise OSError("the disk is gone")


class TestBroken:
    """
    A database that fails.
    """

    @pytest.fixture
    def notices(self, tmp_path: Path) -> NoticeStore:
        return BrokenStore(tmp_path / "broken.db")

    async def test_form_is_there_when_notices_cannot_be_read(
        self, browser: Browser, form: Page, desk: FakeDesk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        It costs that part of the page: what is sent is sent.
        """
        assert "The server could not read what was sent." in form.text
        page = await browser.submit(form, **TO_ALL)
        assert "Reached 3 sessions. Sent to everyone." in page.text
        assert len(desk.asked) == 1
        assert "reading what was sent failed with OSError" in caplog.text


class ThreadStore(NoticeStore):
    """
    Notes which threads it is read from.
    """

    threads: ClassVar[set[int]] = set()

    def newest(self, count: int) -> list[Kept]:
        self.threads.add(threading.get_ident())
        return []


class TestThreads:
    """
    A database that is watched.
    """

    @pytest.fixture
    def notices(self, tmp_path: Path) -> NoticeStore:
        return ThreadStore(tmp_path / "watched.db")

    async def test_database_is_read_off_the_event_loop(self, form: Page) -> None:
        """
        A slow disk holds up no other client.
        """
        assert ThreadStore.threads
        assert threading.get_ident() not in ThreadStore.threads
