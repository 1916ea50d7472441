"""
A host application, embedding Notifier in Python and calling its API from Node: its users come
and go, miss nothing, and whoever is thrown out stays out.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import ClientSession
from api.serving import PATIENCE_S, serving
from conftest import require
from doors import DOORS
from doors import serving as behind

EXAMPLE = Path(__file__).parents[1] / "examples" / "shop.py"
SCRIPT = Path(__file__).parent / "js" / "host.mjs"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("SHOP_DATA", str(tmp_path))
    spec = importlib.util.spec_from_file_location("shop", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("door", DOORS)
async def test_users_are_kept_when_notifier_is_embedded(shop: ModuleType, door: str) -> None:
    """
    One is away and gets what was sent meanwhile; one is banned and cannot return.
    """
    async with behind(door, shop.app, shop.notices) as port, ClientSession() as http:
        base = f"http://127.0.0.1:{port}"

        async def post(path: str) -> Any:
            async with http.post(f"{base}/users/{path}") as answer:
                return await answer.json() if answer.ok else answer.status

        async def visit(user: str, token: str) -> Any:
            query = {"vsn": "2.0.0", "token": token, "join": f"user:{user}"}
            async with http.get(f"{base}/socket/longpoll", params=query) as answer:
                return await answer.json()

        assert await post("ann") == {"ok": True}
        assert await post("ann") == 409
        ann, bob = (await post("ann/token"))["token"], (await post("bob/token"))["token"]
        assert (await post("ann/ship"))["reached"] == 0
        back = await visit("ann", ann)
        assert json.dumps(back["messages"]).count("your parcel left") == 1
        assert (await post("ann/ship"))["reached"] == 1
        assert (await visit("bob", bob))["status"] == 200
        await shop.accounts.write()
        assert await post("bob/ban") == {"disabled": True}
        assert (await visit("bob", bob))["reason"] == "user_disabled"


@pytest.mark.node
@pytest.mark.server
def test_users_are_kept_when_a_node_script_calls_the_api(tmp_path: Path) -> None:
    """
    The same over HTTP, in another language.
    """
    with serving(tmp_path) as server:
        command = [require("node"), str(SCRIPT), server.address, server.key]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        log = server.log.read_text()
    assert [one["status"] for one in told["made"]] == [201, 201]
    assert told["first"]["reached"] == 1
    assert told["live"] == {"status": 200, "bodies": ["one"]}
    assert told["left"]["ended"] == 1
    assert told["second"]["reached"] == 0
    assert told["again"] == told["second"]
    assert told["back"]["bodies"].count("two") == 1
    assert (told["state"]["users"], told["state"]["delivered"]) == (2, 1)
    assert told["bob"]["bodies"] == ["two"]
    assert (told["out"]["disabled"], told["out"]["sessions"]) == (True, 0)
    assert told["refused"]["reason"] == "user_disabled"
    assert told["none"]["status"] == 409
    assert [one["field"] for one in told["problem"]["errors"]] == ["/event", "/payload"]
    assert server.key not in log
    assert "two" not in log
