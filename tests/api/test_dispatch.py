"""
From a request to an operation: what is refused, in which order, and what is never told.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from typing import Any

import pytest

from api.caller import PREFIX, Caller
from notifier.engine import MemoryEngine, Publication


async def test_path_is_refused_when_it_is_none_of_ours(caller: Caller) -> None:
    """
    404 as a problem, with and without a key, also at the root of the API.
    """
    for one in (caller, caller.having(None)):
        for path in ("", "/", "/nothing", "/publish/", "/history/", "/history/a/b", "//publish"):
            assert (await one.ask("GET", path)).kind == "NotFound"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_method_is_refused_when_the_path_takes_others(caller: Caller, method: str) -> None:
    """
    405 lists those that it takes; no preflight is answered, since no page is to call.
    """
    told = await caller.ask(method, "/publish")
    assert (told.status, told.kind, told.headers["Allow"]) == (405, "MethodNotAllowed", "POST")
    assert not [name for name in told.headers if name.lower().startswith("access-control")]


async def test_nothing_is_kept_by_caches(caller: Caller) -> None:
    """
    Answers and problems alike.
    """
    for path in ("/sessions", "/nothing", "/openapi.json"):
        headers = (await caller.ask("GET", path)).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"topic": NaN}', b'"\\ud800"'])
async def test_body_is_refused_when_it_is_no_json(caller: Caller, data: bytes) -> None:
    """
    Told with the place, and without what stands there.
    """
    told = await caller.ask("POST", "/publish", data=data)
    assert (told.status, told.kind) == (400, "BadRequest")
    assert "line" in told.body["detail"]


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"text"'])
async def test_body_is_refused_when_it_is_no_object(caller: Caller, data: bytes) -> None:
    """
    JSON of another shape is told by its shape.
    """
    told = await caller.ask("POST", "/publish", data=data)
    assert (told.kind, told.fields) == ("NotValid", [""])
    assert told.body["errors"][0]["expected"] == "an object"


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
async def test_body_is_refused_when_it_is_said_to_be_no_json(caller: Caller, type_: str) -> None:
    """
    A form of another site can send nothing that is taken.
    """
    told = await caller.ask("POST", "/publish", data=b"{}", headers={"Content-Type": type_})
    assert (told.status, told.kind) == (415, "UnsupportedMediaType")


async def test_charset_is_fine_when_it_is_named(caller: Caller) -> None:
    """
    Many libraries send it.
    """
    headers = {"Content-Type": "application/json; charset=utf-8"}
    told = await caller.ask("POST", "/publish", data=b"{}", headers=headers)
    assert told.kind == "NotValid"


async def test_body_is_refused_when_it_is_too_large(caller: Caller) -> None:
    """
    With a length, in chunks, and where it only grows when it is unpacked.
    """
    large = b'{"topic": "%s"}' % (b"x" * 20_000)
    told = await caller.ask("POST", "/publish", data=large)
    assert (told.status, told.kind) == (413, "TooLarge")
    assert "10,000 bytes" in told.body["detail"]
    packed = gzip.compress(large)
    assert len(packed) < 1_000
    headers = {"Content-Encoding": "gzip"}
    assert (await caller.ask("POST", "/publish", data=packed, headers=headers)).kind == "TooLarge"

    async def chunks() -> object:
        for at in range(0, len(large), 1_000):
            yield large[at : at + 1_000]

    sent = {"Authorization": f"Bearer {caller.key}", "Content-Type": "application/json"}
    async with caller.http.post(f"{PREFIX}/publish", data=chunks(), headers=sent) as answer:
        assert answer.status == 413


async def test_body_is_refused_when_it_is_packed_badly(caller: Caller) -> None:
    """
    What says that it is gzip and is not.
    """
    headers = {"Content-Encoding": "gzip"}
    told = await caller.ask("POST", "/publish", data=b"{}", headers=headers)
    assert told.status == 400


async def test_body_is_refused_when_it_does_not_come(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nobody holds a request open for ever.
    """
    monkeypatch.setattr("notifier.api.dispatch.BODY_TIMEOUT_S", 0.01)
    head = (
        f"POST {PREFIX}/publish HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {caller.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.http.port)
    writer.write(head.encode())
    async with asyncio.timeout(5):
        assert b"408" in await reader.readline()
    writer.close()


async def test_body_is_not_read_when_the_key_is_wrong(caller: Caller) -> None:
    """
    Whoever has no key is told so before they have sent anything.
    """
    head = (
        f"POST {PREFIX}/publish HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer nta_no\r\n"
        "Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.http.port)
    writer.write(head.encode())
    async with asyncio.timeout(5):
        assert b"401" in await reader.readline()
    writer.close()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?limit=0", "?limit"),
        ("?limit=1001", "?limit"),
        ("?limit=x", "?limit"),
        ("?limit=1e2", "?limit"),
        ("?limit=99999999999999999999", "?limit"),
        ("?limit=1&limit=2", "?limit"),
        ("?since=", "?since"),
        ("?nothing=1", "?nothing"),
    ],
)
async def test_query_is_refused_when_it_is_wrong(caller: Caller, query: str, field: str) -> None:
    """
    Told by its name after a question mark.
    """
    told = await caller.ask("GET", f"/history/room:lobby{query}")
    assert (told.kind, told.fields) == ("NotValid", [field])


