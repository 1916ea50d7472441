"""
What a real Phoenix answered, step by step, and what Notifier answers.

Each step is equal, or stands in the table of `docs/differences.md`; what
Notifier answers there is pinned in `transcripts/differences.json`, by its place
(`aiohttp` before it where only that door answers so; step 0 is what came beyond
the recording). To write that anew after a change that is meant:
`UPDATE_DIFFERENCES=1 pytest tests/test_transcripts.py`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import sample_app
from aiohttp import web
from doors import DOORS, serving
from replay import RECORDINGS, WHEEL_S, Clock, Player, Step, cases

from notifier import Notifier
from notifier.transports import refusals

DOCS = Path(__file__).parents[1] / "docs" / "differences.md"
PINNED = RECORDINGS / "differences.json"
NOT_OURS = {"start", "sigkill"}
"""Cases about the operating system: how long a start takes, what a kill does."""

UNSEEN_POLL = {
    "method": "GET",
    "body": {"text": ""},
    "body_truncated_of": 0,
    "headers": [["host", "a"]],
}
RACES = {"many_frames_in_one_segment", "many_at_once"}
PRESENCE = ("join_join_leave", "same_user_twice", "crash_of_a_tracked_channel", "many_at_once")
KEEP_TIME = {"session_expiry", "idle_timeout", "idle_timeout_quiet", *PRESENCE}
GOES_ON = {"same_user_twice": ("join_join_leave", 1)}
"""Cases in which a client of the case before goes on: where its handshake stands."""

NAMES = (
    "longpoll_http",
    "longpoll_v2",
    "ws_handshake",
    "ws_v2",
    "require_token_and_shutdown",
    "presence_ws_v2",
)
UNTIL = {("aiohttp", "large"): 5}
"""Where a case ends early: aiohttp resets over a message too large, and its close frame races."""

PLAYED = [
    (door, name, case)
    for name in NAMES
    for case in cases(name)
    for door in DOORS
    if case not in NOT_OURS
]


def acts(
    name: str, case: str, app: web.Application, main: Notifier
) -> tuple[dict[int, Any], dict[int, Any]]:
    """
    What happened outside of a recorded conversation: ahead of a step, and before its answer.
    """

    def broadcast(topic: str, event: str, payload: object) -> Any:
        return lambda _player: main.broadcast(topic, event, payload)

    async def disconnect(_player: Player) -> None:
        await main.disconnect("user_socket:7")

    async def start_first_poll(player: Player) -> None:
        steps = cases(name)[case]
        player.pending["poll1"] = await player.start(steps[4])
        await player.settle()
        player.pending["poll2"] = await player.start(steps[3])
        await player.settle()
        await main.broadcast("room:twopolls", "ev", {"i": 1})

    async def abandon_poll(player: Player) -> None:
        connection = await player.start(cases(name)[case][4])
        await player.settle()
        connection.writer.close()
        player._http.pop("", None)
        await player.settle()
        await main.broadcast("room:abandon", "ev", {"i": 1})

    async def poll_unseen(player: Player) -> None:
        """
        Poll as the recorder did, whose answer is not in the recording.
        """
        steps = cases(name)[case]
        connection = await player.start({**steps[3], "request": steps[3]["request"] | UNSEEN_POLL})
        _, _, body = await connection.read_response("GET")
        player.learn_newest(body)

    async def shut_down(player: Player) -> None:
        player.pending["lp"] = await player.start(cases(name)[case][16])
        await player.settle()
        await app.shutdown()

    def hang_up(*names: str) -> Any:
        async def act(player: Player) -> None:
            for who in names:  # one by one, as the recorder's went
                await player.hang_up(who)
                await player.advance(WHEEL_S)

        return act

    table: dict[tuple[str, str], dict[int, Any]] = {
        ("longpoll_v2", "message_during_poll"): {
            4: broadcast("room:wait", "ev", {"i": 1}),
            5: broadcast("room:wait", "ev", {"i": 2}),
        },
        ("longpoll_v2", "client_abandons_poll"): {4: abandon_poll},
        ("longpoll_v2", "disconnect_broadcast"): {4: disconnect},
        ("ws_v2", "broadcast_two_clients"): {
            13: broadcast("room:two", "ext", {"z": 1, "a": 2}),
        },
        ("ws_v2", "disconnect_broadcast"): {4: disconnect},
        ("ws_v2", "broadcast_of_reserved_events"): {
            4: broadcast("room:lobby", "phx_close", {}),
            5: broadcast("room:lobby", "disconnect", {}),
        },
        ("ws_v2", "idle_timeout"): {
            4: broadcast("room:idle", "ev", {}),
            5: broadcast("room:idle", "ev", {}),
        },
        ("require_token_and_shutdown", "sigterm"): {11: shut_down},
        ("presence_ws_v2", "same_user_twice"): {11: hang_up("c")},
        ("presence_ws_v2", "many_at_once"): {36: hang_up(*(f"m{n}" for n in range(10)))},
    }
    early: dict[tuple[str, str], dict[int, Any]] = {
        ("longpoll_v2", "two_polls_at_once"): {4: start_first_poll},
        ("longpoll_v2", "too_many_channels"): {4: poll_unseen},
        ("longpoll_v2", "big_body"): {6: poll_unseen},
    }
    return early.get((name, case), {}), table.get((name, case), {})


async def played(door: str, name: str, case: str, steps: list[Step]) -> dict[str, Any]:
    """
    Play a case; give every answer that is not as recorded, by its place.
    """
    clock, other = Clock(), {}
    require_token = name.startswith("require_token")
    app, notifiers = sample_app.make(clock, require_token=require_token)
    async with serving(door, app, *notifiers) as port:

        def tick() -> None:
            for one in notifiers:
                one.endpoint.tick(clock.now)

        player = Player(
            port,
            clock,
            tick,
            sample_app.user_token(notifiers[0]),
            *acts(name, case, app, notifiers[0]),
            keeps_time=case in KEEP_TIME,
            is_race=case in RACES,
        )
        if case == "restart_with_an_old_token":  # a session of the server before
            old = notifiers[0].endpoint.tokens.sign_session("gone") + ".1"
            texts = re.findall(r"SFMyNTY\.[A-Za-z0-9_.-]+", steps[0]["request"]["target"])
            player.tokens[texts[-1]] = old
        try:
            if case in GOES_ON:
                earlier, number = GOES_ON[case]
                steps = [cases(name)[earlier][number - 1], *steps]
            async for step, recorded, came in player.play(steps):
                if recorded != came:
                    other[f"{name} {case} {step}"] = came
        finally:
            await player.close()
    return other


def rows() -> dict[str, str]:
    """
    Read the table: what stands under "where", by the row's id.
    """
    found = re.findall(r"^\| (D\d+) \| ([^|]+) \|", DOCS.read_text(), re.MULTILINE)
    assert len(dict(found)) == len(found), "a row's id stands there twice"
    return dict(found)


def places(where: str) -> list[str]:
    """
    Take apart what stands under "where".
    """
    return [
        f"{place} {step}"
        for place, steps in re.findall(r"`([a-z0-9_ ]+?) ([0-9, ]+)`", where)
        for step in steps.split(", ")
    ]


def expected(door: str, name: str, case: str) -> dict[str, Any]:
    """
    Read what is pinned for a case behind a door.
    """
    pinned = json.loads(PINNED.read_text())
    last = UNTIL.get((door, case), sys.maxsize)
    both = {k: v for k, v in pinned.items() if k.startswith(f"{name} {case} ")}
    both = {k: v for k, v in both.items() if int(k.split()[-1]) <= last}
    own = {k: v for k, v in pinned.items() if k.startswith(f"{door} {name} {case} ")}
    return both | {k.removeprefix(f"{door} "): v for k, v in own.items()}


def pin(door: str, name: str, case: str, answers: dict[str, Any]) -> None:
    """
    Write what is pinned for a case: by the front, and for aiohttp what it answers otherwise.
    """
    pinned = json.loads(PINNED.read_text()) if PINNED.exists() else {}
    place = f"{name} {case} "
    if door == "aiohttp":
        answers = {f"{door} {k}": v for k, v in answers.items() if pinned.get(k) != v}
        place = f"{door} {place}"
    kept = {k: v for k, v in pinned.items() if not k.startswith(place)}
    PINNED.write_text(json.dumps(kept | answers, indent=1, sort_keys=True) + "\n")


@pytest.fixture
def refusals_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Refuse each step at once: the recording's many clients are one client to Notifier.
    """
    monkeypatch.setattr(refusals, "MAX_DELAY_S", 0.0)


