"""
The application that ships: announcements for all, notices for one user.

    room:*         announcements: any user joins, operators post `new_msg`
    user:<id>      one user's notices: that user joins, and operators
    me             tells a client whose it is: any user joins
    user_socket:<id>   the socket's id: `disconnect` there throws the user out

With an `Inbox` in the endpoint's assigns, what is sent to a user waits for that
user; without one it reaches who is there, and who recovers from the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from notifier.channels import (
    Backlog,
    Channel,
    ConnectInfo,
    Endpoint,
    Error,
    Ok,
    Socket,
    handle_in,
    handle_out,
)
from notifier.channels.author import call
from notifier.channels.endpoint import refused_by
from notifier.channels.replies import Result
from notifier.engine import Publication, Receipt, Retention
from notifier.errors import ConnectionRefused, EngineError, TokenError, describe
from notifier.inbox import Draft, Inbox, InvalidNotice, ToRoom, ToUsers
from notifier.inbox.inbox import MAX_SEEN_IDS, NEW_MSG, SEEN, WITHDRAWN
from notifier.inbox.notice import has_expired
from notifier.inbox.recipients import EVERYONE, user_of, user_topic
from notifier.protocol import Payload
from notifier.protocol.reasons import (
    FORBIDDEN,
    INVALID_PAYLOAD,
    NO_INBOX,
    NOT_STORED,
    NOT_YOURS,
    TOKEN_MISSING,
)
from notifier.session import Claims, User

__all__ = [
    "EVERYONE",
    "NEW_MSG",
    "OPERATOR",
    "USER_SOCKET",
    "MeChannel",
    "NoticeChannel",
    "RoomChannel",
    "UserChannel",
    "UserSocket",
    "send_notice",
    "socket_id",
]

INBOX: Final = "inbox"
"""Where an endpoint's assigns have the Inbox of the process, if it has one."""

OPERATOR: Final = "operator"
USER_SOCKET: Final = "user_socket:"


def socket_id(user_id: str) -> str:
    """
    Name all the connections of one user, for `Endpoint.disconnect`.
    """
    return f"{USER_SOCKET}{user_id}"


async def send_notice(
    endpoint: Endpoint, topic: str, body: str, sender: str, **fields: object
) -> Receipt:
    """
    Send a notice to who is on a topic: `{"id", "body", "from", "at"}` and `fields`.

    `id` is the engine's and sorts; `at` is the time in UTC, ISO 8601. It waits in
    no inbox: that is what `Inbox.send` is for. Raises InvalidNotice.
    """
    now = endpoint.tokens.clock()
    draft = Draft.read({**fields, "body": body}, now)
    return await endpoint.broadcast(topic, NEW_MSG, draft.payload(sender, now))


def is_current(publication: Publication, now: float, inbox: Inbox | None) -> bool:
    """
    Tell whether a message of a log may be handed out: no notice that is over, or withdrawn.
    """
    notice = publication.payload
    if publication.event != NEW_MSG or not isinstance(notice, Mapping):
        return True
    if has_expired(notice, now):
        return False
    return inbox is None or publication.id not in inbox.withdrawals


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
        try:
            if self._inbox is None:
                now = self.socket.endpoint.tokens.clock()
                notice = Draft.read(payload, now).payload(user.id, now)
                receipt = await self.broadcast(NEW_MSG, notice)
                return Ok({"id": receipt.id, "reached": receipt.reached})
            owner = user_of(self.topic)
            to = ToRoom(self.topic) if owner is None else ToUsers([owner])
            sent = await self._inbox.send(to, payload, user.id)
            return Ok({"id": sent.id, "reached": sent.reached})
        except InvalidNotice as error:
            return _invalid(error)
        except EngineError:
            return Error(NOT_STORED)

    def is_current(self, publication: Publication) -> bool:
        """
        Hold back a notice that is over its time, or withdrawn.
        """
        return is_current(publication, self.socket.endpoint.tokens.clock(), self._inbox)

    async def backlog(self, head: str, since: str | None) -> Backlog:
        """
        Tell who comes back what was withdrawn meanwhile.
        """
        return Backlog(self._withdrawn_since(since))

    def _withdrawn_since(self, since: str | None) -> list[Publication]:
        if self._inbox is None or since is None:
            return []
        return [
            Publication(self.topic, WITHDRAWN, {"id": id}, id)
            for id in self._inbox.withdrawals.missed(self.topic, since)
        ]

    @property
    def _inbox(self) -> Inbox | None:
        return self.socket.endpoint.assigns.get(INBOX)


