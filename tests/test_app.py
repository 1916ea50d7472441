"""
Putting the parts together: into an application of one's own, and into the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import ClientSession, web
from attrs import evolve
from doors import DOORS, serving

import notifier
from notifier import Channel, Limits, Notifier, Receipt, Socket, User, UserSocket
from notifier.app import ClientScript, build
from notifier.config import load_config
from notifier.engine import SqliteEngine
from notifier.errors import ConfigError

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.mark.parametrize("door", DOORS)
async def test_notices_live_in_an_application_of_ones_own(http: ClientSession, door: str) -> None:
    """
    Its own routes go on as before; the socket paths are beside them.
    """
    module = example("embed")
    async with serving(door, module.app, module.notices) as port:
        base = f"http://127.0.0.1:{port}"
        token = (await (await http.get(f"{base}/token/ann")).json())["token"]
        query = {"token": token, "join": "user:ann", "vsn": "2.0.0"}
        joined = await (await http.get(f"{base}/socket/longpoll", params=query)).json()
        reminded = await (await http.post(f"{base}/remind/ann")).json()
        assert reminded["reached"] == 1
        query = {"token": joined["token"]}
        got = await (await http.get(f"{base}/socket/longpoll", params=query)).json()
        assert reminded["id"] in got["messages"][0]
        assert "your parcel left" in got["messages"][0]


@pytest.mark.parametrize("door", DOORS)
async def test_chat_example_is_short_and_works(http: ClientSession, door: str) -> None:
    """
    A whole application in under 40 lines.
    """
    assert len((EXAMPLES / "chat.py").read_text().splitlines()) < 40
    app = web.Application()
    chat = notifier.setup(app, example("chat").ChatSocket, keys=["k"])
    async with serving(door, app, chat) as port:
        url = f"http://127.0.0.1:{port}/socket/longpoll?vsn=2.0.0&join=room:lobby"
        refused = await (await http.get(url)).json()
        assert (refused["status"], refused["reason"]) == (403, "name_missing")
        joined = await (await http.get(f"{url}&name=ann")).json()
        reply = json.loads(joined["messages"][0])[4]
        assert reply["status"] == "ok"
        base, query = f"http://127.0.0.1:{port}/socket/longpoll", {"token": joined["token"]}
        push = json.dumps([None, "2", "room:lobby", "new_msg", {"body": "hello"}])
        await (await http.post(base, params=query, data=push)).read()
        later = await (await http.get(base, params={"vsn": "2.0.0", "name": "bob"})).json()
        since = {"since": reply["response"]["head"]}
        push, query = (
            json.dumps(["1", "1", "room:lobby", "phx_join", since]),
            {"token": later["token"]},
        )
        await (await http.post(base, params=query, data=push)).read()
        messages = (await (await http.get(base, params=query)).json())["messages"]
        assert '"recovered":true' in messages[0]
        assert '"body":"hello"' in messages[-1]


@pytest.mark.parametrize("door", DOORS)
async def test_presence_example_is_short_and_works(http: ClientSession, door: str) -> None:
    """
    Whoever joins is in the list that is asked for outside, with the newest meta.
    """
    assert len((EXAMPLES / "presence.py").read_text().splitlines()) <= 40
    app = web.Application()
    lobby = notifier.setup(app, example("presence").LobbySocket, keys=["k"])
    async with serving(door, app, lobby) as port:
        url = f"http://127.0.0.1:{port}/socket/longpoll"
        query = {"vsn": "2.0.0", "join": "lobby", "name": "ann"}
        joined = await (await http.get(url, params=query)).json()
        messages, token = joined["messages"], joined["token"]
        while len(messages) < 3:
            more = await (await http.get(url, params={"token": token})).json()
            messages, token = messages + more["messages"], more["token"]
        join_ref, *_ = json.loads(messages[0])
        events = [json.loads(message)[3] for message in messages]
        assert events == ["phx_reply", "presence_diff", "presence_state"]
        push = json.dumps([join_ref, "9", "lobby", "status", {"status": "away"}])
        await (await http.post(url, params={"token": token}, data=push)).read()
        answer = await (await http.get(url, params={"token": token})).json()
        assert '"status":"ok"' in "".join(answer["messages"])
        (meta,) = (await lobby.presences("lobby"))["ann"]["metas"]
        assert meta["status"] == "away"
        assert await lobby.presences("elsewhere") == {}


@pytest.mark.parametrize("door", DOORS)
async def test_health_tells_how_many_there_are(
    http: ClientSession, door: str, tmp_path: Path
) -> None:
    """
    Sessions by transport, refusals by reason, and 503 once it goes down.
    """
    served = Notifier()
    app = build(served, load_config({"data_dir": str(tmp_path)}, {}, None), ["k"])
    async with serving(door, app, served) as port:
        base = f"http://127.0.0.1:{port}"
        token = served.endpoint.tokens.sign_user(User("ann"))
        await (await http.get(f"{base}/socket/longpoll", params={"token": token})).read()
        await (await http.get(f"{base}/socket/longpoll")).read()
        async with http.get(f"{base}/health") as response:
            assert response.status == 200
            assert await response.json() == {
                "status": "ok",
                "sessions": {"longpoll": 1, "websocket": 0},
                "refused": {"token_missing": 1},
            }
        await served.endpoint.shutdown()
        async with http.get(f"{base}/health") as response:
            assert (response.status, (await response.json())["status"]) == (503, "down")


@pytest.fixture
async def script(tmp_path: Path) -> AsyncIterator[tuple[Path, str]]:
    """
    Where a built client may lie, and where it is served.
    """
    path = tmp_path / "notifier-client.js"
    app = web.Application()
    ClientScript(path).add_routes(app)
    async with serving("aiohttp", app) as port:
        yield path, f"http://127.0.0.1:{port}/client"


async def test_client_is_served_once_it_is_built(
    http: ClientSession, script: tuple[Path, str]
) -> None:
    """
    To pages of any origin: for good below its version, asked for anew without one.
    """
    path, base = script
    async with http.get(f"{base}/notifier-client.js") as response:
        assert (response.status, await response.text()) == (
            404,
            "the client is not built: run scripts/build-client\n",
        )
    path.write_text("/*! notifier-client 1.2.3 | MIT */\nexport {}\n")
    async with http.get(f"{base}/1.2.3/notifier-client.js") as response:
        assert (response.status, response.content_type) == (200, "text/javascript")
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["access-control-allow-origin"] == "*"
    async with http.get(f"{base}/notifier-client.js") as response:
        assert response.headers["cache-control"] == "no-cache"
        etag = {"if-none-match": response.headers["etag"]}
    async with http.get(f"{base}/notifier-client.js", headers=etag) as response:
        assert response.status == 304
    async with http.get(f"{base}/1.2.2/notifier-client.js") as response:
        assert (response.status, await response.text()) == (
            404,
            "this server has version 1.2.3 of the client\n",
        )


async def test_back_office_is_served_beside_the_sockets(
    http: ClientSession, tmp_path: Path
) -> None:
    """
    Through the front, which hands it over.
    """
    served = Notifier()
    app = build(served, load_config({"data_dir": str(tmp_path)}, {}, None), ["k"])
    async with serving("front", app, served) as port:
        response = await http.get(f"http://127.0.0.1:{port}/backoffice")
        assert response.status == 200
        assert "Sign in" in await response.text()


async def test_history_outlasts_the_server(http: ClientSession, tmp_path: Path) -> None:
    """
    What the server that `notifier serve` runs has logged is there after a restart.
    """
    config, heads = load_config({"data_dir": str(tmp_path)}, {}, None), list[str | None]()
    for body in ("hi", "hi again"):
        served = Notifier()
        async with serving("front", build(served, config, ["k"]), served):
            engine = served.endpoint.engine
            assert heads in ([], [await engine.head("room:lobby")])
            heads = [(await served.broadcast("room:lobby", "new_msg", {"body": body})).id]
            page = await engine.read("room:lobby", "", 10)
    assert [one.payload["body"] for one in page.publications] == ["hi", "hi again"]


def test_history_is_let_go_when_the_server_cannot_be_built(tmp_path: Path) -> None:
    """
    Whoever corrects the mistake in the same process finds the file free.
    """
    config = load_config({"data_dir": str(tmp_path)}, {}, None)
    with pytest.raises(ConfigError) as raised:
        build(None, evolve(config, check_origin=("a.example",)), ["k"])
    SqliteEngine(tmp_path / "history.db", time.time).discard()
    assert "check_origin" in str(raised.value)  # and its frames hold all that was made


async def test_broadcast_goes_through_the_notifier(http: ClientSession) -> None:
    """
    An application of one's own sends without knowing the endpoint.
    """
    app = web.Application()
    server = notifier.setup(app, UserSocket, keys=["k"])
    async with serving("front", app, server):
        receipt = await server.broadcast("room:lobby", "new_msg", {"body": "hi"})
        assert receipt == Receipt(receipt.id, 0)
        assert receipt.id is not None
        with pytest.raises(TypeError):
            await server.broadcast("room:lobby", "new_msg", {"body": object()})


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Notifier(object), "Notifier needs a subclass of Socket"),
        (lambda: Notifier(path="socket"), "a path begins with / and does not end so"),
        (lambda: Notifier(path="/socket/"), "a path begins with / and does not end so"),
        (lambda: Notifier().endpoint, "call setup(app, …) first"),
        (lambda: notifier.setup(web.Application(), keys=[]), "expected one secret key or more"),
        (
            lambda: notifier.setup(web.Application(), keys=["k"], check_origin=["a.example"]),
            "expected origins such as https://a.example",
        ),
        (
            lambda: notifier.setup(web.Application(), keys=["k"], trusted_proxies=["nowhere"]),
            "expected addresses or networks such as 10.0.0.0/8",
        ),
        (
            lambda: notifier.setup(
                web.Application(), type("S", (Socket,), {"channels": {"a*b": object}}), keys=["k"]
            ),
            "a topic pattern is exact ('room:lobby') or ends in * ('room:*'), got 'a*b'",
        ),
        (
            lambda: notifier.setup(
                web.Application(), type("S", (Socket,), {"channels": {"a": object}}), keys=["k"]
            ),
            "the pattern 'a' needs a Channel class",
        ),
        (
            lambda: notifier.setup(
                web.Application(), type("S", (Socket,), {"channels": [1]}), keys=["k"]
            ),
            "channels must be a mapping of topic pattern to Channel class, got list",
        ),
        (lambda: notifier.handle_in(), "name the events that are handled"),
        (lambda: notifier.handle_in(print), "name the events that are handled"),
    ],
)
def test_mistake_is_told_with_what_was_expected(make, told: str) -> None:
    """
    A wrong part is refused when it is put in, not when the first client comes.
    """
    with pytest.raises((TypeError, ValueError, RuntimeError, ConfigError)) as raised:
        make()
    assert told in str(raised.value)


@pytest.mark.parametrize("door", DOORS)
async def test_log_holds_no_token_and_no_payload(http: ClientSession, door: str, caplog) -> None:
    """
    Whatever goes right or wrong.
    """
    caplog.set_level(logging.DEBUG)
    app = web.Application()
    server = notifier.setup(app, keys=["k"])
    async with serving(door, app, server) as port:
        url = f"http://127.0.0.1:{port}/socket/longpoll"
        user = server.endpoint.tokens.sign_user(User("ann"))
        joined = await (await http.get(url, params={"token": user, "join": "room:lobby"})).json()
        token = joined["token"]
        for body in (
            '["1","1","room:lobby","new_msg",{"body":"SECRET"}]',
            "SECRET",
            '{"a":"SECRET"}',
        ):
            await (await http.post(url, params={"token": token}, data=body)).read()
        await (await http.get(url, params={"token": "SECRET"})).read()
        await (await http.get(url, params={"token": f"{token}SECRET"})).read()
        await (await http.post(url + "?token=SECRET", data="x", chunked=True)).read()
    for secret in ("SECRET", user, token.rpartition(".")[0]):
        assert secret not in caplog.text


async def test_shutdown_leaves_a_channel_that_does_not_end(http: ClientSession) -> None:
    """
    An author's channel that swallows its cancellation holds up the server for a bounded time.
    """
    released = asyncio.Event()

    class Stubborn(Channel):
        async def join(self, payload):
            self.send("stay")

        async def handle_info(self, message):
            while not released.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await released.wait()

    class StubbornSocket(Socket):
        channels = {"a": Stubborn}

    app = web.Application()
    limits = Limits(channel_stop_timeout_ms=10)
    server = notifier.setup(app, StubbornSocket, keys=["k"], limits=limits)
    async with serving("front", app, server) as port:
        await (await http.get(f"http://127.0.0.1:{port}/socket/longpoll?join=a")).read()
        async with asyncio.timeout(5):
            await server.endpoint.shutdown()
        released.set()


def test_public_names_are_as_listed() -> None:
    """
    What `notifier` gives is a list that changes on purpose.
    """
    assert notifier.__all__ == [
        "Channel",
        "Claims",
        "ConnectInfo",
        "Endpoint",
        "EngineError",
        "Error",
        "JwtRules",
        "Limits",
        "Notifier",
        "Ok",
        "Receipt",
        "Retention",
        "Socket",
        "SqliteEngine",
        "User",
        "UserSocket",
        "handle_in",
        "handle_out",
        "setup",
    ]
