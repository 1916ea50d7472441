"""
A client of resumable sessions that does what it is told: each request and each
frame is the test's.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType
from attrs import define, field

from transports.clients import PATIENCE_S
from transports.world import World

KEY = "a-key-of-22-characters"
JOIN = '["1","1","room:a","phx_join",{}]'
JOINED = ["1", "1", "room:a", "phx_reply", {"status": "ok", "response": {"topic": "room:a"}}]


def heartbeat(ref: int) -> str:
    return json.dumps([None, str(ref), "phoenix", "heartbeat", {}])


def beat(ref: int) -> list[Any]:
    """
    Give the reply to a heartbeat.
    """
    return [None, str(ref), "phoenix", "phx_reply", {"status": "ok", "response": {}}]


def control(event: str, **payload: Any) -> list[Any]:
    return [None, None, "phoenix", event, payload]


@define(eq=False)
class Wire:
    """
    One WebSocket.
    """

    websocket: ClientWebSocketResponse

    async def send(self, *frames: Any) -> None:
        for frame in frames:
            text = frame if isinstance(frame, str) else json.dumps(frame)
            await self.websocket.send_str(text)

    async def ack(self, seq: int, **more: int) -> None:
        await self.send(control("ack", seq=seq, **more))

    async def receive(self) -> Any:
        message = await self.websocket.receive(PATIENCE_S)
        assert message.type is WSMsgType.TEXT, message
        return json.loads(message.data)

    async def closed(self) -> int | None:
        """
        Give the close code; nothing else may come before.
        """
        message = await self.websocket.receive(PATIENCE_S)
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED), message
        return self.websocket.close_code

    def cut(self) -> None:
        connection = self.websocket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()


@define(eq=False)
class Resumable:
    """
    One client of one session; `guest` opens it, or `user_token`.
    """

    world: World
    guest: str = "ann"
    user_token: str | None = None
    vsn: str = "2.0.0"
    token: str = field(init=False, default="")
    wires: list[Wire] = field(init=False, factory=list)  # one that is forgotten is closed

    def query(self, **more: str) -> dict[str, str]:
        who = {"guest": self.guest} if self.user_token is None else {"token": self.user_token}
        return {"vsn": self.vsn, **who, **more}

    async def request(
        self,
        method: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Any:
        url = self.world.url("longpoll")
        async with (
            asyncio.timeout(PATIENCE_S),
            self.world.http.request(
                method, url, params=query, headers=headers, data=body
            ) as response,
        ):
            return await response.json()

    async def open(self, *lines: str, key: str | None = KEY) -> Any:
        """
        Open by a POST.
        """
        headers = {"Content-Type": "application/x-ndjson", "X-Notifier-Seq": "1"}
        if key is not None:
            headers["X-Notifier-Open"] = key
        query, body = self.query(notifier="resume"), "\n".join(lines).encode()
        answer = await self.request("POST", query, headers, body)
        self.token = answer.get("token", self.token)
        return answer

    async def poll(self, ack: int | None = None, turn: int = 0, token: str = "") -> Any:
        headers = {"X-Notifier-Turn": str(turn)}
        if ack is not None:
            headers["X-Notifier-Ack"] = str(ack)
        query = {"vsn": self.vsn, "token": token or self.token}
        answer = await self.request("GET", query, headers)
        self.token = answer.get("token", self.token)
        if "messages" in answer:
            answer["messages"] = [
                json.loads(text) if text.startswith(("[", "{")) else text
                for text in answer["messages"]
            ]
        return answer

    async def post(self, seq: int | None, *lines: str, **query: str) -> Any:
        headers = {"Content-Type": "application/x-ndjson"}
        if seq is not None:
            headers["X-Notifier-Seq"] = str(seq)
        body = "\n".join(lines).encode()
        return await self.request("POST", {"token": self.token, **query}, headers, body)

    async def websocket(self, **query: str) -> Wire:
        url = self.world.url("websocket")
        self.wires.append(Wire(await self.world.http.ws_connect(url, params=query)))
        return self.wires[-1]

    async def open_websocket(self) -> Wire:
        """
        Open on a WebSocket; keep the token that comes.
        """
        wire = await self.websocket(**self.query(notifier="resume"))
        resumed = await wire.receive()
        self.token = resumed[4]["token"]
        assert resumed == control("resumed", seq=0, received=0, token=self.token)
        return wire

    async def attach(self) -> Wire:
        """
        Attach a WebSocket, and see its probe.
        """
        wire = await self.websocket(**self.query(notifier=self.token))
        assert await wire.receive() == control("probe")
        return wire

    async def move(self, seq: int, turn: int, received: int) -> Wire:
        """
        Attach a WebSocket, and have the session moved to it.
        """
        wire = await self.attach()
        await wire.ack(seq, turn=turn)
        resumed = await wire.receive()
        token = resumed[4].pop("token")
        assert token.rpartition(".")[0] == self.token.rpartition(".")[0]
        assert resumed == control("resumed", seq=seq, received=received)
        return wire

    async def subprotocols(self, user_token: str) -> Wire:
        """
        Attach with both tokens as sub-protocols.
        """
        offered = ["phoenix"]
        for name, token in (("bearer.phx", user_token), ("session.notifier", self.token)):
            text = b64encode(token.encode(), altchars=b"-_").decode().rstrip("=")
            offered.append(f"base64url.{name}.{text}")
        url = f"{self.world.url('websocket')}?vsn={self.vsn}"
        websocket = await self.world.http.ws_connect(url, protocols=offered)
        assert websocket.protocol == "phoenix"
        return Wire(websocket)
