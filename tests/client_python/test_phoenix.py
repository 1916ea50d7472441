"""
A plain Phoenix server, as it was recorded: no session survives, and all else works.
"""

from __future__ import annotations

import pytest
from notifier_client import ErrorReply, Joined, attachments, connect
from transports.world import until

from client_python.phoenix import phoenix
from client_python.test_socket import next_of

TRANSPORTS = ("auto", "longpoll", "websocket")
VALUE = {"a": [1, 2.5, None, True]}


@pytest.fixture(autouse=True)
def _no_long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "PLAIN_AFTER_S", 0.05)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_conversation_is_as_recorded(transport: str) -> None:
    """
    Join, push, replies of both kinds, what the server pushes and what it broadcasts.
    """
    async with (
        phoenix() as server,
        connect(server.url, transport=transport) as socket,
        socket.channel("room:lobby") as room,
    ):
        assert await room.push("ping", {"n": 1, "s": 'é\u2028"\\/<>'}) == {
            "n": 1,
            "s": 'é\u2028"\\/<>',
        }
        assert await room.push("reply_ok", VALUE) == {}
        with pytest.raises(ErrorReply):
            await room.push("reply_error_with", VALUE)
        await room.send("push_back", VALUE)
        await room.send("new_msg", {"body": "hi"})
        assert [await next_of(room), await next_of(room)] == [
            ("pushed", VALUE),
            ("new_msg", {"body": "hi"}),
        ]
        assert socket.carried_by == ("longpoll" if transport == "longpoll" else "websocket")
        assert room.last_id is None


async def test_auto_falls_back_when_websockets_are_refused() -> None:
    """
    The POST that would open a resumable session is answered 410: a plain server. No
    WebSocket either: then it polls.
    """
    async with phoenix(takes_websockets=False) as server, connect(server.url) as socket:
        async with socket.channel("room:lobby") as room:
            assert await room.push("reply_ok", VALUE) == {}
            assert socket.carried_by == "longpoll"
        assert "notifier=resume" in server.asked[0]
        assert server.asked[1] == "WebSocket vsn=2.0.0"


@pytest.mark.parametrize("transport", ["longpoll", "auto"])
async def test_lost_session_is_followed_by_another(transport: str) -> None:
    """
    A poll of a session that is gone is answered with a new one: everything is joined again.
    """
    rejoins: list[Joined] = []
    server = phoenix(takes_websockets=False)
    async with server as one, connect(one.url, transport=transport) as socket:
        room = socket.channel("room:lobby", on_rejoin=rejoins.append)
        await room.join()
        one.forget_all()
        await until(lambda: rejoins)
        assert rejoins[0].recovered is None
        assert await room.push("reply_ok", VALUE) == {}
