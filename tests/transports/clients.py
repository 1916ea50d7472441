"""
Clients for the contract suite: the same few verbs over either transport.

    client = LongPollClient(world)
    await client.connect({"token": …})      raises Refused
    await client.send("room:a", "echo", {"n": 1})
    await client.receive()                  a Received; raises Ended
    await client.close()

To run the suite over another door, name it in `doors.DOORS`; over another
transport, write one more class here.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import ANY
from urllib.parse import urlencode

from attrs import define, field
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

if TYPE_CHECKING:
    from transports.world import World

PATIENCE_S = 15


class Received(NamedTuple):
    """
    One message of the server. Over vsn 1.0.0, which has no join_ref, that equals any.
    """

    join_ref: Any
    ref: Any
    topic: str
    event: str
    payload: Any


class Refused(Exception):
    """
    A connect that was refused; `body` is what the client was told.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(body)
        self.body = body
        self.reason = body["reason"]


class Ended(Exception):
    """
    A session that has ended: by a reason's code on long-poll, a close code on WebSocket.
    """

    def __init__(self, code: str | int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


@define(eq=False)
class Client(ABC):
    """
    One client: it counts its refs, and knows the join_refs of its topics.
    """

    world: World
    vsn: str = "2.0.0"
    refs: int = field(init=False, default=0)
    joined: dict[str, str] = field(init=False, factory=dict)

    @abstractmethod
    async def connect(
        self, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """
        Open a session; raise Refused.
        """

    @abstractmethod
    async def send_raw(self, data: str | bytes) -> None:
        """
        Send one encoded message.
        """

    @abstractmethod
    async def receive_raw(self) -> str | bytes:
        """
        Wait for one encoded message; raise Ended.
        """

    @abstractmethod
    async def close(self) -> None:
        """
        Go away without a word.
        """

    async def ended(self) -> Ended:
        """
        Read until the session ends.
        """
        try:
            while True:
                await self.receive_raw()
        except Ended as end:
            return end

    # --- messages

    async def send(
        self, topic: str, event: str, payload: Any = None, *, join_ref: Any = ..., ref: Any = ...
    ) -> str:
        """
        Send one message with the next ref, which is returned, and the topic's join_ref.
        """
        self.refs += 1
        ref = str(self.refs) if ref is ... else ref
        if event == "phx_join":
            self.joined[topic] = ref
        join_ref = self.joined.get(topic) if join_ref is ... else join_ref
        await self.send_raw(self.encode(join_ref, ref, topic, event, payload))
        return str(ref)

    def encode(self, join_ref: Any, ref: Any, topic: str, event: str, payload: Any) -> str | bytes:
        if isinstance(payload, bytes):
            fields = [part.encode() for part in (join_ref, ref, topic, event)]
            return bytes((0, *map(len, fields))) + b"".join(fields) + payload
        payload = {} if payload is None else payload
        if self.vsn == "2.0.0":
            return json.dumps([join_ref, ref, topic, event, payload])
        message = {"topic": topic, "event": event, "payload": payload, "ref": ref}
        return json.dumps(message | ({} if join_ref is None else {"join_ref": join_ref}))

    async def receive(self) -> Received:
        """
        Wait for one message; raise Ended.
        """
        async with asyncio.timeout(PATIENCE_S):
            data = await self.receive_raw()
        if isinstance(data, bytes):
            return decode_binary(data)
        message = json.loads(data)
        if self.vsn == "2.0.0":
            return Received(*message)
        assert set(message) == {"topic", "event", "payload", "ref"}
        return Received(ANY, **message)

    async def join(self, topic: str, payload: Any = None) -> Any:
        """
        Join; return status and response of the reply.
        """
        return await self.ask(topic, "phx_join", payload)

    async def ask(self, topic: str, event: str, payload: Any = None) -> Any:
        """
        Send a message; the next that comes is its reply.
        """
        ref = await self.send(topic, event, payload)
        message = await self.receive()
        assert message[1:4] == (ref, topic, "phx_reply")
        return message.payload

    async def nothing_more(self) -> None:
        """
        Make sure that nothing has come that is not read yet.
        """
        for _ in range(20):
            await asyncio.sleep(0)
        assert (await self.ask("phoenix", "heartbeat")) == {"status": "ok", "response": {}}

    def binary(self, payload: bytes) -> Any:
        """
        Give a binary payload in the form in which this client gets it.
        """
        return {"base64": b64encode(payload).decode()}


def decode_binary(data: bytes) -> Received:
    """
    Read the V2 binary form of a server.
    """
    kind, count = data[0], {0: 3, 1: 4, 2: 2}[data[0]]
    sizes, at, fields = data[1 : 1 + count], 1 + count, []
    for size in sizes:
        fields.append(data[at : at + size].decode())
        at += size
    payload = data[at:]
    if kind == 0:
        return Received(fields[0], None, fields[1], fields[2], payload)
    if kind == 2:
        return Received(None, None, fields[0], fields[1], payload)
    join_ref, ref, topic, status = fields
    return Received(join_ref, ref, topic, "phx_reply", {"status": status, "response": payload})


@define(eq=False)
class LongPollClient(Client):
    """
    A client that polls whenever it is to receive something, and acknowledges as phoenix.js does.
    """

    token: str | None = field(init=False, default=None)
    waiting: list[str] = field(init=False, factory=list)

    async def connect(
        self, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        query = {"vsn": self.vsn, **(params or {})}
        answer = await self.request("GET", query, headers=headers)
        if answer["status"] == 403:
            raise Refused(answer)
        assert answer["status"] == 410
        self.token = answer["token"]

    async def request(
        self,
        method: str,
        query: Mapping[str, str] | Sequence[tuple[str, str]],
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """
        Ask once; the HTTP status is always 200.
        """
        url = self.world.url("longpoll")
        async with self.world.http.request(
            method, url, params=query, data=body, headers=headers
        ) as response:
            assert response.status == 200
            assert response.headers["content-type"] == "application/json; charset=utf-8"
            return await response.json()

    async def poll(self) -> Any:
        """
        Poll once, with the newest token.
        """
        assert self.token is not None
        answer = await self.request("GET", {"vsn": self.vsn, "token": self.token})
        if answer["status"] == 500:
            raise Ended(answer["reason"], answer["message"])
        assert answer["status"] in (200, 204)
        self.token = answer["token"]
        self.waiting += answer["messages"]
        return answer

    async def post(self, body: bytes, content_type: str = "application/json") -> Any:
        """
        Post a body as it is.
        """
        assert self.token is not None
        headers = {"content-type": content_type}
        return await self.request("POST", {"token": self.token}, body, headers)

    async def send_raw(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            answer = await self.post(b64encode(data), "application/x-ndjson")
        else:
            answer = await self.post(data.encode())
        assert answer == {"status": 200}

    async def receive_raw(self) -> str | bytes:
        while not self.waiting:
            await self.poll()
        return self.waiting.pop(0)

    async def close(self) -> None:
        return


@define(eq=False)
class WebSocketClient(Client):
    """
    A client on a WebSocket, by the library `websockets`.
    """

    connection: ClientConnection | None = field(init=False, default=None)

    async def connect(
        self, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        query = urlencode({"vsn": self.vsn, **(params or {})})
        url = self.world.url("websocket").replace("http:", "ws:")
        try:
            self.connection = await connect(
                f"{url}?{query}",
                additional_headers=headers,
                ping_interval=None,
                compression=None,
                proxy=None,
                close_timeout=PATIENCE_S,
                max_size=None,
            )
        except InvalidStatus as refusal:
            if refusal.response.status_code != 403:
                raise
            raise Refused(json.loads(refusal.response.body or b"")) from None

    async def send_raw(self, data: str | bytes) -> None:
        assert self.connection is not None
        await self.connection.send(data)

    async def receive_raw(self) -> str | bytes:
        assert self.connection is not None
        try:
            return await self.connection.recv()
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                raise
            raise Ended(closed.rcvd.code, closed.rcvd.reason) from None

    async def close(self) -> None:
        if self.connection is not None:
            self.connection.transport.abort()

    def binary(self, payload: bytes) -> Any:
        return payload if self.vsn == "2.0.0" else super().binary(payload)
