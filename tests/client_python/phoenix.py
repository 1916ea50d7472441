"""
A Phoenix server that answers as the recorded one did: what it says is read from the recordings.

A message is looked up by topic, event and payload among those that were recorded;
what came back is given with the refs of the one who asks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from attrs import define, field
from replay import cases

Frame = list[Any]


def exchanges() -> Iterator[tuple[str, list[str]]]:
    """
    Give what was sent, and what came back before the next was.
    """
    for name, case in (("longpoll_v2", "push_reply_broadcast"), ("ws_v2", "join_push_reply")):
        sent, answers = "", list[str]()
        for step in cases(name)[case]:
            request = step.get("request", {"method": ""})
            if "send" in step or request["method"] == "POST":
                yield sent, answers
                sent, answers = request.get("body", step.get("send")).get("text", ""), []
            elif step.get("recv"):
                answers.append(step["recv"].get("text", ""))
            elif request["method"] == "GET":
                answers += json.loads(step["response"]["body"]["text"])["messages"]
        yield sent, answers


def key_of(frame: Frame) -> str:
    return json.dumps(frame[2:5])


def recorded() -> dict[str, tuple[Frame, list[Frame]]]:
    table: dict[str, tuple[Frame, list[Frame]]] = {}
    for sent, answers in exchanges():
        if sent.strip().startswith("["):
            frame = json.loads(sent)
            table.setdefault(key_of(frame), (frame, [json.loads(one) for one in answers if one]))
    return table


def recorded_body(case: str, step: int) -> Any:
    found = next(one for one in cases("longpoll_http")[case] if one["step"] == step)
    return json.loads(found["response"]["body"]["text"])


@define(eq=False)
class Phoenix:
    """
    Its sessions; `asked` are the requests and frames as they came.
    """

    takes_websockets: bool = True
    port: int = field(init=False, default=0)
    asked: list[str] = field(init=False, factory=list)
    sessions: dict[str, asyncio.Queue[str]] = field(init=False, factory=dict)
    numbers: Iterator[int] = field(init=False, factory=count)
    table: dict[str, tuple[Frame, list[Frame]]] = field(init=False, factory=recorded)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/socket"

    def answers(self, text: str) -> list[str]:
        frame = json.loads(text)
        sent, answers = self.table[key_of(frame)]
        refs = {sent[0]: frame[0], sent[1]: frame[1], None: None}
        if sent[3] == "phx_join":
            refs = {sent[0]: frame[0], None: None}
        return [json.dumps([refs.get(one[0], frame[0]), refs[one[1]], *one[2:]]) for one in answers]

    def forget_all(self) -> None:
        """
        Lose the sessions: a poll that waits is answered, the next one meets the loss.
        """
        lost, self.sessions = self.sessions, {}
        for queue in lost.values():
            queue.put_nowait('[null,null,"room:lobby","new_msg",{}]')

    async def get(self, request: web.Request) -> web.Response:
        token = request.query.get("token", "")
        if token not in self.sessions:
            body = recorded_body("tokens", 4)
            body["token"] = f"SFMyNTY.{next(self.numbers)}"
            self.sessions[body["token"]] = asyncio.Queue()
            return web.json_response(body)
        queue = self.sessions[token]
        messages = [await queue.get()]
        while not queue.empty():
            messages.append(queue.get_nowait())
        return web.json_response({"status": 200, "token": token, "messages": messages})

    async def post(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.asked.append(f"POST {request.query_string} {request.content_type} {text}")
        queue = self.sessions.get(request.query.get("token", ""))
        if queue is None:
            return web.json_response(recorded_body("tokens", 1))
        for line in text.split("\n"):
            for answer in self.answers(line):
                queue.put_nowait(answer)
        return web.json_response({"status": 200})

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"WebSocket {request.query_string}")
        if not self.takes_websockets:
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.asked.append(message.data)
                for answer in self.answers(message.data):
                    await socket.send_str(answer)
        return socket


@asynccontextmanager
async def phoenix(**options: Any) -> AsyncIterator[Phoenix]:
    """
    Serve one.
    """
    one = Phoenix(**options)
    app = web.Application()
    app.router.add_get("/socket/longpoll", one.get)
    app.router.add_post("/socket/longpoll", one.post)
    app.router.add_get("/socket/websocket", one.websocket)
    server = TestServer(app)
    await server.start_server(access_log=None)
    one.port = server.port or 0
    try:
        yield one
    finally:
        await server.close()
