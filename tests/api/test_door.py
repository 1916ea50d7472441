"""
Who is let in: keys that are good, revoked, wrong, too fast, of too small a scope.
"""

from __future__ import annotations

from pathlib import Path
from unittest.mock import ANY

import pytest
from sqlalchemy.exc import OperationalError

from api.caller import Caller, Clock
from notifier.api import ApiKeyStore
from notifier.api.door import KEYS_KEPT_S
from notifier.api.rates import FREE_WRONG_KEYS
from notifier.session import User


async def test_no_key_is_told_how_to_bring_one(caller: Caller) -> None:
    """
    401 with a challenge, and nothing of what was asked for.
    """
    told = await caller.having(None).ask("GET", "/sessions")
    assert (told.status, told.kind) == (401, "Unauthorized")
    assert told.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic bnRhXw==",
        "Bearer nta_",
        "Bearer ' OR 1=1 --",
        "Bearer \udcff\udcfe",
        "Bearer " + "x" * 4_000,
    ],
)
async def test_header_is_refused_when_it_holds_no_key(caller: Caller, value: str) -> None:
    """
    Other schemes, cut, strange and long ones are all the same 401.
    """
    headers = {"Authorization": value}
    told = await caller.having(None).ask("GET", "/sessions", headers=headers)
    assert told.kind == "Unauthorized"
    assert value.partition(" ")[2][:30] == "" or value[7:] not in str(told.body)


async def test_key_is_good_only_whole(caller: Caller) -> None:
    """
    A letter more, less or other is another key; the scheme's case is nothing.
    """
    key = str(caller.key)
    for other in (key[:-1], f"{key}x", key.swapcase(), key[:-1] + ("A" if key[-1] != "A" else "B")):
        assert (await caller.having(other).ask("GET", "/sessions")).status == 401
    headers = {"Authorization": f"bearer {key}"}
    assert (await caller.ask("GET", "/sessions", headers=headers)).status == 200


async def test_customers_token_is_no_key(caller: Caller) -> None:
    """
    Neither a customer's nor an operator's token, nor a session's opens the API.
    """
    tokens = caller.notifier.endpoint.tokens
    for token in (
        tokens.sign_user(User("ann")),
        tokens.sign_user(User("ada", "operator")),
        tokens.sign_session("a session"),
    ):
        assert (await caller.having(token).ask("GET", "/sessions")).status == 401


async def test_key_is_no_users_token(caller: Caller) -> None:
    """
    And a key opens no session.
    """
    async with caller.http.get("/socket/longpoll", params={"token": str(caller.key)}) as answer:
        assert (await answer.json())["status"] == 403


async def test_key_in_the_query_is_none(caller: Caller) -> None:
    """
    A key belongs in the header: an URL ends in logs.
    """
    path = f"/sessions?access_token={caller.key}"
    assert (await caller.having(None).ask("GET", path)).status == 401


async def test_key_is_refused_at_once_when_it_is_revoked_here(
    caller: Caller, keys: ApiKeyStore
) -> None:
    """
    This process knows what it has done itself.
    """
    assert (await caller.ask("GET", "/sessions")).status == 200
    keys.revoke("host")
    assert (await caller.ask("GET", "/sessions")).status == 401


async def test_key_is_refused_within_a_second_when_it_is_revoked_elsewhere(
    caller: Caller, database: Path, clock: Clock
) -> None:
    """
    Another process shares nothing but the database.
    """
    assert (await caller.ask("GET", "/sessions")).status == 200
    ApiKeyStore(database).revoke("host")
    clock.now += 1
    assert (await caller.ask("GET", "/sessions")).status == 401


async def test_key_is_taken_within_a_second_when_it_is_made_elsewhere(
    caller: Caller, database: Path, clock: Clock
) -> None:
    """
    No restart is needed for a new key.
    """
    assert (await caller.ask("GET", "/sessions")).status == 200
    key = ApiKeyStore(database).add("new", ["read"])
    clock.now += 1
    assert (await caller.having(key).ask("GET", "/sessions")).status == 200


