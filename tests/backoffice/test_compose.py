from __future__ import annotations

import asyncio
import logging

import pytest

from backoffice.browser import FORM, NAME, PASSWORD, SIGN_IN, Browser, Page
from backoffice.conftest import NewBrowser
from backoffice.fakes import Clock, FakeDesk
from notifier.backoffice.fields import FORM_MAX_BYTES
from notifier.backoffice.gate import LOGIN_COOKIE
from notifier.backoffice.logins import LOGIN_IDLE_S

XSS = "\"></textarea><script>alert(1)</script>'{{ 7 * 7 }}"
TO_ALL = {"act": "send", "to": "everyone", "text": "hello"}
TO_42 = {"act": "send", "to": "user", "user": "42", "text": "hello"}
OUT_42 = {"act": "throw_out", "out": "42"}


@pytest.fixture
async def form(browser: Browser) -> Page:
    return await browser.sign_in()


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (TO_ALL, ("all", "hello", NAME)),
        (TO_42, ("user", "42", "hello", NAME)),
        (OUT_42, ("out", "42")),
        ({**TO_ALL, "text": " \r\n a\r\nb \r\n"}, ("all", "a\nb", NAME)),
        ({**TO_42, "user": " 42 "}, ("user", "42", "hello", NAME)),
        ({**OUT_42, "out": " 42\t"}, ("out", "42")),
    ],
)
async def test_desk_is_asked_when_a_form_is_sent_in(
    browser: Browser, form: Page, desk: FakeDesk, typed: dict[str, str], asked: tuple[str, ...]
) -> None:
    """
    Each act reaches the desk once, without the blanks around what was typed.
    """
    page = await browser.submit(form, **typed)
    assert desk.asked == [asked]
    assert (page.status, page.path) == (200, FORM)


@pytest.mark.parametrize(
    ("typed", "reached", "words"),
    [
        (TO_ALL, 3, "Reached 3 sessions. Sent to everyone."),
        (TO_ALL, 1, "Reached 1 session. Sent to everyone."),
        (TO_ALL, 12_345, "Reached 12,345 sessions."),
        (TO_ALL, 0, "Reached nobody: no one is connected."),
        (TO_42, 2, "Reached 2 sessions. Sent to user 42."),
        (TO_42, 0, "It waits for user 42, who is not connected."),
        (OUT_42, 2, "Ended 2 sessions. User 42 was thrown out."),
        (OUT_42, 1, "Ended 1 session."),
        (OUT_42, 0, "Ended no session: user 42 is not connected."),
    ],
)
async def test_outcome_is_told_when_it_is_done(
    browser: Browser,
    form: Page,
    desk: FakeDesk,
    typed: dict[str, str],
    reached: int,
    words: str,
) -> None:
    """
    The page says how many sessions it concerned, in its title too.
    """
    desk.reached = reached
    page = await browser.submit(form, **typed)
    assert words in page.text
    assert f"<title>{words.split('. ')[0]}" in page.html
    assert 'role="status"' in page.html


