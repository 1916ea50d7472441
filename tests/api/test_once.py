"""
Requests with an `Idempotency-Key`: once, whatever happens.
"""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from api.caller import Caller, Clock
from notifier.api import AnswerStore, ApiKeyStore
from notifier.api.answers import KEPT_S
from notifier.api.once import Once, Request
from notifier.api.problems import UNAVAILABLE, Problem
from notifier.errors import EngineError


async def sent(caller: Caller) -> int:
    page = await caller.notifier.endpoint.engine.read("room:lobby", "", 100)
    return len(page.publications)


async def test_answer_is_the_same_when_a_request_is_repeated(caller: Caller) -> None:
    """
    It is sent once, and the repetition says that it is one.
    """
    first, again = await caller.publish("a"), await caller.publish("a")
    assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await sent(caller) == 1


async def test_request_is_refused_when_its_body_is_another(caller: Caller) -> None:
    """
    A key stands for one request.
    """
    await caller.publish("a")
    told = await caller.publish("a", payload={"body": "other"})
    assert (told.status, told.kind) == (422, "IdempotencyKeyReused")
    assert await sent(caller) == 1


async def test_keys_are_each_callers_own(caller: Caller, keys: ApiKeyStore) -> None:
    """
    Two API keys may use the same name for their requests.
    """
    other = caller.having(keys.add("other", ["publish"]))
    assert (await caller.publish("a")).body != (await other.publish("a")).body
    assert await sent(caller) == 2


async def test_duplicates_wait_when_the_first_is_at_work(caller: Caller) -> None:
    """
    Twenty at once are one, and all get its answer.
    """
    told = await asyncio.gather(*(caller.publish("a") for _ in range(20)))
    assert {one.status for one in told} == {201}
    assert len({one.body["id"] for one in told}) == 1
    assert sum("Idempotency-Replayed" in one.headers for one in told) == 19
    assert await sent(caller) == 1


async def test_other_body_is_refused_when_the_first_is_at_work(caller: Caller) -> None:
    """
    A race of two bodies has one winner.
    """
    told = await asyncio.gather(
        *(caller.publish("a", payload={"n": number}) for number in range(10))
    )
    assert sorted(one.status for one in told) == [201] + [422] * 9
    assert await sent(caller) == 1


