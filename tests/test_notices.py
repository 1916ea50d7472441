"""
The application that ships: who may join what, and who may send.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from doors import DOORS, serving
from jwt.api_jwt import PyJWT

import notifier
from notifier import Claims, Error, JwtRules, Notifier, User
from notifier.engine import MemoryEngine
from notifier.errors import EngineError
from notifier.inbox import TO_EVERYONE, InvalidNotice, ToUsers
from notifier.notices import EVERYONE, send_notice, socket_id


class Desk:
    """
    A server of the application that ships, and clients on long-polling.
    """

    def __init__(self, http: ClientSession, port: int, server: Notifier) -> None:
        self.http = http
        self.url = f"http://127.0.0.1:{port}/socket/longpoll"
        self.server = server

    def token(self, user: str, role: str = "customer") -> str:
        return self.server.endpoint.tokens.sign_user(User(user, role))

    async def get(self, **query: Any) -> dict[str, Any]:
        query.setdefault("pretty", "1")
        async with self.http.get(self.url, params=query) as response:
            return await response.json()

    async def joined(self, user: str, topic: str, role: str = "customer") -> tuple[str, Any]:
        """
        Connect and join; give the session token and the join's reply.
        """
        answer = await self.get(token=self.token(user, role), join=topic, vsn="2.0.0")
        (reply,) = answer["messages"]
        return answer["token"], reply[4]

    async def push(self, token: str, topic: str, payload: object, event: str = "new_msg") -> Any:
        message = ["1", "2", topic, event, payload]
        async with self.http.post(self.url, params={"token": token}, json=message) as response:
            assert (await response.json()) == {"status": 200}
        return await self.get(token=token)


@pytest.fixture(params=DOORS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    app = web.Application()
    server = notifier.setup(app, keys=["k"])
    async with serving(request.param, app, server) as port, ClientSession() as http:
        yield Desk(http, port, server)


OK = {"status": "ok", "response": {}}
FORBIDDEN = {"status": "error", "response": {"reason": "forbidden"}}


@pytest.mark.parametrize(
    ("user", "role", "topic", "reply"),
    [
        ("alice", "customer", "room:lobby", OK),
        ("alice", "customer", "room:other", OK),
        ("alice", "customer", "user:alice", OK),
        ("alice", "customer", "user:bob", FORBIDDEN),
        ("alice", "customer", "user:", FORBIDDEN),
        ("ada", "operator", "user:bob", OK),
        ("ada", "operator", "room:lobby", OK),
    ],
)
async def test_topics_let_in_whom_they_are_for(
    desk: Desk, user: str, role: str, topic: str, reply: object
) -> None:
    """
    A room lets in any user, a user's topic that user and operators.
    """
    got = (await desk.joined(user, topic, role))[1]
    got["response"].pop("head", None)
    assert got == reply


async def test_me_tells_whose_the_token_is(desk: Desk) -> None:
    """
    With the role, for the client to know which topics are its own.
    """
    for user, role in (("alice", "customer"), ("ada", "operator")):
        reply = (await desk.joined(user, "me", role))[1]
        assert reply == {"status": "ok", "response": {"id": user, "role": role}}


async def test_room_notes_who_has_read_only_with_an_inbox(desk: Desk) -> None:
    """
    Without one a page that marks is told so.
    """
    token, _ = await desk.joined("alice", "room:lobby")
    (reply,) = (await desk.push(token, "room:lobby", {"ids": []}, "seen"))["messages"]
    assert reply[4] == {"status": "error", "response": {"reason": "no inbox"}}


@pytest.fixture(params=DOORS)
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    app = web.Application()
    server = notifier.setup(app, keys=["k"], notices=tmp_path / "notices.db")
    async with serving(request.param, app, server) as port, ClientSession() as http:
        yield Desk(http, port, server)


async def test_sender_learns_who_has_read_in_a_room(kept: Desk) -> None:
    """
    Each user once; the answer says nothing of others.
    """
    token, _ = await kept.joined("alice", "room:lobby")
    inbox = kept.server.inbox
    sent = await inbox.send(TO_EVERYONE, {"body": "hi"}, "ada")
    token = (await kept.get(token=token))["token"]
    for payload in ({"id": sent.id}, {"ids": [sent.id, "none"]}):
        answer = await kept.push(token, "room:lobby", payload, "seen")
        assert [message[4] for message in answer["messages"]] == [OK]
        token = answer["token"]
    status = await inbox.status(sent.id)
    assert status is not None
    assert (status.reached, status.delivered, status.read) == (1, 0, 1)


@pytest.mark.parametrize("payload", [{}, {"ids": "x"}, {"ids": [1]}, {"ids": ["x"] * 1_001}])
async def test_room_says_what_it_expected_when_ids_are_none(kept: Desk, payload: object) -> None:
    """
    The channel lives on.
    """
    if payload == {"ids": ["x"] * 1_001}:
        payload = {"ids": [str(number) for number in range(1_001)]}
    token, _ = await kept.joined("alice", "room:lobby")
    answer = await kept.push(token, "room:lobby", payload, "seen")
    (reply,) = answer["messages"]
    assert reply[4]["response"]["reason"] == "invalid payload"
    (reply,) = (await kept.push(answer["token"], "room:lobby", {"id": "x"}, "seen"))["messages"]
    assert reply[4] == OK


async def test_customer_may_not_send(desk: Desk) -> None:
    """
    Its message gets an error reply, and reaches nobody.
    """
    token, _ = await desk.joined("alice", "room:lobby")
    answer = await desk.push(token, "room:lobby", {"body": "hi"})
    assert [message[3:] for message in answer["messages"]] == [["phx_reply", FORBIDDEN]]


async def test_operator_sends_a_notice(desk: Desk) -> None:
    """
    Everyone in the room gets it with an id that sorts, the sender and the time; the
    operator, once it is stored, how many that were.
    """
    token, _ = await desk.joined("ada", "room:lobby", "operator")
    other, _ = await desk.joined("alice", "room:lobby")
    answer = await desk.push(token, "room:lobby", {"body": "one"})
    first, *rest = answer["messages"]
    (reply,) = rest or (await desk.get(token=answer["token"]))["messages"]
    assert reply[4] == {"status": "ok", "response": {"id": first[4]["id"], "reached": 2}}
    assert first[:4] == [None, None, "room:lobby", "new_msg"]
    notice = first[4]
    assert (notice["body"], notice["from"]) == ("one", "ada")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", notice["at"])
    assert set(notice) == {"id", "body", "from", "at"}
    assert (await desk.get(token=other))["messages"] == [first]


@pytest.mark.parametrize("payload", [{}, {"body": ""}, {"body": 5}, [], None, "hi"])
async def test_notice_is_refused_when_it_has_no_body(desk: Desk, payload: object) -> None:
    """
    The reply says what was expected; the channel lives on.
    """
    token, _ = await desk.joined("ada", "room:lobby", "operator")
    answer = await desk.push(token, "room:lobby", payload)
    (reply,) = answer["messages"]
    assert reply[4]["status"] == "error"
    assert reply[4]["response"]["reason"] == "invalid payload"
    assert (await desk.push(answer["token"], "room:lobby", {"body": "x"}))["messages"]


async def test_operator_hears_that_a_notice_could_not_be_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A full disk is no crash: the reply says so, and the channel lives on.
    """

    async def full(*_: object) -> None:
        raise EngineError("store", "the disk is full")

    token, _ = await desk.joined("ada", "room:lobby", "operator")
    monkeypatch.setattr(MemoryEngine, "publish", full)
    answer = await desk.push(token, "room:lobby", {"body": "x"})
    monkeypatch.undo()
    (reply,) = answer["messages"]
    assert reply[4] == {"status": "error", "response": {"reason": "not stored"}}
    assert (await desk.push(answer["token"], "room:lobby", {"body": "x"}))["messages"]