class RoomChannel(NoticeChannel):
    """
    Announcements, for any user.
    """

    history = Retention(max_count=1_000)

    async def backlog(self, head: str, since: str | None) -> Backlog:
        """
        Note who comes back, too, for the sender to know.
        """
        if self._inbox is not None and since is not None:
            user: User = self.assigns["user"]
            # The log brings nothing older, and the inbox keeps it for longer.
            oldest = self.socket.endpoint.tokens.clock() - self.history.max_age_s
            first = f"{max(0, int(oldest * 1000)):012x}"
            self._inbox.recovered(user.id, self.topic, max(since, first), head)
        return await super().backlog(head, since)

    @handle_in(SEEN)
    async def seen(self, payload: Payload) -> Result:
        """
        Note that this user has seen notices, `{"ids": […]}` or `{"id": …}`; answer `{}`.
        """
        if self._inbox is None:
            return Error(NO_INBOX)
        user: User = self.assigns["user"]
        try:
            await self._inbox.read_in_room(user.id, self.topic, _read_ids(payload))
        except InvalidNotice as error:
            return _invalid(error)
        except EngineError:
            return Error(NOT_STORED)
        return Ok({})


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
        return None if user.role == OPERATOR or self._is_own else Error(FORBIDDEN)

    async def backlog(self, head: str, since: str | None) -> Backlog:
        """
        Bring what waits to the user whose topic it is; tell everyone how much is unread.
        """
        inbox, owner = self._inbox, user_of(self.topic)
        if inbox is None or owner is None:
            return Backlog()
        if not self._is_own:
            unread = await inbox.unread(owner)
            return Backlog(self._withdrawn_since(since), {"unread": unread})
        waiting = await inbox.waiting(owner, head, since)
        notices = [
            Publication(self.topic, NEW_MSG, {**notice, "id": id}, id)
            for id, notice in waiting.notices
        ]
        both = sorted(self._withdrawn_since(since) + notices, key=lambda one: one.id or "")
        return Backlog(both, {"unread": waiting.unread})

    @handle_out(NEW_MSG)
    async def notice(self, payload: Payload) -> None:
        """
        Hand a notice on, and note that its user has got it.
        """
        await self.push(NEW_MSG, payload)
        if self._inbox and self._is_own and isinstance(payload, Mapping):
            self._inbox.delivered(self.topic, str(payload.get("id")))

    @handle_in(SEEN)
    async def seen(self, payload: Payload) -> Result:
        """
        Mark notices as seen, `{"ids": […]}` or `{"id": …}`; answer `{"unread"}`.
        """
        if not self._is_own:
            return Error(FORBIDDEN)
        if self._inbox is None:
            return Error(NO_INBOX)
        user: User = self.assigns["user"]
        try:
            unread = await self._inbox.seen(user.id, _read_ids(payload), self.key)
        except InvalidNotice as error:
            return _invalid(error)
        except EngineError:
            return Error(NOT_STORED)
        return Ok({"unread": unread})

    @property
    def _is_own(self) -> bool:
        user: User = self.assigns["user"]
        return self.topic == user_topic(user.id)


class MeChannel(Channel):
    """
    Tells a client whose token it has brought, for which topics to join.
    """

    async def join(self, payload: Payload) -> Result:
        """
        Answer with the user: `{"id", "role"}`.
        """
        user: User = self.assigns["user"]
        return Ok({"id": user.id, "role": user.role})


class UserSocket(Socket):
    """
    A connection with a user token at its door. Subclass it for your channels.

    `user` is who connects; it also stands in every channel's `assigns["user"]`.
    """

    channels: ClassVar[Mapping[str, type[Channel]]] = {
        "room:*": RoomChannel,
        "user:*": UserChannel,
        "me": MeChannel,
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


def _read_ids(payload: Payload) -> list[str]:
    """
    Read what was seen; raise InvalidNotice for what names no ids.
    """
    match payload:
        case {"ids": list(ids)} if all(isinstance(id, str) for id in ids):
            return ids
        case {"ids": wrong}:
            got = describe(wrong)
        case {"id": str(id)}:
            return [id]
        case _:
            got = describe(payload)
    expected = f"a list of at most {MAX_SEEN_IDS:,} ids, or one in `id`"
    raise InvalidNotice({"ids": expected}, {"ids": got})


def _invalid(error: InvalidNotice) -> Error:
    return Error({"reason": INVALID_PAYLOAD, "expected": error.expected, "got": error.got})
