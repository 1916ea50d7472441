"""
`GET /presence`, `/history` and `/sessions`: what is going on, by page.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import orjson
from attrs import frozen

from notifier.api.operations import Call, Operation
from notifier.api.problems import NOT_FOUND, Problem
from notifier.api.publishing import ID, check_served
from notifier.api.shapes import TOPIC, Shape, entity, maybe, number, text
from notifier.channels import Endpoint
from notifier.inbox import Inbox
from notifier.notices import is_current

PAGE_MAX: Final = 1_000
PAGE_DEFAULT: Final = 100
"""Items of a page; more is refused, and asked for by `next`."""

PAGE_MAX_BYTES: Final = 1_000_000
"""Bytes of a page's messages, or one message; what goes over comes on the next."""

LOOKED_AT_MAX: Final = 1_000
"""Messages of a log that are looked at for a page, which is cut short there: most may be over."""

READ_AT_ONCE: Final = 20
"""Messages that are asked of the engine at once, each as large as a client may send it."""

LIMIT: Final = {
    **number("How many at most.", 1, PAGE_MAX),
    "default": PAGE_DEFAULT,
}

MESSAGE: Final = entity(
    "LoggedMessage",
    {"id": ID, "event": {"type": "string"}, "payload": {"type": "object"}},
)
HISTORY: Final = entity(
    "History",
    {
        "topic": TOPIC,
        "messages": {
            "type": "array",
            "items": MESSAGE,
            "description": "The oldest first, without notices that were withdrawn or have expired: "
            "a page may be short, or empty, and have a `next`.",
        },
        "recovered": {
            "type": "boolean",
            "description": "False where something after `since` may be missing: it lies below what "
            "is kept, or is no id of this log.",
        },
        "head": text("The newest id, or where the log begins while it is empty.", 64),
        "next": maybe(text("Ask for the rest with `since` set to this; null at the end.", 64)),
    },
)
METAS: Final[Shape] = {
    "type": "object",
    "description": "By key, as phoenix.js's presence_state has it.",
    "additionalProperties": {
        "type": "object",
        "properties": {"metas": {"type": "array", "items": {"type": "object"}}},
        "required": ["metas"],
    },
}
PRESENCE: Final = entity(
    "PresenceList",
    {
        "topic": TOPIC,
        "count": number("Keys that are present, on all pages.", 0, 2**53),
        "presences": METAS,
        "next": maybe(
            {
                "type": "string",
                "description": "Ask for the rest with `after` set to this; null at the end.",
            }
        ),
    },
)
SESSIONS: Final = entity(
    "Sessions",
    {
        "sessions": number("Sessions of this process.", 0, 2**53),
        "transports": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "How many of them each transport carries.",
        },
    },
)


@frozen
class Reading:
    """
    Looks around for the API.
    """

    endpoint: Endpoint
    inbox: Inbox

    def operations(self) -> tuple[Operation, ...]:
        """
        Declare what can be asked for.
        """
        return (
            Operation(
                "history",
                "GET",
                "/history/{topic}",
                scope="read",
                summary="Read what a topic keeps, the oldest first",
                handler=self.history,
                fields={"topic": TOPIC},
                query={
                    "since": text("Begin after this id; without it with the oldest.", 64),
                    "limit": LIMIT,
                },
                answer=HISTORY,
                problems=(NOT_FOUND,),
            ),
            Operation(
                "presence",
                "GET",
                "/presence/{topic}",
                scope="read",
                summary="List who is present on a topic",
                handler=self.presence,
                fields={"topic": TOPIC},
                query={
                    "after": {"type": "string", "description": "Begin after this key."},
                    "limit": LIMIT,
                },
                answer=PRESENCE,
                problems=(NOT_FOUND,),
            ),
            Operation(
                "sessions",
                "GET",
                "/sessions",
                scope="read",
                summary="Count the sessions",
                handler=self.sessions,
                answer=SESSIONS,
            ),
        )

    async def history(self, call: Call) -> dict[str, Any]:
        """
        Read a page of a topic's log.
        """
        topic, limit = call.path["topic"], call.query.get("limit", PAGE_DEFAULT)
        if self.endpoint.retention(topic) is None:
            raise Problem(NOT_FOUND, "the topic is none that keeps its history")
        since: str = call.query.get("since", "")
        recovered, size, looked_at = True, 0, 0
        messages: list[dict[str, Any]] = []
        while True:
            asked = min(READ_AT_ONCE, limit - len(messages))
            page = await self.endpoint.engine.read(topic, since, asked)
            if not looked_at and "since" in call.query:
                recovered = page.recovered
            for one in page.publications:
                assert one.id is not None
                looked_at += 1
                if not is_current(one, self.endpoint.tokens.clock(), self.inbox):
                    since = one.id
                    continue
                size += len(orjson.dumps(one.payload))
                if size > PAGE_MAX_BYTES and messages:
                    break
                messages.append({"id": one.id, "event": one.event, "payload": one.payload})
                since = one.id
            # An engine may give fewer than it was asked for: what counts is the head.
            is_end = not page.publications or since >= page.head
            is_full = size > PAGE_MAX_BYTES or len(messages) == limit
            if is_end or is_full or looked_at >= LOOKED_AT_MAX:
                break
        return {
            "topic": topic,
            "messages": messages,
            "recovered": recovered,
            "head": page.head,
            "next": None if is_end else since,
        }

    async def presence(self, call: Call) -> dict[str, Any]:
        """
        List a page of who is present, in the order of their keys.
        """
        topic, limit = call.path["topic"], call.query.get("limit", PAGE_DEFAULT)
        check_served(self.endpoint, topic)
        present = await self.endpoint.presence.list(topic)
        after = call.query.get("after")
        keys = sorted(present if after is None else (key for key in present if key > after))
        page = {key: present[key] for key in islice(keys, limit)}
        return {
            "topic": topic,
            "count": len(present),
            "presences": page,
            "next": keys[limit - 1] if len(keys) > limit else None,
        }

    async def sessions(self, _call: Call) -> dict[str, Any]:
        """
        Count the sessions of this process.
        """
        names = ("longpoll", "websocket")
        return {
            "sessions": self.endpoint.count(),
            "transports": {name: self.endpoint.count(name) for name in names},
        }
