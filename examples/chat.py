"""
A chat room, in one file: `notifier serve --app examples.chat:app`.

Join with curl, then push with any Phoenix client:

    curl "http://127.0.0.1:4000/socket/longpoll?name=ann&join=room:lobby&pretty=1"
"""

from notifier import Channel, Error, Notifier, Ok, Retention, Socket, handle_in


class Room(Channel):
    history = Retention(max_count=100)  # what was said while one was away: docs/history.md

    async def join(self, payload):
        self.send("joined")
        return Ok({"topic": self.topic})

    async def handle_info(self, message):
        await self.broadcast_from(message, {"name": self.assigns["name"]})

    @handle_in("new_msg")
    async def new_msg(self, payload):
        if not payload.get("body"):
            return Error("empty message")
        await self.broadcast("new_msg", {"name": self.assigns["name"], "body": payload["body"]})


class ChatSocket(Socket):
    channels = {"room:*": Room}

    async def connect(self, params, info):
        if not params.get("name"):
            return Error({"reason": "name_missing", "message": "add name=… to the URL"})
        self.assigns["name"] = params["name"]


app = Notifier(ChatSocket)
