"""
One client a transport, both with the same verbs, for what is to hold on either.

What a client receives is `[join_ref, ref, topic, event, payload]`, whatever the
version and the transport; a binary payload is `bytes`. They decode by
themselves, so that the server's serializers are not held against themselves.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from yarl import URL

from notifier.protocol.reasons import Reason

PATIENCE_S = 10
KINDS = {0: ("join_ref", "topic", "event"), 1: ("join_ref", "ref", "topic", "status")}


class Refused(Exception):
    """
    A connect was answered with no: the JSON that came.
    """

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.body = body


class Ended(Exception):
    """
    The session has ended: a status or close code, and the reason.
    """

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(code, reason)
        self.told = (code, reason)


class Client:
    """
    What both transports have in common.
    """

    def __init__(self, http: ClientSession, port: int, vsn: str = "2.0.0") -> None:
        self.http = http
        self.port = port
        self.vsn = vsn
        self.inbox: list[list[Any]] = []
        self.refs = 0

    def url(self, transport: str, **params: str) -> URL:
        query = {"vsn": self.vsn, **params}
        return URL(f"http://127.0.0.1:{self.port}/socket/{transport}").with_query(query)

    async def connect(self, headers: dict[str, str] | None = None, **params: str) -> Self:
        raise NotImplementedError

    async def send(self, *messages: list[Any] | bytes) -> None:
        raise NotImplementedError

    async def send_raw(self, text: str) -> str:
        """
        Send what may be no message; give what it was answered, or "" where it was taken.
        """
        raise NotImplementedError

    async def receive(self) -> list[Any]:
        """
        Wait for the next message; raise Ended when there will be none.
        """
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    @staticmethod
    def told_at(reason: Reason) -> tuple[int, str]:
        """
        Give what `Ended.told` is when a session ends for a reason.
        """
        raise NotImplementedError

    # --- what most conversations are made of

    async def push(
        self, topic: str, event: str, payload: object = None, *, join_ref: Any = None
    ) -> str:
        self.refs += 1
        ref = str(self.refs)
        await self.send([join_ref, ref, topic, event, {} if payload is None else payload])
        return ref

    async def join(self, topic: str, payload: object = None) -> Any:
        """
        Join; give the reply's payload.
        """
        ref = str(self.refs + 1)
        await self.push(topic, "phx_join", payload, join_ref=ref)
        return (await self.reply_to(ref))[4]

    async def ask(self, topic: str, event: str, payload: object = None) -> Any:
        """
        Push, and give the payload of the reply, which is to be the next message.
        """
        return (await self.reply_to(await self.push(topic, event, payload)))[4]

    async def reply_to(self, ref: str) -> list[Any]:
        reply = await self.receive()
        assert reply[1] == ref, reply
        assert reply[3] == "phx_reply", reply
        return reply

    async def nothing_more(self, topic: str = "phoenix", event: str = "heartbeat") -> None:
        """
        Make sure that nothing is on its way: what is asked now is answered next.
        """
        await self.ask(topic, event)

    async def ended(self) -> tuple[int | None, str]:
        """
        Wait for the end of the session, and tell how it was told.
        """
        try:
            while True:
                await self.receive()
        except Ended as end:
            return end.told

    # --- encoding

    def encode(self, message: list[Any]) -> str:
        if self.vsn == "2.0.0":
            return json.dumps(message)
        keys = ("join_ref", "ref", "topic", "event", "payload")
        return json.dumps(dict(zip(keys, message, strict=True)))

    def decode(self, text: str) -> list[Any]:
        message = json.loads(text)
        if isinstance(message, dict):
            assert set(message) == {"topic", "event", "payload", "ref"}
            message = [None, message["ref"], message["topic"], message["event"], message["payload"]]
        payload = message[4]
        if isinstance(payload, dict):
            if set(payload) == {"base64"}:
                message[4] = b64decode(payload["base64"])
            elif set(payload.get("response") or ()) == {"base64"}:
                payload["response"] = b64decode(payload["response"]["base64"])
        return message


class LongPollClient(Client):
    """
    Polls as phoenix.js does, one request after the other, with the newest token.
    """

    transport = "longpoll"
    token = ""

    @staticmethod
    def told_at(reason: Reason) -> tuple[int, str]:
        return 500, reason.code

    async def connect(self, headers: dict[str, str] | None = None, **params: str) -> Self:
        opened = await self.get(self.url(self.transport, **params), headers)
        if opened["status"] != 410:
            raise Refused(opened)
        self.token = opened["token"]
        return self

    async def get(self, url: URL, headers: dict[str, str] | None = None) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S), self.http.get(url, headers=headers) as response:
            assert response.status == 200
            assert response.headers["content-type"] == "application/json; charset=utf-8"
            return await response.json()

    async def poll(self, token: str | None = None) -> dict[str, Any]:
        """
        Ask once, by default with the newest token, which it then keeps.
        """
        answer = await self.get(self.url(self.transport, token=token or self.token))
        if token is None:
            self.token = answer.get("token", self.token)
        return answer

    async def post(self, body: str | bytes, content_type: str) -> dict[str, Any]:
        url = self.url(self.transport, token=self.token)
        headers = {"content-type": content_type}
        async with (
            asyncio.timeout(PATIENCE_S),
            self.http.post(url, data=body, headers=headers) as response,
        ):
            return await response.json()

    async def send(self, *messages: list[Any] | bytes) -> None:
        lines = [
            b64encode(one).decode() if isinstance(one, bytes) else self.encode(one)
            for one in messages
        ]
        answer = await self.post("\n".join(lines), "application/x-ndjson")
        if answer["status"] == 410:
            raise Ended(410, answer["reason"])
        assert answer == {"status": 200}

    async def send_raw(self, text: str) -> str:
        answer = await self.post(text, "application/json")
        return "" if answer["status"] == 200 else answer["message"]

    async def receive(self) -> list[Any]:
        while not self.inbox:
            answer = await self.poll()
            if answer["status"] == 500:
                raise Ended(500, answer["reason"])
            assert answer["status"] in (200, 204), answer
            self.inbox += map(self.decode, answer["messages"])
        return self.inbox.pop(0)

    async def close(self) -> None:
        """
        There is no goodbye on long-polling: the session expires.
        """


class WebSocketClient(Client):
    """
    One WebSocket.
    """

    transport = "websocket"
    websocket: ClientWebSocketResponse

    @staticmethod
    def told_at(reason: Reason) -> tuple[int, str]:
        return reason.close_code, reason.text

    async def connect(
        self,
        headers: dict[str, str] | None = None,
        protocols: tuple[str, ...] = (),
        **params: str,
    ) -> Self:
        url = self.url(self.transport, **params)
        try:
            async with asyncio.timeout(PATIENCE_S):
                self.websocket = await self.http.ws_connect(
                    url, headers=headers, protocols=protocols, max_msg_size=0
                )
        except WSServerHandshakeError as error:
            if error.status != 403:
                raise
            raise Refused(await self._refusal(url, headers)) from None
        return self

    async def _refusal(self, url: URL, headers: dict[str, str] | None) -> dict[str, Any]:
        """
        Ask once more, since the client of aiohttp drops the body of a refused handshake.
        """
        handshake = {
            "connection": "upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        async with self.http.get(url, headers={**(headers or {}), **handshake}) as response:
            assert response.status == 403
            return await response.json()

    async def send(self, *messages: list[Any] | bytes) -> None:
        for one in messages:
            if isinstance(one, bytes):
                await self.websocket.send_bytes(one)
            else:
                await self.websocket.send_str(self.encode(one))

    async def send_raw(self, text: str) -> str:
        await self.websocket.send_str(text)
        try:
            await self.nothing_more()
        except Ended as end:
            return end.told[1]
        return ""

    async def receive(self) -> list[Any]:
        async with asyncio.timeout(PATIENCE_S):
            message = await self.websocket.receive()
        match message.type:
            case WSMsgType.TEXT:
                return self.decode(message.data)
            case WSMsgType.BINARY:
                return decode_binary(message.data)
            case WSMsgType.CLOSE:
                raise Ended(message.data, message.extra)
        raise Ended(self.websocket.close_code, "")

    async def close(self) -> None:
        await self.websocket.close()


def decode_binary(data: bytes) -> list[Any]:
    """
    Read a binary message of the server's.
    """
    names = KINDS.get(data[0], ("topic", "event"))
    start, fields = 1 + len(names), {}
    for name, size in zip(names, data[1:start], strict=True):
        fields[name] = data[start : start + size].decode() or None
        start += size
    payload: Any = data[start:]
    if "status" in fields:
        payload = {"status": fields["status"], "response": payload}
    event = fields.get("event", "phx_reply")
    return [fields.get("join_ref"), fields.get("ref"), fields["topic"], event, payload]


CLIENTS = {"longpoll": LongPollClient, "websocket": WebSocketClient}
