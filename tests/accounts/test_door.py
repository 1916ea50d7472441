"""
What is tried at the door of a server with accounts, over both doors and both transports: forged,
swapped, expired, revoked, oversize; and what of it the log tells.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from doors import DOORS, serving
from itsdangerous import base64_encode

from notifier.accounts import Accounts, UserStore
from notifier.app import DATABASE, Notifier, build
from notifier.channels import Error
from notifier.config import load_config
from notifier.protocol.reasons import NOT_YOURS, TOKEN_REVOKED, USER_DISABLED, Reason
from notifier.session import Claims, Tokens, User
from notifier.transports import refusals

KEY = "k" * 43
SECRET = b"a shared secret of at least 32 bytes!"


def jwt(claims: object, secret: bytes = SECRET, alg: object = "HS256") -> str:
    parts = [base64_encode(orjson.dumps(part)) for part in ({"alg": alg}, claims)]
    text = b".".join(parts)
    return (text + b"." + base64_encode(hmac.digest(secret, text, sha256))).decode()


class House:
    """
    A server that `notifier serve` would run, and the command line's store beside it.
    """

    def __init__(self, http: ClientSession, port: int, server: Notifier, store: UserStore) -> None:
        self.http, self.server, self.store = http, server, store
        self.base = f"http://127.0.0.1:{port}/socket"
        self.tokens = server.endpoint.tokens

    @property
    def accounts(self) -> Accounts:
        load: Any = self.server.endpoint.load_user
        assert isinstance(load.__self__, Accounts)
        return load.__self__

    async def longpoll(self, token: str) -> dict[str, Any]:
        query = {"token": token, "vsn": "2.0.0", "join": "room:lobby"}
        async with self.http.get(f"{self.base}/longpoll", params=query) as response:
            assert response.status == 200
            return await response.json()

    async def resumable(self, token: str) -> dict[str, Any]:
        query = {"token": token, "vsn": "2.0.0", "notifier": "resume"}
        headers = {"x-notifier-seq": "1"}
        line = '["1","1","room:lobby","phx_join",{}]'
        async with self.http.post(
            f"{self.base}/longpoll", params=query, headers=headers, data=line
        ) as response:
            return await response.json()

    async def websocket(self, token: str) -> int:
        """
        Connect, and go; give the status of the handshake.
        """
        query = {"token": token, "vsn": "2.0.0"}
        try:
            async with self.http.ws_connect(f"{self.base}/websocket", params=query):
                return 101
        except WSServerHandshakeError as error:
            return error.status

    async def attach(self, token: str, session: str) -> tuple[int | None, str]:
        """
        Attach a WebSocket to a session; give its close code and reason, or the first frame.
        """
        query = {"token": token, "vsn": "2.0.0", "notifier": session}
        async with self.http.ws_connect(f"{self.base}/websocket", params=query) as ws:
            message = await ws.receive(5)
            if message.type is WSMsgType.TEXT:
                return None, message.data
            return message.data, message.extra


@pytest.fixture(autouse=True)
def _no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "FIRST_DELAY_S", 0.0)


@pytest.fixture(params=DOORS)
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[House]:
    caplog.set_level(logging.DEBUG)
    server = Notifier()
    settings = {"data_dir": str(tmp_path), "jwt_role_claim": "role"}
    app = build(server, load_config(settings, {}, None), [KEY], [SECRET])
    async with serving(request.param, app, server) as port, ClientSession() as http:
        yield House(http, port, server, UserStore(tmp_path / DATABASE))


def good(**more: Any) -> dict[str, Any]:
    return {"sub": "42", "iat": int(time.time()), "exp": int(time.time()) + 60, **more}


BAD: dict[str, tuple[Callable[[Tokens], str], str]] = {
    "forged": (
        lambda _: Tokens(["other"], time.time, 60).sign_user(User("42", "operator")),
        "token_invalid",
    ),
    "expired": (
        lambda t: Tokens(t.keys, lambda: time.time() - 99, 60).sign_user(User("42"), 60),
        "token_expired",
    ),
    "from the future": (
        lambda t: Tokens(t.keys, lambda: time.time() + 999, 60).sign_user(User("42")),
        "token_invalid",
    ),
    "signed by the salt of the back office": (
        lambda t: str(t.serializer("backoffice").dumps({"id": "42", "role": "operator"})),
        "token_invalid",
    ),
    "signed by another salt": (
        lambda t: str(t.serializer("users").dumps({"id": "42", "role": "operator"})),
        "token_invalid",
    ),
    "a session token without its prefix": (
        lambda t: t.sign_session("s1").removeprefix("nts_"),
        "token_invalid",
    ),
    "oversize": (lambda _: "A" * 5_000, "token_invalid"),
    "oversize and well signed": (lambda _: jwt(good(more="x" * 5_000)), "token_invalid"),
    "oversize id": (lambda _: jwt(good(sub="x" * 256)), "token_invalid"),
    "empty id": (lambda _: jwt(good(sub="")), "token_invalid"),
    "alg none": (lambda _: jwt(good(), alg="none").rpartition(".")[0] + ".", "token_invalid"),
    "alg none, signed": (lambda _: jwt(good(), alg="none"), "token_invalid"),
    "alg HS512": (lambda _: jwt(good(), alg="HS512"), "token_invalid"),
    "alg RS256": (lambda _: jwt(good(), alg="RS256"), "token_invalid"),
    "JWT with our key": (lambda _: jwt(good(), KEY.encode()), "token_invalid"),
    "JWT with a foreign key": (lambda _: jwt(good(), b"x" * 32), "token_invalid"),
    "JWT expired": (lambda _: jwt(good(exp=int(time.time()) - 1)), "token_expired"),
    "JWT for others": (lambda _: jwt(good(aud="others")), "token_invalid"),
    "JWT with a role that is none": (lambda _: jwt(good(role="root")), "token_invalid"),
    "garbage": (lambda _: "SECRET.\x00.é", "token_invalid"),
}


async def test_bad_token_opens_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """
    On neither transport, whichever way; the answer says why, and the log has nothing of the token.
    """
    for name, (make, reason) in BAD.items():  # in one test, since a server takes its time to start
        token = make(house.tokens)
        for answer in (await house.longpoll(token), await house.resumable(token)):
            assert (name, answer["status"], answer["reason"]) == (name, 403, reason)
        assert (name, await house.websocket(token)) == (name, 403)
        for part in (token, *token.split(".")):
            assert len(part) < 8 or part not in caplog.text, name
    assert house.server.endpoint.count() == 0
    await house.accounts.write()
    assert house.store.count() == 0


@pytest.mark.parametrize("kind", ["ours", "JWT"])
async def test_user_is_let_in_kept_out_and_let_in_again(
    house: House, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    With either kind of token; sessions end at once, and each refusal says why.
    """
    token = house.tokens.sign_user(User("42")) if kind == "ours" else jwt(good())
    opened = await house.longpoll(token)
    assert (opened["status"], await house.websocket(token)) == (200, 101)
    await house.accounts.disable("42")
    poll = await house.longpoll(opened["token"])
    assert (poll["status"], poll["reason"]) == (500, "disconnected")
    refused = await house.longpoll(token)
    assert (refused["status"], refused["reason"]) == (403, "user_disabled")
    assert await house.websocket(token) == 403
    await house.accounts.enable("42")
    await house.accounts.revoke("42")
    refused = await house.longpoll(token)
    assert (refused["status"], refused["reason"]) == (403, "token_revoked")
    assert await house.websocket(token) == 403
    assert "token_revoked" in caplog.text
    for secret in (token, token.rpartition(".")[2], opened["token"], KEY, SECRET.decode()):
        assert secret not in caplog.text


