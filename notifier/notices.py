"""
The application that ships: announcements for all, notices for one user.

    room:*         announcements: any user joins, operators post `new_msg`
    user:<id>      one user's notices: that user joins, and operators
    user_socket:<id>   the socket's id: `disconnect` there throws the user out
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar, Final

from notifier.channels import Channel, ConnectInfo, Endpoint, Error, Ok, Socket, handle_in
from notifier.channels.author import call
from notifier.channels.endpoint import refused_by
from notifier.channels.replies import Result
from notifier.engine import Receipt, Retention
from notifier.errors import ConnectionRefused, EngineError, TokenError, describe
from notifier.protocol import Payload
from notifier.protocol.reasons import (
    FORBIDDEN,
    INVALID_PAYLOAD,
    NOT_STORED,
    NOT_YOURS,
    TOKEN_MISSING,
)
from notifier.session import Claims, User

EVERYONE: Final = "room:lobby"
"""The topic of what concerns everyone."""

NEW_MSG: Final = "new_msg"
OPERATOR: Final = "operator"
USER_SOCKET: Final = "user_socket:"


def socket_id(user_id: str) -> str:
    """
    Name all the connections of one user, for `Endpoint.disconnect`.
    """
    return f"{USER_SOCKET}{user_id}"


async def send_notice(endpoint: Endpoint, topic: str, body: str, sender: str) -> Receipt:
    """
    Send a notice to everyone on a topic: `{"id", "body", "from", "at"}`.

    `id` is the engine's and sorts; `at` is the time in UTC, ISO 8601.
    """
    at = datetime.fromtimestamp(endpoint.tokens.clock(), UTC).isoformat(timespec="milliseconds")
    payload = {"body": body, "from": sender, "at": at.replace("+00:00", "Z")}
    return await endpoint.broadcast(topic, NEW_MSG, payload)


class NoticeChannel(Channel):
    """
    A topic on which operators send notices.
    """

    @handle_in(NEW_MSG)
    async def new_msg(self, payload: Payload) -> Result:
        """
        Send a notice, if an operator asks for it; answer once it is stored:
        `{"id", "reached"}`, its id and how many sessions of this process got it.
        """
        user: User = self.assigns["user"]
        if user.role != OPERATOR:
            return Error(FORBIDDEN)
        match payload:
            case {"body": str(body)} if body:
                try:
                    sent = await send_notice(self.socket.endpoint, self.topic, body, user.id)
                except EngineError:
                    return Error(NOT_STORED)
                return Ok({"id": sent.id, "reached": sent.reached})
        return Error({"reason": INVALID_PAYLOAD, "expected": {"body": "a string, not empty"}})


class RoomChannel(NoticeChannel):
    """
    Announcements, for any user.
    """

    history = Retention(max_count=1_000)


class UserChannel(NoticeChannel):
    """
    One user's notices, for that user and for operators.
    """

    history = Retention(max_count=100)

    async def join(self, payload: Payload) -> Result:
        """
        Let in the user whose topic it is, and operators.
        """
        user: User = self.assigns["user"]
        if user.role == OPERATOR or self.topic == f"user:{user.id}":
            return None
        return Error(FORBIDDEN)


class UserSocket(Socket):
    """
    A connection with a user token at its door. Subclass it for your channels.

    `user` is who connects; it also stands in every channel's `assigns["user"]`.
    """

    channels: ClassVar[Mapping[str, type[Channel]]] = {
        "room:*": RoomChannel,
        "user:*": UserChannel,
    }
    user: User

    async def connect(self, params: Mapping[str, str], info: ConnectInfo) -> Result:
        """
        Let in whoever brings a good user token, if `load_user` gives a user for it.
        """
        if not info.token:
            raise TOKEN_MISSING.refusal()
        try:
            claims = self.endpoint.tokens.verify(info.token)
        except TokenError as error:
            raise ConnectionRefused(error.code, error.detail) from error
        self.user = await self._load(claims)
        self.assigns["user"] = self.user
        self.id = socket_id(self.user.id)
        return None

    async def resume(self, info: ConnectInfo) -> Result:
        """
        Let the same user back, whatever the token's age, if `load_user` still does.
        """
        if self.opened_with is None:
            return await super().resume(info)
        try:
            claims = self.endpoint.tokens.read(info.token or "")
        except TokenError as error:
            raise NOT_YOURS.refusal() from error
        if (await self._load(claims)).id != self.user.id:
            raise NOT_YOURS.refusal()
        return None

    async def _load(self, claims: Claims) -> User:
        user = await call("load_user", self.endpoint.load_user, claims)
        if isinstance(user, Error):
            raise refused_by(user)
        if not isinstance(user, User):
            raise TypeError(f"load_user must return a User or Error(reason), got {describe(user)}")
        return user