@pytest.mark.parametrize("topic", ["%ff", "%00", "a%0d%0aSet-Cookie:%20a=b", "x" * 400])
async def test_path_is_refused_when_it_holds_no_topic(caller: Caller, topic: str) -> None:
    """
    No bytes, control characters or over-long names; no header comes of one.
    """
    told = await caller.ask("GET", f"/history/{topic}")
    assert (told.kind, told.fields) == ("NotValid", ["{topic}"])
    assert "Set-Cookie" not in told.headers


async def test_heads_are_refused_when_they_are_split(caller: Caller) -> None:
    """
    A line end in a header's value never reaches the API.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.http.port)
    head = "HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\rX: y\r\n\r\n"
    writer.write(f"GET {PREFIX}/sessions {head}".encode())
    async with asyncio.timeout(5):
        assert b"400" in await reader.readline()
    writer.close()


async def test_failure_is_told_without_its_text(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Neither the caller nor the log learns what was sent; the log has the place.
    """

    async def fail(_self: object, publication: Publication, *_: object) -> None:
        raise RuntimeError(f"cannot store {publication.payload}")

    monkeypatch.setattr(MemoryEngine, "publish", fail)
    told = await caller.publish(payload={"body": "attack at dawn"})
    assert (told.status, told.kind) == (500, "Failed")
    assert "dawn" not in str(told.body)
    assert "dawn" not in caplog.text
    assert "RuntimeError" in caplog.text
    assert "test_dispatch.py" in caplog.text


async def test_nothing_secret_is_logged_when_all_goes_well(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """
    No key, no payload, no idempotency key, at any level.
    """
    with caplog.at_level(logging.DEBUG):
        await caller.publish("a-secret-name", payload={"body": "attack at dawn"})
        await caller.publish(payload={"body": 1}, event="phx_dawn")
        await caller.having("nta_wrong").publish()
    for secret in (str(caller.key), "dawn", "a-secret-name", "nta_wrong"):
        assert secret not in caplog.text


async def test_socket_paths_know_nothing_of_problems(caller: Caller) -> None:
    """
    A poll's status stays within those that phoenix.js knows.
    """
    async with caller.http.get("/socket/longpoll", params={"token": "nts_x.y.0"}) as answer:
        assert answer.content_type == "application/json"
        assert (await answer.json())["status"] in (200, 204, 403, 410, 500)


@pytest.mark.parametrize("once", [None, "a"])
async def test_request_is_done_when_the_server_goes_down_meanwhile(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, once: str | None
) -> None:
    """
    The engine is closed after it; what comes later is refused with 503.
    """
    begun, gate = asyncio.Event(), asyncio.Event()
    publish = MemoryEngine.publish

    async def slow(*given: Any, **more: Any) -> Any:
        begun.set()
        await gate.wait()
        assert not caller.notifier.endpoint.is_down
        return await publish(*given, **more)

    monkeypatch.setattr(MemoryEngine, "publish", slow)
    asked = asyncio.create_task(caller.publish(once))
    await begun.wait()
    app = caller.http.app
    assert app is not None
    ending = asyncio.create_task(app.shutdown())
    await asyncio.sleep(0)
    assert (await caller.ask("GET", "/sessions")).kind == "Unavailable"
    assert not ending.done()
    gate.set()
    assert (await asked).status == 201
    await ending
    assert caller.notifier.endpoint.is_down