async def test_nothing_is_sent_twice_when_the_page_is_reloaded(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    A reload shows the form again, without the outcome.
    """
    page = await browser.submit(form, **TO_ALL)
    page = await browser.get(str(page.response.url.relative()))
    assert page.status == 200
    assert 'role="status"' not in page.html
    assert len(desk.asked) == 1


async def test_nothing_is_sent_twice_when_the_form_is_sent_in_again(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    The very same form, repeated by whatever, is answered with what it had done.
    """
    await browser.submit(form, **TO_ALL)
    page = await browser.submit(form, **TO_ALL)
    assert len(desk.asked) == 1
    assert "Done already, so not done a second time. It had reached 3 sessions." in page.text


async def test_nothing_is_sent_twice_when_the_button_is_pressed_twice(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    A double click waits for the one sending that is under way.
    """
    desk.gate = asyncio.Event()
    clicks = [asyncio.ensure_future(browser.submit(form, **TO_ALL)) for _ in range(2)]
    await desk.started.wait()
    desk.gate.set()
    pages = await asyncio.gather(*clicks)
    assert len(desk.asked) == 1
    assert sum('role="status"' in page.html for page in pages) == 1


async def test_another_text_is_sent_when_the_same_page_is_used_again(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    Going back and writing something else is another message.
    """
    await browser.submit(form, **TO_ALL)
    await browser.submit(form, **{**TO_ALL, "text": "something else"})
    assert len(desk.asked) == 2


async def test_same_text_is_sent_again_when_it_is_written_again(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    A new page may say the same once more.
    """
    page = await browser.submit(form, **TO_ALL)
    await browser.submit(page, **TO_ALL)
    assert len(desk.asked) == 2


async def test_outcome_is_not_shown_when_another_login_asks_for_it(
    browser: Browser, new_browser: NewBrowser, form: Page
) -> None:
    """
    An outcome belongs to the log-in that caused it.
    """
    fields = {**form.forms[FORM], **TO_ALL}
    response = await browser.client.post(FORM, data=fields, allow_redirects=False)
    other = await new_browser()
    await other.sign_in()
    assert 'role="status"' not in (await other.get(response.headers["Location"])).html
    assert 'role="status"' in (await browser.get(response.headers["Location"])).html


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"act": "send", "text": "hello"}, "to"),
        ({**TO_ALL, "user": "42"}, "to"),
        ({**TO_42, "user": ""}, "user"),
        ({**TO_42, "user": "u" * 201}, "user"),
        ({**TO_42, "user": "a\x07b"}, "user"),
        ({**TO_ALL, "text": ""}, "text"),
        ({**TO_ALL, "text": "x" * 4_001}, "text"),
        ({**OUT_42, "out": ""}, "out"),
        ({**OUT_42, "out": "u" * 201, "text": "half a mess"}, "out"),
    ],
)
async def test_error_stands_beside_its_field_when_something_is_wrong(
    browser: Browser, form: Page, desk: FakeDesk, typed: dict[str, str], field: str
) -> None:
    """
    Nothing is done, the error is named by its field, and all that was typed is there.
    """
    page = await browser.submit(form, **typed)
    assert page.status == 422
    assert desk.asked == []
    assert f"{field}-error" in page.attributes
    assert f'{field}-error" aria-invalid="true"' in page.html
    assert page.html.count("aria-invalid") == 1
    assert page.html.count("autofocus") == 1
    assert "<title>Error: " in page.html
    kept = {name: typed.get(name, "") for name in ("to", "user", "text", "out")}
    assert page.typed == kept


async def test_mended_form_is_sent_when_it_was_wrong_before(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    The page with the errors is a form like any other.
    """
    page = await browser.submit(form, **{**TO_42, "user": ""})
    await browser.submit(page, act="send", user="42")
    assert desk.asked == [("user", "42", "hello", NAME)]


async def test_it_is_asked_which_is_meant_when_enter_is_pressed(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    The Enter key in a field does neither: it presses a button of its own.
    """
    first_button = form.html.split(' method="post" action="/backoffice">')[1]
    first_button = first_button.split("<button ")[1].split(">")[0]
    assert 'name="act" value=""' in first_button
    page = await browser.submit(form, **{**TO_ALL, "act": "", "out": "42"})
    assert "Nothing was sent yet. Press Send or Throw out." in page.text
    assert page.typed == {"to": "everyone", "user": "", "text": "hello", "out": "42"}
    assert desk.asked == []


async def test_text_stays_when_a_user_is_thrown_out(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    Throwing somebody out while writing loses nothing that was written.
    """
    page = await browser.submit(form, **{**OUT_42, "to": "everyone", "text": "half a mess"})
    assert page.typed == {"to": "everyone", "user": "", "text": "half a mess", "out": ""}


async def test_form_is_empty_when_the_message_was_sent(browser: Browser, form: Page) -> None:
    """
    What was sent is out of the way.
    """
    page = await browser.submit(form, **TO_42)
    assert page.typed == {"to": "", "user": "", "text": "", "out": ""}


async def test_text_stays_when_nobody_was_reached(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    It can be sent again once somebody is there.
    """
    desk.reached = 0
    page = await browser.submit(form, **TO_ALL)
    assert "The message is still in the form." in page.text
    assert page.typed == {"to": "everyone", "user": "", "text": "hello", "out": ""}


async def test_form_is_empty_when_the_message_waits(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    What waits for a user who is away is sent, and to send it again would double it.
    """
    desk.reached = 0
    page = await browser.submit(form, **TO_42)
    assert "Whoever comes with that id gets it then." in page.text
    assert page.typed == {"to": "", "user": "", "text": "", "out": ""}


@pytest.mark.parametrize("text", ["\n\nfirst lines are empty", "a\n\tb  c\n", "<b>&amp;", "🙂é"])
async def test_text_is_unchanged_when_it_is_shown_again(
    browser: Browser, form: Page, text: str
) -> None:
    """
    Line breaks, blanks and markup come back as they were typed.
    """
    page = await browser.submit(form, act="send", text=text)
    assert page.status == 422
    assert page.typed["text"] == text


@pytest.mark.parametrize("field", ["to", "user", "text", "out", "act", "once"])
async def test_value_stays_text_when_it_is_markup(
    browser: Browser, form: Page, desk: FakeDesk, field: str
) -> None:
    """
    No field can put anything into the page, be it refused or done.
    """
    for typed in ({}, TO_42, OUT_42):
        for reached in (0, 2):
            desk.reached = reached
            page = await browser.submit(form, **{**typed, field: XSS})
            assert "script" not in page.tags
            assert "<script" not in page.html


async def test_text_is_back_when_the_log_in_had_ended(
    browser: Browser, form: Page, desk: FakeDesk, clock: Clock
) -> None:
    """
    A late form leads to the sign-in and from there back to the text, unsent.
    """
    clock.now += LOGIN_IDLE_S
    text = "\nlong thought, <b>é🙂"
    page = await browser.submit(form, act="send", to="user", user="42", text=text, out="7")
    assert page.status == 403
    assert "what you typed is back in the form" in page.text
    page = await browser.submit(page, SIGN_IN, name=NAME, password="wrong horse!")
    page = await browser.submit(page, SIGN_IN, name="", password="")
    page = await browser.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    assert page.path == FORM
    assert page.typed == {"to": "user", "user": "42", "text": text, "out": "7"}
    assert desk.asked == []
    assert (await browser.get(FORM)).typed["text"] == text
    page = await browser.submit(page, act="send")
    assert desk.asked == [("user", "42", text.strip(), NAME)]
    assert page.typed["text"] == ""


async def test_text_is_back_when_it_was_as_long_as_a_form_may_be(
    browser: Browser, form: Page, clock: Clock
) -> None:
    """
    Whatever form can be sent in survives the sign-in too.
    """
    clock.now += LOGIN_IDLE_S
    text = "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(FORM_MAX_BYTES // 10))
    page = await browser.submit(form, act="send", text=text)
    page = await browser.submit(page, SIGN_IN, name=NAME, password=PASSWORD)
    assert page.typed["text"] == text


async def test_text_is_back_when_somebody_signed_in_in_another_tab(
    browser: Browser, form: Page, desk: FakeDesk, clock: Clock
) -> None:
    """
    A form of an earlier log-in is shown again, for a look, and then works.
    """
    clock.now += LOGIN_IDLE_S
    await browser.sign_in()
    page = await browser.submit(form, **TO_ALL)
    assert page.status == 403
    assert "from an earlier log-in, so nothing was done" in page.text
    assert page.typed["text"] == "hello"
    assert desk.asked == []
    await browser.submit(page, act="send")
    assert len(desk.asked) == 1


async def test_draft_is_dropped_when_it_was_tampered_with(
    browser: Browser, form: Page, clock: Clock
) -> None:
    """
    Nobody can put words into an operator's form.
    """
    clock.now += LOGIN_IDLE_S
    page = await browser.submit(form, **TO_ALL)
    forged = page.forms[SIGN_IN]["csrf"]
    page = await browser.submit(page, SIGN_IN, draft=forged, name=NAME, password=PASSWORD)
    assert page.path == FORM
    assert page.typed["text"] == ""


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c"])
async def test_form_is_refused_when_its_token_is_forged(
    browser: Browser, form: Page, desk: FakeDesk, token: str | None
) -> None:
    """
    A form from elsewhere does nothing, and shows nothing of what it says.
    """
    fields = {**form.forms[FORM], **TO_ALL}
    del fields["csrf"]
    page = await browser.post(FORM, fields if token is None else {**fields, "csrf": token})
    assert page.status == 403
    assert desk.asked == []
    assert "hello" not in page.html


async def test_form_is_refused_when_its_token_is_another_logins(
    browser: Browser, new_browser: NewBrowser, form: Page, desk: FakeDesk
) -> None:
    """
    One operator's token does not work for another.
    """
    other = await new_browser()
    await other.sign_in()
    page = await other.submit(form, **TO_ALL)
    assert page.status == 403
    assert desk.asked == []


async def test_form_is_refused_when_its_token_is_a_visitors(
    browser: Browser, new_browser: NewBrowser, form: Page, desk: FakeDesk
) -> None:
    """
    A token that anybody can get from the sign-in page does nothing here.
    """
    token = (await (await new_browser()).get(SIGN_IN)).forms[SIGN_IN]["csrf"]
    page = await browser.submit(form, **TO_ALL, csrf=token)
    assert page.status == 403
    assert "hello" not in page.html
    assert desk.asked == []


async def test_form_is_refused_when_the_browser_says_it_is_from_elsewhere(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    Not even a right token helps another site.
    """
    fields = {**form.forms[FORM], **TO_ALL}
    page = await browser.post(FORM, fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert page.status == 403
    assert desk.asked == []


async def test_nothing_is_done_when_nobody_is_signed_in(
    browser: Browser, form: Page, desk: FakeDesk
) -> None:
    """
    A token without its cookie does nothing.
    """
    browser.forget_cookies()
    page = await browser.submit(form, **TO_ALL)
    assert page.status == 403
    assert browser.cookie(LOGIN_COOKIE) is None
    assert desk.asked == []


async def test_text_is_kept_when_the_desk_fails(
    browser: Browser, form: Page, desk: FakeDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The page says that it failed; the log says where, without the text; trying again works.
    """
    caplog.set_level(logging.DEBUG, "notifier")
    desk.failure = RuntimeError("cannot send 'hello'")
    page = await browser.submit(form, **TO_ALL)
    assert page.status == 500
    assert "it is not known how far it came" in page.text
    assert page.typed["text"] == "hello"
    said = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("notifier"))
    assert "send failed with RuntimeError" in said
    assert "send_to_all" in said
    assert "hello" not in said
    desk.failure = None
    page = await browser.submit(page, act="send")
    assert "Reached 3 sessions." in page.text
