"""
Users and their tokens.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy.exc import OperationalError

from api.caller import Caller, Clock, Told
from notifier.accounts import Accounts, UserStore
from notifier.api.operations import Call
from notifier.api.people import People
from notifier.api.problems import Problem
from notifier.errors import EngineError


async def connect(caller: Caller, token: str) -> Any:
    params = {"token": token, "vsn": "2.0.0"}
    async with caller.http.get("/socket/longpoll", params=params) as answer:
        return await answer.json()


async def token_for(caller: Caller, user: str, **more: object) -> Told:
    return await caller.ask("POST", "/tokens", {"user": user, **more})


async def test_user_is_told_when_it_is_made(caller: Caller) -> None:
    """
    Whatever the id: a slash, a blank, a quote are letters like others.
    """
    for id in ("42", "a/b c", "x'; DROP TABLE users; --", "ä€😀", "a%2Fb", "a+b?c#d"):
        made = await caller.ask("POST", "/users", {"id": id, "name": "Ann", "role": "operator"})
        assert made.status == 201
        assert made.body == {
            "id": id,
            "name": "Ann",
            "role": "operator",
            "disabled": False,
            "revoked_at": None,
            "created_at": "2027-01-15T08:00:00Z",
            "sessions": 0,
        }
        assert (await caller.ask("GET", f"/users/{quote(id, safe='')}")).body == made.body
        assert (await caller.ask("POST", "/users", {"id": id})).kind == "Conflict"


async def test_user_is_refused_when_it_cannot_be_shown(caller: Caller) -> None:
    """
    Control characters, and a role that is none.
    """
    for body, field in (
        ({"id": "a\nb"}, "/id"),
        ({"id": "x" * 256}, "/id"),
        ({"id": "a", "role": "admin"}, "/role"),
        ({"id": "a", "name": "a\x00"}, "/name"),
        ({"id": "a", "name": "a\u2028b"}, "/name"),
    ):
        told = await caller.ask("POST", "/users", body)
        assert (told.kind, told.fields) == ("NotValid", [field])


async def test_users_are_listed_by_page(caller: Caller) -> None:
    """
    In the order of their ids, each once.
    """
    for id in "dbace":
        await caller.ask("POST", "/users", {"id": id})
    found, after = list[str](), ""
    for _ in range(3):
        page = (await caller.ask("GET", f"/users?limit=2{after}")).body
        found += [user["id"] for user in page["users"]]
        after = f"&after={page['next']}"
    assert (found, page["next"]) == (list("abcde"), None)


@pytest.mark.parametrize("verb", ["", "/disable", "/enable", "/revoke"])
async def test_user_is_not_found_when_there_is_none(caller: Caller, verb: str) -> None:
    """
    404, and nobody is made by it.
    """
    assert (await caller.ask("POST" if verb else "GET", f"/users/nobody{verb}")).kind == "NotFound"
    assert (await caller.ask("GET", "/users")).body["users"] == []


async def test_token_opens_a_session_when_it_is_new(caller: Caller) -> None:
    """
    As who it was made for, and for as long.
    """
    told = await token_for(caller, "ann", max_age_s=60)
    assert (told.status, told.body["expires_at"]) == (201, "2027-01-15T08:01:00Z")
    user = caller.notifier.endpoint.tokens.verify_user(told.body["token"])
    assert (user.id, user.role) == ("ann", "customer")
    assert (await connect(caller, told.body["token"]))["status"] == 410  # opened
    assert (await caller.ask("GET", "/users/ann")).body["sessions"] == 1


async def test_token_has_the_users_role_when_none_is_named(caller: Caller) -> None:
    """
    One that is named counts over it.
    """
    await caller.ask("POST", "/users", {"id": "ada", "role": "operator"})
    tokens = caller.notifier.endpoint.tokens
    told = await token_for(caller, "ada")
    assert tokens.verify_user(told.body["token"]).role == "operator"
    told = await token_for(caller, "ada", role="customer")
    assert tokens.verify_user(told.body["token"]).role == "customer"


async def test_user_is_thrown_out_and_may_return(caller: Caller) -> None:
    """
    Disconnect ends the sessions there are, and no more.
    """
    token = (await token_for(caller, "a/b")).body["token"]
    await connect(caller, token)
    await connect(caller, token)
    assert (await caller.ask("POST", "/users/a%2Fb/disconnect")).body == {"ended": 2}
    assert (await caller.ask("POST", "/users/a%2Fb/disconnect")).body == {"ended": 0}
    assert (await connect(caller, token))["status"] == 410


async def test_user_is_kept_out_when_disabled(caller: Caller) -> None:
    """
    The sessions end, the token opens nothing, no other is made; until it is enabled.
    """
    token = (await token_for(caller, "ann")).body["token"]
    await connect(caller, token)
    told = await caller.ask("POST", "/users/ann/disable")
    assert (told.body["disabled"], told.body["sessions"]) == (True, 0)
    assert (await connect(caller, token))["reason"] == "user_disabled"
    assert (await token_for(caller, "ann")).kind == "Conflict"
    assert (await caller.ask("POST", "/users/ann/enable")).body["disabled"] is False
    assert (await connect(caller, token))["status"] == 410


async def test_tokens_are_void_when_revoked(caller: Caller, clock: Clock) -> None:
    """
    Those issued before; one that is made later is good.
    """
    token = (await token_for(caller, "ann")).body["token"]
    await connect(caller, token)
    told = await caller.ask("POST", "/users/ann/revoke")
    assert (told.body["revoked_at"], told.body["sessions"]) == ("2027-01-15T08:00:00Z", 0)
    assert (await connect(caller, token))["reason"] == "token_revoked"
    clock.now += 1
    token = (await token_for(caller, "ann")).body["token"]
    assert (await connect(caller, token))["status"] == 410


async def test_token_waits_when_the_second_of_a_revocation_is_not_over(
    caller: Caller, accounts: Accounts, clock: Clock
) -> None:
    """
    It would be void; where the clock stands still that is told.
    """
    await caller.ask("POST", "/users", {"id": "ann"})
    await caller.ask("POST", "/users/ann/revoke")

    async def pass_time(seconds: float) -> None:
        clock.now += seconds

    async def stand_still(_seconds: float) -> None:
        pass

    call = Call("host", body={"user": "ann"})
    endpoint = caller.notifier.endpoint
    with pytest.raises(Problem, match="Conflict"):
        await People(accounts, endpoint, stand_still).token(call)
    made = await People(accounts, endpoint, pass_time).token(call)
    assert (await connect(caller, made["token"]))["status"] == 410


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/users", None),
        ("GET", "/users/ann", None),
        ("POST", "/users", {"id": "bob"}),
        ("POST", "/users/ann/disable", None),
        ("POST", "/tokens", {"user": "ann"}),
    ],
)
async def test_request_is_refused_when_the_users_cannot_be_asked_for(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: object
) -> None:
    """
    Nothing was done, and it may be sent again.
    """

    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(UserStore, "_session", fail)
    assert (await caller.ask(method, path, body)).kind == "Unavailable"


async def test_change_is_not_called_undone_when_only_its_sessions_could_not_be_ended(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The user is disabled by then: 500 says that it is not known how far it came.
    """

    async def fail(*_: object) -> None:
        raise EngineError("publish", "it is not there")

    await caller.ask("POST", "/users", {"id": "ann"})
    monkeypatch.setattr(caller.notifier.endpoint.__class__, "disconnect", fail)
    assert (await caller.ask("POST", "/users/ann/disable")).kind == "Failed"
    assert (await caller.ask("GET", "/users/ann")).body["disabled"] is True
