"""
Who is online, in one file: `notifier serve --app examples.presence:app`.

Open it as two people, and see each in the other's answer:

    curl "http://127.0.0.1:4000/socket/longpoll?name=ann&join=lobby&pretty=1"
"""

from notifier import Channel, Error, Notifier, Ok, Socket, handle_in


class Lobby(Channel):
    async def join(self, payload):
        self.send("after_join")

    async def handle_info(self, message):
        await self.track(self.assigns["name"], {"status": "here"})
        await self.push("presence_state", await self.presences())

    @handle_in("status")
    async def status(self, payload):
        if payload.get("status") not in ("here", "away"):
            return Error("unknown status")
        await self.update(self.assigns["name"], lambda meta: {**meta, "status": payload["status"]})
        return Ok()


class LobbySocket(Socket):
    channels = {"lobby": Lobby}

    async def connect(self, params, info):
        if not params.get("name"):
            return Error({"reason": "name_missing", "message": "add name=… to the URL"})
        self.assigns["name"] = params["name"]


app = Notifier(LobbySocket)
