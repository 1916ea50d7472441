from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from backoffice.browser import HOME, SIGN_IN, Browser, Page
from backoffice.conftest import BOB, BOBS_PASSWORD, Connect, NewBrowser
from backoffice.fakes import NOW, Clock
from notifier.accounts import Accounts
from notifier.backoffice import Act, AuditLog
from notifier.backoffice.door.logins import LOGIN_IDLE_S
from notifier.errors import EngineError
from notifier.inbox import TO_EVERYONE, Inbox, ToRoom, ToUsers

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
WHOLE = {
    "to": "users",
    "users": "bob\nann",
    "room": "x",
    "level": "warning",
    "title": "Parcels",
    "text": "\none\ntwo",
    "link": "https://shop.example/",
    "expires": "4",
    "expires_at": "2030-01-31T12:00",
    "offset": "-60",
}


async def check(browser: Browser, **typed: str) -> Page:
    return await browser.press(HOME, "check", **{"to": "everyone", "text": "Hello", **typed})


def typed_in(page: Page, act: str = "check") -> dict[str, str]:
    fields = page.form(HOME, act=act).fields
    return {name: fields.get(name, "").replace("\r\n", "\n") for name in WHOLE}


def sent(inbox: Inbox) -> list[Any]:
    return list(inbox.store.search("", 9))


async def fail(*_: object) -> None:
    raise EngineError("write", "disk is full")


async def test_form_is_empty_and_for_everyone_when_it_is_opened(operator: Browser) -> None:
    """
    An operator who is no admin may write.
    """
    page = await operator.get(HOME)
    assert page.status == 200
    assert typed_in(page) == dict.fromkeys(WHOLE, "") | {"to": "everyone", "level": "info"}


async def test_notice_is_sent_once_it_was_looked_at(
    admin: Browser, inbox: Inbox, audit: AuditLog
) -> None:
    """
    It goes to whom it says, the page of the notice tells of it, and the trail notes it.
    """
    page = await check(admin, **WHOLE)
    assert (page.status, sent(inbox)) == (200, [])
    page = await admin.submit(page, HOME, act="send")
    (kept,) = sent(inbox)
    assert page.path == f"{HOME}/sent/{kept.id}"
    assert "Sent. Nobody is there to see it yet." in page.text
    assert kept.users == ("bob", "ann")
    assert {name: kept.payload[name] for name in ("body", "level", "title", "link", "from")} == {
        "body": "one\ntwo",
        "level": "warning",
        "title": "Parcels",
        "link": "https://shop.example/",
        "from": "ada",
    }
    assert kept.expires_at == NOW + 4 * 3_600
    (entry,) = audit.page(9, act=Act.SENT)
    assert (entry.operator, entry.subject, entry.detail) == ("ada", kept.id, "bob, ann")


@pytest.mark.parametrize(
    ("typed", "room", "detail"),
    [
        ({}, "room:lobby", "everyone"),
        ({"to": "room", "room": "vip"}, "room:vip", "room:vip"),
        ({"to": "users", "users": "a\nb\nc\nd\ne"}, None, "a, b, c + 2"),
    ],
)
async def test_trail_says_for_whom_a_notice_was(
    admin: Browser, inbox: Inbox, audit: AuditLog, typed: dict[str, str], room: str, detail: str
) -> None:
    """
    And nothing of what it says.
    """
    await admin.submit(await check(admin, **typed), HOME, act="send")
    assert [one.room for one in sent(inbox)] == [room]
    assert [one.detail for one in audit.page(9, act=Act.SENT)] == [detail]


async def test_outcome_tells_how_many_pages_have_it(admin: Browser, connect: Connect) -> None:
    """
    Those that were reached at once.
    """
    socket = await connect("bob")
    await socket.send_json(["1", "1", "user:bob", "phx_join", {}])
    await socket.receive_json()
    page = await check(admin, to="users", users="bob\nann")
    assert "It is for 2 people. 1 of them is online now; it waits for the others." in page.text
    page = await admin.submit(page, HOME, act="send")
    assert "Sent. It is on 1 open page already." in page.text


async def test_question_names_who_may_be_misspelt_or_kept_out(
    admin: Browser, accounts: Accounts
) -> None:
    """
    So that an operator thinks again.
    """
    await accounts.create("carla")
    await accounts.disable("carla")
    page = await check(admin, to="users", users="carla\ncalra")
    assert "1 of them has never connected. Is it spelt right? calra" in page.text
    assert "1 of them is kept out, and gets it only when let in again. carla" in page.text


async def test_question_says_when_it_expires(admin: Browser) -> None:
    """
    As it was chosen, and exactly.
    """
    page = await check(admin, expires="4")
    assert "It expires in 4 hours, on Jan 15, 2027, 12:00:00" in page.text


async def test_question_asks_before_a_long_list(admin: Browser) -> None:
    """
    A thousand users fit through; the first ones are named.
    """
    ids = [f"user-{number}" for number in range(1_000)]
    page = await check(admin, to="users", users="\n".join(ids))
    assert "To 1,000 users" in page.text
    assert "user-49 and 950 more" in page.text
    assert typed_in(page, "send")["users"].split() == ids


