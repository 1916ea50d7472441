"""
The widget in a real browser: a host page of another origin with a strict policy and two lines
of ours, `examples/page`. Each test runs a scenario of `tests/js/toasts.mjs`, which sends by the
API; screenshots stay in the test's `tmp_path`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chromium import drive
from doors import serving
from hostpage import host, require_widget

from notifier import Limits, Notifier
from notifier.api import SCOPES, ApiKeyStore
from notifier.app import DATABASE, build
from notifier.config import Config

SOON_MS = 200
LIMITS = Limits(window_ms=1_000, resume_window_ms=2_000)  # sessions of pages that crash go soon


pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def widget() -> None:
    require_widget()


async def run(tmp_path: Path, scenario: str) -> dict[str, Any]:
    """
    Run a scenario against what `notifier serve` serves, and a host of another origin.
    """
    key = ApiKeyStore(tmp_path / DATABASE).add("shop", SCOPES)
    notifier = Notifier()
    config = Config(data_dir=tmp_path, limits=LIMITS)
    app = build(notifier, config, ["a key"])
    async with serving("front", app, notifier) as port, host(notifier, port) as pages:
        return await drive(
            "toasts.mjs",
            scenario,
            pages=pages,
            server=f"http://127.0.0.1:{port}",
            key=key,
            screenshots=str(tmp_path),
        )


async def test_two_lines_show_each_notice_once_and_soon(tmp_path: Path) -> None:
    """
    Under a strict policy, with WebSockets and without, and to who was away when it was sent.
    """
    steps = await run(tmp_path, "shows")
    for user, carrier in (("ann", "websocket"), ("bob", "longpoll")):
        seen = steps[user]
        assert seen["shown"] == [f"To {user}", "To all"]
        assert seen["told"] == [f"To {user}", "To all"]
        assert max(seen["late"]) < SOON_MS
        assert seen["websockets"] == (carrier == "websocket")
        assert seen["violations"] == []
    cut_off = {"offline": "Reconnecting…", "shown": ["Meanwhile"]}
    assert steps["bob, who was cut off"] == cut_off
    assert steps["carl, who was away"]["shown"] == ["To carl"]


async def test_ten_tabs_share_one_connection_and_lose_nothing_with_it(tmp_path: Path) -> None:
    """
    Each shows each notice once, though the tab that has the connection is closed, then crashes.
    """
    steps = await run(tmp_path, "tabs")
    assert steps["ten"] == {"sessions": 1, "leaders": 1, "shown": {"One": 10, "Two": 10}}
    assert steps["closed"] == {"sessions": 1, "shown": {"One": 9, "Two": 9, "Three": 9}}
    crashed = {"One": 8, "Two": 8, "Three": 8, "Four": 8}
    assert steps["crashed"] == {"sessions": 1, "shown": crashed}
    assert steps["dismissed"] == {"left": [], "badges": [""], "read": [1, 1, 1, 1]}
    assert steps["opened"] == {"shown": [], "kept": 4}


async def test_tabs_without_locks_connect_each_and_still_agree(tmp_path: Path) -> None:
    """
    What is dismissed in one goes in the other.
    """
    steps = await run(tmp_path, "alone")
    assert steps["two"] == {"sessions": 2, "shown": {"One": 2}}
    assert steps["dismissed"] == {"left": []}


async def test_page_that_is_kept_apart_leads_by_itself(tmp_path: Path) -> None:
    """
    Where a browser refuses locks and storage, they are asked for once, and notices come.
    """
    steps = await run(tmp_path, "apart")
    assert steps["apart"] == {"shown": ["One"], "requests": 1, "errors": []}


async def test_tab_that_hangs_loses_the_lead(tmp_path: Path) -> None:
    """
    To one that the user looks at, after a check and its questions; nothing is lost or doubled.
    """
    steps = await run(tmp_path, "hangs")
    assert 30 <= steps["taken"].pop("seconds") <= 40
    assert steps["taken"] == {"shown": ["One"], "sessions": 1}
    assert steps["taken back"] == {"shown": ["One", "Two"], "sessions": 1}


async def test_tab_that_nobody_looks_at_comes_back_too(tmp_path: Path) -> None:
    """
    And its toasts wait for the user.
    """
    steps = await run(tmp_path, "hidden")
    assert steps["hidden"] == {"shown": ["Meanwhile"]}
    assert steps["looked at"] == {"shown": [], "unread": "1"}


async def test_two_users_of_one_browser_share_nothing(tmp_path: Path) -> None:
    """
    Each counts as a reader of what went to all; of one who signs out nothing is left in any tab.
    """
    steps = await run(tmp_path, "users")
    of = {user: [f"To {user}", "To all"] for user in ("ann", "bob")}
    assert steps["two"] == {**of, "read": [0, 1, 2], "sessions": 2}
    assert steps["forgotten"] == {
        "before": True,
        "ann": False,
        "bob": True,
        "shown": [],
        "sessions": 1,
        "state": "",
    }


async def test_page_s_text_does_not_change_the_widget_s(tmp_path: Path) -> None:
    """
    Whatever a page says that its elements inherit.
    """
    steps = await run(tmp_path, "surrounded")
    assert steps["surrounded"] == {"same": True, "page": "144px"}


async def test_page_without_a_token_shows_nothing_of_the_one_before(tmp_path: Path) -> None:
    """
    Neither in toasts nor in the bell, and nothing is connected.
    """
    steps = await run(tmp_path, "left")
    assert steps["left"] == {"shown": [], "listed": 0, "unread": "", "sessions": 0}


async def test_page_whose_user_is_another_now_shows_that_user_s_notices(tmp_path: Path) -> None:
    """
    Whose token it gives is seen whenever one is asked for.
    """
    steps = await run(tmp_path, "another")
    assert steps["another"] == {"shown": ["To bob"]}


async def test_card_by_itself_shows_a_notice_and_does_nothing(tmp_path: Path) -> None:
    """
    What it shows is text, and nothing of it takes the focus.
    """
    steps = await run(tmp_path, "card")
    assert steps["card"] == {
        "first": [
            "Urgent:",
            "<b>Title</b>",
            "Text",
            "below",
            "Open shop.example",
            "(opens in a new tab)",
            "just now",
        ],
        "second": ["Information:", "Later", "just now"],
        "none": 0,
        "focus": "body",
        "violations": [],
    }


async def test_reload_keeps_what_was_on_show_and_what_the_bell_has(tmp_path: Path) -> None:
    """
    What was dismissed or has run out is no toast again, and nothing is told anew.
    """
    steps = await run(tmp_path, "reload")
    assert steps["before"] == {"shown": ["Stays", "Runs out"], "unread": 2, "listed": 3}
    after = {"shown": ["Stays"], "unread": 2, "listed": 3, "told": []}
    assert steps["after"] == after
    assert steps["opened"] == {"shown": [], "unread": 0, "marked": 2, "read": 1}


async def test_fields_are_text(tmp_path: Path) -> None:
    """
    Whatever stands in a notice, no script of it runs, and a link that is none is left out.
    """
    steps = await run(tmp_path, "hostile")
    assert steps["hostile"] == {"ran": False, "strange": 0, "links": [], "cards": 3, "errors": []}


async def test_notices_go_when_they_are_withdrawn_or_over(tmp_path: Path) -> None:
    """
    From the toasts and the bell alike.
    """
    steps = await run(tmp_path, "goes")
    assert steps["before"] == {"shown": ["Expires", "Withdrawn", "Stays"], "listed": 3}
    assert steps["after"] == {"shown": ["Stays"], "listed": 1}


async def test_who_is_kept_out_is_told_and_stays_away(tmp_path: Path) -> None:
    """
    A session that was only ended comes back, and gets what was sent meanwhile.
    """
    steps = await run(tmp_path, "refused")
    assert steps["disconnected"] == {"shown": ["Meanwhile"], "refused": []}
    assert steps["disabled"] == {
        "banner": "You have been disconnected\nThis account cannot get notices here.",
        "refused": ["user_disabled"],
        "again": 0,
    }
    assert steps["bad token"]["banner"].endswith("Sign in again to get notices.")
    assert steps["bad token"]["refused"] == ["token_invalid"]
    assert steps["enabled"] == {"banner": None, "shown": ["Back"]}


async def test_keyboard_alone_will_do_and_focus_is_never_taken(tmp_path: Path) -> None:
    """
    The bell and its panel, a toast's link, its dismissal, and where the focus goes after.
    """
    steps = await run(tmp_path, "keyboard")
    assert steps["typing"] == {"typed": "boots", "focus": "input"}
    assert steps["bell"] == {"focus": "bell", "label": "Notices, 2 unread"}
    assert steps["opened"] == {"focus": "panel", "expanded": "true"}
    assert steps["closed"] == {"focus": "bell", "expanded": "false", "label": "Notices"}
    assert steps["in toast"] == {"focus": "Open shop.example (opens in a new tab)"}
    assert steps["dismissed"] == {"shown": ["Third"], "focus": "Dismiss: Third"}
    assert steps["all dismissed"] == {"shown": [], "focus": "bell"}


async def test_axe_finds_nothing_in_any_state(tmp_path: Path) -> None:
    """
    Toasts of all levels, the panel full and empty, refused; narrow and wide, light and dark.
    """
    steps = await run(tmp_path, "states")
    states = ("empty", "toasts", "panel", "refused", "right to left", "large print")
    assert {state: steps[state]["violations"] for state in states} == {s: [] for s in states}
    assert steps["right to left"]["language"] == "Notifications, 4 non lues"