async def test_scope_is_asked_for_when_a_key_lacks_it(caller: Caller, keys: ApiKeyStore) -> None:
    """
    Every operation asks for its own, and says which one.
    """
    reader, sender = keys.add("reader", ["read"]), keys.add("sender", ["publish"])
    told = await caller.having(reader).publish()
    assert (told.kind, told.status) == ("Forbidden", 403)
    assert "publish" in told.body["detail"]
    assert (await caller.having(sender).ask("GET", "/sessions")).kind == "Forbidden"
    assert (await caller.having(sender).publish()).status == 201


async def test_key_waits_when_it_asks_too_much(
    caller: Caller, keys: ApiKeyStore, clock: Clock
) -> None:
    """
    429 says how long, no other key is concerned, and time heals it.
    """
    other = keys.add("other", ["read"])
    told = [await caller.ask("GET", "/sessions") for _ in range(101)]
    assert [one.status for one in told] == [200] * 100 + [429]
    assert (told[-1].kind, told[-1].headers["Retry-After"]) == ("TooFast", "1")
    assert (await caller.having(other).ask("GET", "/sessions")).status == 200
    clock.now += 1
    assert (await caller.ask("GET", "/sessions")).status == 200


async def test_right_key_does_not_wait_when_wrong_ones_do(caller: Caller) -> None:
    """
    Nobody is kept out by somebody else's guesses.
    """
    wrong = caller.having("nta_wrong")
    for _ in range(FREE_WRONG_KEYS):
        assert (await wrong.ask("GET", "/sessions")).status == 401
    assert (await caller.ask("GET", "/sessions")).status == 200


async def test_key_is_compared_in_constant_time(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What is found is compared by hmac's function, by its digest.
    """
    compared = list[tuple[str, str]]()

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("notifier.api.door.hmac.compare_digest", compare)
    assert (await caller.ask("GET", "/sessions")).status == 401
    assert compared == [(ANY, ANY)]
    assert caller.key not in compared[0]


async def test_use_is_noted_once_a_minute(caller: Caller, keys: ApiKeyStore, clock: Clock) -> None:
    """
    An operator sees which keys are in use.
    """
    await caller.ask("GET", "/sessions")
    first = keys.list()[0].last_used_at
    clock.now += 30
    await caller.ask("GET", "/sessions")
    assert keys.list()[0].last_used_at == first == clock.now - 30
    clock.now += 31
    await caller.ask("GET", "/sessions")
    assert keys.list()[0].last_used_at == clock.now


async def test_request_is_served_when_its_use_cannot_be_noted(
    caller: Caller, keys: ApiKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is a note for people, and no reason to refuse anybody.
    """

    def fail(_id: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(keys, "note_use", fail)
    assert (await caller.ask("GET", "/sessions")).status == 200


async def test_keys_are_kept_for_a_while_when_they_cannot_be_read(
    caller: Caller, keys: ApiKeyStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A locked database stops nobody at once; what was revoked meanwhile is unknown, so not for long.
    """
    asked = 0

    def fail() -> None:
        nonlocal asked
        asked += 1
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    assert (await caller.ask("GET", "/sessions")).status == 200
    with monkeypatch.context() as patch:
        patch.setattr(keys, "list", fail)
        clock.now += KEYS_KEPT_S - 0.5
        for _ in range(5):
            assert (await caller.ask("GET", "/sessions")).status == 200
        assert asked == 1
        clock.now += 0.5
        assert (await caller.ask("GET", "/sessions")).kind == "Unavailable"
    assert (await caller.ask("GET", "/sessions")).status == 200


async def test_key_is_refused_when_it_was_revoked_here_and_the_keys_cannot_be_read(
    caller: Caller, keys: ApiKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The last view is known to be out of date.
    """
    assert (await caller.ask("GET", "/sessions")).status == 200
    keys.revoke("host")

    def fail() -> None:
        raise OSError("disk gone")

    monkeypatch.setattr(keys, "list", fail)
    assert (await caller.ask("GET", "/sessions")).kind == "Unavailable"


async def test_request_is_refused_when_the_keys_were_never_read(
    caller: Caller, keys: ApiKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nothing was done, and it may be sent again.
    """

    def fail() -> None:
        raise OSError("disk gone")

    monkeypatch.setattr(keys, "list", fail)
    assert (await caller.ask("GET", "/sessions")).kind == "Unavailable"