async def test_everything_typed_is_there_again_when_it_is_to_be_changed(admin: Browser) -> None:
    """
    Also what belongs to another choice, and line breaks.
    """
    page = await check(admin, **WHOLE)
    assert typed_in(page, "send") == WHOLE
    assert typed_in(await admin.submit(page, HOME, act="edit")) == WHOLE


async def test_field_that_is_wrong_is_told_beside_it(admin: Browser, inbox: Inbox) -> None:
    """
    The first one has the keyboard, all that was typed stands there, and nothing is sent.
    """
    wrong = WHOLE | {"text": " ", "link": "ftp://x", "title": "t" * 201}
    page = await check(admin, **wrong)
    assert page.status == 422
    assert typed_in(page) == wrong
    for field in ("title", "text", "link"):
        marks = page.attributes[field]
        assert marks["aria-invalid"] == "true"
        assert f"{field}-error" in (marks["aria-describedby"] or "")
        assert f"{field}-error" in page.attributes
    assert [id for id, marks in page.attributes.items() if "autofocus" in marks] == ["title"]
    assert sent(inbox) == []


async def test_send_is_checked_too(admin: Browser, inbox: Inbox, wall_clock: Clock) -> None:
    """
    A time that has passed while the question stood there is told.
    """
    page = await check(admin, expires="at", expires_at="2027-01-15T08:01")
    wall_clock.now += 61
    page = await admin.submit(page, HOME, act="send")
    assert page.status == 422
    assert "Choose a time to come." in page.text
    assert sent(inbox) == []


async def test_notice_is_sent_once_when_the_button_is_pressed_twice(
    admin: Browser, inbox: Inbox
) -> None:
    """
    At the same time, and once more later: which is told.
    """
    page = await check(admin)
    await asyncio.gather(*(admin.submit(page, HOME, act="send") for _ in range(2)))
    page = await admin.submit(page, HOME, act="send")
    assert "Done already, so not done a second time." in page.text
    assert len(sent(inbox)) == 1


async def test_notice_counts_as_sent_when_the_button_is_pressed_again_too_late(
    admin: Browser, inbox: Inbox, wall_clock: Clock
) -> None:
    """
    Its time is over by then, and that is no reason to say that it was not sent.
    """
    page = await check(admin, expires="at", expires_at="2027-01-15T08:01")
    await admin.submit(page, HOME, act="send")
    wall_clock.now += 61
    page = await admin.submit(page, HOME, act="send")
    assert page.path == f"{HOME}/sent/{sent(inbox)[0].id}"


async def test_two_tabs_do_not_mix(admin: Browser, inbox: Inbox) -> None:
    """
    Each sends what it shows, whichever came last.
    """
    first = await check(admin, to="users", users="bob", text="for bob")
    second = await check(admin, text="for all")
    await admin.submit(first, HOME, act="send")
    await admin.submit(second, HOME, act="send")
    found = {(one.room, tuple(one.users), one.payload["body"]) for one in sent(inbox)}
    assert found == {(None, ("bob",), "for bob"), ("room:lobby", (), "for all")}


@pytest.mark.parametrize("act", ["check", "send"])
async def test_form_is_back_when_the_log_in_ended_meanwhile(
    admin: Browser, inbox: Inbox, clock: Clock, act: str
) -> None:
    """
    From the form and from the question, with all that was typed; nothing was sent.
    """
    page = await admin.get(HOME) if act == "check" else await check(admin, **WHOLE)
    clock.now += LOGIN_IDLE_S + 1
    page = await admin.submit(page, HOME, act=act, **(WHOLE if act == "check" else {}))
    assert page.status == 403
    page = await admin.submit(page, SIGN_IN, name="ada", password="correct horse")
    assert page.path == HOME
    assert typed_in(page) == WHOLE
    assert sent(inbox) == []


async def test_form_of_another_log_in_sends_nothing(
    admin: Browser, new_browser: NewBrowser, inbox: Inbox
) -> None:
    """
    Nor one without its token; what was typed with another's token is shown again.
    """
    page = await check(admin, **WHOLE)
    other = await new_browser()
    await other.sign_in(BOB, BOBS_PASSWORD)
    assert (await other.submit(page, HOME, act="send")).status == 403
    assert typed_in(await other.get(HOME)) == WHOLE
    bare = page.fields(HOME, act="send") | {"csrf": ""}
    assert (await admin.post(HOME, bare)).status == 403
    assert sent(inbox) == []


