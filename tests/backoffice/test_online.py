from __future__ import annotations

from aiohttp import WSMsgType
from markupsafe import escape

from backoffice.browser import ONLINE, Browser
from backoffice.conftest import Connect
from backoffice.fakes import Clock
from notifier.accounts import Accounts
from notifier.backoffice import Act, AuditLog
from notifier.backoffice.online import LOOK_S, MAX_USERS


async def test_page_says_what_to_do_when_nobody_is_online(admin: Browser) -> None:
    """
    It tells how to see somebody there.
    """
    page = await admin.get(ONLINE)
    assert page.status == 200
    assert "Nobody is online" in page.text
    assert "notifier token NAME" in page.text


async def test_user_is_shown_when_a_page_of_theirs_is_connected(
    admin: Browser, connect: Connect
) -> None:
    """
    With the sessions, by which transport, and since when.
    """
    for _ in range(2):
        await connect("carla")
    page = await admin.get(ONLINE)
    assert "1 user, 2 sessions" in page.text
    assert "carla WebSocket connected just now 2 sessions" in page.text


async def test_user_is_thrown_out_when_the_button_is_pressed(
    admin: Browser, connect: Connect, audit: AuditLog
) -> None:
    """
    The session ends, the page tells of it, and the trail says who did it.
    """
    socket = await connect("carla")
    page = await admin.press(ONLINE, "throw_out:carla")
    assert "User carla was thrown out. 1 session was ended." in page.text
    assert (await socket.receive(timeout=10)).type in (WSMsgType.CLOSE, WSMsgType.TEXT)
    (entry,) = audit.page(1)
    assert (entry.operator, entry.act, entry.subject) == ("ada", Act.THROWN_OUT, "carla")


async def test_user_stays_out_when_an_admin_says_so(
    admin: Browser, connect: Connect, accounts: Accounts
) -> None:
    """
    The account is disabled as by the command line.
    """
    await connect("carla")
    page = await admin.press(ONLINE, "keep_out:carla")
    assert "User carla is kept out." in page.text
    account = await accounts.get("carla")
    assert account
    assert account.is_disabled


async def test_nothing_is_offered_to_keep_out_when_one_is_no_admin(
    operator: Browser, connect: Connect, accounts: Accounts
) -> None:
    """
    The button is not there, and sending it in all the same is refused.
    """
    await connect("carla")
    page = await operator.get(ONLINE)
    assert page.form(ONLINE).acts == ["throw_out:carla"]
    fields = {**page.form(ONLINE).fields, "act": "keep_out:carla"}
    assert (await operator.post(ONLINE, fields)).status == 403
    account = await accounts.get("carla")
    assert account
    assert not account.is_disabled


async def test_rows_come_alone_when_a_script_asks_for_them(
    admin: Browser, connect: Connect
) -> None:
    """
    No page around them, and a tag that says which state they show.
    """
    await connect("carla")
    page = await admin.get(f"{ONLINE}/rows")
    assert page.status == 200
    assert page.response.headers["ETag"]
    assert "carla" in page.text
    assert "main" not in page.tags


async def test_script_waits_at_once_for_what_is_other_than_the_page(
    admin: Browser, connect: Connect
) -> None:
    """
    The page says which state it shows, so that the same is not sent a second time.
    """
    await connect("carla")
    tag = (await admin.get(f"{ONLINE}/rows")).response.headers["ETag"]
    assert f'data-tag="{escape(tag)}"' in (await admin.get(ONLINE)).html


async def test_page_stays_small_when_many_are_online(admin: Browser, connect: Connect) -> None:
    """
    It shows those who came last, and how many others there are.
    """
    for number in range(MAX_USERS + 1):
        await connect(f"customer {number:03}")
    page = await admin.get(ONLINE)
    assert "These came last; 1 more is online." in page.text
    assert "customer 000" not in page.text
    assert len(page.html) < 50_000


async def test_list_is_rendered_once_when_many_look_at_it(
    admin: Browser, operator: Browser, connect: Connect, wall_clock: Clock
) -> None:
    """
    Within a second they see the same, but for who comes anew and who sees less.
    """
    rows, tag = f"{ONLINE}/rows", {"If-None-Match": '"another"'}
    wall_clock.now += LOOK_S
    await admin.get(ONLINE)
    await connect("carla")
    assert "carla" not in (await admin.get(rows, headers=tag)).text
    assert "carla" in (await operator.get(rows, headers=tag)).text
    wall_clock.now += LOOK_S
    assert "carla" in (await admin.get(rows, headers=tag)).text
    await connect("dan")
    assert "dan" in (await admin.get(rows)).text
