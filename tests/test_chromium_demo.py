"""
The demo's page, with our client, in a real browser on bad networks: every notice is shown once,
in order.

The page comes through a relay that a scenario of `tests/js/demo.mjs` turns against it; meanwhile
notices go to its user all the time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import define, field
from chromium import drive
from client_python.relay import Relay, relay_to
from conftest import require, require_node_modules
from doors import serving

from notifier import Limits, Notifier, demo
from notifier.app import CLIENT_SCRIPT, build
from notifier.config import Config
from notifier.demo.routes import TOPIC
from notifier.notices import send_notice

PATIENCE_S = 20
INTERVAL_S = 0.1
CURL_S = 3.0
HAS_ENDED = "The session has ended; a new one is opened"

pytestmark = pytest.mark.browser


@define(eq=False)
class Stage:
    """
    What a scenario can ask for while the browser runs.
    """

    notifier: Notifier
    port: int
    relay: Relay
    last: int = 0
    _sending: asyncio.Task[None] | None = field(init=False, default=None)

    async def do(self, request: web.Request) -> web.Response:
        acts: dict[str, Callable[[str], Awaitable[dict[str, Any]]]] = {
            "start": self.start,
            "stop": self.stop,
            "now": self.tell,
            "cut": self.cut,
            "restore": self.restore,
            "wait until the session is gone": self.wait_until_gone,
            "curl": self.curl,
        }
        done = await acts[request.match_info["what"]](await request.text())
        return web.json_response({"last": self.last, **done})

    async def start(self, _body: str) -> dict[str, Any]:
        self._sending = asyncio.create_task(self._send())
        return {"sessions": self.notifier.endpoint.count()}

    async def _send(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            self.last += 1
            await send_notice(self.notifier.endpoint, TOPIC, str(self.last), "test")

    async def stop(self, _body: str) -> dict[str, Any]:
        """
        Send no more; what was begun is sent.
        """
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
            await send_notice(self.notifier.endpoint, TOPIC, str(self.last + 1), "test")
            self.last += 1
        return {}

    async def tell(self, _body: str) -> dict[str, Any]:
        return {}

    async def cut(self, _body: str) -> dict[str, Any]:
        self.relay.target = None
        return {"cut": self.relay.cut()}

    async def restore(self, _body: str) -> dict[str, Any]:
        self.relay.target = self.port
        return {}

    async def wait_until_gone(self, _body: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while self.notifier.endpoint.count():
                await asyncio.sleep(0.05)
        return {"sessions": self.notifier.endpoint.count()}

    async def curl(self, token: str) -> dict[str, Any]:
        """
        Poll with the token, and from each answer with the one that it gives.
        """
        statuses, until = list[int](), asyncio.get_running_loop().time() + CURL_S
        url = f"http://127.0.0.1:{self.port}/socket/longpoll?pretty=1&token="
        while asyncio.get_running_loop().time() < until:
            process = await asyncio.create_subprocess_exec(
                require("curl"), "-sS", url + token, stdout=asyncio.subprocess.PIPE
            )
            answer = json.loads((await process.communicate())[0])
            statuses.append(answer["status"])
            token = answer.get("token", token)
        return {"curl": statuses}


@asynccontextmanager
async def stage(tmp_path: Path, **limits: int) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """
    Serve the demo behind a relay; give what runs a scenario on it.
    """
    if not CLIENT_SCRIPT.is_file():
        require_node_modules("notifier-client, built")
    config = Config(data_dir=tmp_path, limits=Limits(**{"window_ms": 2_000, **limits}))
    notifier = Notifier()
    app = build(notifier, config, ["a key"])
    demo.setup(app, notifier.endpoint, CLIENT_SCRIPT)
    async with serving("front", app, notifier) as port, relay_to(port) as relay:
        acts = Stage(notifier, port, relay)
        control = web.Application()
        control.router.add_post("/{what}", acts.do)
        async with TestServer(control) as server:

            async def play(scenario: str, **more: Any) -> Any:
                relay.websockets = more.pop("websockets", "pass")
                page, where = f"http://127.0.0.1:{relay.port}/", str(server.make_url("/"))[:-1]
                steps = await drive("demo.mjs", scenario, page=page, control=where, **more)
                for step in steps.values():
                    assert step["shown"] == list(range(1, step["last"] + 1))
                    assert step["troubles"] == []
                return steps

            yield play


def moves(step: Any, *, of: str = "Now on") -> list[str]:
    return [one.removeprefix(of).strip() for one in step["moves"] if one.startswith(of)]


async def test_every_notice_is_shown_once_when_websocket_is_blocked_and_let_through(
    tmp_path: Path,
) -> None:
    """
    The page moves to long-polling and back, and its own tally says so, too.
    """
    async with stage(tmp_path) as play:
        done = (await play("blocked", screenshots=str(tmp_path)))["done"]
    assert moves(done)[-2:] == ["long-polling", "WebSocket"]
    received, missed, doubled = done["tally"]
    assert (received >= 3, missed, doubled) == (True, 0, 0)
    assert HAS_ENDED not in done["moves"]


async def test_every_notice_is_shown_once_when_the_network_is_cut_by_hand(tmp_path: Path) -> None:
    """
    By the page's own switch, which is a failure like any other to the client.
    """
    async with stage(tmp_path) as play:
        done = (await play("cut by hand"))["done"]
    assert "No connection" in done["moves"]
    assert HAS_ENDED not in done["moves"]


@pytest.mark.slow
async def test_every_notice_is_shown_once_when_the_network_is_cut_for_20_s(tmp_path: Path) -> None:
    """
    The session is the same before and after: nothing is joined again.
    """
    async with stage(tmp_path) as play:
        done = (await play("cut", cut_ms=20_000))["done"]
    assert "No connection" in done["moves"]
    assert HAS_ENDED not in done["moves"]
    assert done["last"] > 150


async def test_every_notice_is_shown_once_when_the_tab_was_hidden(tmp_path: Path) -> None:
    """
    Its WebSocket is cut while nobody looks; once it is in front again it has all.
    """
    async with stage(tmp_path) as play:
        done = (await play("hidden"))["done"]
    assert HAS_ENDED not in done["moves"]


@pytest.mark.parametrize("is_hidden", [False, True], ids=["in front", "hidden"])
async def test_every_notice_is_shown_once_when_the_lid_was_closed_for_longer_than_the_session_lives(
    tmp_path: Path, is_hidden: bool
) -> None:
    """
    The page comes back by itself, and gets what it missed from history.
    """
    async with stage(tmp_path, resume_window_ms=1_000) as play:
        done = (await play("lid", is_hidden=is_hidden))["done"]
    assert done["sessions"] == 0
    assert "Joined again, and got what was missed" in done["moves"]


async def test_every_notice_is_shown_once_in_each_tab_of_one_user(tmp_path: Path) -> None:
    """
    Each has a session of its own; what happens to one is nothing to the other.
    """
    async with stage(tmp_path) as play:
        steps = await play("two tabs")
    assert steps["one"]["sessions"] == 2
    assert "long-polling" not in moves(steps["one"])[1:]


async def test_curl_on_the_pages_token_touches_nothing_when_a_websocket_has_carried_the_session(
    tmp_path: Path,
) -> None:
    """
    It says nothing of turns: each of its polls is stale, and gets 204 at once.
    """
    require("curl")
    async with stage(tmp_path) as play:
        done = (await play("beside curl", carrier="WebSocket"))["done"]
    assert set(done["curl"]) == {204}
    assert HAS_ENDED not in done["moves"]


async def test_curl_on_the_pages_token_costs_the_session_when_no_websocket_has_carried_it(
    tmp_path: Path,
) -> None:
    """
    It acknowledges what the page does not have: that finds the hole, and recovers from history.
    """
    require("curl")
    async with stage(tmp_path) as play:
        done = (await play("beside curl", carrier="Long-polling", websockets="refuse"))["done"]
    assert {200, 500} <= set(done["curl"]) <= {200, 204, 500}  # 500: the page dropped the session
    assert HAS_ENDED in done["moves"]
    assert "Joined again, and got what was missed" in done["moves"]
