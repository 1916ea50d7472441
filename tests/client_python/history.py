"""
Channels with a history: the server's own, and one that outlives the server.
"""

from __future__ import annotations

from typing import Any

from transports.world import Room, WorldSocket

from notifier import Ok, handle_in
from notifier.engine import Retention


class LoggedRoom(Room):
    """
    Keeps what is published, in the class: so it outlives a server.
    """

    log: list[dict[str, Any]] = []
    floor = 0

    async def join(self, payload):
        response = {"head": self.log[-1]["id"] if self.log else "000"}
        since = payload.get("since")
        if since is not None:
            response["recovered"] = int(since) >= self.floor
            self.send([one for one in self.log if one["id"] > since])
        return Ok(response)

    async def handle_info(self, message):
        for one in message:
            await self.push("news", one)

    @handle_in("publish")
    async def publish(self, payload):
        one = {**payload, "id": f"{len(self.log) + 1:03}"}
        self.log.append(one)
        await self.broadcast("news", one)
        return Ok({"id": one["id"]})


class KeptRoom(Room):
    """
    Has the server's own history.
    """

    history = Retention(max_count=100)

    @handle_in("publish")
    async def publish(self, payload):
        await self.broadcast("news", payload)
        return Ok()


class PresenceRoom(Room):
    """
    Tells who is there.
    """

    async def join(self, payload):
        self.send("joined")
        return Ok()

    async def handle_info(self, message):
        await self.track(self.socket.user.id, {})
        await self.push("presence_state", await self.presences())


class HistorySocket(WorldSocket):
    channels = {
        **WorldSocket.channels,
        "logged:*": LoggedRoom,
        "kept:*": KeptRoom,
        "who:*": PresenceRoom,
    }