async def test_token_without_a_time_is_void_after_any_revocation(house: House) -> None:
    """
    It counts as issued in 1970.
    """
    token = jwt({"sub": "42", "exp": int(time.time()) + 60})
    assert (await house.longpoll(token))["status"] == 200
    await house.accounts.write()
    UserStore(house.store.path, clock=lambda: 1.0).revoke("42")
    await house.accounts.refresh()
    assert (await house.longpoll(token))["reason"] == "token_revoked"
    assert (await house.longpoll(jwt(good())))["status"] == 200


@pytest.mark.parametrize(
    "id", ["'; DROP TABLE users; --", "42' OR '1'='1", "%", "a\x00b", "\x1b[2J", "../42", "💌"]
)
async def test_id_is_only_ever_compared(house: House, id: str) -> None:
    """
    Whatever is in it: one user is let in, is added, and is kept out; others are not.
    """
    token, other = house.tokens.sign_user(User(id)), house.tokens.sign_user(User("42"))
    assert (await house.longpoll(token))["status"] == 200
    await house.accounts.disable(id)
    assert (await house.longpoll(token))["reason"] == "user_disabled"
    assert (await house.longpoll(other))["status"] == 200
    assert {one.id for one in await house.accounts.page()} == {id, "42"}


@pytest.mark.parametrize(
    ("change", "reason"), [("disable", USER_DISABLED), ("revoke", TOKEN_REVOKED)]
)
async def test_nobody_attaches_who_is_kept_out(house: House, change: str, reason: Reason) -> None:
    """
    Not even in the moment before the session is ended.
    """
    token = house.tokens.sign_user(User("42"))
    session = (await house.resumable(token))["token"]
    code, frame = await house.attach(token, session)
    assert (code, "probe" in frame) == (None, True)
    await house.accounts.write()
    getattr(house.store, change)("42")
    _, changed = house.store.changes_since(0, everyone=False)
    house.accounts.access.apply(changed)  # what `refresh` does, which then ends the sessions
    assert await house.attach(token, session) == (4403, reason.text)


async def test_nobody_attaches_to_the_session_of_another(house: House) -> None:
    """
    With a good token of one's own, a void one, or none of ours.
    """
    session = (await house.resumable(house.tokens.sign_user(User("42"))))["token"]
    for token in (house.tokens.sign_user(User("43", "operator")), "x", "A" * 5_000):
        assert await house.attach(token, session) == (4403, NOT_YOURS.text)


async def test_application_may_refuse_at_the_attach(house: House) -> None:
    """
    `load_user` is asked again: what was true when the session was opened may be so no more.
    """
    token = house.tokens.sign_user(User("42"))
    session = (await house.resumable(token))["token"]

    async def refuse(_: Claims) -> User | Error:
        return Error({"reason": "moved_away", "message": "you have moved away"})

    house.accounts.inner = refuse
    assert await house.attach(token, session) == (4403, "you have moved away")


async def test_application_that_returns_something_else_lets_nobody_in(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Its author is told what may be returned, the client nothing.
    """

    async def wrong(_: Claims) -> Any:
        return {"id": "42"}

    house.accounts.inner = wrong
    refused = await house.longpoll(house.tokens.sign_user(User("42")))
    assert (refused["status"], refused["reason"]) == (403, "connect_crashed")
    assert "load_user must return a User or Error(reason), got an object with 1 keys" in caplog.text