async def test_nothing_was_sent_when_it_could_not_be_stored(
    admin: Browser, inbox: Inbox, audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The page says so and has all that was typed; trying again works, and was no second time.
    """
    page = await check(admin, **WHOLE)
    with monkeypatch.context() as patching:
        patching.setattr(Inbox, "send", fail)
        failed = await admin.submit(page, HOME, act="send")
    assert failed.status == 500
    assert "Nothing was sent: the server could not store the notice." in failed.text
    assert typed_in(failed) == WHOLE
    assert audit.page(9, act=Act.SENT) == []
    page = await admin.submit(page, HOME, act="send")
    assert "Done already" not in page.text
    assert len(sent(inbox)) == 1


async def test_form_is_back_when_the_users_cannot_be_looked_up(
    admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It cannot be said whom it reaches, and nothing typed is lost.
    """
    monkeypatch.setattr(Accounts, "known", fail)
    page = await check(admin, **WHOLE)
    assert page.status == 503
    assert "Nothing was sent: the server could not look up its users." in page.text
    assert typed_in(page) == WHOLE


async def test_notice_counts_as_sent_when_the_trail_fails(
    admin: Browser, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Told otherwise, the operator would send it twice.
    """

    def no_note(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("disk is full"))

    page = await check(admin)
    monkeypatch.setattr(AuditLog, "note", no_note)
    page = await admin.submit(page, HOME, act="send")
    assert page.path == f"{HOME}/sent/{sent(inbox)[0].id}"


async def test_form_is_for_the_user_of_the_link(admin: Browser) -> None:
    """
    As the list of who is online leads to it.
    """
    page = await admin.get(HOME, params={"to": "bob&<b>"})
    assert (typed_in(page)["to"], typed_in(page)["users"]) == ("users", "bob&<b>")
    page = await admin.get(HOME, params={"to": "b\nb"})
    assert (typed_in(page)["to"], typed_in(page)["users"]) == ("everyone", "")


@pytest.mark.parametrize("to", [TO_EVERYONE, ToRoom("room:vip"), ToUsers(["bob", "ann"])])
async def test_notice_is_sent_again_from_its_id(
    admin: Browser, inbox: Inbox, to: ToRoom | ToUsers
) -> None:
    """
    Once it was looked at, to whom it went before.
    """
    before = await inbox.send(to, {"body": "Hello", "level": "urgent", "title": "T"}, "bob")
    page = await admin.get(HOME, params={"again": before.id})
    page = await admin.submit(page, HOME, act="check")
    await admin.submit(page, HOME, act="send")
    new, old = sent(inbox)
    assert (new.room, new.users) == (old.room, old.users)
    assert new.payload | {"from": "", "at": ""} == old.payload | {"from": "", "at": ""}


async def test_form_says_so_when_the_notice_to_send_again_is_gone(admin: Browser) -> None:
    """
    And is there to write it anew.
    """
    page = await admin.get(HOME, params={"again": "none"})
    assert page.status == 200
    assert "That notice is not kept any more." in page.text
    assert typed_in(page)["to"] == "everyone"


async def test_rooms_where_somebody_is_are_offered(admin: Browser, connect: Connect) -> None:
    """
    By their names.
    """
    socket = await connect("bob")
    await socket.send_json(["1", "1", 'room:a"b', "phx_join", {}])
    await socket.receive_json()
    assert '<option value="a&#34;b">' in (await admin.get(HOME)).html


@pytest.mark.parametrize("field", [name for name in WHOLE if name != "to"])
async def test_nothing_typed_becomes_markup(admin: Browser, field: str) -> None:
    """
    Not in the form with its errors, and not in the question.
    """
    clean = await check(admin, **WHOLE)
    to = {"to": "room"} if field == "room" else {}
    page = await check(admin, **WHOLE | to | {field: EVIL})
    if field not in ("level", "expires"):  # these are chosen, and stand in no field
        assert page.form(HOME).fields[field] == EVIL
    assert page.html.count("<img") == clean.html.count("<img")
    assert "onerror" not in page.attribute_names


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://[", "//evil.example", "data:,x"])
async def test_link_that_is_none_is_led_to_by_no_page(admin: Browser, link: str) -> None:
    """
    The preview beside the errors has the text alone.
    """
    page = await check(admin, link=link)
    assert page.status == 422
    assert f'href="{link}"' not in page.html
    assert typed_in(page)["link"] == link


async def test_users_are_found_as_one_types(
    admin: Browser, accounts: Accounts, connect: Connect
) -> None:
    """
    By id or name, with what an operator wants to know of them; ids no form takes are left out.
    """
    await connect("bob")
    await accounts.create("42", "Bobby")
    await accounts.disable("42")
    await accounts.create("bob\n")
    response = await admin.client.get(f"{HOME}/find", params={"q": " bo "})
    assert await response.json() == {
        "users": [
            {"id": "42", "name": "Bobby", "is_online": False, "is_disabled": True},
            {"id": "bob", "name": "", "is_online": True, "is_disabled": False},
        ]
    }


async def test_nobody_is_found_by_nothing(admin: Browser, accounts: Accounts) -> None:
    """
    Blanks are no question, and a percent sign is one of itself.
    """
    await accounts.create("bob")
    for words in ("", "  ", "%", "x" * 5_000):
        response = await admin.client.get(f"{HOME}/find", params={"q": words})
        assert await response.json() == {"users": []}


async def test_nobody_is_told_of_users_who_is_not_signed_in(browser: Browser) -> None:
    """
    A script is answered 401.
    """
    assert (await browser.get(f"{HOME}/find", params={"q": "bob"})).status == 401
