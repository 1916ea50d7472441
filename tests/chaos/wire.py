"""
Two plain Phoenix clients, no cleverer than they must be: they join one topic and read.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, WSMsgType
from attrs import define, field

TOPIC = "room:lobby"
TIMEOUT = ClientTimeout(total=15)


class Gone(Exception):
    """
    The connection or the session has ended: connect and join anew.
    """


@define(eq=False)
class Wire(ABC):
    """
    One connection: `open`, `send` and `receive` until Gone comes.
    """

    http: ClientSession
    url: str
    token: str = field(repr=False)

    @abstractmethod
    async def open(self) -> None:
        """
        Connect.
        """

    @abstractmethod
    async def send(self, message: list[Any]) -> None:
        """
        Send one message.
        """

    @abstractmethod
    async def receive(self) -> list[list[Any]]:
        """
        Wait for messages.
        """

    @abstractmethod
    async def close(self) -> None:
        """
        Go away.
        """

    async def join(self, payload: dict[str, Any]) -> dict[str, Any]:
        """
        Connect and join; return the reply's response. Whatever came with it waits.
        """
        await self.open()
        await self.send(["1", "1", TOPIC, "phx_join", payload])
        while True:
            messages = await self.receive()
            for index, (_, ref, _, event, body) in enumerate(messages):
                if (ref, event) == ("1", "phx_reply"):
                    if body["status"] != "ok":
                        raise Gone(body)
                    self.early = messages[index + 1 :]
                    return body["response"]

    early: list[list[Any]] = field(init=False, factory=list)


@define(eq=False)
class Polled(Wire):
    """
    Over long-polling.
    """

    session: str = field(init=False, default="")

    async def open(self) -> None:
        answer = await self._ask("GET", {"token": self.token, "vsn": "2.0.0"})
        if answer["status"] != 410:
            raise Gone(answer)
        self.session = answer["token"]

    async def send(self, message: list[Any]) -> None:
        answer = await self._ask("POST", {"token": self.session}, json.dumps(message))
        if answer["status"] != 200:
            raise Gone(answer)

    async def receive(self) -> list[list[Any]]:
        answer = await self._ask("GET", {"token": self.session})
        if answer["status"] not in (200, 204):
            raise Gone(answer)
        self.session = answer["token"]
        return [json.loads(message) for message in answer["messages"]]

    async def close(self) -> None:
        return

    async def _ask(self, method: str, query: dict[str, str], body: str | None = None) -> Any:
        url = f"http://{self.url}/longpoll"
        try:
            async with self.http.request(
                method, url, params=query, data=body, timeout=TIMEOUT
            ) as response:
                return await response.json()
        except (ClientError, OSError, TimeoutError, ValueError) as error:
            raise Gone(error) from error


@define(eq=False)
class Socketed(Wire):
    """
    Over WebSocket.
    """

    socket: Any = field(init=False, default=None)

    async def open(self) -> None:
        url = f"ws://{self.url}/websocket?vsn=2.0.0&token={self.token}"
        try:
            self.socket = await asyncio.wait_for(self.http.ws_connect(url, max_msg_size=0), 15)
        except (ClientError, OSError, TimeoutError) as error:
            raise Gone(error) from error

    async def send(self, message: list[Any]) -> None:
        try:
            await self.socket.send_str(json.dumps(message))
        except (ClientError, OSError) as error:
            raise Gone(error) from error

    async def receive(self) -> list[list[Any]]:
        message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            raise Gone(message.type)
        return [json.loads(message.data)]

    async def close(self) -> None:
        if self.socket is not None:
            await self.socket.close()


WIRES: tuple[type[Wire], ...] = (Polled, Socketed)
