"""
`/notices`: what users are to know, and what became of it.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from notifier.api.operations import Call, Operation
from notifier.api.problems import NOT_FOUND, NOT_VALID, FieldError, Problem
from notifier.api.shapes import (
    ANY_USER_ID,
    HTTP_URL,
    ONE_LINE,
    TOPIC,
    Shape,
    entity,
    maybe,
    number,
    text,
)
from notifier.channels import Endpoint
from notifier.inbox import TO_EVERYONE, Inbox, InvalidNotice, Recipients, ToRoom, ToUsers
from notifier.inbox.notice import (
    BODY_MAX_CHARACTERS,
    LEVELS,
    LINK_MAX_CHARACTERS,
    TITLE_MAX_CHARACTERS,
    iso,
)
from notifier.inbox.recipients import MAX_RECIPIENTS, USER_TOPIC

FROM_MAX_CHARACTERS: Final = 100
"""A sender's name is shown beside each notice; a longer one is refused."""

RFC_3339: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})$"
)

NOTICE_ID: Final = text("The id of a notice.", 64)
TIME: Final[Shape] = {"type": "string", "format": "date-time", "description": "UTC."}
ALL: Final = "all"
USERS: Final[Shape] = {
    "type": "array",
    "items": ANY_USER_ID,
    "minItems": 1,
    "maxItems": MAX_RECIPIENTS,
    "description": "Users, each of whom gets it once, also one who is away.",
}
ROOM: Final[Shape] = {
    **TOPIC,
    "not": {"pattern": f"^{USER_TOPIC}"},
    "description": "The topic of a room: whoever is there gets it.",
}
TO: Final[Shape] = {
    "anyOf": [
        {"const": ALL},
        entity("ToUsers", {"users": USERS}),
        entity("ToRoom", {"room": ROOM}),
    ],
    "description": f'"all", or {{"users": [ids]}} with 1 to {MAX_RECIPIENTS:,} ids, '
    'or {"room": topic}',
    "examples": [{"users": ["42"]}, ALL],
}
NEW_NOTICE: Final = entity(
    "NewNotice",
    {"to": TO, "body": text("What it says.", BODY_MAX_CHARACTERS)},
    title=text("One line above it.", TITLE_MAX_CHARACTERS),
    level={"enum": list(LEVELS), "default": LEVELS[0], "description": "How loud it is."},
    link=text(
        "Where it leads: an absolute URL of http or https.",
        LINK_MAX_CHARACTERS,
        format=HTTP_URL,
        examples=["https://shop.example/orders/7"],
    ),
    expires_at=text(
        "Until when it is worth something: a time to come, with its zone.",
        40,
        format="date-time",
        pattern=RFC_3339,
    ),
    **{
        "from": text(
            "Who sends it, for people to read; the key's name where it is left out.",
            FROM_MAX_CHARACTERS,
            format=ONE_LINE,
        )
    },
)
SENT: Final = entity(
    "SentNotice",
    {
        "id": NOTICE_ID,
        "reached": number("Sessions that it was handed to at once, in this process.", 0, 2**53),
    },
)
STATUS: Final = entity(
    "NoticeStatus",
    {
        "id": NOTICE_ID,
        "room": maybe({"type": "string", "description": "The room it was for, or null."}),
        "sent_at": TIME,
        "expires_at": maybe(TIME),
        "reached": number("Sessions that it was handed to at once.", 0, 2**53),
        "users": number("Users it was for; 0 for a room.", 0, 2**53),
        "delivered": number("Of those users, how many have got it; of a room's, later.", 0, 2**53),
        "read": number("Of those users or of a room's, how many have seen it.", 0, 2**53),
        "withdrawn": {"type": "boolean"},
    },
)
WITHDRAWN: Final = entity("WithdrawnNotice", {"id": NOTICE_ID, "withdrawn": {"const": True}})


@frozen
class Notices:
    """
    Sends notices for the API.
    """

    inbox: Inbox
    endpoint: Endpoint

    def operations(self) -> tuple[Operation, ...]:
        """
        Declare what can be asked for.
        """
        return (
            Operation(
                "sendNotice",
                "POST",
                "/notices",
                scope="notices",
                summary="Send a notice to users, a room, or all",
                doc="Answered once it is stored: from then on it is lost no more, and a user who "
                "is away gets it later. For several users the id means the notice of each.",
                handler=self.send,
                body=NEW_NOTICE,
                answer=SENT,
                status=201,
                is_once=True,
                problems=(NOT_FOUND,),
            ),
            Operation(
                "getNotice",
                "GET",
                "/notices/{id}",
                scope="notices",
                summary="Tell what became of a notice",
                handler=self.status,
                fields={"id": NOTICE_ID},
                answer=STATUS,
                problems=(NOT_FOUND,),
            ),
            Operation(
                "withdrawNotice",
                "POST",
                "/notices/{id}/withdraw",
                scope="notices",
                summary="Take a notice back; once or more often",
                doc="Nobody gets it any more, and who has it is told.",
                handler=self.withdraw,
                fields={"id": NOTICE_ID},
                answer=WITHDRAWN,
                problems=(NOT_FOUND,),
            ),
        )

    async def send(self, call: Call) -> dict[str, Any]:
        """
        Send a notice; raise Problem for one that cannot be sent as it is.
        """
        to = self._recipients(call.body["to"])
        try:
            sent = await self.inbox.send(to, call.body, call.body.get("from", call.key_name))
        except InvalidNotice as error:  # what no schema says, such as: a time to come
            errors = [
                FieldError(f"/{name}", expected, error.got[name])
                for name, expected in error.expected.items()
            ]
            raise Problem(NOT_VALID, str(error), errors=errors) from error
        return {"id": sent.id, "reached": sent.reached}

    async def status(self, call: Call) -> dict[str, Any]:
        """
        Tell what became of a notice; raise Problem where there is none.
        """
        status = await self.inbox.status(call.path["id"])
        if status is None:
            raise _unknown()
        return {
            "id": status.id,
            "room": status.room,
            "sent_at": iso(status.sent_at),
            "expires_at": None if status.expires_at is None else iso(status.expires_at),
            "reached": status.reached,
            "users": status.users,
            "delivered": status.delivered,
            "read": status.read,
            "withdrawn": status.is_withdrawn,
        }

    async def withdraw(self, call: Call) -> dict[str, Any]:
        """
        Take a notice back; raise Problem where there is none.
        """
        if not await self.inbox.withdraw(call.path["id"]):
            raise _unknown()
        return {"id": call.path["id"], "withdrawn": True}

    def _recipients(self, to: Any) -> Recipients:
        match to:
            case {"users": list(ids)}:
                return ToUsers(ids)
            case {"room": str(topic)}:
                if not self.endpoint.serves(topic):
                    raise Problem(NOT_FOUND, "no channel serves the topic of the room")
                return ToRoom(topic)
        return TO_EVERYONE


def _unknown() -> Problem:
    return Problem(NOT_FOUND, "there is no notice of this id")