async def test_receipt_counts_the_sessions_reached(desk: Desk) -> None:
    """
    Sessions that have joined, not users that exist.
    """
    for _ in range(2):
        await desk.joined("alice", "user:alice")
    await desk.joined("bob", "room:lobby")
    endpoint = desk.server.endpoint
    assert (await send_notice(endpoint, "user:alice", "hi", "ada")).reached == 2
    assert (await send_notice(endpoint, EVERYONE, "hi", "ada")).reached == 1
    assert (await send_notice(endpoint, "user:nobody", "hi", "ada")).reached == 0


async def test_user_topic_has_no_inbox_unless_it_is_given_one(desk: Desk) -> None:
    """
    All else is as with one: fields are checked and go out, and the log brings what was missed.
    """
    token, reply = await desk.joined("alice", "user:alice")
    assert set(reply["response"]) == {"head"}
    answer = await desk.push(token, "user:alice", {"ids": []}, "seen")
    (refused,) = answer["messages"]
    assert refused[4] == {"status": "error", "response": {"reason": "no inbox"}}
    with pytest.raises(InvalidNotice):
        await send_notice(desk.server.endpoint, "user:alice", "hi", "ada", level="loud")
    await send_notice(desk.server.endpoint, "user:alice", "hi", "ada", level="urgent")
    (notice,) = (await desk.get(token=answer["token"]))["messages"]
    assert (notice[3], notice[4]["level"]) == ("new_msg", "urgent")
    operator, _ = await desk.joined("ada", "user:alice", "operator")
    answer = await desk.push(operator, "user:alice", {"body": "b", "title": "t"})
    assert {message[3] for message in answer["messages"]} <= {"new_msg", "phx_reply"}
    with pytest.raises(RuntimeError, match="this Notifier has no inbox"):
        _ = desk.server.inbox


