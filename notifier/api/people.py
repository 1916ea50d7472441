"""
`/users` and `/tokens`: who may connect, with what, and for how long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen

from notifier.accounts import Account, Accounts, UserExists, UserUnknown
from notifier.accounts.users import NAME_MAX_CHARACTERS
from notifier.api.operations import Call, Handler, Operation
from notifier.api.problems import CONFLICT, NOT_FOUND, Problem
from notifier.api.reading import LIMIT, PAGE_DEFAULT
from notifier.api.shapes import ANY_USER_ID, ONE_LINE, USER_ID, Shape, entity, maybe, number, text
from notifier.channels import Endpoint
from notifier.notices import socket_id
from notifier.protocol.reasons import TOKEN_REVOKED, Reason
from notifier.session import Claims, User
from notifier.session.claims import ROLES

MAX_AGE_MAX_S: Final = 315_360_000
"""Ten years: whoever wants a token for longer wants none that expires."""

REVOKED_TRIES: Final = 20
REVOKED_PAUSE_S: Final = 0.1
"""Tokens know whole seconds: one asked for in the second of a revocation waits for its end."""

ROLE: Final[Shape] = {
    "enum": list(ROLES),
    "description": "An operator may send notices to others.",
}
TIME: Final = {"type": "string", "format": "date-time", "description": "UTC."}
NAME: Final = maybe(text("For people to read, in one line.", NAME_MAX_CHARACTERS, format=ONE_LINE))

NEW_USER: Final = entity("NewUser", {"id": USER_ID}, name=NAME, role=ROLE)
USER: Final = entity(
    "User",
    {
        "id": ANY_USER_ID,
        "name": maybe({"type": "string"}),
        "role": ROLE,
        "disabled": {"type": "boolean", "description": "Kept out until it is enabled."},
        "revoked_at": {
            **maybe(TIME),
            "description": "Tokens issued then or earlier are void; null where none are.",
        },
        "created_at": TIME,
        "sessions": number("Sessions in this process.", 0, 2**53),
    },
)
USERS: Final = entity(
    "Users",
    {
        "users": {"type": "array", "items": USER, "description": "In the order of their ids."},
        "next": maybe(
            {
                "type": "string",
                "description": "Ask for the rest with `after` set to this; null at the end.",
            }
        ),
    },
)
ENDED: Final = entity("Ended", {"ended": number("Sessions that were ended.", 0, 2**53)})
NEW_TOKEN: Final = entity(
    "NewToken",
    {"user": USER_ID},
    role={**ROLE, "description": "That of the user where it is left out, or else customer."},
    max_age_s=number(
        "Seconds that it is good; `token_max_age_s` of the server where it is left out.",
        1,
        MAX_AGE_MAX_S,
    ),
)
TOKEN: Final = entity(
    "Token",
    {
        "token": text("What the client connects with.", 2_000),
        "expires_at": TIME,
    },
)


@frozen
class People:
    """
    Keeps users for the API.
    """

    accounts: Accounts
    endpoint: Endpoint
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    def operations(self) -> tuple[Operation, ...]:
        """
        Declare what can be asked for.
        """
        return (
            Operation(
                "createUser",
                "POST",
                "/users",
                scope="users",
                summary="Add a user",
                doc="Answered 409 where the id is taken, also by one who came with a good token.",
                handler=self.create,
                body=NEW_USER,
                answer=USER,
                status=201,
                problems=(CONFLICT,),
            ),
            Operation(
                "listUsers",
                "GET",
                "/users",
                scope="users",
                summary="List the users",
                handler=self.list,
                query={
                    "after": {
                        "type": "string",
                        "maxLength": ANY_USER_ID["maxLength"],
                        "description": "Begin after this id.",
                    },
                    "limit": LIMIT,
                },
                answer=USERS,
            ),
            self._about_one("getUser", "GET", "", "Look a user up", self.get),
            Operation(
                "disconnectUser",
                "POST",
                "/users/{id}/disconnect",
                scope="users",
                summary="End a user's sessions; the user may come back",
                handler=self.disconnect,
                fields={"id": ANY_USER_ID},
                answer=ENDED,
            ),
            self._about_one(
                "disableUser",
                "POST",
                "/disable",
                "Keep a user out, and end the user's sessions",
                self._changing(self.accounts.disable),
            ),
            self._about_one(
                "enableUser",
                "POST",
                "/enable",
                "Let a user in again",
                self._changing(self.accounts.enable),
            ),
            self._about_one(
                "revokeUser",
                "POST",
                "/revoke",
                "Make a user's tokens void, and end the user's sessions",
                self._changing(self.accounts.revoke),
            ),
            Operation(
                "createToken",
                "POST",
                "/tokens",
                scope="tokens",
                summary="Make a token with which a user connects",
                doc="The user need not be known, unless the server takes only those "
                "(`create_users = false`). Answered 409 for a user who is kept out.",
                handler=self.token,
                body=NEW_TOKEN,
                answer=TOKEN,
                status=201,
                problems=(CONFLICT,),
            ),
        )

    async def create(self, call: Call) -> dict[str, Any]:
        """
        Add a user; raise Problem where there is one of that id.
        """
        body = call.body
        try:
            account = await self.accounts.create(
                body["id"], body.get("name"), body.get("role", ROLES[0])
            )
        except UserExists as error:
            raise Problem(CONFLICT, "a user of this id exists already") from error
        return self._told(account)

    async def list(self, call: Call) -> dict[str, Any]:
        """
        List a page of users.
        """
        limit = call.query.get("limit", PAGE_DEFAULT)
        page = await self.accounts.page(limit, call.query.get("after", ""))
        return {
            "users": [self._told(account) for account in page],
            "next": page[-1].id if len(page) == limit else None,
        }

    async def get(self, call: Call) -> dict[str, Any]:
        """
        Look a user up; raise Problem for one who is not known.
        """
        account = await self.accounts.get(call.path["id"])
        if account is None:
            raise _unknown()
        return self._told(account)

    async def disconnect(self, call: Call) -> dict[str, Any]:
        """
        End a user's sessions, known here or not.
        """
        return {"ended": await self.endpoint.disconnect(socket_id(call.path["id"]))}

    async def token(self, call: Call) -> dict[str, Any]:
        """
        Make a token that is good at the door; raise Problem for a user kept out.
        """
        id, max_age = call.body["user"], call.body.get("max_age_s")
        role = call.body.get("role")
        if role is None:
            account = await self.accounts.get(id)
            role = ROLES[0] if account is None else account.role
        user, tokens = User(id, role), self.endpoint.tokens
        if refused := await self._refusal(user):
            raise Problem(CONFLICT, f"the user is kept out: {refused.text}")
        token = tokens.sign_user(user, None if max_age is None else int(max_age))
        return {"token": token, "expires_at": _iso(tokens.read(token).expires_at)}

    async def _refusal(self, user: User) -> Reason | None:
        """
        Tell why a token that is issued now would open nothing.
        """
        refused: Reason | None = None
        for _ in range(REVOKED_TRIES):
            now = int(self.endpoint.tokens.clock())
            refused = self.accounts.access.refusal(Claims(user, issued_at=now, expires_at=now))
            if refused is not TOKEN_REVOKED:
                break
            await self.sleep(REVOKED_PAUSE_S)
        return refused

    def _about_one(
        self, name: str, method: str, verb: str, summary: str, handler: Handler
    ) -> Operation:
        return Operation(
            name,
            method,
            f"/users/{{id}}{verb}",
            scope="users",
            summary=summary,
            handler=handler,
            fields={"id": ANY_USER_ID},
            answer=USER,
            problems=(NOT_FOUND,),
        )

    def _changing(self, change: Callable[[str], Awaitable[Account]]) -> Handler:
        async def handle(call: Call) -> dict[str, Any]:
            try:
                return self._told(await change(call.path["id"]))
            except UserUnknown as error:
                raise _unknown() from error

        return handle

    def _told(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "name": account.name,
            "role": account.role,
            "disabled": account.is_disabled,
            "revoked_at": None if account.revoked_at is None else _iso(account.revoked_at),
            "created_at": _iso(account.created_at),
            "sessions": self.endpoint.count_by_id().get(socket_id(account.id), 0),
        }


def _unknown() -> Problem:
    return Problem(NOT_FOUND, "there is no user of this id")


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