@pytest.mark.usefixtures("refusals_at_once")
@pytest.mark.parametrize(("door", "name", "case"), PLAYED, ids=str)
async def test_answers_are_as_recorded(door: str, name: str, case: str) -> None:
    """
    Every answer is Phoenix's, but for those that the table lists, and those are as pinned.
    """
    steps = cases(name)[case][: UNTIL.get((door, case))]
    other = await played(door, name, case, steps)
    if os.environ.get("UPDATE_DIFFERENCES"):
        pin(door, name, case, other)
        return
    assert other == expected(door, name, case)


def test_table_lists_each_difference() -> None:
    """
    The table of differences and what is pinned name the same places, each once.
    """
    listed = [place for where in rows().values() for place in places(where)]
    assert sorted(listed) == sorted(json.loads(PINNED.read_text()))


def test_each_row_has_a_place() -> None:
    """
    A row that names no step names the test that shows it.
    """
    for row, where in rows().items():
        assert places(where) or where.strip("`") in globals(), row


def test_repeated_refusal_is_held_back() -> None:
    """
    The first refusal is told at once, the next of the same client later and later, to a bound.
    """
    one = refusals.Refusals()
    delays = [one.delay("token", now=1.0) for _ in range(10)]
    assert delays[:3] == [0.0, 0.1, 0.2]
    assert max(delays) == refusals.MAX_DELAY_S


def test_recordings_are_played() -> None:
    """
    No recording is left out.
    """
    assert {path.stem for path in RECORDINGS.glob("*.jsonl")} == set(NAMES)