async def test_embedded_inbox_keeps_what_is_sent_to_who_is_away(tmp_path: Path) -> None:
    """
    Over a restart, although the log is in memory.
    """
    for is_first in (True, False):
        app = web.Application()
        server = notifier.setup(app, keys=["k"], notices=tmp_path / "notices.db")
        async with serving("aiohttp", app, server) as port, ClientSession() as http:
            if is_first:
                await server.inbox.send(ToUsers(["alice"]), {"body": "hi"}, "ada")
            else:
                desk = Desk(http, port, server)
                query = {"token": desk.token("alice"), "join": "user:alice", "vsn": "2.0.0"}
                answer = await desk.get(**query)
                messages = answer["messages"]
                if len(messages) < 2:
                    messages += (await desk.get(token=answer["token"]))["messages"]
                assert messages[0][4]["response"]["unread"] == 1
                assert messages[1][4]["body"] == "hi"


async def test_user_is_thrown_out(desk: Desk) -> None:
    """
    All its sessions end, each told why; others stay.
    """
    gone, _ = await desk.joined("alice", "room:lobby")
    stays, _ = await desk.joined("bob", "room:lobby")
    assert await desk.server.disconnect(socket_id("alice")) == 1
    answer = await desk.get(token=gone)
    assert (answer["status"], answer["reason"]) == (500, "disconnected")
    await send_notice(desk.server.endpoint, EVERYONE, "hi", "ada")
    assert (await desk.get(token=stays))["status"] == 200


@pytest.mark.parametrize(
    ("token", "reason"),
    [(None, "token_missing"), ("", "token_missing"), ("garbage", "token_invalid")],
)
async def test_door_stays_shut_without_a_good_token(
    desk: Desk, token: str | None, reason: str
) -> None:
    """
    The refusal says what is wrong and how to get a good one.
    """
    answer = await desk.get(**({} if token is None else {"token": token}))
    assert (answer["status"], answer["reason"]) == (403, reason)
    assert "notifier token" in answer["message"]


async def test_door_stays_shut_when_the_token_has_expired(desk: Desk) -> None:
    """
    The refusal says since when.
    """
    tokens = desk.server.endpoint.tokens
    tokens.clock, clock = (lambda: time.time() - 100), tokens.clock
    token = notifier.setup(web.Application(), keys=["k"], clock=tokens.clock)
    old = token.endpoint.tokens.sign_user(User("alice"), max_age=60)
    tokens.clock = clock
    answer = await desk.get(token=old)
    assert (answer["status"], answer["reason"]) == (403, "token_expired")
    assert re.fullmatch(r"the token expired (39|40|41) s ago", answer["message"])


async def test_user_is_whom_the_application_loads() -> None:
    """
    Embedded, without accounts: it sees what the token says, and may refuse.
    """
    seen: list[Claims] = []

    async def load_user(claims: Claims) -> User | Error:
        seen.append(claims)
        return Error("no_such_customer") if claims.user.id == "eve" else User("ann", "operator")

    app, secret = web.Application(), b"a shared secret of at least 32 bytes!"
    server = notifier.setup(
        app, keys=["k"], load_user=load_user, jwt=JwtRules(secrets=[secret]), clock=lambda: 1_000.0
    )
    async with serving("front", app, server) as port, ClientSession() as http:
        desk = Desk(http, port, server)
        _, reply = await desk.joined("42", "user:anyone")
        assert reply["status"] == "ok"
        refused = await desk.get(token=desk.token("eve"))
        assert (refused["status"], refused["reason"]) == (403, "no_such_customer")
        token = PyJWT().encode({"sub": "7", "iat": 999, "plan": "paid"}, secret)
        assert (await desk.get(token=token, join="room:lobby"))["status"] == 200
    assert [one.user.id for one in seen] == ["42", "eve", "7"]
    assert (seen[2].issued_at, seen[2].data["plan"]) == (999, "paid")
