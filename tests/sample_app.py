"""
An application that behaves as the Phoenix one did whose answers are recorded in `transcripts/`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from aiohttp import web

import notifier
from notifier import Channel, ConnectInfo, Error, Notifier, Ok, Socket, User, handle_in
from notifier.errors import TokenError

KEYS = ("a key of the sample application",)


class Room(Channel):
    """
    The recorded `RoomChannel`: what it does is told by topic and event.
    """

    async def join(self, payload):
        match self.topic:
            case "room:private":
                return Error("unauthorized")
            case "room:joinboom":
                raise RuntimeError("boom")
            case "room:welcome":
                return Ok({"welcome": True, "params": payload})
            case "room:hello":
                self.send("hello")

    async def handle_info(self, message):
        await self.push(message, {"from": "server"})

    @handle_in("ping")
    async def ping(self, payload):
        return Ok(payload)

    @handle_in("new_msg")
    async def new_msg(self, payload):
        await self.broadcast("new_msg", payload)

    @handle_in("reply_ok")
    async def reply_ok(self, payload):
        return Ok()

    @handle_in("reply_error")
    async def reply_error(self, payload):
        return Error()

    @handle_in("reply_error_with")
    async def reply_error_with(self, payload):
        return Error(payload)

    @handle_in("push_back")
    async def push_back(self, payload):
        await self.push("pushed", payload)

    @handle_in("broadcast_from")
    async def from_here(self, payload):
        await self.broadcast_from("from", payload)

    @handle_in("boom", "stop_odd")
    async def boom(self, payload):
        raise RuntimeError("boom")

    @handle_in("stop", "stop_shutdown")
    async def stop_now(self, payload):
        await self.stop()

    @handle_in("stop_reply")
    async def stop_reply(self, payload):
        await self.stop()
        return Ok(payload)

    @handle_in("bin")
    async def bin(self, payload):
        if not isinstance(payload, bytes):
            raise TypeError("bin takes bytes")
        return Ok(payload)

    @handle_in("bin_push")
    async def bin_push(self, payload):
        await self.push("bin_pushed", payload)

    @handle_in("bin_broadcast")
    async def bin_broadcast(self, payload):
        await self.broadcast("bin_broadcasted", payload)


class Present(Channel):
    """
    The recorded `PresenceChannel`: who joins is present.
    """

    async def join(self, payload):
        self.send("after_join")

    async def handle_info(self, message):
        await self.track(self.assigns["user_id"], {"online_at": int(time.time())})
        await self.push("presence_state", await self.presences())

    @handle_in("update")
    async def change(self, payload):
        await self.update(self.assigns["user_id"], payload)
        return Ok()

    @handle_in("list")
    async def list_all(self, payload):
        return Ok(await self.presences())

    @handle_in("untrack")
    async def hide(self, payload):
        await self.untrack(self.assigns["user_id"])
        return Ok()


class OpenSocket(Socket):
    """
    Lets everyone in but those who ask to be refused.
    """

    channels = {"room:*": Room, "presence:*": Present}

    async def connect(self, params: Mapping[str, str], info: ConnectInfo):
        match params.get("refuse"):
            case "error":
                return Error()
            case "because":
                return Error("because")
        if "user_id" in params:
            self.assigns["user_id"] = params["user_id"]
            self.id = f"user_socket:{params['user_id']}"


class TokenSocket(OpenSocket):
    """
    Lets in who brings a user token.
    """

    async def connect(self, params: Mapping[str, str], info: ConnectInfo):
        try:
            self.endpoint.tokens.verify_user(info.token or "")
        except TokenError:
            return Error("token")


def make(
    now: Callable[[], float], *, require_token: bool = False
) -> tuple[web.Application, list[Notifier]]:
    """
    Make the application, and the notifiers at /socket, /socket_origin and /socket_auth.
    """
    app = web.Application()
    main = TokenSocket if require_token else OpenSocket
    notifiers = [
        notifier.setup(app, main, keys=KEYS, path="/socket", now=now),
        notifier.setup(
            app,
            OpenSocket,
            keys=KEYS,
            path="/socket_origin",
            now=now,
            check_origin=["http://good.example"],
        ),
        notifier.setup(app, TokenSocket, keys=KEYS, path="/socket_auth", now=now),
    ]
    app.router.add_post("/api/publish", Publish(notifiers[0]).handle)
    return app, notifiers


class Publish:
    """
    The recorded `POST /api/publish`.
    """

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier

    async def handle(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except ValueError:
            refusal = web.json_response({"errors": {"detail": "Bad Request"}}, status=400)
            refusal.force_close()
            return refusal
        if not {"topic", "event", "payload"} <= body.keys():
            return web.json_response({"ok": False}, status=400)
        await self.notifier.broadcast(body["topic"], body["event"], body["payload"])
        return web.json_response({"ok": True})


def user_token(notifier: Notifier) -> str:
    """
    Make a token that the sample application takes.
    """
    return notifier.endpoint.tokens.sign_user(User("42"))