async def test_key_is_free_when_nothing_was_done(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What the engine could not store may be tried again with the same key.
    """
    endpoint = caller.notifier.endpoint
    with monkeypatch.context() as patch:

        async def fail(*_: object, **__: object) -> None:
            raise EngineError("store", "disk full")

        patch.setattr(type(endpoint.engine), "publish", fail)
        assert (await caller.publish("a")).kind == "Unavailable"
    assert (await caller.publish("a")).status == 201
    assert await sent(caller) == 1


@pytest.mark.parametrize("value", ["", "x" * 256, "a b", "ä"])
async def test_key_is_refused_when_it_is_none(caller: Caller, value: str) -> None:
    """
    Up to 255 visible characters of ASCII.
    """
    told = await caller.publish(value)
    assert (told.kind, told.fields) == ("NotValid", ["Idempotency-Key"])


async def test_operation_ignores_the_key_when_it_is_no_matter(caller: Caller) -> None:
    """
    A read may come with one: it is the same each time anyway.
    """
    told = await caller.ask("GET", "/sessions", headers={"Idempotency-Key": "a"})
    assert told.status == 200


# What a restart finds

REQUEST = Request.of(1, "a", "publish", b"{}")


async def do() -> bytes:
    return b"done"


@pytest.fixture
def key_id(keys: ApiKeyStore) -> int:
    keys.add("shop", ["publish"])
    return keys.list()[0].id


async def test_answer_is_kept_when_the_server_restarts(
    key_id: int, answers: AnswerStore, database: Path, clock: Clock
) -> None:
    """
    It lies in the database.
    """
    assert await Once(answers).perform(REQUEST, do) == (b"done", False)
    restarted = Once(AnswerStore(database, clock=clock))
    assert await restarted.perform(REQUEST, fail) == (b"done", True)


async def fail() -> bytes:
    raise AssertionError("it is done a second time")


async def test_nothing_is_done_again_when_nobody_knows_how_it_ended(
    key_id: int, answers: AnswerStore, database: Path, clock: Clock
) -> None:
    """
    The server died between doing it and keeping the answer, or before doing it.
    """
    assert answers.begin(1, "a", REQUEST.fingerprint) is None
    restarted = Once(AnswerStore(database, clock=clock))
    with pytest.raises(Problem, match="OutcomeUnknown"):
        await restarted.perform(REQUEST, fail)


async def test_nothing_is_done_again_when_it_failed_half_way(
    key_id: int, answers: AnswerStore
) -> None:
    """
    A fault of the server's tells nothing about how far it came.
    """
    once = Once(answers)

    async def crash() -> bytes:
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError):
        await once.perform(REQUEST, crash)
    with pytest.raises(Problem, match="OutcomeUnknown"):
        await once.perform(REQUEST, fail)


async def test_key_is_free_when_a_day_is_over(
    key_id: int, answers: AnswerStore, clock: Clock
) -> None:
    """
    What is over age is forgotten.
    """
    once = Once(answers)
    await once.perform(REQUEST, do)
    clock.now += KEPT_S - 1
    assert await once.perform(REQUEST, fail) == (b"done", True)
    clock.now += 2
    assert await once.perform(REQUEST, do) == (b"done", False)


async def test_oldest_is_forgotten_when_there_are_too_many(
    key_id: int, answers: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    There is a bound to what is kept.
    """
    monkeypatch.setattr("notifier.api.answers.MAX_KEPT", 2)
    for name in "abc":
        assert answers.begin(1, name, "f") is None
    assert answers.begin(1, "c", "f") is not None
    assert answers.begin(1, "a", "f") is None


async def test_it_goes_on_when_the_caller_hangs_up(key_id: int, answers: AnswerStore) -> None:
    """
    Whoever comes back is told how it ended; the end of the server waits for it.
    """
    once, gate, begun = Once(answers), asyncio.Event(), asyncio.Event()

    async def slow() -> bytes:
        begun.set()
        await gate.wait()
        return b"done"

    caller = asyncio.create_task(once.perform(REQUEST, slow))
    await begun.wait()
    caller.cancel()
    await asyncio.wait([caller])
    assert repr(once) == "<Once running=1>"
    gate.set()
    await once.finish()
    assert repr(once) == "<Once running=0>"
    assert await once.perform(REQUEST, fail) == (b"done", True)


async def test_caller_is_told_when_the_answer_cannot_be_kept(
    key_id: int, answers: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is done, so the answer is good; nobody later is promised anything.
    """

    def disk_full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(answers, "finish", disk_full)
    once = Once(answers)
    assert await once.perform(REQUEST, do) == (b"done", False)
    with pytest.raises(Problem, match="OutcomeUnknown"):
        await once.perform(REQUEST, fail)


async def test_all_are_refused_when_the_first_is(key_id: int, answers: AnswerStore) -> None:
    """
    Those who waited get the same problem, and leave nothing behind.
    """
    once, gate = Once(answers), asyncio.Event()

    async def refuse() -> bytes:
        await gate.wait()
        raise Problem(UNAVAILABLE, "not now")

    waiting = [asyncio.create_task(once.perform(REQUEST, refuse)) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(one) for one in ended] == ["Unavailable: not now"] * 3
    assert await once.perform(REQUEST, do) == (b"done", False)


async def test_request_is_refused_when_it_cannot_be_noted(
    caller: Caller, answers: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nothing was done, which is what 503 says; the key is free.
    """

    def locked(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    with monkeypatch.context() as patch:
        patch.setattr(answers, "begin", locked)
        assert (await caller.publish("a")).kind == "Unavailable"
    assert await sent(caller) == 0
    assert (await caller.publish("a")).status == 201


async def test_refusal_is_told_when_the_key_cannot_be_freed(
    key_id: int, answers: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The caller hears why it was refused, and not that the database failed, too.
    """

    def disk_full(*_: object) -> None:
        raise OSError("disk full")

    async def refuse() -> bytes:
        raise Problem(UNAVAILABLE, "not now")

    monkeypatch.setattr(answers, "forget", disk_full)
    with pytest.raises(Problem, match="not now"):
        await Once(answers).perform(REQUEST, refuse)


async def test_asyncio_logs_nothing_when_it_fails_after_the_caller_hung_up(
    key_id: int, answers: AnswerStore, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A refusal that nobody waits for is no error of the server's.
    """
    once, gate, begun = Once(answers), asyncio.Event(), asyncio.Event()

    async def refuse() -> bytes:
        begun.set()
        await gate.wait()
        raise Problem(UNAVAILABLE, "not now")

    caller = asyncio.create_task(once.perform(REQUEST, refuse))
    await begun.wait()
    caller.cancel()
    await asyncio.wait([caller])
    del caller
    gate.set()
    await once.finish()
    gc.collect()
    assert not caplog.records
