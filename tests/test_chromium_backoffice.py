"""
The back office in a real browser: by keyboard alone, without scripts, and with them.

Each test runs `tests/js/backoffice.mjs` once; screenshots stay in the test's `tmp_path`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from chromium import drive
from doors import serving

from notifier import Notifier
from notifier.accounts import UserStore
from notifier.app import DATABASE, build
from notifier.backoffice import OperatorStore
from notifier.config import Config
from notifier.inbox import NoticeStore

NAME, PASSWORD = "olga", "a long password"

pytestmark = pytest.mark.browser

Play = Callable[[str], Awaitable[dict[str, Any]]]


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Play]:
    """
    Play a scenario against what `notifier serve` does, with an operator and some users.
    """
    OperatorStore(tmp_path / DATABASE).add(NAME, PASSWORD)
    users = UserStore(tmp_path / DATABASE)
    for user in ("ann", "anna", "bob"):
        users.create(user)
    notifier = Notifier()
    app = build(notifier, Config(data_dir=tmp_path), ["a key"])
    async with serving("front", app, notifier) as port:

        async def play(scenario: str) -> dict[str, Any]:
            return await drive(
                "backoffice.mjs",
                scenario,
                backoffice=f"http://127.0.0.1:{port}/backoffice",
                name=NAME,
                password=PASSWORD,
                screenshots=str(tmp_path),
            )

        yield play


def sent(tmp_path: Path) -> list[tuple[tuple[str, ...], str]]:
    """
    What was sent, to which users.
    """
    found = NoticeStore(tmp_path / DATABASE).search("", 9)
    return [(tuple(one.users), one.payload["body"]) for one in found]


async def test_notice_is_written_and_sent_by_keyboard_alone(play: Play, tmp_path: Path) -> None:
    """
    The question has the keyboard on its heading: the key that asked it sends nothing.
    """
    steps = await play("keyboard")
    assert steps["sent"]["at"] == "H1"
    assert steps["sent"]["outcome"] == "Sent. Nobody is there to see it yet."
    assert steps["sent"]["path"].startswith("/backoffice/sent/")
    assert sent(tmp_path) == [(("ann", "bob"), "one\ntwo")]


async def test_notice_is_written_and_sent_without_scripts(play: Play, tmp_path: Path) -> None:
    """
    Enter in a field asks, an error stands beside its field, and nothing typed is lost.
    """
    steps = await play("plain")
    assert steps["sent"] == {
        "error": "Error: Write the text.",
        "typed": "ann\nbob",
        "outcome": "Sent. Nobody is there to see it yet.",
    }
    assert sent(tmp_path) == [(("ann", "bob"), "Hello")]


async def test_users_are_found_added_and_removed(play: Play) -> None:
    """
    As one types, by a pasted list, and by keys; axe-core finds nothing in form and question.
    """
    steps = await play("users")
    assert steps["found"] == {"options": ["ann", "anna"], "violations": []}
    assert steps["added"]["chips"] == ["anna", "nobody at all", "one", "two, too"]
    assert steps["removed"] == {"chips": ["nobody at all", "one"], "at": "INPUT"}
    assert steps["dropped"]["chips"] == ["one"]
    assert steps["asked"]["left"] == "Characters left: 10"
    assert steps["asked"]["violations"] == []


async def test_what_asks_once_more_stays_on_a_narrow_screen(play: Play) -> None:
    """
    Wherever on its line the button is that opens it.
    """
    assert (await play("narrow"))["asked"] == {"is_all_seen": True, "violations": []}


async def test_keyboard_stays_where_it_was_when_the_list_changes(play: Play) -> None:
    """
    Where its row has gone, it is on a row as such: the next key does nothing to another user.
    """
    steps = await play("online")
    assert steps["stays"]["at"] == "A Write bob"
    assert steps["gone"]["at"] == "LI Write eve"
    assert steps["empty"]["at"] == "DIV 0 users"


async def test_draft_lasts_until_it_is_sent(play: Play, tmp_path: Path) -> None:
    """
    Through a reload, another page, a link to the form, and a sending that failed.
    """
    steps = await play("draft")
    draft = {"text": "half a mess", "chips": ["ann"]}
    assert steps == {
        "reloaded": draft,
        "linked": {"text": "", "chips": ["bob"]},
        "back": draft,
        "not sent": draft,
        "sent": {"text": "", "chips": []},
    }
    assert sent(tmp_path) == [(("ann",), "half a mess")]
